#include <algorithm>

#include "fold/fold.h"
#include "sync/run_context.h"
#include "sync/sync_table.h"
#include "sync/verify_sample.h"

namespace tidemark {
namespace {

// What stands in the way of a comparison before a row is read.
Status CheckComparable(const SurveyedTable& table, const LandedConfig& config) {
  if (table.report.error) return Fail(*table.report.error);
  if (!table.state.is_loaded)
    return Fail(ErrorKind::kNotFound, "nothing was landed yet", "run tidemark sync first");
  if (!table.state.pending.empty())
    return Fail(ErrorKind::kConflict, "its last commit is not published yet",
                "run tidemark sync, which finishes it");
  if (!table.status)
    return Fail(ErrorKind::kNotFound, "it was landed and is no longer in the source");
  // Files are read in the format that they have, whatever the next sync would write.
  auto settings = config;
  settings.format = table.state.config.format;
  if (table.state.config != settings)
    return Fail(ErrorKind::kConflict, "its settings changed since it was landed",
                "run tidemark sync, which lands it again");
  if (table.state.fingerprint != table.status->table.fingerprint)
    return Fail(ErrorKind::kConflict, "its columns changed since it was landed",
                "run tidemark sync, which lands it again");
  return {};
}

// The rows that the next sync would bring, where the source can say.
Status AddPending(const RunContext& context, const SurveyedTable& table, const Table& rows_as,
                  Fold& fold) {
  const auto& status = *table.status;
  const auto& watermark = table.state.position;
  if (!status.min_valid_version || watermark.incarnation.empty() || rows_as.key.empty()) return {};
  if (status.history != History::kSame || watermark.version < *status.min_valid_version ||
      watermark.version >= status.current.version)
    return {};
  auto changes = TRY(context.snapshot.Changes(rows_as, watermark.version));
  while (auto batch = TRY(changes->Next())) TRY(fold.AddPending(*batch));
  return {};
}

void AddExamples(std::string_view kind, const std::vector<std::string>& keys, VerifyTable& result) {
  for (const auto& key : keys) result.examples.push_back(std::string(kind) + ": " + key);
}

// Folds and compares all rows, or, of a sample, the rows of some ranges.
Result<FoldCounts> FoldBoth(const RunContext& context, const Table& rows_as, Fold& fold) {
  TRY(FoldSlices(context, rows_as, TRY(SplitTable(context, rows_as)), fold));
  return fold.Differences({});
}
Result<FoldCounts> FoldSample(const RunContext& context, const Table& rows_as, Fold& fold,
                              std::int64_t estimated_rows, GoneSample& gone) {
  TRY(FoldSlices(context, rows_as, TRY(SampleSlices(context, rows_as, estimated_rows)), fold));
  // Landed rows outside of the ranges are no difference as yet.
  auto counts = TRY(fold.Differences(
      {.inserted = {},
       .updated = {},
       .deleted = [&](std::shared_ptr<arrow::RecordBatch> keys) { return gone.LookUp(*keys); },
       .chooses_deleted = [&](std::string_view key) { return gone.Chooses(key); }}));
  counts.extra = gone.gone();
  return counts;
}

Status Compare(const RunContext& context, const SurveyedTable& table, VerifyTable& result) {
  auto landed = TRY(ListLandedFiles(context.store, table.layout, table.state));
  for (const auto& file : landed.missing)
    result.warnings.push_back("landed file " + file + " is gone");
  auto rows_as = WithLandedTypes(table.status->table, table.state.columns);
  rows_as.key = table.state.key;
  auto fold = TRY(Fold::Open(context.store, table.layout, table.state, rows_as, false,
                             {.memory_bytes = context.fold_memory_bytes,
                              .temp_dir = context.temp_dir,
                              .stop = context.options.stop}));
  TRY(AddPending(context, table, rows_as, *fold));
  bool is_sample = context.options.sample.is_asked();
  GoneSample gone(context, rows_as, result.estimated_rows);
  auto counts = TRY(is_sample ? FoldSample(context, rows_as, *fold, result.estimated_rows, gone)
                              : FoldBoth(context, rows_as, *fold));
  result.rows_source = counts.rows_source;
  result.rows_landed = counts.rows_landed;
  result.missing = counts.missing;
  result.extra = counts.extra;
  result.different = counts.different;
  result.pending = counts.pending;
  const auto& examples = fold->examples();
  AddExamples("missing", examples.missing, result);
  AddExamples("extra", is_sample ? gone.examples() : examples.extra, result);
  AddExamples("different", examples.different, result);
  AddExamples("pending", examples.pending, result);
  if (is_sample && !gone.unknown_because().empty())
    result.warnings.push_back("deletes that were missed are not found: " + gone.unknown_because());
  if (!landed.missing.empty())
    return Fail(ErrorKind::kCorrupt,
                std::to_string(landed.missing.size()) + " of its landed files are gone",
                "land it again with --mode full");
  return {};
}

VerifyTable VerifyOne(const RunContext& context, const SurveyedTable& table) {
  VerifyTable result{.name = table.layout.name, .error = {}, .warnings = table.report.warnings};
  if (table.status)
    result.estimated_rows = std::max(table.status->table.estimated_rows, table.state.live_rows);
  auto done = CatchAll([&]() -> Status {
    TRY(CheckComparable(table, ConfigOf(context.options, table.layout.name)));
    return Compare(context, table, result);
  });
  for (auto& warning : context.snapshot.WarningsOf(table.layout.name))
    result.warnings.push_back(std::move(warning));
  if (done) return result;
  auto error = std::move(done).error();
  if (error.kind == ErrorKind::kMisfit)
    error.hint = "run tidemark sync, which lands the table again with a wider column";
  result.error = OfTable(table.layout.name, std::move(error));
  return result;
}

}  // namespace

Result<VerifyReport> Verify(Source& source, ObjectStore& store, const SyncOptions& options) {
  auto began_us = options.clock->MonotonicUs();
  auto resources = TRY(MakeResources(options));
  auto temp_dir = TempDir(options.temp_dir, store);
  auto survey = TRY(LookAround(source, store, *resources.pool, options, temp_dir));
  std::vector<ReadPlan> plans;
  for (const auto& table : survey.tables) {
    if (!table.status || !table.state.is_loaded) continue;
    plans.push_back({.table = table.status->table, .since_version = std::nullopt});
  }
  TRY(survey.snapshot->Prepare(plans));
  RunContext context{.store = store,
                     .snapshot = *survey.snapshot,
                     .options = options,
                     .format = *resources.format,
                     .encoding = resources.encoding,
                     .pool = *resources.pool,
                     .run_id = {},
                     .source_identity = survey.source_identity,
                     .temp_dir = temp_dir,
                     .workers = resources.workers,
                     .fold_memory_bytes = options.memory_bytes / 2};
  VerifyReport report;
  if (options.sample.is_asked()) report.sample = options.sample;
  if (options.progress) options.progress->Planned(static_cast<int>(survey.tables.size()), 0);
  // One table after the other, each by all workers: the fold has the memory to itself.
  for (const auto& table : survey.tables) {
    bool is_unsupported = table.report.outcome == TableOutcome::kSkipped && table.status;
    if (is_unsupported) continue;
    if (options.progress)
      options.progress->Began(table.layout.name, table.decision.table.estimated_rows);
    report.tables.push_back(VerifyOne(context, table));
    if (options.progress)
      options.progress->Ended(table.layout.name, report.tables.back().is_equal());
    if (options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  }
  report.duration_us = options.clock->MonotonicUs() - began_us;
  return report;
}

}  // namespace tidemark
