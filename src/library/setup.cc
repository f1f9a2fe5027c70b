#include "library/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "encode/codec.h"

namespace tidemark {
namespace {

Result<TableSettings> SettingsOf(const config::TableOptions& options) {
  TableSettings settings;
  if (!options.mode.empty()) settings.mode = TRY(ParseMode(options.mode));
  settings.scd_type = options.scd_type;
  settings.soft_delete = options.soft_delete;
  settings.columns = options.columns;
  settings.exclude = options.exclude;
  settings.hash = options.hash;
  settings.where = options.where;
  settings.on_rename = options.on_rename == "views" ? OnRename::kViews : OnRename::kBackfill;
  return settings;
}

Result<SyncOptions> BaseOptions(const config::Config& config) {
  SyncOptions options;
  const auto& output = config.output;
  if (!config.mode.empty()) options.mode = TRY(ParseMode(config.mode));
  if (!output.format.empty()) options.format = output.format;
  if (!output.compression.empty()) options.encoding.codec = TRY(ParseCodec(output.compression));
  options.encoding.level = static_cast<int>(output.compression_level.value_or(-1));
  TRY_WHILE(config.file + ": storage.parquet_compression_level",
            CheckLevel(options.encoding.codec, options.encoding.level));
  options.encoding.row_group_rows = output.row_group_rows.value_or(options.encoding.row_group_rows);
  options.max_rows_per_file = output.max_rows_per_file.value_or(options.max_rows_per_file);
  options.workers = static_cast<int>(config.workers.value_or(0));
  options.memory_bytes = config.memory_bytes.value_or(options.memory_bytes);
  options.temp_dir = config.temp_dir;
  options.hash_key = config.hash_key;
  auto& retry = options.retry;
  retry.attempts = static_cast<int>(config.retry.attempts.value_or(retry.attempts));
  retry.first_wait_ms = config.retry.first_wait_ms.value_or(retry.first_wait_ms);
  retry.longest_wait_ms = config.retry.longest_wait_ms.value_or(retry.longest_wait_ms);
  return options;
}

// The file of one database: its own path, or else connection.path, a file or a folder of <db>.db.
Result<std::string> SqlitePath(const config::Config& config, const config::Database& database) {
  if (!database.path.empty()) return database.path;
  const auto& path = config.connection.path;
  auto of = config.file + ": databases." + database.name;
  if (path.empty())
    return Fail(ErrorKind::kInvalid, of + ": it has no path",
                "path: FILE, here or under connection");
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return (std::filesystem::path(path) / (database.name + ".db")).string();
  auto shares = [&](const auto& other) { return other.path.empty(); };
  if (std::ranges::count_if(config.databases, shares) > 1)
    return Fail(
        ErrorKind::kInvalid,
        fmt::format("{}: connection.path \"{}\" is no folder, and several databases take it", of,
                    path),
        "name the folder that holds <database>.db, or give each database a path");
  return path;
}

Status OpenWith(const config::Config& config, const config::Database& database,
                DatabaseSetup& setup) {
  const auto& type = config.connection.type;
  if (type != "sqlite") {
    setup.source = fmt::format("{}://{}/{}", type, config.connection.server, database.name);
    setup.error = Error{ErrorKind::kUnsupported,
                        fmt::format("{}: this version cannot read from {} yet", setup.source, type),
                        "it reads SQLite: connection.type sqlite"};
    return {};
  }
  // Said outright: a file may be called sqlserver:x.
  setup.source = "sqlite:" + TRY(SqlitePath(config, database));
  if (database.schemas.size() > 1)
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: databases.{}: SQLite has one schema, {} are given", config.file,
                            database.name, database.schemas.size()),
                "put all tables under one; its name is used in paths");
  setup.source_options.schema = database.schemas.front().name;
  return {};
}

}  // namespace

Result<Setup> SetupOf(const config::Config& config) {
  auto base = TRY(BaseOptions(config));
  Setup setup{.to = config.output.ingest_pipeline, .databases = {}};
  for (const auto& database : config.databases) {
    auto& one = setup.databases.emplace_back();
    one.name = database.name;
    one.is_configured = true;
    one.source_options.database = database.name;
    one.source_options.lock_timeout_ms =
        config.lock_timeout_ms.value_or(one.source_options.lock_timeout_ms);
    one.options = base;
    one.options.catalog = database.uc_catalog;
    TRY(OpenWith(config, database, one));
    for (const auto& schema : database.schemas) {
      if (!schema.uc_schema.empty()) one.options.catalog_schemas[schema.name] = schema.uc_schema;
      if (schema.has_all_tables) one.whole_schemas.push_back(schema.name);
      for (const auto& table : schema.tables)
        one.tables.push_back({.schema = schema.name,
                              .name = table.name,
                              .settings = TRY(SettingsOf(table.options))});
    }
  }
  return setup;
}

}  // namespace tidemark
