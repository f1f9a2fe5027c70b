#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

namespace tidemark {

// A number of bytes that parts of a run share. Thread-safe. A request beyond the whole budget (one
// huge value) is granted once nothing else is held, so that it passes rather than fails.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::int64_t total_bytes) : total_bytes_(total_bytes) {}

  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Reservation() {
      if (budget_) budget_->Release(bytes_);
    }
    std::int64_t bytes() const { return bytes_; }

   private:
    friend class MemoryBudget;
    Reservation(MemoryBudget* budget, std::int64_t bytes) : budget_(budget), bytes_(bytes) {}
    MemoryBudget* budget_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  std::int64_t total_bytes() const { return total_bytes_; }
  // Waits until the bytes are free. A thread that holds one must not ask for another.
  Reservation Reserve(std::int64_t bytes);

 private:
  void Release(std::int64_t bytes);

  const std::int64_t total_bytes_;
  std::mutex mutex_;
  std::condition_variable released_;
  std::int64_t held_bytes_ = 0;
};

}  // namespace tidemark
