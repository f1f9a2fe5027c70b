#include "base/clock.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <string_view>

namespace tidemark {
namespace {

class RealClock final : public Clock {
 public:
  std::int64_t NowUs() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::int64_t MonotonicUs() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  void Wait(std::int64_t us, const std::stop_token& stop) override {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    // Nothing but the stop token ends it early.
    stopped.wait_for(lock, stop, std::chrono::microseconds(us), [] { return false; });
  }
};

std::string Format(const char* format, std::int64_t us) {
  auto seconds = static_cast<std::time_t>(us / 1'000'000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &tm)};
}

}  // namespace

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}

std::string FormatUtcSeconds(std::int64_t us) { return Format("%Y-%m-%dT%H:%M:%SZ", us); }
std::string FormatUtcDate(std::int64_t us) { return Format("%Y-%m-%d", us); }

std::string FormatFileTimestamp(std::int64_t us) {
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, "%06dZ", static_cast<int>(us % 1'000'000));
  return Format("%Y%m%dT%H%M%S", us) + fraction;
}

std::int64_t ParseFileTimestamp(std::string_view text) {
  constexpr std::string_view kShape = "########T############Z";
  if (text.size() != kShape.size()) return -1;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (kShape[i] == '#' ? text[i] < '0' || text[i] > '9' : text[i] != kShape[i]) return -1;
  auto number = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    for (char c : text.substr(at, digits)) value = value * 10 + (c - '0');
    return value;
  };
  std::tm tm{};
  tm.tm_year = number(0, 4) - 1900;
  tm.tm_mon = number(4, 2) - 1;
  tm.tm_mday = number(6, 2);
  tm.tm_hour = number(9, 2);
  tm.tm_min = number(11, 2);
  tm.tm_sec = number(13, 2);
  std::int64_t us = static_cast<std::int64_t>(timegm(&tm)) * 1'000'000 + number(15, 6);
  return FormatFileTimestamp(us) == text ? us : -1;
}

}  // namespace tidemark
