#include "library/setup.h"

#include <algorithm>

#include "encode/codec.h"

namespace tidemark {
namespace {

Result<OnRename> ParseOnRename(const std::string& word) {
  if (word.empty() || word == "backfill") return OnRename::kBackfill;
  if (word == "views") return OnRename::kViews;
  return Fail(ErrorKind::kInvalid, "on_rename \"" + word + "\" is not known",
              "allowed: backfill, views");
}

Result<TableSettings> SettingsOf(const PipelineTable& table) {
  TableSettings settings;
  if (!table.mode.empty()) settings.mode = TRY(ParseMode(table.mode));
  if (table.scd_type < 0 || table.scd_type > 2)
    return Fail(ErrorKind::kInvalid,
                "scd_type " + std::to_string(table.scd_type) + " is not in the range",
                "allowed: 1, 2");
  settings.scd_type = table.scd_type;
  settings.soft_delete = table.soft_delete;
  settings.columns = table.columns;
  settings.exclude = table.exclude;
  settings.hash = table.hash;
  settings.where = table.where;
  settings.on_rename = TRY(ParseOnRename(table.on_rename));
  return settings;
}

Result<SyncOptions> SyncOptionsOf(const PipelineOptions& asked) {
  SyncOptions options;
  if (!asked.mode.empty()) options.mode = TRY(ParseMode(asked.mode));
  if (!asked.format.empty()) options.format = asked.format;
  if (!asked.compression.empty()) options.encoding.codec = TRY(ParseCodec(asked.compression));
  options.encoding.level =
      static_cast<int>(std::min<std::int64_t>(asked.compression_level.value_or(-1), 1000));
  TRY(CheckLevel(options.encoding.codec, options.encoding.level));
  auto keep = [](auto asked_number, auto& number) {
    if (asked_number > 0) number = asked_number;
  };
  keep(asked.row_group_rows, options.encoding.row_group_rows);
  keep(asked.max_rows_per_file, options.max_rows_per_file);
  keep(asked.memory_bytes, options.memory_bytes);
  keep(asked.workers, options.workers);
  options.temp_dir = asked.temp_dir;
  options.hash_key = asked.hash_key;
  auto& retry = options.retry;
  keep(asked.attempts, retry.attempts);
  retry.first_wait_ms = asked.first_wait_ms.value_or(retry.first_wait_ms);
  retry.longest_wait_ms = asked.longest_wait_ms.value_or(retry.longest_wait_ms);
  return options;
}

Status AddSchema(const PipelineSchema& schema, DatabaseSetup& database) {
  if (schema.name.empty())
    return Fail(ErrorKind::kInvalid, "a schema of database " + database.name + " has no name",
                "SQLite's is main, SQL Server's dbo");
  if (!schema.catalog_name.empty())
    database.options.catalog_schemas[schema.name] = schema.catalog_name;
  bool has_all = schema.tables.empty();
  for (const auto& table : schema.tables) {
    if (table.name == "*") {
      has_all = true;
      continue;
    }
    auto settings = TRY_WHILE("table " + schema.name + "." + table.name, SettingsOf(table));
    database.tables.push_back(
        {.schema = schema.name, .name = table.name, .settings = std::move(settings)});
  }
  if (has_all) database.whole_schemas.push_back(schema.name);
  return {};
}

Result<DatabaseSetup> DatabaseOf(const PipelineDatabase& asked, const PipelineOptions& options,
                                 const SyncOptions& sync_options) {
  if (asked.source.empty())
    return Fail(ErrorKind::kInvalid, "database \"" + asked.name + "\" has no source",
                "a path, or a URL");
  DatabaseSetup database{.name = asked.name,
                         .source = asked.source,
                         .source_options = {.database = asked.name, .password = asked.password},
                         .options = sync_options,
                         .is_chosen = !asked.schemas.empty()};
  if (database.is_chosen && asked.name.empty())
    return Fail(ErrorKind::kInvalid, "a database whose tables are chosen has no name");
  auto& source = database.source_options;
  source.settings = asked.connection;
  source.lock_timeout_ms = options.lock_timeout_ms.value_or(source.lock_timeout_ms);
  if (asked.schemas.size() == 1) source.schema = asked.schemas.front().name;
  database.options.catalog = asked.catalog_name;
  for (const auto& schema : asked.schemas) TRY(AddSchema(schema, database));
  return database;
}

}  // namespace

Result<Setup> SetupOf(const PipelineOptions& options) {
  if (options.to.empty())
    return Fail(ErrorKind::kInvalid, "the destination is missing", "a folder or a URL");
  Setup setup{.to = options.to,
              .store_options = {.access = options.stores},
              .options = TRY(SyncOptionsOf(options)),
              .databases = {}};
  TRY(CheckAccess(setup.store_options));
  for (const auto& database : options.databases)
    setup.databases.push_back(TRY(DatabaseOf(database, options, setup.options)));
  return setup;
}

Status AddRun(const RunOptions& run, Progress* progress, Setup& setup) {
  std::optional<Mode> mode;
  if (!run.mode.empty()) mode = TRY(ParseMode(run.mode));
  auto add = [&](SyncOptions& options) {
    options.mode = mode.value_or(options.mode);
    options.include = run.include;
    options.exclude = run.exclude;
    options.adopts_moved_source = run.adopts_moved_source;
    options.sample = {.rows = run.sample.rows, .share = run.sample.share, .seed = run.sample.seed};
    options.stop = run.stop;
    options.progress = progress;
  };
  add(setup.options);
  for (auto& database : setup.databases) {
    add(database.options);
    if (!mode) continue;
    for (auto& table : database.tables) table.settings.mode.reset();
  }
  return {};
}

}  // namespace tidemark
