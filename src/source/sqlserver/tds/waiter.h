#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/result.h"

namespace tidemark::tds {

// Waits for a file descriptor, never longer than was agreed: until a point in time, for a silence,
// or until somebody asks to stop, whichever comes first. One thread (others may ask to stop).
class Waiter {
 public:
  static Result<std::unique_ptr<Waiter>> Make(std::stop_token stop);
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // All waits together end that many milliseconds from now; 0: no such end.
  void SetTimeLeft(std::int64_t ms);
  // No single wait is longer; 0: no such limit.
  void SetSilence(std::int64_t ms) { silence_ms_ = ms; }
  // What is left of SetTimeLeft; nothing: there is no end.
  std::optional<std::int64_t> time_left_ms() const;
  // Off while an answer to a cancellation is awaited: the wish to stop is known by then.
  void HeedStop(bool is_heeded) { heeds_stop_ = is_heeded; }

  // kCancelled: somebody asked to stop.
  Status CheckStop() const;
  // Whether the last wait ended because time ran out.
  bool has_timed_out() const { return has_timed_out_; }
  // Until `fd` has one of `events` (POLLIN, POLLOUT). kUnavailable: time ran out.
  Status Wait(int fd, short events);

 private:
  Waiter(std::stop_token stop, int event_fd);

  struct Ring {  // wakes a wait from another thread
    int event_fd;
    void operator()() const;
  };

  std::stop_token stop_;
  int event_fd_;
  std::optional<std::stop_callback<Ring>> on_stop_;
  std::int64_t silence_ms_ = 0;
  std::int64_t deadline_us_ = 0;
  std::int64_t agreed_ms_ = 0;  // what SetTimeLeft was called with: for the message
  bool heeds_stop_ = true;
  bool has_timed_out_ = false;
};

}  // namespace tidemark::tds
