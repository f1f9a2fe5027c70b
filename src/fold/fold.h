#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "commit/landing.h"
#include "source/source.h"

namespace tidemark {

struct FoldOptions {
  std::int64_t memory_bytes = 64 << 20;  // for everything the fold holds at once
  std::string temp_dir;                  // for partitions; made and removed by the fold
  std::stop_token stop;
};

// The files that are a table now: at or above the state's base, in order of timestamp.
struct LandedFile {
  std::string key;
  std::int64_t timestamp_us = 0;
  std::int64_t size_bytes = 0;
};
struct LandedFiles {
  std::vector<LandedFile> files;
  std::vector<std::string> missing;  // landed, and removed by someone
};
Result<LandedFiles> ListLandedFiles(ObjectStore& store, const TableLayout& layout,
                                    const LandedState& state);

struct FoldCounts {
  std::int64_t rows_landed = 0;  // live after folding
  std::int64_t rows_source = 0;
  std::int64_t missing = 0;    // in the source, not landed
  std::int64_t extra = 0;      // landed, not in the source
  std::int64_t different = 0;  // in both, with other values
};

// What was landed of one table, read back and compared with rows that come from the source. Keys and
// rows are compared by bytes (a 128-bit hash keyed per run). Memory follows the budget, not the table:
// both sides go to hash partitions on disk. One thread at a time.
//
//   auto fold = Fold::Open(...);          // reads the landed files once
//   fold->AddSource(batch) ...            // every row of the source, any order
//   fold->Gone(f) / fold->Differences(f)  // then one of these, or both
class Fold {
 public:
  // `table`: the columns that rows added later will have (RowSchema). A table without a key: rows are
  // compared as a multiset. `keeps_rows`: AddSource keeps whole rows on disk, for Differences to give
  // back; without it only hashes are kept.
  static Result<std::unique_ptr<Fold>> Open(ObjectStore& store, const TableLayout& layout,
                                            const LandedState& state, const Table& table,
                                            bool keeps_rows, const FoldOptions& options);
  virtual ~Fold() = default;

  // Thread-safe.
  virtual Status AddSource(const arrow::RecordBatch& rows) = 0;

  // Batches of the keys that are landed and live, and were not added: RowSchema(table), only the key
  // columns not null.
  using BatchSink = std::function<Status(std::shared_ptr<arrow::RecordBatch>)>;
  virtual Result<std::int64_t> Gone(const BatchSink& sink) = 0;

  // What makes the landed rows equal to the added ones: `inserted` and `updated` get whole rows
  // (needs keeps_rows; null sinks only count), `deleted` as Gone. Keys of type text only differ by bytes.
  struct DifferenceSinks {
    BatchSink inserted, updated, deleted;
  };
  virtual Result<FoldCounts> Differences(const DifferenceSinks& sinks) = 0;

  // Before Differences: keys changed after the watermark, from the source's own changes
  // (ChangeSchema); they are applied to the landed side and counted apart.
  virtual Status AddPending(const arrow::RecordBatch& changes) = 0;
  virtual std::int64_t pending_keys() const = 0;
};

}  // namespace tidemark
