#pragma once
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace tidemark {

// Time as a parameter, so that tests own it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t NowUs() = 0;        // microseconds since 1970, UTC; may go back
  virtual std::int64_t MonotonicUs() = 0;  // for durations
  // Returns once that time has passed or `stop` is asked for.
  virtual void Wait(std::int64_t us, const std::stop_token& stop) = 0;
};

Clock& SystemClock();

// A clock that stands still until moved; waiting moves it.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t now_us) : now_us_(now_us) {}
  std::int64_t NowUs() override { return now_us_; }
  std::int64_t MonotonicUs() override { return now_us_; }
  void Wait(std::int64_t us, const std::stop_token& stop) override {
    if (!stop.stop_requested()) now_us_ += us;
  }
  void Set(std::int64_t now_us) { now_us_ = now_us; }

 private:
  std::int64_t now_us_;
};

// 2026-11-21T11:28:05Z
std::string FormatUtcSeconds(std::int64_t us);
// 2026-11-21
std::string FormatUtcDate(std::int64_t us);
// 20261121T112805123456Z: the timestamp in file names; sorts as text in order of time.
std::string FormatFileTimestamp(std::int64_t us);
// The inverse; -1 when the text is none.
std::int64_t ParseFileTimestamp(std::string_view text);

}  // namespace tidemark
