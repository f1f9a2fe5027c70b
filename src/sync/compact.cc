#include <arrow/record_batch.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/failpoint.h"
#include "base/log.h"
#include "commit/views.h"
#include "fold/base_fold.h"
#include "sync/run_context.h"
#include "sync/sync_table.h"

namespace tidemark {
namespace {

// One table of a run, from its state to what is to be removed at the end.
struct CompactedTable {
  TableLayout layout;
  LandedState state;
  BaseKind kind;
  CompactTable report;
  std::optional<Landing> landing;  // has something to remove once the views are written

  bool is_open() const { return report.outcome == TableOutcome::kOk; }
};

// What the tables of one run share.
struct CompactContext {
  ObjectStore& store;
  const SyncOptions& options;
  bool prunes;
  const Format& format;
  FormatOptions encoding;
  std::string run_id, temp_dir;
  std::int64_t fold_memory_bytes = 0;
};

// The rows of a base to files of at most so many rows.
class BaseFiles {
 public:
  BaseFiles(const CompactContext& context, Landing& landing, std::shared_ptr<arrow::Schema> schema)
      : context_(context), landing_(landing), schema_(std::move(schema)) {}

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) {
    if (!encoder_) TRY(Open());
    TRY(encoder_->Write(rows));
    file_rows_ += rows->num_rows();
    return file_rows_ >= context_.options.max_rows_per_file ? End() : Status();
  }
  // A base of no rows is one empty file, so that the schema is there.
  Status Finish() {
    if (parts_ == 0) TRY(Open());
    return encoder_ ? End() : Status();
  }

 private:
  Status Open() {
    upload_ = TRY(landing_.StartBaseFile(++parts_, context_.format.extension));
    encoder_ = TRY(context_.format.open(schema_, context_.encoding, *upload_));
    file_rows_ = 0;
    return {};
  }
  Status End() {
    TRY(encoder_->Finish());
    encoder_.reset();
    auto upload = std::move(upload_);
    return landing_.SealFile(*upload);
  }

  const CompactContext& context_;
  Landing& landing_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<Upload> upload_;
  std::unique_ptr<Encoder> encoder_;  // Invariant: writes to upload_, so destroyed before it
  std::int64_t file_rows_ = 0;
  int parts_ = 0;
};

BaseKind KindOf(const SyncOptions& options, const LandedState& state) {
  auto shown = state.presentation.With(PresentationOf(options, state.name));
  return {.scd_type = std::max(1, shown.scd_type),
          .soft_delete = shown.soft_delete.value_or(false)};
}

bool IsToPrune(const CompactContext& context, const LandedState& state) {
  return context.prunes && state.base.data_files > 0;
}

bool HasWork(const CompactContext& context, const CompactedTable& table) {
  const auto& state = table.state;
  return !IsCompacted(state, table.kind) || IsToPrune(context, state) || !state.pending.empty() ||
         !state.remove.empty();
}

// "_tidemark/state/<db>/<schema>/<table>.json"
TableLayout LayoutOf(std::string_view key, const LandedState& state) {
  auto take_last = [&] {
    auto slash = key.rfind('/');
    auto part = std::string(key.substr(slash + 1));
    key = key.substr(0, slash);
    return part;
  };
  auto table = take_last(), schema = take_last(), database = take_last();
  table.resize(table.size() - std::string_view(".json").size());
  return {state.name, {database, schema, table}};
}

Status CheckGlobs(const SyncOptions& options, const std::vector<CompactedTable>& tables) {
  for (const auto& glob : options.include) {
    bool matches = std::ranges::any_of(
        tables, [&](const auto& table) { return MatchesGlob(glob, table.layout.name); });
    if (!matches)
      return Fail(ErrorKind::kInvalid, "--table \"" + glob + "\" matches no table that was landed",
                  "tidemark status lists them");
  }
  return {};
}

Result<std::vector<CompactedTable>> Landed(ObjectStore& store, const SyncOptions& options) {
  std::vector<CompactedTable> tables;
  TRY(ForEachState(store, [&](const std::string& key, Result<LandedState> state) -> Status {
    CompactedTable table;
    if (!state) {
      table.layout.name = table.report.name = {{}, {}, key};
      table.report.outcome = TableOutcome::kFailed;
      table.report.error = std::move(state.error()).While(key);
    } else if (state->is_loaded) {
      table.layout = LayoutOf(key, *state);
      table.report.name = state->name;
      table.kind = KindOf(options, *state);
      table.state = std::move(*state);
    } else {
      return {};
    }
    tables.push_back(std::move(table));
    return {};
  }));
  TRY(CheckGlobs(options, tables));
  std::erase_if(tables,
                [&](const CompactedTable& table) { return !IsChosen(options, table.layout.name); });
  std::ranges::sort(tables, {}, [](const CompactedTable& table) { return table.layout.name; });
  return tables;
}

Status MakeBase(const CompactContext& context, CompactedTable& table, Landing& landing) {
  const auto& state = landing.state();
  BaseFiles files(context, landing, BaseSchema(state, table.kind));
  BaseFoldOptions options{.kind = table.kind,
                          .memory_bytes = context.fold_memory_bytes,
                          .temp_dir = context.temp_dir,
                          .stop = context.options.stop,
                          .read = {}};
  if (auto* progress = context.options.progress)
    options.read = [&table, progress](std::int64_t rows) {
      progress->Advanced(table.layout.name, rows, 0);
    };
  table.report.rows = TRY(
      FoldIntoBase(context.store, table.layout, state, options,
                   [&](std::shared_ptr<arrow::RecordBatch> rows) { return files.Write(rows); }));
  TRY(files.Finish());
  table.report.bytes = landing.sealed_bytes();
  TRY(landing.CommitBase({.scd_type = table.kind.scd_type,
                          .soft_delete = table.kind.soft_delete,
                          .rows = table.report.rows,
                          .presentation = PresentationOf(context.options, table.layout.name)}));
  for (const auto& file : landing.state().base.files) table.report.files.push_back(file.key);
  return {};
}

Status Work(const CompactContext& context, CompactedTable& table) {
  if (context.options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  auto lock = context.store.TryLock(table.layout.LockKey());
  if (!lock) return Fail(lock.error());
  auto landing =
      TRY(Landing::Take(context.store, table.layout, context.run_id, *context.options.clock));
  table.kind = KindOf(context.options, landing.state());
  if (!IsCompacted(landing.state(), table.kind)) {
    auto made = MakeBase(context, table, landing);
    // Nothing was committed, so what was sealed can go at once; what cannot is swept by the next
    // run.
    if (!made) static_cast<void>(landing.DiscardSealed().has_value());
    TRY(made);
  }
  if (IsToPrune(context, landing.state())) {
    table.report.pruned_files = landing.state().base.data_files;
    TRY(landing.CommitPrune());
  }
  table.state = landing.state();
  table.landing = std::move(landing);
  return {};
}

void CompactOne(const CompactContext& context, CompactedTable& table) {
  auto& report = table.report;
  auto* progress = context.options.progress;
  auto began_us = context.options.clock->MonotonicUs();
  if (progress) progress->Began(table.layout.name, table.state.live_rows);
  auto done = CatchAll([&] { return Work(context, table); });
  report.duration_us = context.options.clock->MonotonicUs() - began_us;
  report.has_changed = done && (!report.files.empty() || report.pruned_files > 0);
  if (!done) {
    bool is_taken = done.error().kind == ErrorKind::kConflict;
    report.outcome = is_taken ? TableOutcome::kSkipped : TableOutcome::kFailed;
    report.error = OfTable(table.layout.name, done.error());
    report.rows = report.bytes = report.pruned_files = 0;
    report.files.clear();
  }
  if (progress) progress->Ended(table.layout.name, done.has_value());
}

// The new bases are named by the views before the old ones go.
Status EndRun(const CompactContext& context, std::vector<CompactedTable>& tables) {
  std::vector<SharedTable> shared;
  for (const auto& table : tables)
    if (!table.layout.path.table.empty()) shared.push_back({&table.layout, &table.state});
  TRY(WriteSharedViews(context.store, shared));
  for (auto& table : tables)
    if (table.landing)
      TRY_WHILE("table " + Display(table.layout.name), table.landing->FinishRemoval());
  return {};
}

Status Record(const CompactContext& context, const CompactReport& report) {
  RunRecord record{.run_id = report.run_id,
                   .source_identity = {},
                   .started_us = report.started_us,
                   .finished_us = context.options.clock->NowUs(),
                   .tables = {}};
  for (const auto& table : report.tables)
    if (table.has_changed)
      record.tables.push_back({.name = table.name,
                               .status = std::string(Name(table.outcome)),
                               .version = table.version,
                               .files = table.files});
  return record.tables.empty() ? Status() : WriteRunRecord(context.store, record);
}

Status CheckAllLocked(const CompactReport& report) {
  const CompactTable* locked = nullptr;
  for (const auto& table : report.tables) {
    if (table.outcome != TableOutcome::kSkipped) return {};
    locked = &table;
  }
  return locked ? Status(Fail(*locked->error)) : Status();
}

}  // namespace

int CompactReport::failed() const {
  int count = 0;
  for (const auto& table : tables) count += table.outcome == TableOutcome::kFailed;
  return count;
}

Result<CompactReport> Compact(ObjectStore& store, const SyncOptions& options, bool prunes) {
  CompactReport report;
  report.started_us = options.clock->NowUs();
  auto began_us = options.clock->MonotonicUs();
  report.run_id = NewRunId(options);
  auto resources = TRY(MakeResources(options));
  auto tables = TRY(Landed(store, options));
  CompactContext context{.store = store,
                         .options = options,
                         .prunes = prunes,
                         .format = *TRY(FindFormat("parquet")),
                         .encoding = resources.encoding,
                         .run_id = report.run_id,
                         .temp_dir = TempDir(options.temp_dir, store)};
  std::vector<CompactedTable*> work;
  std::int64_t rows = 0;
  for (auto& table : tables)
    if (table.is_open() && HasWork(context, table)) {
      work.push_back(&table);
      rows += table.state.live_rows;
    }
  auto at_once = std::min<std::int64_t>(resources.workers, std::ssize(work));
  context.fold_memory_bytes = options.memory_bytes / 2 / std::max<std::int64_t>(1, at_once);
  if (options.progress) options.progress->Planned(static_cast<int>(work.size()), rows);
  TaskGroup group(*resources.pool);
  for (auto* table : work)
    group.Add([&context, table]() -> Status {
      CompactOne(context, *table);
      return {};
    });
  TIDEMARK_CHECK(group.WaitIdle().has_value());
  // The bases are committed whatever comes of the rest.
  if (auto ended = EndRun(context, tables); !ended)
    Log(LogLevel::kWarning,
        "not all that was replaced could be removed; the next run of the table does it: " +
            ended.error().message);
  for (auto& table : tables) {
    table.report.version = table.state.position.version;
    table.report.scd_type = table.kind.scd_type;
    table.report.soft_delete = table.kind.soft_delete;
    report.tables.push_back(std::move(table.report));
  }
  report.duration_us = options.clock->MonotonicUs() - began_us;
  TRY(CheckAllLocked(report));
  if (auto written = Record(context, report); !written)
    Log(LogLevel::kWarning, "the run's record could not be written: " + written.error().message);
  if (options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  return report;
}

}  // namespace tidemark
