#include "jobs/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.h"

namespace tidemark {
namespace {

constexpr std::array<std::string_view, 7> kStateNames = {
    "queued", "retry_wait", "running", "paused", "succeeded", "failed", "cancelled"};
constexpr std::array<std::string_view, 5> kArtifactNames = {"none", "staged", "published",
                                                            "expired", "deleted"};

}  // namespace

std::string_view Name(JobState state) { return kStateNames.at(static_cast<std::size_t>(state)); }

Result<JobState> ParseJobState(std::string_view name) {
  auto found = std::ranges::find(kStateNames, name);
  if (found == kStateNames.end()) {
    return Fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no state of a job", name),
                fmt::format("states: {}", fmt::join(kStateNames, ", ")));
  }
  return static_cast<JobState>(found - kStateNames.begin());
}

std::string_view Name(ArtifactState state) {
  return kArtifactNames.at(static_cast<std::size_t>(state));
}

bool MayBecome(JobState from, JobState to) {
  using enum JobState;
  switch (from) {
    case kQueued:
    case kRetryWait:
      return to == kRunning || to == kPaused || to == kCancelled;
    case kRunning:
      return to != kRunning;
    case kPaused:
      return to == kQueued || to == kCancelled;
    case kSucceeded:
    case kFailed:
    case kCancelled:
      return false;
  }
  return false;
}

std::int64_t RetryDelayUs(int attempt, std::uint64_t random) {
  constexpr std::int64_t kFirstUs = 2'000'000, kMostUs = 3'600'000'000;
  auto delay = kMostUs;
  if (attempt < 12) delay = std::min(kMostUs, kFirstUs << std::max(attempt - 1, 0));
  auto jitter = delay / 10;
  return delay - jitter +
         static_cast<std::int64_t>(random % static_cast<std::uint64_t>(2 * jitter));
}

std::string NewJobId(std::string_view kind, std::int64_t now_us, std::uint64_t random) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  auto stamp = FormatFileTimestamp(now_us);  // 20261121T112805123456Z
  auto id = fmt::format("{}_{}-{}_", kind, stamp.substr(0, 8), stamp.substr(9, 6));
  for (int i = 0; i < 6; ++i, random /= kDigits.size()) id += kDigits[random % kDigits.size()];
  return id;
}

}  // namespace tidemark
