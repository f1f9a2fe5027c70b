#include "object/http/retry_table.h"

#include <algorithm>
#include <charconv>

namespace tidemark::http {

bool IsTransientStatus(int status) {
  switch (status) {
    case 408:  // request timeout
    case 429:  // too many requests
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

std::optional<std::int64_t> WaitAfterMs(const RetryLimits& limits, int attempt,
                                        std::string_view retry_after, Random& random) {
  if (attempt >= limits.attempts) return std::nullopt;
  std::int64_t asked_s = 0;
  const char* end = retry_after.data() + retry_after.size();
  const auto parsed = std::from_chars(retry_after.data(), end, asked_s);
  const bool is_asked = !retry_after.empty() && parsed.ec == std::errc{} && parsed.ptr == end;
  if (is_asked && asked_s >= 0 && asked_s <= limits.longest_wait_ms / 1000) return asked_s * 1000;
  std::int64_t wait_ms = limits.first_wait_ms;
  for (int i = 1; i < attempt && wait_ms < limits.longest_wait_ms; ++i) wait_ms *= 2;
  wait_ms = std::min(wait_ms, limits.longest_wait_ms);
  const auto choices = static_cast<std::uint64_t>(wait_ms / 2) + 1;
  return wait_ms - static_cast<std::int64_t>(random.Next() % choices);
}

}  // namespace tidemark::http
