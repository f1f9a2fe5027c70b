#include "source/sqlserver/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace tidemark::sqlserver {
namespace {

// "<object id> <version at which tracking began>": TRUNCATE TABLE begins tracking anew and is noted
// nowhere else.
std::string_view ObjectOf(const Position& position) {
  return std::string_view(position.incarnation).substr(0, position.incarnation.find(' '));
}

}  // namespace

Position PositionOf(const DatabaseFacts& facts, const CatalogTable& table, std::int64_t version) {
  return {.version = version,
          .incarnation = fmt::format("{} {}", table.object_id, table.begin_version.value_or(-1)),
          .nonce = facts.Incarnation()};
}

History HistoryOf(const Position& last, const Position& current) {
  // A restored database may have the same objects and have gone on from there: its versions mean
  // something else than those that were read.
  if (last.nonce != current.nonce || current.version < last.version) return History::kRestored;
  if (ObjectOf(last) != ObjectOf(current)) return History::kRecreated;
  if (last.incarnation != current.incarnation) return History::kTruncated;
  return History::kSame;
}

std::int64_t MinValidVersion(const CatalogTable& table) {
  return std::max(table.min_valid_version.value_or(0), table.cleanup_version.value_or(0));
}

}  // namespace tidemark::sqlserver
