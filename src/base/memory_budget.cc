#include "base/memory_budget.h"

namespace tidemark {

MemoryBudget::Reservation MemoryBudget::Reserve(std::int64_t bytes) {
  std::unique_lock lock(mutex_);
  released_.wait(lock, [&] { return held_bytes_ == 0 || held_bytes_ + bytes <= total_bytes_; });
  held_bytes_ += bytes;
  return Reservation(this, bytes);
}

void MemoryBudget::Release(std::int64_t bytes) {
  {
    std::lock_guard lock(mutex_);
    held_bytes_ -= bytes;
  }
  released_.notify_all();
}

}  // namespace tidemark
