#include "source/sqlserver/tracking_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "model/table_name.h"
#include "source/sqlserver/cut.h"
#include "source/sqlserver/history.h"
#include "source/sqlserver/preflight.h"
#include "source/sqlserver/snapshot.h"
#include "source/sqlserver/source.h"
#include "source/sqlserver/statements.h"

namespace tidemark::sqlserver {
namespace {

struct Opened {
  std::unique_ptr<tds::Connection> connection;
  Listing listing;
  std::vector<const CatalogTable*> tables;  // that are meant
};

std::string NameOf(const CatalogTable& table) { return table.schema + "." + table.name; }

Result<Opened> Open(const TrackRequest& request) {
  Opened opened;
  auto connector = TRY(ConnectorOf(request.location, request.options));
  opened.connection = TRY(connector->Open());
  auto& listing = opened.listing;
  listing.facts = TRY(ReadDatabase(*opened.connection));
  listing.tables = TRY(ReadTables(*opened.connection, listing.facts));
  TRY(ReadDetails(*opened.connection, listing.facts, listing.tables));
  auto matches = [](const CatalogTable& table, const std::string& glob) {
    return MatchesGlob(glob, {.database = {}, .schema = table.schema, .name = table.name});
  };
  for (const auto& glob : request.tables)
    if (std::ranges::none_of(listing.tables, [&](const auto& t) { return matches(t, glob); }))
      return Fail(ErrorKind::kInvalid,
                  fmt::format("\"{}\" is no table of database {}", glob, listing.facts.name),
                  "write schema.table, with * and ? where several are meant");
  for (const auto& table : listing.tables) {
    auto is_meant = [&](const std::string& glob) { return matches(table, glob); };
    if (request.tables.empty() || std::ranges::any_of(request.tables, is_meant))
      opened.tables.push_back(&table);
  }
  return opened;
}

Status Apply(tds::Connection& connection, TrackScript& script) {
  for (auto& statement : script.statements) {
    if (statement.text.empty()) continue;
    TRY_WHILE(statement.text, connection.Execute(statement.text));
    statement.is_done = true;
  }
  return {};
}

void AddDatabase(const DatabaseFacts& facts, int retention_days, TrackScript& script) {
  if (!facts.is_tracked)
    script.statements.push_back({.text = EnableDatabaseText(facts.name, retention_days)});
  else if (facts.retention_seconds < std::int64_t{86'400} * retention_days)
    script.statements.push_back({.text = SetRetentionText(facts.name, retention_days)});
  if (!facts.allows_snapshot) script.statements.push_back({.text = AllowSnapshotText(facts.name)});
}

void AddTable(const DatabaseFacts& facts, const CatalogTable& table, TrackScript& script) {
  TrackStatement statement{.table = NameOf(table)};
  auto tracking = TrackingOf(facts, table);
  if (table.is_tracked)
    statement.because = "it is tracked already";
  else if (!tracking.can_be_tracked)
    statement.because = tracking.missing.front().what;
  else if (table.key.empty())
    statement.because = "it has no primary key; " + AddKeyText(table.ref());
  else
    statement.text = EnableTableText(table.ref());
  script.statements.push_back(std::move(statement));
}

}  // namespace

Result<TrackScript> EnableScript(const TrackRequest& request) {
  auto opened = TRY(Open(request));
  const auto& facts = opened.listing.facts;
  TrackScript script{.database = facts.name, .statements = {}};
  AddDatabase(facts, request.retention_days, script);
  for (const auto* table : opened.tables) AddTable(facts, *table, script);
  if (request.applies) TRY(Apply(*opened.connection, script));
  return script;
}

Result<TrackScript> DisableScript(const TrackRequest& request) {
  auto opened = TRY(Open(request));
  const auto& facts = opened.listing.facts;
  TrackScript script{.database = facts.name, .statements = {}};
  for (const auto* table : opened.tables) {
    TrackStatement statement{.table = NameOf(*table)};
    if (table->is_tracked)
      statement.text = DisableTableText(table->ref());
    else
      statement.because = "it is not tracked";
    script.statements.push_back(std::move(statement));
  }
  if (request.tables.empty() && facts.is_tracked)
    script.statements.push_back({.text = DisableDatabaseText(facts.name)});
  if (request.applies) TRY(Apply(*opened.connection, script));
  return script;
}

Result<std::vector<TrackedTable>> TrackingStatusOf(const TrackRequest& request) {
  auto opened = TRY(Open(request));
  const auto& facts = opened.listing.facts;
  auto version = TRY(ReadVersion(*opened.connection));
  std::vector<TrackedTable> tables;
  for (const auto* table : opened.tables) {
    auto tracking = TrackingOf(facts, *table);
    auto& status = tables.emplace_back();
    status.table = NameOf(*table);
    status.is_tracked = tracking.is_tracked && table->min_valid_version && version;
    for (const auto& missing : tracking.missing)
      status.because += (status.because.empty() ? "" : "; ") + missing.Sentence();
    if (!status.is_tracked) continue;
    status.version = *version;
    status.min_valid_version = MinValidVersion(*table);
    status.retention_seconds = facts.cleans_up ? facts.retention_seconds : 0;
  }
  for (const auto& missing : MissingOf(facts))
    if (!tables.empty()) tables.front().warnings.push_back(missing.Sentence());
  return tables;
}

}  // namespace tidemark::sqlserver
