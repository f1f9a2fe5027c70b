#include "library/results.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "source/source.h"

namespace tidemark {
namespace {

constexpr std::array kFailureKinds = {
    FailureKind::kInvalid,     FailureKind::kNotFound,    FailureKind::kConflict,
    FailureKind::kDenied,      FailureKind::kUnavailable, FailureKind::kCorrupt,
    FailureKind::kUnsupported, FailureKind::kCancelled,   FailureKind::kInternal};

FailureKind KindOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return FailureKind::kInvalid;
    case ErrorKind::kNotFound:
      return FailureKind::kNotFound;
    case ErrorKind::kConflict:
      return FailureKind::kConflict;
    case ErrorKind::kDenied:
      return FailureKind::kDenied;
    case ErrorKind::kUnavailable:
      return FailureKind::kUnavailable;
    case ErrorKind::kCorrupt:
      return FailureKind::kCorrupt;
    case ErrorKind::kUnsupported:
      return FailureKind::kUnsupported;
    case ErrorKind::kCancelled:
      return FailureKind::kCancelled;
    case ErrorKind::kMisfit:
    case ErrorKind::kInternal:
      return FailureKind::kInternal;
  }
  return FailureKind::kInternal;
}

FailureKind KindOf(std::string_view name) {
  const auto* found =
      std::ranges::find_if(kFailureKinds, [&](FailureKind kind) { return Name(kind) == name; });
  return found == kFailureKinds.end() ? FailureKind::kInternal : *found;
}

Outcome OutcomeOf(TableOutcome outcome) {
  switch (outcome) {
    case TableOutcome::kOk:
      return Outcome::kOk;
    case TableOutcome::kFailed:
      return Outcome::kFailed;
    case TableOutcome::kSkipped:
      return Outcome::kSkipped;
  }
  return Outcome::kFailed;
}

TableId IdOf(const TableName& name) {
  return {.database = name.database, .schema = name.schema, .name = name.name};
}

std::optional<Failure> FailureOf(const std::optional<Error>& error) {
  return error ? std::optional(FailureOf(Error(*error))) : std::nullopt;
}

std::vector<DatabaseResult> ResultsOf(const std::vector<DatabaseOutcome>& databases) {
  std::vector<DatabaseResult> results;
  for (const auto& database : databases) {
    auto& result = results.emplace_back(
        DatabaseResult{.name = database.name, .run_id = database.run_id, .failure = {}});
    if (database.error) result.failure = FailureOf(Error(*database.error), database.source);
  }
  return results;
}

TableResult ResultOf(const TableReport& table) {
  return {.table = IdOf(table.name),
          .outcome = OutcomeOf(table.outcome),
          .is_incremental = table.is_incremental,
          .reason = std::string(Name(table.reason)),
          .rows = table.rows,
          .inserted = table.inserted,
          .updated = table.updated,
          .deleted = table.deleted,
          .bytes = table.bytes,
          .version = table.version,
          .since_version = table.since_version,
          .files = table.files,
          .duration_us = table.duration_us,
          .attempts = table.attempts,
          .waited_us = table.waited_us,
          .resumed_rows = table.resumed_rows,
          .failure = FailureOf(table.error),
          .warnings = table.warnings};
}

TableCheck ResultOf(const VerifyTable& table) {
  return {.table = IdOf(table.name),
          .is_equal = table.is_equal(),
          .rows_source = table.rows_source,
          .rows_landed = table.rows_landed,
          .missing = table.missing,
          .extra = table.extra,
          .different = table.different,
          .pending = table.pending,
          .estimated_rows = table.estimated_rows,
          .examples = table.examples,
          .warnings = table.warnings,
          .failure = FailureOf(table.error)};
}

CompactedTable ResultOf(const CompactTable& table) {
  return {.table = IdOf(table.name),
          .outcome = OutcomeOf(table.outcome),
          .has_changed = table.has_changed,
          .scd_type = table.scd_type,
          .soft_delete = table.soft_delete,
          .version = table.version,
          .rows = table.rows,
          .bytes = table.bytes,
          .files = table.files,
          .pruned_files = table.pruned_files,
          .duration_us = table.duration_us,
          .failure = FailureOf(table.error)};
}

template <class Result, class Table>
std::vector<Result> ResultsOf(const std::vector<Table>& tables) {
  std::vector<Result> results;
  results.reserve(tables.size());
  for (const auto& table : tables) results.push_back(ResultOf(table));
  return results;
}

}  // namespace

std::string_view Name(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid:
      return Name(ErrorKind::kInvalid);
    case FailureKind::kNotFound:
      return Name(ErrorKind::kNotFound);
    case FailureKind::kConflict:
      return Name(ErrorKind::kConflict);
    case FailureKind::kDenied:
      return Name(ErrorKind::kDenied);
    case FailureKind::kUnavailable:
      return Name(ErrorKind::kUnavailable);
    case FailureKind::kCorrupt:
      return Name(ErrorKind::kCorrupt);
    case FailureKind::kUnsupported:
      return Name(ErrorKind::kUnsupported);
    case FailureKind::kCancelled:
      return Name(ErrorKind::kCancelled);
    case FailureKind::kInternal:
      return Name(ErrorKind::kInternal);
  }
  return Name(ErrorKind::kInternal);
}

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return Name(TableOutcome::kOk);
    case Outcome::kFailed:
      return Name(TableOutcome::kFailed);
    case Outcome::kSkipped:
      return Name(TableOutcome::kSkipped);
  }
  return Name(TableOutcome::kFailed);
}

Failure FailureOf(Error error, const std::string& about) {
  return {.kind = KindOf(error.kind),
          .message = std::move(error.message),
          .hint = std::move(error.hint),
          .about = WithoutSecrets(about)};
}

std::unexpected<Failure> Failed(Error error, const std::string& about) {
  return std::unexpected(FailureOf(std::move(error), about));
}

SyncResult ResultOf(const SyncReport& report) {
  return {.run_id = report.run_id,
          .started_us = report.started_us,
          .duration_us = report.duration_us,
          .waited_us = report.waited_us,
          .rows = report.rows(),
          .bytes = report.bytes(),
          .failed = report.failed(),
          .tables = ResultsOf<TableResult>(report.tables),
          .databases = ResultsOf(report.databases),
          .is_stopped = report.is_stopped};
}

VerifyResult ResultOf(const VerifyReport& report) {
  VerifyResult result{.duration_us = report.duration_us,
                      .failed = report.failed(),
                      .sample = {},
                      .tables = ResultsOf<TableCheck>(report.tables),
                      .databases = ResultsOf(report.databases)};
  if (const auto& sample = report.sample)
    result.sample = {.rows = sample->rows, .share = sample->share, .seed = sample->seed};
  return result;
}

CompactResult ResultOf(const CompactReport& report) {
  return {.run_id = report.run_id,
          .started_us = report.started_us,
          .duration_us = report.duration_us,
          .failed = report.failed(),
          .tables = ResultsOf<CompactedTable>(report.tables)};
}

TableStanding StandingOf(const StatusTable& table) {
  TableStanding standing{.table = IdOf(table.name),
                         .version = table.version,
                         .files = table.live_files,
                         .rows = table.live_rows,
                         .last_mode = table.last_mode,
                         .last_reason = table.last_reason,
                         .last_run_id = table.last_run_id,
                         .last_run_us = table.last_run_us,
                         .checked_us = table.checked_us,
                         .expires_us = table.expires_us,
                         .retention_us = table.retention_seconds * 1'000'000,
                         .interval_us = table.interval_us,
                         .loading_rows = table.loading_rows,
                         .last_failure = {},
                         .warnings = table.warnings,
                         .failure = FailureOf(table.error)};
  if (const auto& failure = table.last_failure) {
    standing.last_failure = {.kind = KindOf(failure->kind),
                             .message = failure->message,
                             .hint = failure->hint,
                             .about = {}};
    standing.last_failure_run_id = failure->run_id;
    standing.last_failure_us = failure->at_us;
  }
  return standing;
}

void ProgressCalls::Planned(int tables, std::int64_t estimated_rows) {
  Tell({.kind = ProgressEvent::Kind::kPlanned,
        .tables = tables,
        .table = {},
        .estimated_rows = estimated_rows});
}
void ProgressCalls::Began(const TableName& table, std::int64_t estimated_rows) {
  Tell({.kind = ProgressEvent::Kind::kBegan,
        .table = IdOf(table),
        .estimated_rows = estimated_rows});
}
void ProgressCalls::Retried(const TableName& table) {
  Tell({.kind = ProgressEvent::Kind::kRetried, .table = IdOf(table)});
}
void ProgressCalls::Resumed(const TableName& table, std::int64_t rows) {
  Tell({.kind = ProgressEvent::Kind::kResumed, .table = IdOf(table), .rows = rows});
}
void ProgressCalls::Advanced(const TableName& table, std::int64_t rows, std::int64_t bytes) {
  Tell(
      {.kind = ProgressEvent::Kind::kAdvanced, .table = IdOf(table), .rows = rows, .bytes = bytes});
}
void ProgressCalls::Ended(const TableName& table, bool is_ok) {
  Tell({.kind = ProgressEvent::Kind::kEnded, .table = IdOf(table), .is_ok = is_ok});
}

}  // namespace tidemark
