#include <arrow/record_batch.h>

#include <atomic>

#include "fold/fold.h"
#include "sync/load_slices.h"
#include "sync/sync_table.h"

namespace tidemark {
namespace {

// A lane makes a file of its own, so that it should have some rows to fill it.
constexpr std::size_t kSlicesALane = 5;

class FoldLane final : public Lane {
 public:
  explicit FoldLane(Fold& fold) : fold_(fold) {}
  Status Consume(const arrow::RecordBatch& rows) override { return fold_.AddSource(rows); }

 private:
  Fold& fold_;
};

}  // namespace

Result<std::vector<Slice>> SplitTable(const RunContext& context, const Table& table) {
  return context.snapshot.Split(table, SliceRows(context.options, table));
}

std::size_t LaneCount(const RunContext& context, std::size_t slices) {
  auto lanes = (slices + kSlicesALane - 1) / kSlicesALane;
  return std::min(static_cast<std::size_t>(context.workers), lanes);
}

Status ReadAllRows(const RunContext& context, const Table& table, const LaneFactory& make_lane) {
  return ReadSlices(context, table, TRY(SplitTable(context, table)), make_lane);
}

Status ReadSlices(const RunContext& context, const Table& table, const std::vector<Slice>& slices,
                  const LaneFactory& make_lane) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> has_failed = false;
  auto run_lane = [&]() -> Status {
    // A lane that another one's failure stops says nothing of its own: the first failure is the
    // reason.
    if (has_failed || next >= slices.size()) return {};
    auto read = [&]() -> Status {
      auto lane = make_lane();
      for (std::size_t i = next++; i < slices.size(); i = next++) {
        auto rows = TRY(context.snapshot.Read(table, slices[i]));
        while (auto batch = TRY(rows->Next())) {
          if (has_failed) return {};
          if (context.options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
          TRY(lane->Consume(*batch));
          if (context.options.progress)
            context.options.progress->Advanced(table.name, batch->num_rows(), 0);
        }
        TRY(lane->EndSlice(slices[i]));
      }
      return has_failed ? Status() : lane->Finish();
    };
    auto done = CatchAll(read);
    if (!done) has_failed = true;
    return done;
  };
  auto lanes = LaneCount(context, slices.size());
  TaskGroup group(context.pool);
  for (std::size_t i = 0; i < lanes; ++i) group.Add(run_lane);
  return group.Wait();
}

Status FoldSlices(const RunContext& context, const Table& table, const std::vector<Slice>& slices,
                  Fold& fold) {
  return ReadSlices(context, table, slices, [&] { return std::make_unique<FoldLane>(fold); });
}

Status FoldAllRows(const RunContext& context, const Table& table, Fold& fold) {
  return FoldSlices(context, table, TRY(SplitTable(context, table)), fold);
}

}  // namespace tidemark
