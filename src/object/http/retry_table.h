#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/random.h"

namespace tidemark::http {

struct RetryLimits {
  int attempts = 4;
  std::int64_t first_wait_ms = 500;  // doubled with each attempt
  std::int64_t longest_wait_ms = 20'000;
};

// Whether the same request may succeed a moment later: the server is busy, throttles or restarts.
bool IsTransientStatus(int status);

// How long to wait after attempt number `attempt` (1: the first). What the server asked for
// (Retry-After: seconds) counts where it is sane; otherwise anywhere between half of a time that
// doubles with each attempt and that time, so that clients which failed together do not come back
// together. Nothing: no further attempt.
std::optional<std::int64_t> WaitAfterMs(const RetryLimits& limits, int attempt,
                                        std::string_view retry_after, Random& random);

}  // namespace tidemark::http
