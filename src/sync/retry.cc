#include "sync/retry.h"

#include <algorithm>

namespace tidemark {

bool IsTransient(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kConflict;
}

std::int64_t RetryWaitUs(const RetryOptions& options, int attempt, Random& random) {
  auto longest_ms = std::max<std::int64_t>(options.longest_wait_ms, 0);
  auto wait_ms = std::min(std::max<std::int64_t>(options.first_wait_ms, 0), longest_ms);
  for (int i = 1; i < attempt && wait_ms < longest_ms; ++i)
    wait_ms = std::min(wait_ms * 2, longest_ms);
  auto choices = static_cast<std::uint64_t>(wait_ms) * 1000 + 1;
  return static_cast<std::int64_t>(random.Next() % choices);
}

}  // namespace tidemark
