#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tidemark {

// Hands values from producers to consumers, at most `capacity` waiting. Thread-safe.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // Waits for room. False: the queue was closed and the value dropped.
  bool Push(T value) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [&] { return is_closed_ || values_.size() < capacity_; });
    if (is_closed_) return false;
    values_.push_back(std::move(value));
    has_value_.notify_one();
    return true;
  }

  // Waits for a value. Nothing: the queue was closed and is empty.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    has_value_.wait(lock, [&] { return is_closed_ || !values_.empty(); });
    if (values_.empty()) return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    has_room_.notify_one();
    return value;
  }

  // No more values come; what waits can still be popped. May be called twice.
  void Close() {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
    has_room_.notify_all();
    has_value_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable has_room_, has_value_;
  std::deque<T> values_;
  bool is_closed_ = false;
};

}  // namespace tidemark
