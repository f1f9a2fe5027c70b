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
  std::string temp_dir;                  // for partitions; made if it is not there
  std::stop_token stop;
  // False: only Gone will be asked, so that nothing but the keys is read and kept.
  bool compares_rows = true;
};

// The files that are a table now: those of the base that `compact` made, then the data files above
// it that are not newer than the state, in order of timestamp, then part.
struct LandedFile {
  std::string key;
  std::int64_t timestamp_us = 0;
  std::int64_t size_bytes = 0;
  std::uint32_t rank = 0;         // from 1 on, one for each timestamp, in their order
  bool is_base = false;           // rows as in LandedBase, of the version that it stands for:
  std::int64_t base_version = 0;  // to the fold its live rows are L, its closed and deleted ones D
  bool has_versions = false, has_deleted = false;  // what kind of base it is
};
struct LandedFiles {
  std::vector<LandedFile> files;
  // Landed, and removed by someone: their keys, as far as the history still names them; the rest as
  // one sentence that counts them.
  std::vector<std::string> missing;
};
// kUnavailable: files are committed and not visible yet (another run is about to publish them).
Result<LandedFiles> ListLandedFiles(ObjectStore& store, const TableLayout& layout,
                                    const LandedState& state);

struct FoldCounts {
  std::int64_t rows_landed = 0;  // live after folding
  std::int64_t rows_source = 0;
  std::int64_t missing = 0;    // in the source, not landed
  std::int64_t extra = 0;      // landed, not in the source
  std::int64_t different = 0;  // in both, with other values
  std::int64_t pending = 0;    // keys of AddPending, which count in none of the three
};

// A few keys of each kind as text, "id=42", for people. A table without a key has none.
struct FoldExamples {
  static constexpr std::size_t kEachMax = 5;
  std::vector<std::string> missing, extra, different, pending;
};

// What was landed of one table, read back and compared with rows that come from the source. Keys
// and rows are compared by bytes (a 128-bit hash keyed per fold); values of different classes
// (integer, real, text, bytes, ...) are different values. Memory follows the budget, not the table:
// both sides go to hash partitions on disk once they outgrow it. One thread at a time, but for
// AddSource.
//
//   auto fold = Fold::Open(...);          // reads the landed files once
//   fold->AddSource(batch) ...            // every row of the source once, any order
//   fold->Gone(f) / fold->Differences(f)  // then one of these, or both
class Fold {
 public:
  // `table`: the columns that rows added later will have (RowSchema). The key is the state's once
  // anything is loaded; a table without a key: rows are compared as a multiset. `keeps_rows`:
  // AddSource keeps whole rows on disk, for Differences to give back; without it only hashes and
  // keys are kept. Files whose name is not ours are ignored. kCorrupt: a file of ours cannot be
  // read, by name; kInvalid: a key column has another type than the files; kUnsupported: a type
  // that cannot be compared.
  static Result<std::unique_ptr<Fold>> Open(ObjectStore& store, const TableLayout& layout,
                                            const LandedState& state, const Table& table,
                                            bool keeps_rows, const FoldOptions& options);
  virtual ~Fold() = default;

  // Thread-safe. kUnavailable: the temporary folder is full.
  virtual Status AddSource(const arrow::RecordBatch& rows) = 0;

  // Batches of the keys that are landed and live, and were not added: RowSchema(table), only the
  // key columns not null.
  using BatchSink = std::function<Status(std::shared_ptr<arrow::RecordBatch>)>;
  virtual Result<std::int64_t> Gone(const BatchSink& sink) = 0;

  // What makes the landed rows equal to the added ones: `inserted` and `updated` get whole rows
  // (needs keeps_rows; null sinks only count), `deleted` as Gone. A table without a key: only
  // counts.
  struct DifferenceSinks {
    BatchSink inserted, updated, deleted;
    // Of the keys that `deleted` gets, by their bytes (row_bytes.h); null: all of them.
    std::function<bool(std::string_view key_bytes)> chooses_deleted = {};
  };
  virtual Result<FoldCounts> Differences(const DifferenceSinks& sinks) = 0;

  // Before Differences: keys changed after the watermark, from the source's own changes
  // (ChangeSchema); they are left out of the comparison and counted apart, each key once.
  virtual Status AddPending(const arrow::RecordBatch& changes) = 0;
  virtual std::int64_t pending_keys() const = 0;  // once Differences has run

  virtual const FoldExamples& examples() const = 0;  // of the last Differences
  // Files that were landed and are not there any more; their rows count as not landed.
  virtual const std::vector<std::string>& missing_files() const = 0;
};

}  // namespace tidemark
