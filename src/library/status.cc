#include "library/status.h"

#include <algorithm>

#include "base/text.h"
#include "library/opened.h"
#include "library/results.h"

namespace tidemark {
namespace {

bool IsChosen(const DatabaseSetup& database, const TableName& name) {
  if (!database.name.empty() && database.name != name.database) return false;
  if (!database.is_chosen) return true;
  auto is_whole = [&](const std::string& schema) { return EqualsNoCase(schema, name.schema); };
  auto is_named = [&](const ChosenTable& table) {
    return EqualsNoCase(table.schema, name.schema) && EqualsNoCase(table.name, name.name);
  };
  return std::ranges::any_of(database.whole_schemas, is_whole) ||
         std::ranges::any_of(database.tables, is_named);
}

// A record that cannot be read may be anybody's.
bool IsChosen(const Setup& setup, const StatusTable& table) {
  return table.error || setup.databases.empty() ||
         std::ranges::any_of(setup.databases, [&](const DatabaseSetup& database) {
           return IsChosen(database, table.name);
         });
}

// What a sync of one database would do.
std::expected<SyncResult, OpenFailure> PlanOf(const Setup& setup, const DatabaseSetup& database) {
  auto one = setup;
  one.databases = {database};
  auto opened = Open(std::move(one), Access::kRead);
  if (!opened) return std::unexpected(std::move(opened.error()));
  auto plan = PlanAll(*opened);
  if (!plan) return std::unexpected(OpenFailure{std::move(plan.error()), {}});
  return ResultOf(*plan);
}

void AddPlanned(const TableResult& planned, std::int64_t now_us, StatusResult& status) {
  auto table = std::ranges::find(status.tables, planned.table, &TableStanding::table);
  if (table == status.tables.end())
    table = status.tables.insert(table, TableStanding{.table = planned.table});
  if (planned.outcome == Outcome::kOk) table->next_reason = planned.reason;
  std::ranges::copy(planned.warnings, std::back_inserter(table->warnings));
  if (planned.failure) table->warnings.push_back(planned.failure->message);
  if (planned.outcome != Outcome::kOk || !planned.since_version) return;
  bool is_in_step = planned.reason == Name(Reason::kNoChanges);
  // Else the two are versions of different histories, or of none.
  if (!is_in_step && planned.reason != Name(Reason::kChanges)) return;
  // Where versions are the whole database's they go on without this table.
  table->lag_versions = is_in_step ? 0 : planned.version - *planned.since_version;
  // It is in step now, so that nothing before now can be lost.
  if (is_in_step && table->retention_us > 0) table->expires_us = now_us + table->retention_us;
}

}  // namespace

Result<StatusResult> StatusOf(ObjectStore& store, const Setup& setup) {
  StatusResult status;
  for (const auto& table : TRY(ReadStatus(store))) {
    auto standing = StandingOf(table);
    if (IsChosen(setup, table))
      status.tables.push_back(std::move(standing));
    else
      status.others.push_back(std::move(standing.table));
  }
  return status;
}

Status AskSources(const Setup& setup, StatusResult& status) {
  auto now_us = setup.options.clock->NowUs();
  for (const auto& database : setup.databases) {
    auto plan = PlanOf(setup, database);
    if (plan) {
      for (const auto& table : plan->tables) AddPlanned(table, now_us, status);
      continue;
    }
    auto& [error, about] = plan.error();
    if (error.kind == ErrorKind::kCancelled) return Fail(std::move(error));
    status.databases.push_back(
        {.name = database.name, .run_id = {}, .failure = FailureOf(std::move(error), about)});
  }
  std::ranges::sort(status.tables, {}, &TableStanding::table);
  return {};
}

}  // namespace tidemark
