#include "source/sqlserver/preflight.h"

#include <fmt/format.h>

#include "source/sqlserver/statements.h"

namespace tidemark::sqlserver {
namespace {

constexpr const char* kSelect = "SELECT";
constexpr const char* kViewChanges = "VIEW CHANGE TRACKING";

std::string NameOf(const CatalogTable& table) { return table.schema + "." + table.name; }

std::string WhyNeverTracked(const CatalogTable& table) {
  if (table.is_memory_optimized)
    return "it is memory-optimized, and SQL Server tracks no changes of such tables";
  if (table.is_history) return "it is the history of a temporal table, which cannot be tracked";
  return {};
}

}  // namespace

std::string Missing::Sentence() const {
  return statement.empty() ? what
                           : fmt::format("{}; an administrator can run: {}", what, statement);
}

std::vector<Missing> MissingOf(const DatabaseFacts& facts) {
  std::vector<Missing> missing;
  if (!facts.allows_snapshot)
    missing.push_back(
        {"database " + facts.name +
             " does not allow SNAPSHOT isolation: tables are read at different moments, "
             "and rows that change meanwhile are delivered twice",
         AllowSnapshotText(facts.name)});
  if (!facts.is_tracked) return missing;
  if (facts.cleans_up && facts.retention_seconds < kRetentionSecondsMin)
    missing.push_back({fmt::format("changes are kept for {} minutes only: a run that comes later "
                                   "lands every table anew",
                                   facts.retention_seconds / 60),
                       SetRetentionText(facts.name, kRetentionDays)});
  if (!facts.cleans_up)
    missing.push_back(
        {"old changes are never cleaned up (AUTO_CLEANUP is off), so that what is "
         "kept of them only grows",
         {}});
  return missing;
}

Tracking TrackingOf(const DatabaseFacts& facts, const CatalogTable& table) {
  Tracking tracking;
  auto never = WhyNeverTracked(table);
  if (!never.empty()) {
    tracking.can_be_tracked = false;
    tracking.missing.push_back({"changes are not tracked: " + never, {}});
    return tracking;
  }
  if (table.key.empty())
    tracking.missing.push_back(
        {"changes are not tracked: it has no primary key", AddKeyText(table.ref())});
  if (!facts.is_tracked)
    tracking.missing.push_back({"changes are not tracked in database " + facts.name,
                                EnableDatabaseText(facts.name, kRetentionDays)});
  if (!table.is_tracked)
    tracking.missing.push_back({table.can_view_changes
                                    ? "changes of the table are not tracked"
                                    : "changes of the table are not tracked, as far as this login "
                                      "may see",
                                EnableTableText(table.ref())});
  if (!table.can_view_changes)
    tracking.missing.push_back({"this login may not see changes of the table",
                                GrantText(kViewChanges, table.ref(), facts.user)});
  tracking.is_tracked = tracking.missing.empty();
  return tracking;
}

Status CheckReadable(const DatabaseFacts& facts, const CatalogTable& table, const Position* last) {
  bool was_tracked = last && !last->incarnation.empty();
  auto grant_changes = GrantText(kViewChanges, table.ref(), facts.user);
  if (!table.can_select) {
    auto hint = "an administrator can run: " + GrantText(kSelect, table.ref(), facts.user);
    if (!table.can_view_changes) hint += "; " + grant_changes;
    return Fail(ErrorKind::kDenied,
                fmt::format("table {}: this login may not read it", NameOf(table)), hint);
  }
  if ((table.is_tracked || was_tracked) && !table.can_view_changes)
    return Fail(ErrorKind::kDenied,
                fmt::format("table {}: this login may not see its changes", NameOf(table)),
                "an administrator can run: " + grant_changes);
  // Taken for 0 it would make every lost change look like none.
  if (table.is_tracked && facts.is_tracked && !table.min_valid_version)
    return Fail(ErrorKind::kUnavailable,
                fmt::format("table {}: the server does not say since when its changes are kept, "
                            "though they are tracked",
                            NameOf(table)),
                "it may have been altered just now; else switch its tracking off and on: " +
                    DisableTableText(table.ref()) + "; " + EnableTableText(table.ref()));
  if (!facts.is_updateable && table.is_tracked)
    return Fail(
        ErrorKind::kUnsupported,
        fmt::format("table {}: this is a read-only copy of the database, which knows nothing "
                    "of changes",
                    NameOf(table)),
        "connect to the primary: without applicationIntent=ReadOnly");
  return {};
}

}  // namespace tidemark::sqlserver
