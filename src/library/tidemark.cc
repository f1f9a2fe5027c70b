#include "tidemark/tidemark.h"

#include "library/opened.h"

namespace tidemark {

struct Pipeline::Inside {
  Setup setup;
};

namespace {

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

Failure FailureOf(Error error) {
  return {.kind = KindOf(error.kind),
          .message = std::move(error.message),
          .hint = std::move(error.hint)};
}
std::optional<Failure> FailureOf(const std::optional<Error>& error) {
  return error ? std::optional(FailureOf(Error(*error))) : std::nullopt;
}
std::unexpected<Failure> Failed(Error error) {
  return std::unexpected(FailureOf(std::move(error)));
}

class ProgressCalls final : public Progress {
 public:
  explicit ProgressCalls(const std::function<void(const ProgressEvent&)>& call) : call_(call) {}
  void Planned(int tables, std::int64_t estimated_rows) override {
    Tell({.kind = ProgressEvent::Kind::kPlanned,
          .tables = tables,
          .estimated_rows = estimated_rows});
  }
  void Began(const TableName& table, std::int64_t estimated_rows) override {
    auto event = Of(ProgressEvent::Kind::kBegan, table);
    event.estimated_rows = estimated_rows;
    Tell(event);
  }
  void Advanced(const TableName& table, std::int64_t rows, std::int64_t bytes) override {
    auto event = Of(ProgressEvent::Kind::kAdvanced, table);
    event.rows = rows;
    event.bytes = bytes;
    Tell(event);
  }
  void Ended(const TableName& table, bool is_ok) override {
    auto event = Of(ProgressEvent::Kind::kEnded, table);
    event.is_ok = is_ok;
    Tell(event);
  }

 private:
  static ProgressEvent Of(ProgressEvent::Kind kind, const TableName& table) {
    return {.kind = kind, .database = table.database, .schema = table.schema, .table = table.name};
  }
  void Tell(const ProgressEvent& event) const {
    if (call_) call_(event);
  }
  const std::function<void(const ProgressEvent&)>& call_;
};

SyncResult ResultOf(const SyncReport& report) {
  SyncResult result{.run_id = report.run_id,
                    .started_us = report.started_us,
                    .duration_us = report.duration_us,
                    .rows = report.rows(),
                    .bytes = report.bytes(),
                    .failed = report.failed(),
                    .tables = {}};
  for (const auto& table : report.tables)
    result.tables.push_back({.database = table.name.database,
                             .schema = table.name.schema,
                             .table = table.name.name,
                             .status = std::string(Name(table.outcome)),
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
                             .failure = FailureOf(table.error),
                             .warnings = table.warnings});
  return result;
}

VerifyResult ResultOf(const VerifyReport& report) {
  VerifyResult result{.duration_us = report.duration_us, .failed = report.failed(), .tables = {}};
  for (const auto& table : report.tables)
    result.tables.push_back({.database = table.name.database,
                             .schema = table.name.schema,
                             .table = table.name.name,
                             .is_equal = table.is_equal(),
                             .rows_source = table.rows_source,
                             .rows_landed = table.rows_landed,
                             .missing = table.missing,
                             .extra = table.extra,
                             .different = table.different,
                             .pending = table.pending,
                             .examples = table.examples,
                             .warnings = table.warnings,
                             .failure = FailureOf(table.error)});
  return result;
}

// Opens the pipeline as `run` wants it and does `work` with it.
template <class Work>
auto Run(const Setup& configured, Access access, const RunOptions& run, Work work)
    -> std::expected<decltype(ResultOf(*work(std::declval<Opened&>()))), Failure> {
  auto setup = configured;
  ProgressCalls progress(run.progress);
  for (auto& database : setup.databases) {
    auto& options = database.options;
    if (!run.mode.empty()) {
      auto mode = ParseMode(run.mode);
      if (!mode) return Failed(std::move(mode.error()));
      options.mode = *mode;
      for (auto& table : database.tables) table.settings.mode.reset();
    }
    options.include = run.include;
    options.exclude = run.exclude;
    options.adopts_moved_source = run.adopts_moved_source;
    options.stop = run.stop;
    options.progress = &progress;
  }
  auto opened = Open(std::move(setup), access);
  if (!opened) return Failed(std::move(opened.error().error));
  auto report = work(*opened);
  if (!report) return Failed(std::move(report.error()));
  return ResultOf(*report);
}

config::Config ConfigOf(const PipelineOptions& options) {
  config::Config config;
  auto given = [](std::int64_t number) {
    return number > 0 ? std::optional(number) : std::nullopt;
  };
  config.file = "pipeline";
  config.connection.type = "sqlite";
  config.output = {.ingest_pipeline = options.to,
                   .format = options.format,
                   .compression = options.compression,
                   .compression_level = options.compression_level,
                   .row_group_rows = given(options.row_group_rows),
                   .max_rows_per_file = given(options.max_rows_per_file)};
  config.mode = options.mode;
  config.workers = given(options.workers);
  config.memory_bytes = given(options.memory_bytes);
  config.lock_timeout_ms = given(options.lock_timeout_ms);
  config.temp_dir = options.temp_dir;
  config.hash_key = options.hash_key;
  for (const auto& database : options.databases) {
    config::Schema schema{.name = database.schema, .has_all_tables = database.tables.empty()};
    for (const auto& table : database.tables)
      schema.tables.push_back({.name = table.name,
                               .options = {.mode = table.mode,
                                           .scd_type = table.scd_type,
                                           .soft_delete = table.soft_delete,
                                           .columns = table.columns,
                                           .exclude = table.exclude,
                                           .hash = table.hash,
                                           .where = table.where,
                                           .on_rename = {}},
                               .where_said = {}});
    config.databases.push_back(
        {.name = database.name, .path = database.path, .uc_catalog = {}, .schemas = {schema}});
  }
  return config;
}

Result<Setup> CheckedSetup(const config::Config& config) {
  auto setup = TRY(SetupOf(config));
  if (setup.databases.empty())
    return Fail(ErrorKind::kInvalid, config.file + ": no databases are chosen");
  if (setup.to.empty())
    return Fail(ErrorKind::kInvalid, config.file + ": the destination is missing");
  return setup;
}

Result<Setup> SetupOfFile(const std::string& file) { return CheckedSetup(TRY(config::Load(file))); }

}  // namespace

std::expected<Pipeline, Failure> Pipeline::FromFile(const std::string& file) {
  auto setup = SetupOfFile(file);
  if (!setup) return Failed(std::move(setup.error()));
  return Pipeline(std::make_shared<const Inside>(Inside{std::move(*setup)}));
}

std::expected<Pipeline, Failure> Pipeline::FromOptions(const PipelineOptions& options) {
  auto setup = CheckedSetup(ConfigOf(options));
  if (!setup) return Failed(std::move(setup.error()));
  return Pipeline(std::make_shared<const Inside>(Inside{std::move(*setup)}));
}

std::expected<SyncResult, Failure> Pipeline::Sync(const RunOptions& run) const {
  return Run(inside_->setup, Access::kWrite, run, SyncAll);
}

std::expected<SyncResult, Failure> Pipeline::Plan(const RunOptions& run) const {
  return Run(inside_->setup, Access::kReadOrNothing, run, PlanAll);
}

std::expected<VerifyResult, Failure> Pipeline::Verify(const RunOptions& run) const {
  return Run(inside_->setup, Access::kRead, run, VerifyAll);
}

std::expected<std::vector<TableStanding>, Failure> Pipeline::Status() const {
  auto store = OpenStore(inside_->setup.to, {.is_read_only = true});
  if (!store) return Failed(std::move(store.error()));
  auto tables = ReadStatus(**store);
  if (!tables) return Failed(std::move(tables.error()));
  std::vector<TableStanding> standings;
  for (const auto& table : *tables)
    standings.push_back({.database = table.name.database,
                         .schema = table.name.schema,
                         .table = table.name.name,
                         .version = table.version,
                         .rows = table.live_rows,
                         .files = table.live_files,
                         .last_mode = table.last_mode,
                         .last_reason = table.last_reason,
                         .last_run_id = table.last_run_id,
                         .last_run_us = table.last_run_us,
                         .checked_us = table.checked_us,
                         .expires_us = table.expires_us,
                         .failure = FailureOf(table.error)});
  return standings;
}

}  // namespace tidemark
