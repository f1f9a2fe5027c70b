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
template <class Result>
std::string NameIn(const Result& result, const TableId& name) {
  return result.databases.empty() ? Display(name) : name.database + "." + Display(name);
}

// Of a database as a whole; its tables have nothing to add.
template <class Result>
bool PrintedWithDatabase(const Result& result, const TableId& name) {
  return std::ranges::any_of(result.databases, [&](const DatabaseResult& database) {
    return database.name == name.database && database.failure;
  });
}

template <class Result>
void PrintDatabaseProblems(const Result& result) {
  for (const auto& database : result.databases)
    if (database.failure)
      PrintError({database.failure->kind,
                  fmt::format("database {}: {}", database.name, database.failure->message),
                  database.failure->hint});
}

template <class Result, class Table>
void PrintProblemsOf(const Result& result, const Table& table) {
  auto of_table = [&](std::string text) {
    if (!text.starts_with("table ")) text = fmt::format("table {}: {}", Display(table.table), text);
    if (!result.databases.empty())
      text = fmt::format("database {}: {}", table.table.database, text);
    return text;
  };
  const auto& [error, warnings] = std::tie(table.failure, table.warnings);
  for (const auto& warning : warnings) PrintWarning(of_table(warning));
  if (error) PrintError({error->kind, of_table(error->message), error->hint});
}

std::string Tables(std::size_t count) {
  return fmt::format("{} {}", Grouped(static_cast<std::int64_t>(count)),
                     count == 1 ? "table" : "tables");
}

bool IsIdle(const TableResult& table) {
  return table.outcome == Outcome::kOk && table.reason == "no_changes";
}

std::string_view ModeName(const TableResult& table) {
  return table.is_incremental ? "incremental" : "full";
}

std::string CountOrDash(std::int64_t count) { return count == 0 ? "-" : Grouped(count); }

struct Outcomes {
  std::size_t ok = 0, idle = 0, failed = 0, skipped = 0;
};

Outcomes OutcomesOf(const SyncResult& result) {
  Outcomes outcomes;
  for (const auto& table : result.tables) {
    if (IsIdle(table))
      ++outcomes.idle;
    else if (table.outcome == Outcome::kOk)
      ++outcomes.ok;
    else
      ++(table.outcome == Outcome::kFailed ? outcomes.failed : outcomes.skipped);
  }
  return outcomes;
}

std::string Summed(const SyncResult& result, std::string_view done) {
  auto outcomes = OutcomesOf(result);
  auto text = fmt::format("{}: {} {}", Tables(result.tables.size()), outcomes.ok, done);
  if (outcomes.idle > 0)
    text += fmt::format(", {} without changes", Grouped(static_cast<std::int64_t>(outcomes.idle)));
  if (outcomes.skipped > 0) text += fmt::format(", {} skipped", outcomes.skipped);
  if (outcomes.failed > 0) text += fmt::format(", {} failed", outcomes.failed);
  return text;
}

std::string When(std::int64_t us) { return us > 0 ? FormatUtcSeconds(us) : std::string("-"); }

std::string Expiry(const TableStanding& table, std::int64_t now_us) {
  if (!table.expires_us) return "-";
  auto left_seconds = (*table.expires_us - now_us) / 1'000'000;
  if (left_seconds <= 0) return "expired";
  return "in " + SpanText(left_seconds) + (left_seconds < kExpiresSoonSeconds ? " !" : "");
}

std::string Behind(const TableStanding& table, std::int64_t now_us) {
  if (table.checked_us <= 0) return "never landed";
  if (table.lag_versions == 0) return "in step";
  std::string versions;
  if (auto lag = table.lag_versions)
    versions = fmt::format("{} {}, ", Grouped(*lag), *lag == 1 ? "version" : "versions");
  return versions + "at most " +
         SpanText(std::max<std::int64_t>(0, (now_us - table.checked_us) / 1'000'000));
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

void PrintProblems(const StatusResult& result) {
  for (const auto& warning : result.warnings) PrintWarning(warning);
  for (const auto& database : result.databases)
    PrintWarning(fmt::format("database {}: its source could not be asked: {}", database.name,
                             database.failure->message));
  for (const auto& table : result.tables) {
    if (table.failure) PrintError(*table.failure);
    for (const auto& warning : table.warnings)
      PrintWarning(
          fmt::format("table {}.{}: {}", table.table.database, Display(table.table), warning));
  }
}

void PrintProblems(const SyncResult& result) {
  PrintDatabaseProblems(result);
  for (const auto& table : result.tables)
    if (!PrintedWithDatabase(result, table.table)) PrintProblemsOf(result, table);
}

void PrintProblems(const VerifyResult& result) {
  PrintDatabaseProblems(result);
  for (const auto& table : result.tables) {
    if (PrintedWithDatabase(result, table.table)) continue;
    PrintProblemsOf(result, table);
    if (!table.failure && !table.is_equal)
      PrintError({ErrorKind::kCorrupt,
                  fmt::format("table {}: what was landed differs from the source",
                              NameIn(result, table.table)),
                  "a sync with --mode full lands the table again"});
  }
}

void PrintProblems(const CompactResult& result) {
  for (const auto& table : result.tables)
    if (table.failure) PrintError(*table.failure);
}

std::string SyncTable(const SyncResult& result, ShowsIdle shows_idle) {
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
  for (const auto& table : result.tables) {
    if (IsIdle(table) && shows_idle == ShowsIdle::kNo) continue;
    columns.Add({Printable(NameIn(result, table.table)), std::string(Name(table.outcome)),
                 std::string(ModeName(table)), table.reason, Grouped(table.rows),
                 CountOrDash(table.inserted), CountOrDash(table.updated),
                 CountOrDash(table.deleted), fmt::format("{}", table.files.size()),
                 SizeText(table.bytes), DurationText(table.duration_us)});
  }
  std::string resumed;
  for (const auto& table : result.tables)
    if (table.resumed_rows > 0)
      resumed += fmt::format("{}: went on with an interrupted load; {} rows were there already\n",
                             Printable(Display(table.table)), Grouped(table.resumed_rows));
  return (columns.is_empty() ? "" : columns.Text()) + resumed +
         fmt::format("{}; {} rows, {} in {}\n", Summed(result, "landed"), Grouped(result.rows),
                     SizeText(result.bytes), DurationText(result.duration_us));
}

std::string PlanTable(const SyncResult& result, ShowsIdle shows_idle) {
  Columns columns({{"table"}, {"status"}, {"mode"}, {"reason"}, {"rows, about", kRight}});
  for (const auto& table : result.tables) {
    if (IsIdle(table) && shows_idle == ShowsIdle::kNo) continue;
    columns.Add({Printable(NameIn(result, table.table)), std::string(Name(table.outcome)),
                 std::string(ModeName(table)), table.reason,
                 table.rows < 0 ? "?" : Grouped(table.rows)});
  }
  return (columns.is_empty() ? "" : columns.Text()) + Summed(result, "to land") + "\n";
}

std::string VerifyTable(const VerifyResult& result) {
  Columns columns({{"table"},
                   {"result"},
                   {"source", kRight},
                   {"landed", kRight},
                   {"missing", kRight},
                   {"extra", kRight},
                   {"different", kRight},
                   {"pending", kRight}});
  std::string examples;
  for (const auto& table : result.tables) {
    columns.Add({Printable(NameIn(result, table.table)),
                 table.failure    ? "failed"
                 : table.is_equal ? "equal"
                                  : "differs",
                 Grouped(table.rows_source), Grouped(table.rows_landed), CountOrDash(table.missing),
                 CountOrDash(table.extra), CountOrDash(table.different),
                 CountOrDash(table.pending)});
    for (const auto& example : table.examples)
      examples +=
          fmt::format("  {}: {}\n", Printable(NameIn(result, table.table)), Printable(example));
  }
  auto failed = static_cast<std::size_t>(result.failed);
  auto text = columns.is_empty() ? std::string() : columns.Text();
  if (!examples.empty()) text += "for example:\n" + examples;
  if (result.sample) {
    std::int64_t rows = 0, of_rows = 0;
    for (const auto& table : result.tables) {
      rows += table.rows_source;
      of_rows += std::max(table.estimated_rows, table.rows_source);
    }
    text += fmt::format(
        "only a sample: {} of about {} rows, and as many of the landed keys; --seed {}\n",
        Grouped(rows), Grouped(of_rows), result.sample->seed);
  }
  return text + fmt::format("{}: {} equal, {} not; {}\n", Tables(result.tables.size()),
                            result.tables.size() - failed, failed,
                            DurationText(result.duration_us));
}

std::string CompactTable(const CompactResult& result, ShowsIdle shows_idle) {
  Columns columns({{"table"},
                   {"status"},
                   {"scd", kRight},
                   {"rows", kRight},
                   {"files", kRight},
                   {"size", kRight},
                   {"pruned", kRight},
                   {"time", kRight}});
  std::size_t changed = 0, idle = 0, failed = 0, skipped = 0;
  for (const auto& table : result.tables) {
    bool is_ok = table.outcome == Outcome::kOk;
    bool is_idle = is_ok && !table.has_changed;
    ++(is_idle ? idle : is_ok ? changed : table.outcome == Outcome::kFailed ? failed : skipped);
    if (is_idle && shows_idle == ShowsIdle::kNo) continue;
    columns.Add({Printable(Display(table.table)), std::string(Name(table.outcome)),
                 fmt::format("{}", table.scd_type), Grouped(table.rows),
                 fmt::format("{}", table.files.size()), SizeText(table.bytes),
                 CountOrDash(table.pruned_files), DurationText(table.duration_us)});
  }
  auto text = fmt::format("{}: {} compacted", Tables(result.tables.size()), changed);
  if (idle > 0) text += fmt::format(", {} with nothing new", idle);
  if (skipped > 0) text += fmt::format(", {} skipped", skipped);
  if (failed > 0) text += fmt::format(", {} failed", failed);
  return (columns.is_empty() ? "" : columns.Text()) +
         fmt::format("{}; {}\n", text, DurationText(result.duration_us));
}

std::string StatusTable(const StatusResult& result, std::int64_t now_us) {
  Columns columns({{"table"},
                   {"version", kRight},
                   {"rows in files", kRight},
                   {"files", kRight},
                   {"last run"},
                   {"mode"},
                   {"reason"},
                   {"behind"},
                   {"changes expire"},
                   {"next"},
                   {"last error"}});
  for (const auto& table : result.tables) {
    if (table.failure) {
      columns.Add({Printable(table.table.name), "?", "?", "?", "-", "-", "-", "-", "-", "-",
                   "its state cannot be read"});
      continue;
    }
    auto name = fmt::format("{}.{}", table.table.database, Display(table.table));
    columns.Add({Printable(name), Grouped(table.version),
                 Grouped(table.loading_rows.value_or(table.rows)), Grouped(table.files),
                 When(table.last_run_us), table.last_mode.empty() ? "-" : table.last_mode,
                 table.loading_rows          ? "loading"
                 : table.last_reason.empty() ? "-"
                                             : table.last_reason,
                 Behind(table, now_us), Expiry(table, now_us),
                 table.next_reason.empty() ? "?" : table.next_reason,
                 table.last_failure ? Shortened(table.last_failure->message) : "-"});
  }
  auto text = (columns.is_empty() ? "" : columns.Text()) + Tables(result.tables.size()) + "\n";
  if (result.others.empty()) return text;
  constexpr std::size_t kNamesMax = 5;
  std::string names;
  for (std::size_t i = 0; i < std::min(result.others.size(), kNamesMax); ++i)
    names += fmt::format("{}{}.{}", i == 0 ? "" : ", ", result.others[i].database,
                         Display(result.others[i]));
  if (result.others.size() > kNamesMax) names += ", …";
  return text + fmt::format("{} more at the destination, not of this configuration: {}\n",
                            Tables(result.others.size()), Printable(names));
}

}  // namespace tidemark::cli
