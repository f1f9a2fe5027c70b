#include "base/failpoint.h"

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>

namespace tidemark {
namespace {

constexpr std::string_view kNames[] = {
#define TIDEMARK_FAILPOINT(name) #name,
#include "base/failpoints.def"
#undef TIDEMARK_FAILPOINT
};

struct Armed {
  std::mutex mutex;
  int point = -1;
  bool is_kill = false;
  int at = 1;
  int hits = 0;
};

Armed& TheArmed() {
  static Armed armed;
  return armed;
}

// Before main, so that the first hit sees it.
const bool kReadEnvironment = [] {
  const char* text = std::getenv("TIDEMARK_FAILPOINT");
  if (text && *text) TIDEMARK_CHECK(ArmFailpoint(text).has_value());
  return true;
}();

}  // namespace

std::span<const std::string_view> FailpointNames() { return kNames; }

Status ArmFailpoint(std::string_view text) {
  auto& armed = TheArmed();
  std::lock_guard lock(armed.mutex);
  armed.point = -1;
  armed.hits = 0;
  armed.at = 1;
  internal::failpoint_is_armed = false;
  if (text.empty()) return {};
  auto equals = text.find('=');
  auto at = text.find('@');
  auto name = text.substr(0, equals);
  auto action = equals == text.npos ? std::string_view() : text.substr(equals + 1, at - equals - 1);
  if (at != text.npos) armed.at = std::atoi(std::string(text.substr(at + 1)).c_str());
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name) armed.point = static_cast<int>(i);
  if (armed.point < 0 || (action != "error" && action != "kill") || armed.at < 1)
    return Fail(ErrorKind::kInvalid, "failpoint \"" + std::string(text) + "\" is not known");
  armed.is_kill = action == "kill";
  internal::failpoint_is_armed = true;
  return {};
}

int FailpointHits() {
  auto& armed = TheArmed();
  std::lock_guard lock(armed.mutex);
  return armed.hits;
}

namespace internal {

std::atomic<bool> failpoint_is_armed = false;

Status HitFailpoint(Failpoint point) {
  auto& armed = TheArmed();
  std::lock_guard lock(armed.mutex);
  if (armed.point != static_cast<int>(point) || ++armed.hits != armed.at) return {};
  if (armed.is_kill) std::raise(SIGKILL);
  return Fail(ErrorKind::kUnavailable,
              "failpoint " + std::string(kNames[static_cast<std::size_t>(point)]));
}

}  // namespace internal
}  // namespace tidemark
