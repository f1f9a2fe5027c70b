#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/failpoint.h"
#include "base/log.h"
#include "commit/views.h"
#include "sync/retry.h"
#include "sync/run_context.h"
#include "sync/sync_table.h"

namespace tidemark {
namespace {

// Leaves out, before anything is read or copied, what another run is at work on. The lock itself is
// taken when a table's turn comes: a run of many tables would run out of descriptors otherwise.
Status LeaveOutLocked(ObjectStore& store, std::vector<SurveyedTable*>& work) {
  std::vector<SurveyedTable*> free;
  for (auto* table : work)
    if (TRY(LockTable(store, *table))) free.push_back(table);
  work = std::move(free);
  return {};
}

Status Prepare(Snapshot& snapshot, const std::vector<SurveyedTable*>& work) {
  std::vector<ReadPlan> plans;
  for (const auto* table : work) {
    const auto& decision = table->decision;
    if (decision.action == Action::kNothing) continue;
    ReadPlan plan{.table = decision.table, .since_version = std::nullopt};
    if (decision.action == Action::kChanges)
      plan.since_version = decision.adopted_version.value_or(table->state.position.version);
    plans.push_back(std::move(plan));
  }
  return snapshot.Prepare(plans);
}

void RunTables(const RunContext& context, std::vector<SurveyedTable*>& work) {
  // The largest first, so that none of them is left over at the end.
  std::ranges::stable_sort(work, std::ranges::greater(),
                           [](const auto* t) { return t->decision.table.estimated_rows; });
  TaskGroup group(context.pool);
  for (auto* table : work)
    group.Add([&context, table]() -> Status {
      SyncTable(context, *table);
      return {};
    });
  TIDEMARK_CHECK(group.WaitIdle().has_value());
}

FailureNote FailureOf(const TableReport& table, const std::string& run_id, std::int64_t now_us) {
  return {.at_us = now_us,
          .run_id = run_id,
          .kind = std::string(Name(table.error->kind)),
          .message = table.error->message,
          .hint = table.error->hint};
}

// Which files of which tables belong to one cut; tables that were idle are in the note.
Status WriteRecords(ObjectStore& store, const SyncOptions& options,
                    const std::string& source_identity, const SyncReport& report) {
  auto now_us = options.clock->NowUs();
  RunRecord record{.run_id = report.run_id,
                   .source_identity = source_identity,
                   .started_us = report.started_us,
                   .finished_us = now_us,
                   .tables = {}};
  bool has_landed = false;
  IdleNote idle{.run_id = report.run_id, .runs_us = {report.started_us}};
  for (const auto& table : report.tables) {
    has_landed |= !table.files.empty();
    if (table.outcome == TableOutcome::kOk && table.files.empty())
      idle.checked_us.emplace(Display(table.name), now_us);
    else if (table.outcome == TableOutcome::kOk)
      idle.landed.push_back(Display(table.name));
    else if (table.outcome == TableOutcome::kFailed && table.error)
      idle.failed.emplace(Display(table.name), FailureOf(table, report.run_id, now_us));
    record.tables.push_back({.name = table.name,
                             .status = std::string(Name(table.outcome)),
                             .version = table.version,
                             .files = table.files});
  }
  FAILPOINT(run_record_before);
  if (has_landed) TRY(WriteRunRecord(store, record));
  if (!report.tables.empty())
    TRY(WriteIdleNote(store, report.tables.front().name.database, std::move(idle)));
  FAILPOINT(run_record_after);
  return {};
}

// Of every table that was looked at: what a dead run left undone is made good too.
Status WriteShared(ObjectStore& store, const Survey& survey) {
  std::vector<SharedTable> tables;
  for (const auto& table : survey.tables)
    if (!table.layout.path.table.empty()) tables.push_back({&table.layout, &table.state});
  return WriteSharedViews(store, tables);
}

// Each table that is worked on at once may fold.
std::int64_t FoldMemory(const SyncOptions& options, int workers, std::size_t tables) {
  auto at_once = std::min<std::int64_t>(workers, static_cast<std::int64_t>(tables));
  return options.memory_bytes / 2 / std::max<std::int64_t>(2, at_once);
}

Status CheckAllLocked(const SyncReport& report) {
  const TableReport* locked = nullptr;
  for (const auto& table : report.tables) {
    if (table.outcome != TableOutcome::kSkipped) return {};
    // Others are skipped without an error: dropped, or of a kind that cannot be landed.
    if (table.error) locked = &table;
  }
  return locked ? Status(Fail(*locked->error)) : Status();
}

// One attempt at all tables that are wanted, or at those that an earlier one left.
struct Attempt {
  Source& source;
  ObjectStore& store;
  const SyncOptions& options;
  const RunResources& resources;
  const std::string& run_id;
  int number = 1;
};

// The result of a table's newest attempt takes the place of the one before.
void Merge(TableReport table, int attempt, SyncReport& report) {
  auto earlier = std::ranges::find(report.tables, table.name, &TableReport::name);
  table.attempts = attempt;
  if (earlier == report.tables.end()) {
    table.waited_us = report.waited_us;
    report.tables.push_back(std::move(table));
    return;
  }
  table.waited_us = earlier->waited_us;
  for (auto& warning : earlier->warnings)
    if (std::ranges::find(table.warnings, warning) == table.warnings.end())
      table.warnings.push_back(std::move(warning));
  table.duration_us += earlier->duration_us;
  *earlier = std::move(table);
}

// Its snapshot ends with it, so that a wait for the next attempt is in nobody's way. The source's
// identity.
Result<std::string> RunAttempt(const Attempt& attempt, SyncReport& report) {
  const auto& options = attempt.options;
  auto temp_dir = TempDir(options.temp_dir, attempt.store);
  auto survey =
      TRY(LookAround(attempt.source, attempt.store, *attempt.resources.pool, options, temp_dir));
  std::vector<SurveyedTable*> work;
  std::int64_t estimated_rows = 0;
  for (auto& table : survey.tables)
    if (table.is_open() && NeedsTurn(options, table)) {
      work.push_back(&table);
      estimated_rows += table.decision.table.estimated_rows;
    }
  TRY(LeaveOutLocked(attempt.store, work));
  TRY(Prepare(*survey.snapshot, work));
  RunContext context{
      .store = attempt.store,
      .snapshot = *survey.snapshot,
      .options = options,
      .format = *attempt.resources.format,
      .encoding = attempt.resources.encoding,
      .pool = *attempt.resources.pool,
      .run_id = attempt.run_id,
      .source_identity = survey.source_identity,
      .temp_dir = temp_dir,
      .workers = attempt.resources.workers,
      .fold_memory_bytes = FoldMemory(options, attempt.resources.workers, work.size())};
  // What an earlier attempt sealed is not this one's.
  if (attempt.number > 1) context.run_id += "-" + std::to_string(attempt.number);
  if (options.progress && report.tables.empty())
    options.progress->Planned(static_cast<int>(work.size()), estimated_rows);
  RunTables(context, work);
  // The tables are landed whatever comes of the views.
  if (auto written = WriteShared(attempt.store, survey); !written)
    Log(LogLevel::kWarning, "the views of all tables could not be written; the next run will: " +
                                written.error().message);
  for (auto& table : survey.tables) Merge(std::move(table.report), attempt.number, report);
  return survey.source_identity;
}

std::set<TableName> TransientlyFailed(const SyncReport& report) {
  std::set<TableName> failed;
  for (const auto& table : report.tables)
    if (table.outcome != TableOutcome::kOk && table.error && IsTransient(*table.error))
      failed.insert(table.name);
  return failed;
}

// `error`: of an attempt that could do nothing; null: some tables failed, each with its own.
void WaitToRetry(const SyncOptions& options, int attempt, const Error* error, SyncReport& report) {
  auto wait_us = RetryWaitUs(options.retry, attempt, *options.random);
  auto note = [&](const Error& of) {
    Log(LogLevel::kInfo, of.message + "; attempt " + std::to_string(attempt + 1) + " of " +
                             std::to_string(options.retry.attempts) + " in " +
                             std::to_string(wait_us / 1000) + " ms");
  };
  if (error) note(*error);
  for (auto& table : report.tables) {
    if (table.outcome == TableOutcome::kOk || !table.error || !IsTransient(*table.error)) continue;
    if (!error) note(*table.error);
    table.waited_us += wait_us;
    if (options.progress && !error) options.progress->Retried(table.name);
  }
  report.waited_us += wait_us;
  options.clock->Wait(wait_us, options.stop);
}

}  // namespace

std::string_view Name(TableOutcome outcome) {
  switch (outcome) {
    case TableOutcome::kOk:
      return "ok";
    case TableOutcome::kFailed:
      return "failed";
    case TableOutcome::kSkipped:
      return "skipped";
  }
  return "failed";
}

std::string NewRunId(const SyncOptions& options) {
  return FormatFileTimestamp(options.clock->NowUs()) + "-" + RandomHex16(*options.random);
}

Result<RunResources> MakeResources(const SyncOptions& options) {
  RunResources resources;
  if (options.format != kPerTableFormat && options.format != kUnifiedFormat)
    return Fail(ErrorKind::kInvalid, "format \"" + options.format + "\" is not known",
                "allowed: per_table, unified");
  resources.format = TRY(FindFormat(options.format == kUnifiedFormat ? "unified" : "parquet"));
  resources.workers = options.workers > 0
                          ? options.workers
                          : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  resources.pool = std::make_unique<WorkerPool>(resources.workers);
  resources.encoding = options.encoding;
  auto lanes = std::max(2, resources.workers);
  resources.encoding.row_group_bytes =
      std::min(options.encoding.row_group_bytes,
               std::min(options.memory_bytes / 4, options.memory_bytes / 2 / lanes));
  return resources;
}

std::string TempDir(const std::string& asked, const ObjectStore& store) {
  if (!asked.empty()) return asked;
  const char* dir = std::getenv("TMPDIR");
  if (dir && *dir) return dir;
  // The destination has room for the table, which the system's own folder may not have.
  std::error_code ignored;
  auto own = std::filesystem::path(store.Location()) / "_tidemark" / "tmp";
  if (std::filesystem::is_directory(store.Location(), ignored)) {
    std::filesystem::create_directories(own, ignored);
    if (std::filesystem::is_directory(own, ignored)) return own.string();
  }
  return "/tmp";
}

Result<SyncReport> Sync(Source& source, ObjectStore& store, const SyncOptions& options) {
  SyncReport report;
  report.started_us = options.clock->NowUs();
  auto began_us = options.clock->MonotonicUs();
  report.run_id = NewRunId(options);
  auto resources = TRY(MakeResources(options));
  auto attempt_options = options;
  std::string source_identity;
  for (int attempt = 1;; ++attempt) {
    Attempt this_attempt{.source = source,
                         .store = store,
                         .options = attempt_options,
                         .resources = resources,
                         .run_id = report.run_id,
                         .number = attempt};
    auto done = RunAttempt(this_attempt, report);
    if (done) source_identity = *done;
    // Nothing could be done at all, and that will not change.
    if (!done && (attempt >= options.retry.attempts || !IsTransient(done.error()))) {
      if (report.tables.empty()) return Fail(done.error());
      break;
    }
    if (done) attempt_options.only = TransientlyFailed(report);
    if ((done && attempt_options.only.empty()) || attempt >= options.retry.attempts ||
        options.stop.stop_requested())
      break;
    WaitToRetry(options, attempt, done ? nullptr : &done.error(), report);
  }
  report.duration_us = options.clock->MonotonicUs() - began_us;
  if (report.tables.empty() && options.stop.stop_requested())
    return Fail(ErrorKind::kCancelled, "stopped");
  TRY(CheckAllLocked(report));
  // The tables are landed whatever comes of the record.
  if (auto written = WriteRecords(store, options, source_identity, report); !written)
    Log(LogLevel::kWarning, "the run's record could not be written: " + written.error().message);
  report.is_stopped = options.stop.stop_requested();
  return report;
}

Result<SyncReport> Plan(Source& source, ObjectStore& store, const SyncOptions& options) {
  SyncReport report;
  report.started_us = options.clock->NowUs();
  auto resources = TRY(MakeResources(options));
  auto survey = TRY(LookAround(source, store, *resources.pool, options, /*temp_dir=*/{}));
  for (auto& table : survey.tables) {
    if (table.is_open() && table.decision.action == Action::kLoad)
      table.report.rows =
          table.status->has_estimate ? table.decision.table.estimated_rows : kRowsUnknown;
    else if (table.is_open() && table.decision.action != Action::kNothing)
      table.report.rows = kRowsUnknown;
    report.tables.push_back(table.report);
  }
  return report;
}

}  // namespace tidemark
