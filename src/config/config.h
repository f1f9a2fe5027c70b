#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/environment.h"

namespace tidemark::config {

// What a configuration file says, every form of it brought into one; words are checked already.
// Nothing: not said.

struct TableOptions {
  std::string mode;  // full, incremental, full_incremental; empty: not said
  int scd_type = 0;  // 1, 2; 0: not said
  std::optional<bool> soft_delete;
  std::vector<std::string> columns, exclude, hash;
  std::string where;
  std::string on_rename;  // backfill, views; empty: not said
};
struct Table {
  std::string name;
  TableOptions options;
  std::string where_said;  // "databases.shop.schemas.main.tables.orders", for messages
};
struct Schema {
  std::string name;
  std::string uc_schema;
  bool has_all_tables = false;  // "*"
  std::vector<Table> tables;    // names are unique, also by case where the source compares so
};
struct Database {
  std::string name;
  std::string path;  // SQLite
  std::string uc_catalog;
  std::vector<Schema> schemas;
};

struct Connection {
  std::string type;  // sqlserver, sqlite, postgresql
  std::string server, database, sql_login, password, encrypt, path;
  int port = 0;
  bool trusts_server_certificate = false;
  // All other keys that are given, as they are called.
  std::vector<std::pair<std::string, std::string>> settings = {};
};

struct Output {
  std::string ingest_pipeline, format, compression;
  std::optional<std::int64_t> compression_level, row_group_rows, max_rows_per_file;
};

struct Stores {
  struct S3 {
    std::string endpoint, region, access_key, secret_key, session_token;
    std::optional<bool> path_style;
  } s3;
  struct Azure {
    std::string account, key, sas, connection_string, endpoint;
  } azure;
};

struct Retry {
  std::optional<std::int64_t> attempts, first_wait_ms, longest_wait_ms;
};

// For serve and worker.
struct ExportJob {
  struct Table {
    std::string id, source, target;
  };
  std::string area, id, source, target;
  std::vector<Table> tables;
};
struct Serving {
  std::string listen, callback_secret, jobs_store, artifacts_store, default_source;
  std::vector<std::string> tokens, function_keys;
  bool callbacks_may_be_private = false;
  std::optional<std::int64_t> jobs_kept_ms;
  std::map<std::string, Connection> sources;
  std::vector<ExportJob> export_jobs;
};

struct Config {
  std::string file;  // its name, for messages
  Connection connection;
  std::vector<Database> databases;  // as the file orders them
  Output output;
  Stores stores;
  Retry retry;
  Serving serving;
  std::optional<std::int64_t> workers, memory_bytes, lock_timeout_ms;
  std::string mode, temp_dir, hash_key;
};

// `file`: a name that ends in .json is JSON, any other YAML; "-" is standard input, as YAML.
// Variables come from the process, then from `.env` of the working directory, or, where there is
// none, from the one beside the file. kNotFound, kDenied: the file cannot be read. kInvalid: file,
// line, column, key, what is found and what is allowed. No message holds a secret.
Result<Config> Load(const std::string& file);

// The same of a text. `name`: as messages call it; its end tells the language.
Result<Config> Read(std::string_view text, const std::string& name, const Environment& environment);

// JSON Schema (draft 2020-12) of the file, for editors.
std::string JsonSchema();

}  // namespace tidemark::config
