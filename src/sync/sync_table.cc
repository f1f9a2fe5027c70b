#include "sync/sync_table.h"

#include <arrow/api.h>

#include <algorithm>
#include <atomic>

#include "base/log.h"
#include "fold/fold.h"
#include "sync/run_context.h"
#include "sync/table_files.h"

namespace tidemark {
namespace {

// A refit that leads to another misfit on the same snapshot would be a bug; this ends it.
constexpr int kRefitsMax = 3;

// What the landed rows are read back for.
enum class FoldUse { kGoneKeys, kWhetherEqual, kChangedRows };

// One run's work on one table.
class TableRun {
 public:
  TableRun(const RunContext& context, SurveyedTable& table, Landing landing, std::int64_t began_us)
      : context_(context),
        table_(table),
        report_(table.report),
        landing_(std::move(landing)),
        rows_as_(table.decision.table),
        began_us_(began_us) {}

  Status Run() {
    auto done = ReadWidening();
    if (!done) {
      // Nothing was committed, so what was sealed can go at once; what cannot is swept by the next
      // run.
      static_cast<void>(landing_.DiscardSealed().has_value());
      return done;
    }
    return HasNothingToCommit() ? Status() : Commit();
  }

 private:
  const Decision& decision() const { return table_.decision; }
  bool is_loading() const { return !report_.is_incremental; }

  Status ReadWidening() {
    auto done = Read();
    for (int refits = 0; !done && done.error().kind == ErrorKind::kMisfit; ++refits) {
      if (refits == kRefitsMax) return Fail(ErrorKind::kInternal, done.error().message);
      TRY(Widen(done.error()));
      done = Read();
    }
    return done;
  }

  // A comparison that found nothing, of a table whose position stays.
  bool HasNothingToCommit() const {
    return is_compared_equal_ && !table_.has_lost_watermark &&
           table_.status->current == table_.state.position &&
           table_.status->schema_version == table_.state.schema_version &&
           table_.state.source_identity == context_.source_identity;
  }

  Status Read() {
    switch (decision().action) {
      case Action::kNothing:
        return {};
      case Action::kLoad:
        return Load();
      case Action::kChanges:
        return Changes();
      case Action::kCompare:
        return Compare();
      case Action::kCompareOrLoad:
        return TRY(IsAsLanded()) ? Status() : Load();
    }
    return {};
  }

  TableFiles NewFiles(bool is_one_lane);
  std::int64_t NextVersion() const;
  Status Load();
  Status LandGone(Fold& fold, LaneFiles& lane);
  Status Changes();
  Status Compare();
  Result<bool> IsAsLanded();
  void FoundEqual();
  Status Widen(const Error& misfit);
  Status Commit();
  Result<std::unique_ptr<Fold>> OpenFold(FoldUse use);
  Status CountChanges(const arrow::RecordBatch& changes);
  void Advanced(std::int64_t rows) {
    if (context_.options.progress) context_.options.progress->Advanced(rows_as_.name, rows, 0);
  }

  const RunContext& context_;
  SurveyedTable& table_;
  TableReport& report_;
  Landing landing_;
  Table rows_as_;  // grows wider when values do not fit
  std::int64_t began_us_;
  bool is_compared_equal_ = false;
};

// Lanes of a load: rows to files, their keys to the fold that looks for what is gone.
class LoadLane final : public Lane {
 public:
  LoadLane(TableFiles& files, Fold* fold, std::int64_t version, std::atomic<std::int64_t>& rows)
      : files_(files), fold_(fold), version_(version), rows_(rows) {}
  Status Consume(const arrow::RecordBatch& rows) override {
    if (fold_) TRY(fold_->AddSource(rows));
    return files_.WriteAs('L', version_, rows);
  }
  Status Finish() override {
    rows_ += files_.rows();
    return files_.Finish();
  }

 private:
  LaneFiles files_;
  Fold* fold_;
  std::int64_t version_;
  std::atomic<std::int64_t>& rows_;
};

// The versions of a source that has none of its own are the landing's count.
std::int64_t TableRun::NextVersion() const {
  if (!table_.status->current.incarnation.empty()) return table_.status->current.version;
  return table_.state.position.version + 1;
}

TableFiles TableRun::NewFiles(bool is_one_lane) {
  auto encoding = context_.encoding;
  // Lanes keep the cores busy; a single one shares its columns out.
  encoding.pool = is_one_lane ? &context_.pool : nullptr;
  return TableFiles(landing_, rows_as_, context_.format, encoding,
                    context_.options.max_rows_per_file);
}

Result<std::unique_ptr<Fold>> TableRun::OpenFold(FoldUse use) {
  auto fold = TRY(Fold::Open(context_.store, table_.layout, landing_.state(), rows_as_,
                             use == FoldUse::kChangedRows,
                             {.memory_bytes = context_.fold_memory_bytes,
                              .temp_dir = context_.temp_dir,
                              .stop = context_.options.stop,
                              .compares_rows = use != FoldUse::kGoneKeys}));
  for (const auto& file : fold->missing_files())
    report_.warnings.push_back("landed file " + file +
                               " is gone; --mode full lands its rows again");
  return fold;
}

Status TableRun::Load() {
  report_.version = NextVersion();
  std::unique_ptr<Fold> fold;
  if (decision().lands_deletes) fold = TRY(OpenFold(FoldUse::kGoneKeys));
  auto slices = TRY(SplitTable(context_, rows_as_));
  auto files = NewFiles(slices.size() == 1);
  std::atomic<std::int64_t> rows = 0;
  TRY(ReadSlices(context_, rows_as_, slices, [&] {
    return std::make_unique<LoadLane>(files, fold.get(), report_.version, rows);
  }));
  report_.rows = rows;
  LaneFiles lane(files);
  report_.deleted = 0;
  if (fold) TRY(LandGone(*fold, lane));
  return lane.Finish(/*opens_one=*/rows == 0);
}

Status TableRun::LandGone(Fold& fold, LaneFiles& lane) {
  report_.deleted = TRY(fold.Gone([&](std::shared_ptr<arrow::RecordBatch> keys) {
    return lane.WriteAs('D', report_.version, *keys);
  }));
  return {};
}

Status TableRun::CountChanges(const arrow::RecordBatch& changes) {
  const auto& operations = static_cast<const arrow::StringArray&>(*changes.column(2));
  for (std::int64_t i = 0; i < operations.length(); ++i) {
    char operation = operations.GetView(i)[0];
    report_.inserted += operation == 'I';
    report_.updated += operation == 'U';
    report_.deleted += operation == 'D';
  }
  report_.rows += operations.length();
  Advanced(operations.length());
  return {};
}

Status TableRun::Changes() {
  report_.rows = report_.inserted = report_.updated = report_.deleted = 0;
  auto files = NewFiles(/*is_one_lane=*/true);
  LaneFiles lane(files);
  auto changes = TRY(context_.snapshot.Changes(rows_as_, table_.state.position.version));
  while (auto batch = TRY(changes->Next())) {
    if (context_.options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    TRY(CountChanges(*batch));
    TRY(lane.Write(batch));
  }
  return lane.Finish();
}

Status TableRun::Compare() {
  report_.rows = report_.inserted = report_.updated = report_.deleted = 0;
  report_.version = NextVersion();
  auto fold = TRY(OpenFold(FoldUse::kChangedRows));
  TRY(FoldAllRows(context_, rows_as_, *fold));
  auto files = NewFiles(/*is_one_lane=*/true);
  LaneFiles lane(files);
  auto land = [&](char operation, std::int64_t& count) {
    return [&, operation](std::shared_ptr<arrow::RecordBatch> rows) {
      count += rows->num_rows();
      report_.rows += rows->num_rows();
      return lane.WriteAs(operation, report_.version, *rows);
    };
  };
  TRY(fold->Differences({.inserted = land('I', report_.inserted),
                         .updated = land('U', report_.updated),
                         .deleted = land('D', report_.deleted)}));
  TRY(lane.Finish());
  if (report_.rows == 0) FoundEqual();
  return {};
}

Result<bool> TableRun::IsAsLanded() {
  auto fold = TRY(OpenFold(FoldUse::kWhetherEqual));
  TRY(FoldAllRows(context_, rows_as_, *fold));
  auto counts = TRY(fold->Differences({}));
  if (counts.missing + counts.extra + counts.different > 0) return false;
  FoundEqual();
  return true;
}

void TableRun::FoundEqual() {
  is_compared_equal_ = true;
  report_.is_incremental = true;
  // Nothing is tracked: the count stays where it is.
  if (table_.status->current.incarnation.empty()) {
    report_.version = table_.state.position.version;
    table_.status->current = table_.state.position;
  }
}

// A value did not fit: everything of the table is read again with columns that hold all values.
Status TableRun::Widen(const Error& misfit) {
  Log(LogLevel::kInfo, misfit.message);
  TRY(landing_.DiscardSealed());
  auto wider = TRY(context_.snapshot.Refit(rows_as_));
  for (const auto& column : wider.columns) {
    auto old = std::ranges::find(rows_as_.columns, column.name, &Column::name);
    if (old == rows_as_.columns.end() || old->type->Equals(*column.type)) continue;
    report_.warnings.push_back("column \"" + column.name + "\" holds values that " +
                               TypeName(*old->type) + " cannot: landed as " +
                               TypeName(*column.type));
  }
  bool is_other_key = wider.key != rows_as_.key;
  for (const auto& warning : wider.warnings)
    if (std::ranges::find(report_.warnings, warning) == report_.warnings.end())
      report_.warnings.push_back(warning);
  auto& decision = table_.decision;
  auto has_key_type_changed = std::ranges::any_of(wider.key, [&](const std::string& name) {
    auto type = [&](const Table& t) {
      return std::ranges::find(t.columns, name, &Column::name)->type->ToString();
    };
    return type(wider) != type(rows_as_);
  });
  rows_as_ = std::move(wider);
  decision.action = Action::kLoad;
  report_.is_incremental = false;
  report_.inserted = report_.updated = 0;
  if (!table_.state.is_loaded) return {};
  report_.reason = is_other_key ? Reason::kKeyChanged : Reason::kWidened;
  // Files with the narrower type beside files with the wider one mislead plain readers.
  decision.replaces_older_files = true;
  decision.lands_deletes = !is_other_key && !has_key_type_changed && !rows_as_.key.empty();
  return {};
}

Status TableRun::Commit() {
  const auto& status = *table_.status;
  LandingCommit commit;
  commit.position = status.current;
  commit.position.version = report_.version;
  commit.source_identity = context_.source_identity;
  commit.fingerprint = status.table.fingerprint;
  commit.schema_version = status.schema_version;
  commit.columns = rows_as_.columns;
  commit.key = rows_as_.key;
  commit.config = ConfigOf(context_.options, table_.layout.name);
  commit.retention_seconds = status.retention_seconds;
  commit.replaces_older_files = decision().replaces_older_files && is_loading();
  auto& summary = commit.summary;
  summary.mode = is_loading() ? "full" : "incremental";
  summary.reason = Name(report_.reason);
  summary.version = report_.version;
  summary.since_version = report_.since_version;
  summary.rows = report_.rows;
  summary.inserted = report_.inserted;
  summary.updated = report_.updated;
  summary.deleted = report_.deleted;
  report_.bytes = landing_.sealed_bytes();
  summary.duration_ms = (context_.options.clock->MonotonicUs() - began_us_) / 1000;
  TRY(landing_.Commit(std::move(commit)));
  report_.files = landing_.state().last_run.files;
  return {};
}

// A state that changed since the survey means that someone else has been here.
Result<Landing> TakeAsSurveyed(const RunContext& context, const SurveyedTable& table) {
  auto landing =
      TRY(Landing::Take(context.store, table.layout, context.run_id, *context.options.clock));
  if (landing.state().epoch != table.state.epoch + 1 ||
      !(landing.state().position == table.state.position))
    return Fail(ErrorKind::kConflict, "another run landed it in the meantime",
                "run again: nothing is lost");
  return landing;
}

Status Run(const RunContext& context, SurveyedTable& table, std::int64_t began_us) {
  if (context.options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  auto lock = TRY(LockTable(context.store, table));
  if (!lock) return {};
  auto landing = TRY(TakeAsSurveyed(context, table));
  return TableRun(context, table, std::move(landing), began_us).Run();
}

}  // namespace

bool NeedsTurn(const SyncOptions& options, const SurveyedTable& table) {
  const auto& state = table.state;
  if (table.decision.action != Action::kNothing) return true;
  if (!state.pending.empty() || !state.remove.empty() || table.has_lost_watermark) return true;
  if (options.adopts_moved_source) return true;  // to note the source's new place
  return state.retention_seconds > 0 &&
         options.clock->NowUs() - state.landed_at_us > state.retention_seconds * 1'000'000 / 4;
}

Result<std::unique_ptr<AdvisoryLock>> LockTable(ObjectStore& store, SurveyedTable& table) {
  auto lock = store.TryLock(table.layout.LockKey());
  if (lock || lock.error().kind != ErrorKind::kConflict) return lock;
  table.report.outcome = TableOutcome::kSkipped;
  table.report.error = OfTable(table.layout.name, lock.error());
  return nullptr;
}

void SyncTable(const RunContext& context, SurveyedTable& table) {
  auto& report = table.report;
  auto& clock = *context.options.clock;
  auto began_us = clock.MonotonicUs();
  auto* progress = context.options.progress;
  if (progress) progress->Began(table.layout.name, table.decision.table.estimated_rows);
  auto done = CatchAll([&] { return Run(context, table, began_us); });
  report.duration_us = clock.MonotonicUs() - began_us;
  if (done && report.rows == 0 && report.is_incremental) report.reason = Reason::kNoChanges;
  if (!done) {
    // Another run has the table: it is looked after.
    bool is_taken = done.error().kind == ErrorKind::kConflict;
    report.outcome = is_taken ? TableOutcome::kSkipped : TableOutcome::kFailed;
    report.error = OfTable(table.layout.name, done.error());
    report.rows = report.inserted = report.updated = report.deleted = report.bytes = 0;
    report.files.clear();
  }
  if (progress) progress->Ended(table.layout.name, done.has_value());
}

}  // namespace tidemark
