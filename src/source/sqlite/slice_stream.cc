#include "source/sqlite/slice_stream.h"

#include <arrow/record_batch.h>

#include <utility>

#include "source/sqlite/btree.h"

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
    // Others may be waiting for the connection, and after an error (a misfit) the reader of the
    // stream asks for other things first.
    if (is_done_ || !batch) Leave();
    return batch;
  }

 protected:
  // To be called by the destructors of what is derived, while its statements still can be
  // finalized.
  void Leave() {
    Close();
    place_.reset();
  }
  virtual Status Reopen(const Cut::Lease& lease) = 0;
  virtual void Close() = 0;
  virtual Result<Batch> ReadNext() = 0;

 private:
  Result<Batch> ReadBatch() {
    TRY(cut_.AtBatchBoundary());
    if (place_ && !cut_.IsCurrent(*place_)) Leave();
    if (!place_) {
      // emplace, not assignment: a lease must be gone before the cut that it is of.
      place_.emplace(TRY(cut_.Borrow()));
      TRY(Reopen(place_->lease));
    }
    return ReadNext();
  }

  CurrentCut& cut_;
  std::optional<CurrentCut::Place> place_;
  bool is_done_ = false;
};

// Passes over what was given already where a stream can only be opened at its beginning.
class SkippedRows {
 public:
  void Restart() { skip_rows_ = given_rows_; }
  // Null: nothing of it is new.
  Batch NewPartOf(const Batch& batch) {
    auto skipped = std::min(skip_rows_, batch->num_rows());
    skip_rows_ -= skipped;
    given_rows_ += batch->num_rows() - skipped;
    if (skipped == batch->num_rows()) return nullptr;
    return skipped > 0 ? batch->Slice(skipped) : batch;
  }

 private:
  std::int64_t given_rows_ = 0, skip_rows_ = 0;
};

class SliceStream final : public MovableStream {
 public:
  SliceStream(CurrentCut& cut, const CatalogTable& catalog, const Table& table, RowRange range,
              BatchLimits limits, std::stop_token stop)
      : MovableStream(cut),
        catalog_(catalog),
        table_(table),
        range_(std::move(range)),
        limits_(limits),
        stop_(std::move(stop)) {}
  ~SliceStream() override { Leave(); }

 private:
  Status Reopen(const Cut::Lease& lease) override {
    auto range = std::optional(range_);
    if (has_order()) {
      range = RangeBehind(range_, position_);
      if (!range) return {};
    }
    skipped_.Restart();
    rows_ = TRY(OpenRows(lease.connection(), lease.pages(),
                         {.catalog = &catalog_,
                          .table = &table_,
                          .range = *range,
                          .limits = limits_,
                          .stop = stop_}));
    return {};
  }
  void Close() override { rows_.reset(); }
  Result<Batch> ReadNext() override {
    while (auto batch = rows_ ? TRY(rows_->Next()) : Batch()) {
      position_ = rows_->position();
      if (has_order()) return batch;
      if (auto part = skipped_.NewPartOf(batch)) return part;
    }
    return Batch();
  }
  bool has_order() const { return !std::holds_alternative<std::monostate>(range_); }

  const CatalogTable& catalog_;
  const Table table_;
  const RowRange range_;
  const BatchLimits limits_;
  const std::stop_token stop_;
  RowPosition position_;
  SkippedRows skipped_;
  std::unique_ptr<RowStream> rows_;  // null: no row can be left
};

class ChangesStream final : public MovableStream {
 public:
  ChangesStream(CurrentCut& cut, const ChangesRequest& request, const ChangeLimits& limits,
                std::stop_token stop)
      : MovableStream(cut),
        catalog_(request.catalog),
        table_(request.table),
        tracked_(request.tracked),
        since_version_(request.since_version),
        limits_(limits),
        stop_(std::move(stop)) {}
  ~ChangesStream() override { Leave(); }

 private:
  // What a change is depends on the version that was asked for, so it is asked for again from
  // there; the order of changes is always the same.
  Status Reopen(const Cut::Lease& lease) override {
    skipped_.Restart();
    changes_ = TRY(OpenChanges(lease.connection(), catalog_, table_, tracked_, since_version_,
                               limits_, stop_));
    return {};
  }
  void Close() override { changes_.reset(); }
  Result<Batch> ReadNext() override {
    while (auto batch = TRY(changes_->Next())) {
      if (auto part = skipped_.NewPartOf(batch)) return part;
    }
    return Batch();
  }

  const CatalogTable& catalog_;
  const Table table_;
  const TrackedTable& tracked_;
  const std::int64_t since_version_;
  const ChangeLimits limits_;
  const std::stop_token stop_;
  SkippedRows skipped_;
  std::unique_ptr<BatchStream> changes_;
};

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenSlice(CurrentCut& cut, const CatalogTable& catalog,
                                               const Table& table, const RowRange& range,
                                               const BatchLimits& limits, std::stop_token stop) {
  return std::make_unique<SliceStream>(cut, catalog, table, range, limits, std::move(stop));
}

Result<std::unique_ptr<BatchStream>> OpenMovableChanges(CurrentCut& cut,
                                                        const ChangesRequest& request,
                                                        const ChangeLimits& limits,
                                                        std::stop_token stop) {
  return std::make_unique<ChangesStream>(cut, request, limits, std::move(stop));
}

}  // namespace tidemark::sqlite
