#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/table.h"
#include "source/sqlserver/catalog.h"

namespace tidemark::sqlserver {

// Something that stands in the way of following changes, and the statement with which an
// administrator removes it; empty: there is none.
struct Missing {
  std::string what, statement;
  std::string Sentence() const;
};

// How long changes should be kept at least, and how long `track enable` lets them be.
inline constexpr std::int64_t kRetentionSecondsMin = 2 * 86'400;
inline constexpr int kRetentionDays = 7;

// Of the whole database: what makes runs worse than they could be. Pure, as all here.
std::vector<Missing> MissingOf(const DatabaseFacts& facts);

struct Tracking {
  bool is_tracked = false;     // changes can be asked for
  bool can_be_tracked = true;  // false: a statement will not do
  std::vector<Missing> missing;
};
Tracking TrackingOf(const DatabaseFacts& facts, const CatalogTable& table);

// What stands in the way of reading the table at all, or of what it was read as so far (`last`, may
// be null). kDenied with the statement as hint.
Status CheckReadable(const DatabaseFacts& facts, const CatalogTable& table, const Position* last);

}  // namespace tidemark::sqlserver
