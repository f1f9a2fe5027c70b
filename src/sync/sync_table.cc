#include "sync/sync_table.h"

#include <arrow/api.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "commit/views.h"
#include "fold/fold.h"
#include "sync/load_slices.h"
#include "sync/run_context.h"
#include "sync/table_files.h"

namespace tidemark {
namespace {

// A refit that leads to another misfit on the same snapshot would be a bug; this ends it.
constexpr int kRefitsMax = 3;

bool IsShownAsSaid(const SyncOptions& options, const SurveyedTable& table) {
  const auto& shown = table.state.presentation;
  return shown.With(PresentationOf(options, table.layout.name)) == shown;
}

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
        began_us_(began_us) {
    NoteColumns();
  }

  Status Run() {
    auto done = ReadWidening();
    for (auto& warning : context_.snapshot.WarningsOf(rows_as_.name))
      report_.warnings.push_back(std::move(warning));
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
           IsShownAsSaid(context_.options, table_) &&
           table_.status->current == table_.state.position &&
           table_.status->schema_version == table_.state.schema_version &&
           table_.status->table.fingerprint == table_.state.fingerprint &&
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
        return TRY(IsAsLanded()) ? LandNames() : Load();
    }
    return {};
  }

  TableFiles NewFiles(bool is_one_lane);
  std::int64_t NextVersion() const;
  void NoteColumns();
  bool HasNewNames() const {
    return !decision().evolution.added.empty() || !decision().evolution.renamed.empty();
  }
  Status LandNames();
  Status Load();
  bool KeepsSlices(std::size_t slices) const;
  Result<std::vector<Slice>> BeginLoad();
  Status CatchUp(std::int64_t fence_version);
  Status LandGone(Fold& fold, LaneFiles& lane);
  Status Changes();
  Status LandChanges(std::int64_t since_version);
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
  Table rows_as_;       // grows wider when values do not fit
  LandedState landed_;  // what is landed, under the names and with the field ids of rows_as_
  std::int64_t began_us_;
  bool is_compared_equal_ = false;
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
  const auto& options = context_.options;
  auto schema = options.catalog_schemas.find(rows_as_.name.schema);
  encoding.facts = {
      .name = rows_as_.name,
      .catalog = options.catalog,
      .catalog_schema = schema == options.catalog_schemas.end() ? "" : schema->second,
      .schema_version = SchemaVersion(rows_as_.columns),
      .extracted_ms = 0,  // each file's own
  };
  return TableFiles(landing_, rows_as_, context_.format, encoding,
                    context_.options.max_rows_per_file);
}

Result<std::unique_ptr<Fold>> TableRun::OpenFold(FoldUse use) {
  auto fold =
      TRY(Fold::Open(context_.store, table_.layout, landed_, rows_as_, use == FoldUse::kChangedRows,
                     {.memory_bytes = context_.fold_memory_bytes,
                      .temp_dir = context_.temp_dir,
                      .stop = context_.options.stop,
                      .compares_rows = use != FoldUse::kGoneKeys}));
  for (const auto& file : fold->missing_files())
    report_.warnings.push_back("landed file " + file +
                               " is gone; --mode full lands its rows again");
  return fold;
}

void TableRun::NoteColumns() {
  bool follows = context_.options.SettingsOf(table_.layout.name).on_rename == OnRename::kViews;
  landed_ = Evolved(landing_.state(), decision().evolution, rows_as_,
                    follows ? landing_.timestamp_us() : 0);
}

// A file without rows: readers that look at all files must find the columns of the table.
Status TableRun::LandNames() {
  if (!HasNewNames()) return {};
  auto files = NewFiles(/*is_one_lane=*/true);
  return LaneFiles(files).Finish(/*opens_one=*/true);
}

// Only changes since its fence make a load exact that was read from two snapshots. A reload has to
// see every key, to find those that are gone, so that it is read in one go.
bool TableRun::KeepsSlices(std::size_t slices) const {
  return slices > 1 && !table_.state.is_loaded && table_.status->min_valid_version &&
         !table_.status->current.incarnation.empty() && !rows_as_.key.empty();
}

// The slices to read: those that an earlier run left, or all.
Result<std::vector<Slice>> TableRun::BeginLoad() {
  std::vector<Slice> slices;
  const auto& status = *table_.status;
  if (decision().goes_on) {
    auto load = *landing_.state().load;
    for (const auto& token : load.slices) slices.push_back({token});
    load.newest = status.current;
    landing_.BeginLoad(std::move(load));
    return slices;
  }
  slices = TRY(SplitTable(context_, rows_as_));
  if (!KeepsSlices(slices.size())) return slices;
  UnfinishedLoad load{.fence = status.current,
                      .newest = status.current,
                      .source_identity = context_.source_identity,
                      .fingerprint = status.table.fingerprint,
                      .schema_version = status.schema_version,
                      .columns = rows_as_.columns,
                      .key = rows_as_.key,
                      .config = ConfigOf(context_.options, table_.layout.name),
                      .slices = {},
                      .sealed = {},
                      .rows = 0};
  for (const auto& slice : slices) load.slices.push_back(slice.token);
  landing_.BeginLoad(std::move(load));
  return slices;
}

Status TableRun::Load() {
  report_.version = NextVersion();
  report_.inserted = report_.updated = report_.deleted = 0;
  std::unique_ptr<Fold> fold;
  if (decision().lands_deletes) fold = TRY(OpenFold(FoldUse::kGoneKeys));
  auto slices = TRY(BeginLoad());
  bool keeps_slices = landing_.state().load.has_value();
  auto fence_version = keeps_slices ? landing_.state().load->fence.version : report_.version;
  auto rows_before = keeps_slices ? landing_.state().load->rows : 0;
  auto files = NewFiles(LaneCount(context_, slices.size()) <= 1);
  LoadTarget target{.files = files,
                    .options = context_.options,
                    .fold = fold.get(),
                    .keeps_slices = keeps_slices,
                    .version = fence_version};
  TRY(ReadSlices(context_, rows_as_, slices, [&] { return MakeLoadLane(target); }));
  report_.rows = rows_before + target.rows;
  LaneFiles lane(files);
  if (fold) TRY(LandGone(*fold, lane));
  TRY(lane.Finish(/*opens_one=*/report_.rows == 0));
  return decision().goes_on ? CatchUp(fence_version) : Status();
}

// What changed since the load began, in a file that sorts after all of its files.
Status TableRun::CatchUp(std::int64_t fence_version) {
  if (fence_version == table_.status->current.version) return {};
  FAILPOINT(load_before_catch_up);
  landing_.AdvanceTimestamp();
  auto rows = report_.rows;
  TRY(LandChanges(fence_version));
  report_.rows = rows;
  return {};
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
  return LandChanges(decision().adopted_version.value_or(table_.state.position.version));
}

Status TableRun::LandChanges(std::int64_t since_version) {
  auto files = NewFiles(/*is_one_lane=*/true);
  LaneFiles lane(files);
  auto changes = TRY(context_.snapshot.Changes(rows_as_, since_version));
  while (auto batch = TRY(changes->Next())) {
    if (context_.options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    TRY(CountChanges(*batch));
    TRY(lane.Write(batch));
  }
  return lane.Finish(/*opens_one=*/HasNewNames() && report_.rows == 0);
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
  TRY(lane.Finish(/*opens_one=*/HasNewNames() && report_.rows == 0));
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
  TRY(landing_.DropLoad());
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
  NoteColumns();
  decision.action = Action::kLoad;
  decision.goes_on = false;
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
  commit.last_field_id = landed_.last_field_id;
  commit.dropped = landed_.dropped;
  bool follows = context_.options.SettingsOf(table_.layout.name).on_rename == OnRename::kViews;
  // A load has all rows under their present names.
  if (follows || !is_loading()) commit.former_names = landed_.former_names;
  commit.config = ConfigOf(context_.options, table_.layout.name);
  commit.presentation = PresentationOf(context_.options, table_.layout.name);
  commit.retention_seconds = status.retention_seconds;
  if (decision().adopted_version) commit.adopted_us = landing_.timestamp_us() - 1;
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
  table_.state = landing_.state();
  return {};
}

// A state that changed since the survey means that someone else has been here.
Result<Landing> TakeAsSurveyed(const RunContext& context, const SurveyedTable& table) {
  auto landing =
      TRY(Landing::Take(context.store, table.layout, context.run_id, *context.options.clock,
                        static_cast<Landing::EarlierLoad>(table.decision.goes_on)));
  if (landing.state().epoch != table.state.epoch + 1 ||
      !(landing.state().position == table.state.position))
    return Fail(ErrorKind::kConflict, "another run landed it in the meantime",
                "run again: nothing is lost");
  return landing;
}

bool HasColumns(const std::vector<Column>& columns, const std::vector<Column>& others) {
  return std::ranges::equal(columns, others, [](const Column& a, const Column& b) {
    return a.name == b.name && a.type->Equals(*b.type) && a.storage_class_of == b.storage_class_of;
  });
}

// What an earlier run left of a first load, once the table is ours.
Status GoOnOrStartOver(const RunContext& context, SurveyedTable& table, Landing& landing) {
  auto& decision = table.decision;
  const auto& load = landing.state().load;
  if (decision.goes_on && !load) decision.starts_over_because = "what it had read is gone";
  if (decision.goes_on && load && !HasColumns(load->columns, decision.table.columns))
    decision.starts_over_because = "its columns are read with other types now";
  if (decision.goes_on && load && load->fence != table.state.load->fence)
    return Fail(ErrorKind::kConflict, "another run began to land it in the meantime",
                "run again: nothing is lost");
  if (!decision.starts_over_because.empty()) {
    table.report.warnings.push_back("a load that was interrupted starts over: " +
                                    decision.starts_over_because);
    decision.goes_on = false;
    return landing.DropLoad();
  }
  if (!decision.goes_on) return {};
  table.report.resumed_rows = load->rows;
  if (context.options.progress) context.options.progress->Resumed(table.layout.name, load->rows);
  Log(LogLevel::kInfo, "table " + Display(table.layout.name) + ": the load goes on; " +
                           std::to_string(load->rows) + " rows were read by an earlier run, " +
                           std::to_string(load->slices.size()) + " slices are left");
  return {};
}

Status Run(const RunContext& context, SurveyedTable& table, std::int64_t began_us) {
  if (context.options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  auto lock = TRY(LockTable(context.store, table));
  if (!lock) return {};
  auto landing = TRY(TakeAsSurveyed(context, table));
  TRY(GoOnOrStartOver(context, table, landing));
  return TableRun(context, table, std::move(landing), began_us).Run();
}

}  // namespace

bool NeedsTurn(const SyncOptions& options, const SurveyedTable& table) {
  const auto& state = table.state;
  if (table.decision.action != Action::kNothing) return true;
  if (!state.pending.empty() || !state.remove.empty() || table.has_lost_watermark) return true;
  if (options.adopts_moved_source) return true;  // to note the source's new place
  if (!IsShownAsSaid(options, table)) return true;
  return state.retention_seconds > 0 &&
         options.clock->NowUs() - state.landed_at_us > state.retention_seconds * 1'000'000 / 4;
}

Result<std::unique_ptr<AdvisoryLock>> LockTable(ObjectStore& store, SurveyedTable& table) {
  auto lock = store.TryLock(table.layout.LockKey());
  if (lock) return lock;
  // Whatever stands in the way of one table's lock, the others go on.
  bool is_held = lock.error().kind == ErrorKind::kConflict;
  table.report.outcome = is_held ? TableOutcome::kSkipped : TableOutcome::kFailed;
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
  if (done && report.rows == 0 && report.is_incremental && !table.decision.evolution.any())
    report.reason = Reason::kNoChanges;
  if (!done) {
    // Another run has the table: it is looked after.
    bool is_taken = done.error().kind == ErrorKind::kConflict;
    report.outcome = is_taken ? TableOutcome::kSkipped : TableOutcome::kFailed;
    report.error = OfTable(table.layout.name, done.error());
    report.rows = report.inserted = report.updated = report.deleted = report.bytes = 0;
    report.resumed_rows = 0;
    report.files.clear();
  }
  if (progress) progress->Ended(table.layout.name, done.has_value());
}

}  // namespace tidemark
