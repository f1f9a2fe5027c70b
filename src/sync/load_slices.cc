#include "sync/load_slices.h"

#include <algorithm>

#include "fold/fold.h"

namespace tidemark {
namespace {

// Rows of a slice: large enough that opening one costs nothing, small enough that lanes end
// together and little is read again.
constexpr std::int64_t kSliceRows = 50'000;
// The tokens of all slices stand in the table's state while it is loaded.
constexpr std::int64_t kSlicesMax = 4'000;
// A write of the state costs a millisecond or two and each file a sync of the disk, so neither is
// worth it for less than this.
constexpr std::int64_t kKeepBytes = 64 << 20;
constexpr std::int64_t kKeepUs = 30'000'000;

class LoadLane final : public Lane {
 public:
  explicit LoadLane(LoadTarget& target)
      : target_(target), files_(target.files), kept_us_(target.options.clock->MonotonicUs()) {}

  Status Consume(const arrow::RecordBatch& rows) override {
    if (target_.fold) TRY(target_.fold->AddSource(rows));
    return files_.WriteAs('L', target_.version, rows);
  }

  Status EndSlice(const Slice& slice) override {
    slices_.push_back(slice.token);
    auto slice_rows = files_.rows() - rows_seen_;
    rows_seen_ = files_.rows();
    if (!target_.keeps_slices || !IsWorthKeeping(slice_rows)) return {};
    TRY(files_.Finish());
    TRY(target_.files.KeepOfLoad(files_.TakeSealed(), slices_, files_.rows() - rows_kept_));
    slices_.clear();
    rows_kept_ = files_.rows();
    kept_us_ = target_.options.clock->MonotonicUs();
    return {};
  }

  Status Finish() override {
    target_.rows += files_.rows();
    return files_.Finish();
  }

 private:
  // A file that ended within a slice, or would end within the next one, is ended here as well:
  // else its slice could be kept only together with another file.
  bool IsWorthKeeping(std::int64_t slice_rows) const {
    return files_.bytes_unkept() >= kKeepBytes || files_.has_sealed() ||
           files_.file_rows() + slice_rows > target_.files.max_rows_per_file() ||
           (files_.file_rows() > 0 && target_.options.clock->MonotonicUs() - kept_us_ >= kKeepUs);
  }

  LoadTarget& target_;
  LaneFiles files_;
  std::vector<std::string> slices_;  // read since the last that were kept
  std::int64_t rows_seen_ = 0, rows_kept_ = 0;
  std::int64_t kept_us_;
};

}  // namespace

std::int64_t SliceRows(const SyncOptions& options, const Table& table) {
  auto rows = std::max(kSliceRows, table.estimated_rows / kSlicesMax);
  return std::max<std::int64_t>(1, std::min(rows, options.max_rows_per_file));
}

std::unique_ptr<Lane> MakeLoadLane(LoadTarget& target) {
  return std::make_unique<LoadLane>(target);
}

}  // namespace tidemark
