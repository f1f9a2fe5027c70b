#include "source/sqlite/current_cut.h"

#include "base/clock.h"

namespace tidemark::sqlite {
namespace {

constexpr std::int64_t kLookIntervalUs = 50'000;
// Below this a look before every batch is cheap beside what the budget buys.
constexpr std::int64_t kSmallBudgetBytes = 1 << 20;

}  // namespace

CurrentCut::CurrentCut(const SourceOptions& options, std::string temp_dir,
                       std::unique_ptr<Cut> first)
    : options_(options),
      temp_dir_(std::move(temp_dir)),
      log_bytes_at_start_(first->LogBytes()),
      current_(std::move(first)),
      watches_log_(current_->is_log()) {}

std::shared_ptr<Cut> CurrentCut::Get() {
  std::lock_guard lock(mutex_);
  return current_;
}

Result<CurrentCut::Place> CurrentCut::Borrow() {
  while (true) {
    auto cut = Get();
    auto lease = TRY(cut->Borrow());
    if (lease) return Place{.cut = std::move(cut), .lease = std::move(*lease)};
    if (cut == Get())
      return Fail(ErrorKind::kInternal, "the database was let go of and cannot be read any more");
  }
}

bool CurrentCut::IsCurrent(const Place& place) { return place.cut == Get(); }

Status CurrentCut::AtBatchBoundary() {
  if (options_.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (!watches_log_.load(std::memory_order_relaxed)) return {};
  auto now_us = SystemClock().MonotonicUs();
  auto due_us = next_look_us_.load(std::memory_order_relaxed);
  if (now_us < due_us) return {};
  if (options_.wal_budget_bytes >= kSmallBudgetBytes) {
    if (!next_look_us_.compare_exchange_strong(due_us, now_us + kLookIntervalUs)) return {};
  }
  if (Get()->LogBytes() - log_bytes_at_start_ <= options_.wal_budget_bytes) return {};
  return MoveToCopy();
}

Status CurrentCut::MoveToCopy() {
  std::lock_guard moving(moving_);
  auto old = Get();
  if (old->is_copy()) return {};
  {
    std::lock_guard control(old->control_mutex());
    if (old->has_ended()) return {};
    TRY(CopyFrom(*old));
    old->EndReading();
  }
  watches_log_ = false;
  return {};
}

Status CurrentCut::CopyFrom(Cut& cut) {
  auto cloning = cut.is_log() ? Cloning::kNever : Cloning::kMayClone;
  auto file = TRY(CopyDatabase(cut.control(), temp_dir_, cloning, options_.stop));
  CutOptions options{.path = {},
                     .readers = options_.readers,
                     .lock_timeout_ms = options_.lock_timeout_ms,
                     .stop = options_.stop};
  std::shared_ptr<Cut> copy = TRY(Cut::OpenCopy(std::move(file), options));
  std::lock_guard lock(mutex_);
  current_ = std::move(copy);
  return {};
}

void CurrentCut::End() {
  std::lock_guard moving(moving_);
  auto cut = Get();
  std::lock_guard control(cut->control_mutex());
  cut->EndReading();
  watches_log_ = false;
}

}  // namespace tidemark::sqlite
