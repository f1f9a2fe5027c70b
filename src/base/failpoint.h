#pragma once
#include <atomic>
#include <span>
#include <string_view>

#include "base/result.h"

namespace tidemark {

enum class Failpoint {
#define TIDEMARK_FAILPOINT(name) name,
#include "base/failpoints.def"
#undef TIDEMARK_FAILPOINT
};

// All names, in the order of the list.
std::span<const std::string_view> FailpointNames();

// `NAME=error`, `NAME=kill`, `NAME=error@3` (the third time it is reached): what the next hit does.
// An empty text disarms. kInvalid: no such name or action. Read from TIDEMARK_FAILPOINT at the
// first hit.
Status ArmFailpoint(std::string_view text);

// How often the armed point was reached.
int FailpointHits();

namespace internal {
extern std::atomic<bool> failpoint_is_armed;
Status HitFailpoint(Failpoint point);
}  // namespace internal

// Compiled into every build, so that the crash suite kills the very program that users run. Not
// armed it costs one relaxed load; it stands at steps, never at values.
inline Status Hit(Failpoint point) {
  if (!internal::failpoint_is_armed.load(std::memory_order_relaxed)) [[likely]]
    return {};
  return internal::HitFailpoint(point);
}

#define FAILPOINT(name) TRY(::tidemark::Hit(::tidemark::Failpoint::name))

}  // namespace tidemark
