#include <fmt/format.h>

#include <algorithm>

#include "library/opened.h"

namespace tidemark {
namespace {

TableReport Failed(const TableName& name, const Error& error) {
  TableReport table;
  table.name = name;
  table.outcome = TableOutcome::kFailed;
  table.error = error;
  return table;
}
VerifyTable Unverified(const TableName& name, const Error& error) {
  VerifyTable table;
  table.name = name;
  table.error = error;
  return table;
}

Error Missing(const TableName& name) {
  return {ErrorKind::kNotFound,
          fmt::format("table {} is not in database {}", Display(name), name.database),
          "the configuration chooses it by name"};
}

// The tables that cannot be worked on because their database cannot; "*" where no more is known.
std::vector<TableName> TablesOf(const DatabaseSetup& setup) {
  std::vector<TableName> names;
  for (const auto& schema : setup.whole_schemas) names.push_back({setup.name, schema, "*"});
  for (const auto& table : setup.tables) names.push_back({setup.name, table.schema, table.name});
  return names;
}

// Whether a report can say that its run was stopped, so that it tells what was done until then.
bool NoteStop(SyncReport& report) { return report.is_stopped = true; }
bool NoteStop(VerifyReport&) { return false; }

std::string RunId(const SyncReport& report) { return report.run_id; }
std::string RunId(const VerifyReport&) { return {}; }

void Join(SyncReport report, SyncReport& into) {
  if (into.run_id.empty()) into.run_id = report.run_id;
  if (into.started_us == 0) into.started_us = report.started_us;
  into.duration_us += report.duration_us;
  into.waited_us += report.waited_us;
  into.is_stopped |= report.is_stopped;
  std::ranges::move(report.tables, std::back_inserter(into.tables));
}
void Join(VerifyReport report, VerifyReport& into) {
  if (report.sample) into.sample = report.sample;
  into.duration_us += report.duration_us;
  std::ranges::move(report.tables, std::back_inserter(into.tables));
}

// Tables that are named and in neither source nor destination.
template <class Report, class MakeTable>
void AddMissing(const OpenedDatabase& database, Report& report, MakeTable make_table) {
  for (const auto& name : database.missing) {
    bool is_told =
        std::ranges::any_of(report.tables, [&](const auto& t) { return t.name == name; });
    if (!is_told) report.tables.push_back(make_table(name, Missing(name)));
  }
}

// Runs `work` on each database and joins the reports. Where there are several, a failure is one
// database's; being stopped is all of theirs.
template <class Report, class Work, class MakeTable>
Result<Report> OverAll(Opened& opened, Work work, MakeTable make_table) {
  Report joined;
  bool is_one = opened.databases.size() == 1;
  for (auto& database : opened.databases) {
    DatabaseOutcome outcome{.name = database.setup.name,
                            .source = database.setup.source,
                            .run_id = {},
                            .error = database.error};
    Result<Report> report{};
    if (database.error)
      report = Fail(*database.error);
    else
      report = work(database);
    if (!report && is_one) return report;
    if (!report && report.error().kind == ErrorKind::kCancelled && !NoteStop(joined)) return report;
    if (report) {
      AddMissing(database, *report, make_table);
      outcome.run_id = RunId(*report);
      Join(std::move(*report), joined);
    } else {
      outcome.error = report.error();
      for (const auto& name : TablesOf(database.setup))
        joined.tables.push_back(make_table(name, report.error()));
    }
    if (!is_one) joined.databases.push_back(std::move(outcome));
  }
  std::ranges::sort(joined.tables, {}, [](const auto& table) { return table.name; });
  return joined;
}

}  // namespace

Result<SyncReport> SyncAll(Opened& opened) {
  return OverAll<SyncReport>(
      opened,
      [&](OpenedDatabase& database) {
        return Sync(*database.source, *opened.store, database.setup.options);
      },
      Failed);
}

Result<SyncReport> PlanAll(Opened& opened) {
  return OverAll<SyncReport>(
      opened,
      [&](OpenedDatabase& database) {
        return Plan(*database.source, *opened.store, database.setup.options);
      },
      Failed);
}

Result<VerifyReport> VerifyAll(Opened& opened) {
  return OverAll<VerifyReport>(
      opened,
      [&](OpenedDatabase& database) {
        return Verify(*database.source, *opened.store, database.setup.options);
      },
      Unverified);
}

}  // namespace tidemark
