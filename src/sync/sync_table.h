#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/worker_pool.h"
#include "encode/encoder.h"
#include "sync/survey.h"

namespace tidemark {

class Fold;

// What the tables of one run share.
struct RunContext {
  ObjectStore& store;
  Snapshot& snapshot;
  const SyncOptions& options;
  const Format& format;
  FormatOptions encoding;  // row_group_bytes fits the budget and the workers
  WorkerPool& pool;
  std::string run_id, source_identity, temp_dir;
  int workers = 1;
  std::int64_t fold_memory_bytes = 0;
};

// Takes batches of a table, on one thread of several.
class Lane {
 public:
  virtual ~Lane() = default;
  virtual Status Consume(const arrow::RecordBatch& rows) = 0;     // RowSchema
  virtual Status EndSlice(const Slice& /*slice*/) { return {}; }  // all rows of it have come
  virtual Status Finish() { return {}; }                          // all rows of the lane have come
};
using LaneFactory = std::function<std::unique_ptr<Lane>()>;
Result<std::vector<Slice>> SplitTable(const RunContext& context, const Table& table);
// How many lanes share that many slices: fewer than workers where each would have next to nothing.
std::size_t LaneCount(const RunContext& context, std::size_t slices);
// Every row once, by up to `context.workers` lanes at once, each made on the thread that runs it.
Status ReadSlices(const RunContext& context, const Table& table, const std::vector<Slice>& slices,
                  const LaneFactory& make_lane);
Status ReadAllRows(const RunContext& context, const Table& table, const LaneFactory& make_lane);
// Every row to the fold, to be compared with what was landed.
Status FoldAllRows(const RunContext& context, const Table& table, Fold& fold);

Status FoldSlices(const RunContext& context, const Table& table, const std::vector<Slice>& slices,
                  Fold& fold);

// Held until destroyed. Null: another run holds it, or it cannot be taken; the report says so.
Result<std::unique_ptr<AdvisoryLock>> LockTable(ObjectStore& store, SurveyedTable& table);

// One table, from taking its state to the commit; the report is filled in, errors included.
// Called once per table, by one thread; reads by lanes on the pool.
void SyncTable(const RunContext& context, SurveyedTable& table);

}  // namespace tidemark
