#include "cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/clock.h"
#include "cli/columns.h"
#include "cli/output.h"
#include "cli/quantities.h"

namespace tidemark::cli {
namespace {

using enum Columns::Align;

constexpr std::int64_t kExpiresSoonSeconds = 86'400;

// With its database where a run was about several.
template <class Report>
std::string NameIn(const Report& report, const TableName& name) {
  return report.databases.empty() ? Display(name) : name.database + "." + Display(name);
}

// Of a database as a whole; its tables have nothing to add.
template <class Report>
bool PrintedWithDatabase(const Report& report, const TableName& name) {
  return std::ranges::any_of(report.databases, [&](const DatabaseOutcome& database) {
    return database.name == name.database && database.error;
  });
}

template <class Report>
void PrintDatabaseProblems(const Report& report) {
  for (const auto& database : report.databases)
    if (database.error)
      PrintError({database.error->kind,
                  fmt::format("database {}: {}", database.name, database.error->message),
                  database.error->hint});
}

template <class Report, class Table>
void PrintProblemsOf(const Report& report, const Table& table) {
  auto of_table = [&](std::string text) {
    if (!text.starts_with("table ")) text = fmt::format("table {}: {}", Display(table.name), text);
    if (!report.databases.empty()) text = fmt::format("database {}: {}", table.name.database, text);
    return text;
  };
  const auto& [error, warnings] = std::tie(table.error, table.warnings);
  for (const auto& warning : warnings) PrintWarning(of_table(warning));
  if (error) PrintError({error->kind, of_table(error->message), error->hint});
}

std::string Tables(std::size_t count) {
  return fmt::format("{} {}", Grouped(static_cast<std::int64_t>(count)),
                     count == 1 ? "table" : "tables");
}

bool IsIdle(const TableReport& table) {
  return table.outcome == TableOutcome::kOk && table.reason == Reason::kNoChanges;
}

std::string_view ModeName(const TableReport& table) {
  return table.is_incremental ? "incremental" : "full";
}

std::string CountOrDash(std::int64_t count) { return count == 0 ? "-" : Grouped(count); }

struct Outcomes {
  std::size_t ok = 0, idle = 0, failed = 0, skipped = 0;
};

Outcomes OutcomesOf(const SyncReport& report) {
  Outcomes outcomes;
  for (const auto& table : report.tables) {
    if (IsIdle(table))
      ++outcomes.idle;
    else if (table.outcome == TableOutcome::kOk)
      ++outcomes.ok;
    else
      ++(table.outcome == TableOutcome::kFailed ? outcomes.failed : outcomes.skipped);
  }
  return outcomes;
}

std::string Summed(const SyncReport& report, std::string_view done) {
  auto outcomes = OutcomesOf(report);
  auto text = fmt::format("{}: {} {}", Tables(report.tables.size()), outcomes.ok, done);
  if (outcomes.idle > 0)
    text += fmt::format(", {} without changes", Grouped(static_cast<std::int64_t>(outcomes.idle)));
  if (outcomes.skipped > 0) text += fmt::format(", {} skipped", outcomes.skipped);
  if (outcomes.failed > 0) text += fmt::format(", {} failed", outcomes.failed);
  return text;
}

std::string When(std::int64_t us) { return us > 0 ? FormatUtcSeconds(us) : std::string("-"); }

std::string Expiry(const StatusTable& table, std::int64_t now_us) {
  if (!table.expires_us) return "-";
  auto left_seconds = (*table.expires_us - now_us) / 1'000'000;
  if (left_seconds <= 0) return "expired";
  return "in " + SpanText(left_seconds) + (left_seconds < kExpiresSoonSeconds ? " !" : "");
}

std::string Behind(const StatusTable& table, std::int64_t now_us) {
  if (table.checked_us <= 0) return "never landed";
  return "at most " + SpanText(std::max<std::int64_t>(0, (now_us - table.checked_us) / 1'000'000));
}

// A message may be long; all of it is in the JSON.
std::string Shortened(std::string_view message) {
  constexpr std::size_t kBytesMax = 60;
  auto text = Printable(message);
  if (text.size() <= kBytesMax) return text;
  auto size = kBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size) + "…";
}

}  // namespace

void PrintProblems(const std::vector<StatusTable>& tables) {
  for (const auto& table : tables) {
    if (table.error) PrintError(*table.error);
    for (const auto& warning : table.warnings)
      PrintWarning(
          fmt::format("table {}.{}: {}", table.name.database, Display(table.name), warning));
  }
}

void PrintProblems(const SyncReport& report) {
  PrintDatabaseProblems(report);
  for (const auto& table : report.tables)
    if (!PrintedWithDatabase(report, table.name)) PrintProblemsOf(report, table);
}

void PrintProblems(const VerifyReport& report) {
  PrintDatabaseProblems(report);
  for (const auto& table : report.tables) {
    if (PrintedWithDatabase(report, table.name)) continue;
    PrintProblemsOf(report, table);
    if (!table.error && !table.is_equal())
      PrintError({ErrorKind::kCorrupt,
                  fmt::format("table {}: what was landed differs from the source",
                              NameIn(report, table.name)),
                  "a sync with --mode full lands the table again"});
  }
}

void PrintProblems(const CompactReport& report) {
  for (const auto& table : report.tables)
    if (table.error) PrintError(*table.error);
}

std::string SyncTable(const SyncReport& report, ShowsIdle shows_idle) {
  Columns columns({{"table"},
                   {"status"},
                   {"mode"},
                   {"reason"},
                   {"rows", kRight},
                   {"inserted", kRight},
                   {"updated", kRight},
                   {"deleted", kRight},
                   {"files", kRight},
                   {"size", kRight},
                   {"time", kRight}});
  for (const auto& table : report.tables) {
    if (IsIdle(table) && shows_idle == ShowsIdle::kNo) continue;
    columns.Add({Printable(NameIn(report, table.name)), std::string(Name(table.outcome)),
                 std::string(ModeName(table)), std::string(Name(table.reason)), Grouped(table.rows),
                 CountOrDash(table.inserted), CountOrDash(table.updated),
                 CountOrDash(table.deleted), fmt::format("{}", table.files.size()),
                 SizeText(table.bytes), DurationText(table.duration_us)});
  }
  std::string resumed;
  for (const auto& table : report.tables)
    if (table.resumed_rows > 0)
      resumed += fmt::format("{}: went on with an interrupted load; {} rows were there already\n",
                             Printable(Display(table.name)), Grouped(table.resumed_rows));
  return (columns.is_empty() ? "" : columns.Text()) + resumed +
         fmt::format("{}; {} rows, {} in {}\n", Summed(report, "landed"), Grouped(report.rows()),
                     SizeText(report.bytes()), DurationText(report.duration_us));
}

std::string PlanTable(const SyncReport& report, ShowsIdle shows_idle) {
  Columns columns({{"table"}, {"status"}, {"mode"}, {"reason"}, {"rows, about", kRight}});
  for (const auto& table : report.tables) {
    if (IsIdle(table) && shows_idle == ShowsIdle::kNo) continue;
    columns.Add({Printable(NameIn(report, table.name)), std::string(Name(table.outcome)),
                 std::string(ModeName(table)), std::string(Name(table.reason)),
                 table.rows < 0 ? "?" : Grouped(table.rows)});
  }
  return (columns.is_empty() ? "" : columns.Text()) + Summed(report, "to land") + "\n";
}

std::string VerifyTableText(const VerifyReport& report) {
  Columns columns({{"table"},
                   {"result"},
                   {"source", kRight},
                   {"landed", kRight},
                   {"missing", kRight},
                   {"extra", kRight},
                   {"different", kRight},
                   {"pending", kRight}});
  std::string examples;
  for (const auto& table : report.tables) {
    columns.Add({Printable(NameIn(report, table.name)),
                 table.error        ? "failed"
                 : table.is_equal() ? "equal"
                                    : "differs",
                 Grouped(table.rows_source), Grouped(table.rows_landed), CountOrDash(table.missing),
                 CountOrDash(table.extra), CountOrDash(table.different),
                 CountOrDash(table.pending)});
    for (const auto& example : table.examples)
      examples +=
          fmt::format("  {}: {}\n", Printable(NameIn(report, table.name)), Printable(example));
  }
  auto failed = static_cast<std::size_t>(report.failed());
  auto text = columns.is_empty() ? std::string() : columns.Text();
  if (!examples.empty()) text += "for example:\n" + examples;
  if (report.sample) {
    std::int64_t rows = 0, of_rows = 0;
    for (const auto& table : report.tables) {
      rows += table.rows_source;
      of_rows += std::max(table.estimated_rows, table.rows_source);
    }
    text += fmt::format(
        "only a sample: {} of about {} rows, --seed {}; deletes that were missed are not found\n",
        Grouped(rows), Grouped(of_rows), report.sample->seed);
  }
  return text + fmt::format("{}: {} equal, {} not; {}\n", Tables(report.tables.size()),
                            report.tables.size() - failed, failed,
                            DurationText(report.duration_us));
}

std::string CompactTableText(const CompactReport& report, ShowsIdle shows_idle) {
  Columns columns({{"table"},
                   {"status"},
                   {"scd", kRight},
                   {"rows", kRight},
                   {"files", kRight},
                   {"size", kRight},
                   {"pruned", kRight},
                   {"time", kRight}});
  std::size_t changed = 0, idle = 0, failed = 0, skipped = 0;
  for (const auto& table : report.tables) {
    bool is_ok = table.outcome == TableOutcome::kOk;
    bool is_idle = is_ok && !table.has_changed;
    ++(is_idle                                  ? idle
       : is_ok                                  ? changed
       : table.outcome == TableOutcome::kFailed ? failed
                                                : skipped);
    if (is_idle && shows_idle == ShowsIdle::kNo) continue;
    columns.Add({Printable(Display(table.name)), std::string(Name(table.outcome)),
                 fmt::format("{}", table.scd_type), Grouped(table.rows),
                 fmt::format("{}", table.files.size()), SizeText(table.bytes),
                 CountOrDash(table.pruned_files), DurationText(table.duration_us)});
  }
  auto text = fmt::format("{}: {} compacted", Tables(report.tables.size()), changed);
  if (idle > 0) text += fmt::format(", {} with nothing new", idle);
  if (skipped > 0) text += fmt::format(", {} skipped", skipped);
  if (failed > 0) text += fmt::format(", {} failed", failed);
  return (columns.is_empty() ? "" : columns.Text()) +
         fmt::format("{}; {}\n", text, DurationText(report.duration_us));
}

std::string StatusTableText(const std::vector<StatusTable>& tables, std::int64_t now_us) {
  Columns columns({{"table"},
                   {"version", kRight},
                   {"rows", kRight},
                   {"files", kRight},
                   {"last run"},
                   {"mode"},
                   {"reason"},
                   {"behind"},
                   {"changes expire"},
                   {"last error"}});
  for (const auto& table : tables) {
    if (table.error) {
      columns.Add({Printable(table.name.name), "?", "?", "?", "-", "-", "-", "-", "-",
                   "its state cannot be read"});
      continue;
    }
    auto name = fmt::format("{}.{}", table.name.database, Display(table.name));
    columns.Add({Printable(name), Grouped(table.version),
                 Grouped(table.loading_rows.value_or(table.live_rows)), Grouped(table.live_files),
                 When(table.last_run_us), table.last_mode,
                 table.loading_rows ? "loading" : table.last_reason, Behind(table, now_us),
                 Expiry(table, now_us),
                 table.last_failure ? Shortened(table.last_failure->message) : "-"});
  }
  return (columns.is_empty() ? "" : columns.Text()) + Tables(tables.size()) + "\n";
}

}  // namespace tidemark::cli
