#include "source/sqlite/slice_stream.h"

#include <arrow/record_batch.h>

#include <utility>

#include "source/sqlite/sql_slice.h"

namespace tidemark::sqlite {
namespace {

using Batch = std::shared_ptr<arrow::RecordBatch>;

// A stream that can be opened anew where it stands, in another place of the same state.
class MovableStream : public BatchStream {
 public:
  explicit MovableStream(CurrentCut& cut) : cut_(cut) {}

  Result<Batch> Next() final {
    if (is_done_) return Batch();
    auto batch = ReadBatch();
    is_done_ = batch && !*batch;
    // Others may be waiting for the connection, and after an error (a misfit) the reader of the stream
    // asks for other things first.
    if (is_done_ || !batch) Leave();
    return batch;
  }

 protected:
  // To be called by the destructors of what is derived, while its statements still can be finalized.
  void Leave() {
    Close();
    place_.reset();
  }
  virtual Status Reopen(const Cut::Lease& lease) = 0;
  virtual void Close() = 0;
  virtual Result<Batch> ReadNext(const Cut::Lease& lease) = 0;

 private:
  Result<Batch> ReadBatch() {
    TRY(cut_.AtBatchBoundary());
    if (place_ && !cut_.IsCurrent(*place_)) Leave();
    if (!place_) {
      // emplace, not assignment: a lease must be gone before the cut that it is of.
      place_.emplace(TRY(cut_.Borrow()));
      TRY(Reopen(place_->lease));
    }
    return ReadNext(place_->lease);
  }

  CurrentCut& cut_;
  std::optional<CurrentCut::Place> place_;
  bool is_done_ = false;
};

class SliceStream final : public MovableStream {
 public:
  SliceStream(CurrentCut& cut, const CatalogTable& catalog, const Table& table,
              const SliceBounds& bounds, const StreamLimits& limits)
      : MovableStream(cut),
        catalog_(catalog),
        table_(table),
        bounds_(bounds),
        limits_{.rows = limits.rows, .bytes = limits.bytes} {}
  ~SliceStream() override { Leave(); }

 private:
  Status Reopen(const Cut::Lease& lease) override {
    rows_ = TRY(SqlSlice::Open(lease.connection(), catalog_, table_, bounds_, position_));
    return {};
  }
  void Close() override { rows_.reset(); }
  Result<Batch> ReadNext(const Cut::Lease&) override { return rows_->Next(limits_, position_); }

  const CatalogTable& catalog_;
  const Table table_;
  const SliceBounds bounds_;
  const SliceLimits limits_;
  SlicePosition position_;
  std::unique_ptr<SqlSlice> rows_;
};

class ChangesStream final : public MovableStream {
 public:
  ChangesStream(CurrentCut& cut, const CatalogTable& catalog, const Table& table,
                const TrackedTable& tracked, std::int64_t since_version,
                const StreamLimits& limits)
      : MovableStream(cut),
        catalog_(catalog),
        table_(table),
        tracked_(tracked),
        since_version_(since_version),
        limits_(limits) {}
  ~ChangesStream() override { Leave(); }

 private:
  // What a change is depends on the version that was asked for, so it is asked for again and what was
  // given already is passed over; the order is that of the log.
  Status Reopen(const Cut::Lease& lease) override {
    changes_ = TRY(OpenChanges(lease.connection(), catalog_, table_, tracked_, since_version_,
                               {.rows = limits_.rows, .bytes = limits_.bytes}, limits_.stop));
    skip_rows_ = given_rows_;
    return {};
  }
  void Close() override { changes_.reset(); }
  Result<Batch> ReadNext(const Cut::Lease&) override {
    while (auto batch = TRY(changes_->Next())) {
      auto skipped = std::min(skip_rows_, batch->num_rows());
      skip_rows_ -= skipped;
      if (skipped == batch->num_rows()) continue;
      given_rows_ += batch->num_rows() - skipped;
      return skipped > 0 ? batch->Slice(skipped) : batch;
    }
    return Batch();
  }

  const CatalogTable& catalog_;
  const Table table_;
  const TrackedTable& tracked_;
  const std::int64_t since_version_;
  const StreamLimits limits_;
  std::int64_t given_rows_ = 0, skip_rows_ = 0;
  std::unique_ptr<BatchStream> changes_;
};

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenSlice(CurrentCut& cut, const CatalogTable& catalog,
                                               const Table& table, const SliceBounds& bounds,
                                               const StreamLimits& limits) {
  return std::make_unique<SliceStream>(cut, catalog, table, bounds, limits);
}

Result<std::unique_ptr<BatchStream>> OpenMovableChanges(CurrentCut& cut,
                                                        const CatalogTable& catalog,
                                                        const Table& table,
                                                        const TrackedTable& tracked,
                                                        std::int64_t since_version,
                                                        const StreamLimits& limits) {
  return std::make_unique<ChangesStream>(cut, catalog, table, tracked, since_version, limits);
}

}  // namespace tidemark::sqlite
