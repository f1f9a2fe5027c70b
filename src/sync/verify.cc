#include <algorithm>
#include <cmath>
#include <utility>

#include "fold/fold.h"
#include "sync/run_context.h"
#include "sync/sync_table.h"

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

// Ranges of the key, small enough that several of them make the sample.
Result<std::vector<Slice>> SampleSlices(const RunContext& context, const Table& table,
                                        std::int64_t estimated_rows) {
  constexpr std::int64_t kSlicesASample = 20;
  const auto& sample = context.options.sample;
  auto wanted_rows =
      sample.rows > 0
          ? sample.rows
          : static_cast<std::int64_t>(sample.share * static_cast<double>(estimated_rows));
  auto slice_rows = std::max<std::int64_t>(1, wanted_rows / kSlicesASample);
  auto slices = TRY(context.snapshot.Split(table, slice_rows));
  if (estimated_rows <= wanted_rows) return slices;
  auto share = static_cast<double>(wanted_rows) / static_cast<double>(estimated_rows);
  auto count = static_cast<std::size_t>(std::ceil(share * static_cast<double>(slices.size())));
  SeededRandom random(sample.seed);
  for (std::size_t i = 0; i < std::min(count, slices.size()); ++i)
    std::swap(slices[i], slices[i + random.Next() % (slices.size() - i)]);
  slices.resize(std::clamp<std::size_t>(count, 1, slices.size()));
  return slices;
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
  auto slices = is_sample ? TRY(SampleSlices(context, rows_as, result.estimated_rows))
                          : TRY(SplitTable(context, rows_as));
  TRY(FoldSlices(context, rows_as, slices, *fold));
  auto counts = TRY(fold->Differences({}));
  result.rows_source = counts.rows_source;
  result.rows_landed = counts.rows_landed;
  result.missing = counts.missing;
  // Landed rows outside of the sample were not looked for.
  result.extra = is_sample ? 0 : counts.extra;
  result.different = counts.different;
  result.pending = fold->pending_keys();
  for (const auto& [kind, keys] : {std::pair("missing", &fold->examples().missing),
                                   std::pair("extra", &fold->examples().extra),
                                   std::pair("different", &fold->examples().different)})
    if (!is_sample || keys != &fold->examples().extra)
      for (const auto& key : *keys) result.examples.push_back(std::string(kind) + ": " + key);
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
