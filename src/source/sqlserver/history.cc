#include "source/sqlserver/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace tidemark::sqlserver {
namespace {

constexpr std::string_view kHidden = "-";

// "<object id> <version at which tracking began> <id of what notes the changes>": TRUNCATE TABLE
// begins tracking anew and is noted nowhere else; where tracking was off for the whole database,
// versions begin anew too, and only the last part tells.
struct Parts {
  explicit Parts(const Position& position) {
    std::string_view rest = position.incarnation;
    for (auto* part : {&object, &begin}) {
      auto end = rest.find(' ');
      *part = rest.substr(0, end);
      rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
    if (!rest.empty()) tracking = rest;
  }
  std::string_view object, begin, tracking = kHidden;
};

// A login may come to see, or no longer see, what another one saw.
bool IsSameTracking(const Parts& last, const Parts& current) {
  bool is_known = last.tracking != kHidden && current.tracking != kHidden;
  return last.begin == current.begin && (!is_known || last.tracking == current.tracking);
}

}  // namespace

Position PositionOf(const DatabaseFacts& facts, const CatalogTable& table, std::int64_t version) {
  return {.version = version,
          .incarnation = fmt::format(
              "{} {} {}", table.object_id, table.begin_version.value_or(-1),
              table.tracking_id ? std::to_string(*table.tracking_id) : std::string(kHidden)),
          .nonce = facts.Incarnation()};
}

History HistoryOf(const Position& last, const Position& current) {
  // A restored database may have the same objects and have gone on from there: its versions mean
  // something else than those that were read.
  if (last.nonce != current.nonce || current.version < last.version) return History::kRestored;
  Parts was(last), is(current);
  if (was.object != is.object) return History::kRecreated;
  if (!IsSameTracking(was, is)) return History::kTruncated;
  return History::kSame;
}

std::int64_t MinValidVersion(const CatalogTable& table) {
  return std::max(table.min_valid_version.value_or(0), table.cleanup_version.value_or(0));
}

}  // namespace tidemark::sqlserver
