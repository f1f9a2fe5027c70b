#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "config/config.h"
#include "encode/codec.h"
#include "library/results.h"
#include "tidemark/tidemark.h"

namespace tidemark {
namespace {

PipelineTable TableOf(const config::Table& table) {
  const auto& options = table.options;
  return {.name = table.name,
          .mode = options.mode,
          .scd_type = options.scd_type,
          .soft_delete = options.soft_delete,
          .columns = options.columns,
          .exclude = options.exclude,
          .hash = options.hash,
          .where = options.where,
          .on_rename = options.on_rename};
}

PipelineSchema SchemaOf(const config::Schema& schema) {
  PipelineSchema made{.name = schema.name, .catalog_name = schema.uc_schema, .tables = {}};
  std::ranges::transform(schema.tables, std::back_inserter(made.tables), TableOf);
  if (schema.has_all_tables && !made.tables.empty()) made.tables.push_back({.name = "*"});
  return made;
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

// A name as part of a URL.
std::string UrlPart(std::string_view name) {
  std::string part;
  for (char c : name) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';
    part += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return part;
}

// Where the server is, as people are told it; how to get there, instance, port and login included,
// is said by ConnectionOf.
std::string ServerUrl(const config::Connection& connection, const std::string& database) {
  auto host = std::string_view(connection.server);
  if (host.starts_with("tcp:")) host.remove_prefix(4);
  host = host.substr(0, host.find_first_of("\\,: "));
  return fmt::format("{}://{}/{}", connection.type, UrlPart(host), UrlPart(database));
}

std::map<std::string, std::string> ConnectionOf(const config::Connection& connection) {
  if (connection.type == "sqlite") return {};
  std::map<std::string, std::string> made(connection.settings.begin(), connection.settings.end());
  made["server"] = connection.server;
  made["user"] = connection.sql_login;
  made["encrypt"] = connection.encrypt;
  if (connection.port > 0) made["port"] = fmt::format("{}", connection.port);
  if (connection.trusts_server_certificate) made["trust_server_certificate"] = "true";
  std::erase_if(made, [](const auto& entry) { return entry.second.empty(); });
  return made;
}

// As the program's SOURCE.
Result<std::string> SourceOf(const config::Config& config, const config::Database& database) {
  const auto& type = config.connection.type;
  if (type != "sqlite") return ServerUrl(config.connection, database.name);
  if (database.schemas.size() > 1)
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: databases.{}: SQLite has one schema, {} are given", config.file,
                            database.name, database.schemas.size()),
                "put all tables under one; its name is used in paths");
  // Said outright: a file may be called sqlserver:x.
  return "sqlite:" + TRY(SqlitePath(config, database));
}

std::map<std::string, std::string> AccessOf(const config::Stores& stores) {
  const auto& s3 = stores.s3;
  const auto& azure = stores.azure;
  std::map<std::string, std::string> access = {
      {"s3.endpoint", s3.endpoint},
      {"s3.region", s3.region},
      {"s3.access_key", s3.access_key},
      {"s3.secret_key", s3.secret_key},
      {"s3.session_token", s3.session_token},
      {"s3.path_style", s3.path_style ? (*s3.path_style ? "true" : "false") : ""},
      {"azure.account", azure.account},
      {"azure.key", azure.key},
      {"azure.sas", azure.sas},
      {"azure.connection_string", azure.connection_string},
      {"azure.endpoint", azure.endpoint}};
  std::erase_if(access, [](const auto& entry) { return entry.second.empty(); });
  return access;
}

// Told here, where the key has a name; SetupOf asks again for whatever else is put in its place.
Status CheckLevelOf(const config::Config& config) {
  const auto& output = config.output;
  if (!output.compression_level) return {};
  auto codec = output.compression.empty() ? Codec::kZstd : TRY(ParseCodec(output.compression));
  TRY_WHILE(config.file + ": storage.parquet_compression_level",
            CheckLevel(codec, static_cast<int>(*output.compression_level)));
  return {};
}

Result<PipelineOptions> OptionsOf(const config::Config& config) {
  if (config.databases.empty())
    return Fail(ErrorKind::kInvalid, config.file + ": no databases are chosen",
                "databases: {NAME: {schemas: {main: {tables: \"*\"}}}}");
  TRY(CheckLevelOf(config));
  const auto& output = config.output;
  PipelineOptions options{.to = output.ingest_pipeline,
                          .databases = {},
                          .mode = config.mode,
                          .format = output.format,
                          .compression = output.compression,
                          .compression_level = output.compression_level,
                          .row_group_rows = output.row_group_rows.value_or(0),
                          .max_rows_per_file = output.max_rows_per_file.value_or(0),
                          .memory_bytes = config.memory_bytes.value_or(0),
                          .workers = static_cast<int>(config.workers.value_or(0)),
                          .lock_timeout_ms = config.lock_timeout_ms,
                          .attempts = static_cast<int>(config.retry.attempts.value_or(0)),
                          .first_wait_ms = config.retry.first_wait_ms,
                          .longest_wait_ms = config.retry.longest_wait_ms,
                          .temp_dir = config.temp_dir,
                          .hash_key = config.hash_key,
                          .stores = AccessOf(config.stores)};
  for (const auto& database : config.databases) {
    auto& made = options.databases.emplace_back(
        PipelineDatabase{.name = database.name,
                         .source = TRY(SourceOf(config, database)),
                         .password = config.connection.password,
                         .connection = ConnectionOf(config.connection),
                         .catalog_name = database.uc_catalog,
                         .schemas = {}});
    std::ranges::transform(database.schemas, std::back_inserter(made.schemas), SchemaOf);
  }
  return options;
}

Result<PipelineOptions> OptionsOfFile(const std::string& file) {
  return OptionsOf(TRY(config::Load(file)));
}

}  // namespace

std::expected<PipelineOptions, Failure> PipelineOptions::FromFile(const std::string& file) {
  auto options = OptionsOfFile(file);
  if (!options) return Failed(std::move(options.error()));
  return std::move(*options);
}

}  // namespace tidemark
