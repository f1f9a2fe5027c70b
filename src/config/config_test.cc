#include "config/config.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

namespace tidemark::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Variables = std::map<std::string, std::string>;

Environment Of(const Variables& variables) {
  return Environment([variables](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}
Config Taken(std::string_view text, const Variables& variables = {},
             const std::string& name = "f.yaml") {
  auto config = Read(text, name, Of(variables));
  if (config) return *config;
  ADD_FAILURE() << config.error().message;
  return {};
}
// "message | hint".
std::string Refused(std::string_view text, const Variables& variables = {}) {
  auto config = Read(text, "f.yaml", Of(variables));
  EXPECT_FALSE(config) << text;
  if (config) return {};
  EXPECT_EQ(config.error().kind, ErrorKind::kInvalid);
  return config.error().message + " | " + config.error().hint;
}
// The same with a connection and one database around it.
std::string RefusedTables(const std::string& tables) {
  return Refused("connection: {path: .}\ndatabases: {shop: {schemas: {main: {tables: " + tables +
                 "}}}}\n");
}

constexpr const char* kHead = "connection: {server: s, sql_login: l, password: p}\n";

// The example of azsql_ct's own documentation, its placeholders filled in.
constexpr const char* kSeed = R"(connection:
  server: prod.database.windows.net
  sql_login: reader
  password: ${ADMIN_PASSWORD}        # resolved from environment

storage:
  ingest_pipeline: ./my_pipeline     # data, watermarks, and manifest go here
  # output_format: per_table         # (default) or "unified"
  # row_group_size: 500000           # (default) rows per Parquet row group; smaller = less memory

parallelism: 4                       # tables synced in parallel

databases:
  sales:
    uc_catalog: lake            # informational Unity Catalog mapping (not used by sync)
    schemas:
      dbo:
        uc_schema: bronze              # informational Unity Catalog mapping (not used by sync)
        tables:
          orders:
            mode: full_incremental
            scd_type: 1
            soft_delete: true
          audit_log: incremental     # short-hand when no extra options needed
)";

TEST(Config, TakesTheExampleOfTheSystemItFollows) {
  auto config = Taken(kSeed, {{"ADMIN_PASSWORD", "hunter2"}});
  EXPECT_EQ(config.connection.type, "sqlserver");
  EXPECT_EQ(config.connection.server, "prod.database.windows.net");
  EXPECT_EQ(config.connection.sql_login, "reader");
  EXPECT_EQ(config.connection.password, "hunter2");
  EXPECT_EQ(config.output.ingest_pipeline, "./my_pipeline");
  EXPECT_EQ(config.workers, 4);
  ASSERT_EQ(config.databases.size(), 1u);
  EXPECT_EQ(config.databases[0].uc_catalog, "lake");
  const auto& schema = config.databases[0].schemas.at(0);
  EXPECT_EQ(schema.name, "dbo");
  EXPECT_EQ(schema.uc_schema, "bronze");
  ASSERT_EQ(schema.tables.size(), 2u);
  EXPECT_EQ(schema.tables[0].name, "orders");
  EXPECT_EQ(schema.tables[0].options.mode, "full_incremental");
  EXPECT_EQ(schema.tables[0].options.scd_type, 1);
  EXPECT_EQ(schema.tables[0].options.soft_delete, true);
  EXPECT_EQ(schema.tables[1].options.mode, "incremental");
  EXPECT_EQ(schema.tables[1].options.soft_delete, std::nullopt);
}

std::vector<std::string> Names(const Config& config) {
  std::vector<std::string> names;
  for (const auto& database : config.databases)
    for (const auto& schema : database.schemas) {
      if (schema.has_all_tables) names.push_back(database.name + "." + schema.name + ".*");
      for (const auto& table : schema.tables)
        names.push_back(database.name + "." + schema.name + "." + table.name +
                        (table.options.mode.empty() ? "" : ":" + table.options.mode));
    }
  return names;
}

TEST(Config, TakesEveryFormOfNamingTables) {
  auto names = [](const std::string& text) { return Names(Taken(kHead + text)); };
  EXPECT_THAT(names("databases: {d: {dbo: {a: full, b: {mode: incremental}, c: }}}"),
              ElementsAre("d.dbo.a:full", "d.dbo.b:incremental", "d.dbo.c"));
  EXPECT_THAT(names("databases: {d: {dbo: [a, b], sales: '*'}}"),
              ElementsAre("d.dbo.a", "d.dbo.b", "d.sales.*"));
  EXPECT_THAT(names("databases: {d: {schemas: {dbo: {tables: [a, on, 7]}}}}"),
              ElementsAre("d.dbo.a", "d.dbo.on", "d.dbo.7"));
  EXPECT_THAT(names("databases: {d: {schemas: {dbo: {tables: '*'}, hr: {tables: ['*']}}}}"),
              ElementsAre("d.dbo.*", "d.hr.*"));
  EXPECT_THAT(names("tables:\n- {database: d, table: hr.a, mode: full}\n- {database: d, table: b}\n"
                    "- {database: e, table: hr.x.y, scd_type: 2}\n"),
              ElementsAre("d.hr.a:full", "d.dbo.b", "e.hr.x.y"));
}

TEST(Config, TakesJson) {
  auto config = Taken(R"({"connection": {"path": "shop.db"}, "storage": {"ingest_pipeline": "out"},
    "databases": {"shop": {"schemas": {"main": {"tables": {"t": {"mode": "full", "soft_delete": false}}}}}}})",
                      {}, "Pipeline.JSON");
  EXPECT_EQ(config.connection.type, "sqlite");
  EXPECT_THAT(Names(config), ElementsAre("shop.main.t:full"));
  EXPECT_EQ(config.databases[0].schemas[0].tables[0].options.soft_delete, false);
}

TEST(Config, TakesTheOutputUnderLoggingToo) {
  auto config = Taken(std::string(kHead) +
                      "storage: {ingest_pipeline: out, row_group_size: 50_000}\n"
                      "logging: {output_format: unified, parquet_compression: gzip, "
                      "parquet_compression_level: '6', "
                      "max_rows_per_file: 10, row_group_size: 50000}\n");
  EXPECT_EQ(config.output.format, "unified");
  EXPECT_EQ(config.output.compression, "gzip");
  EXPECT_EQ(config.output.compression_level, 6);
  EXPECT_EQ(config.output.row_group_rows, 50000);
  EXPECT_EQ(config.output.max_rows_per_file, 10);
  EXPECT_EQ(Refused(std::string(kHead) +
                    "storage: {output_format: unified}\nlogging:\n  output_format: per_table\n"),
            "f.yaml:4:3: logging.output_format: storage.output_format says something else | take "
            "one of them out");
}

TEST(Config, TakesTheNativeKeys) {
  auto config = Taken(R"(connection: {type: sqlite}
databases:
  shop:
    path: shop.db
    schemas: {main: {tables: {Orders: {columns: [Id, Total], exclude: [Notes], hash: [Email], where: "Region = 'EU'", on_rename: views}}}}
hash_key: ${KEY}
stores: {s3: {endpoint: e, region: r, access_key: a, secret_key: s, session_token: t, path_style: yes}, azure: {account: a}}
memory: 256MiB
temp_dir: /tmp
lock_timeout: 2m
mode: full
retry: {attempts: 3, first_wait: 100ms, longest_wait: 5s}
server: {listen: "127.0.0.1:8080", tokens: ["${UNSET}"], callbacks: {allow_private: false, secret: "${UNSET}"}}
jobs: {store: "sqlite:state/jobs.db", keep: 30d}
artifacts: {store: "file:artifacts"}
sources: {shop: {type: sqlite, path: shop.db}, crm: {server: s}}
default_source: shop
export_jobs:
- {area: sales, id: crm, source: crm, target: warehouse, tables: {users: {source: dbo.Users, target: dbo.Users}, orders: dbo.Orders}}
x-notes: {anything: [goes]}
)",
                      {{"KEY", "k"}});
  const auto& options = config.databases.at(0).schemas.at(0).tables.at(0).options;
  EXPECT_THAT(options.columns, ElementsAre("Id", "Total"));
  EXPECT_THAT(options.exclude, ElementsAre("Notes"));
  EXPECT_THAT(options.hash, ElementsAre("Email"));
  EXPECT_EQ(options.where, "Region = 'EU'");
  EXPECT_EQ(options.on_rename, "views");
  EXPECT_EQ(config.hash_key, "k");
  EXPECT_EQ(config.stores.s3.path_style, true);
  EXPECT_EQ(config.memory_bytes, 256 << 20);
  EXPECT_EQ(config.lock_timeout_ms, 120'000);
  EXPECT_EQ(config.retry.attempts, 3);
  EXPECT_EQ(config.retry.longest_wait_ms, 5000);
  EXPECT_THAT(config.serving.tokens, IsEmpty());
  EXPECT_EQ(config.serving.jobs_kept_ms, 30ll * 86'400'000);
  EXPECT_EQ(config.serving.sources.at("crm").type, "sqlserver");
  EXPECT_EQ(config.serving.export_jobs.at(0).tables.at(0).target, "dbo.Users");
  EXPECT_EQ(config.serving.export_jobs.at(0).tables.at(1).source, "dbo.Orders");
}

// The file wins over the environment, its ${…} too; among names of variables ours comes first.
TEST(Variables, StandInForKeysThatTheFileDoesNotGive) {
  Variables variables = {{"AZSQL_SERVER", "theirs"},    {"TIDEMARK_SERVER", "ours"},
                         {"AZSQL_PASSWORD", "p"},       {"TIDEMARK_INGEST_PIPELINE", "out"},
                         {"TIDEMARK_PARALLELISM", "3"}, {"AZSQL_PORT", "1444"}};
  auto config = Taken("databases: {d: {dbo: {t: full}}}\n", variables);
  EXPECT_EQ(config.connection.type, "sqlserver");
  EXPECT_EQ(config.connection.server, "ours");
  EXPECT_EQ(config.connection.password, "p");
  EXPECT_EQ(config.connection.port, 1444);
  EXPECT_EQ(config.output.ingest_pipeline, "out");
  EXPECT_EQ(config.workers, 3);
  config = Taken(
      "connection: {server: mine, password: }\ndatabases: {d: {dbo: {t: full}}}\nparallelism: 7\n",
      variables);
  EXPECT_EQ(config.connection.server, "mine");
  EXPECT_EQ(config.connection.password, "p");
  EXPECT_EQ(config.workers, 7);
  config = Taken("connection: {path: shop.db}\ndatabases: {d: {dbo: {t: full}}}\n", variables);
  EXPECT_EQ(config.connection.type, "sqlite");
}

TEST(Variables, AreTakenIntoAnyValue) {
  auto config = Taken(
      "connection: {server: \"${HOST}.example.com\", port: \"${PORT}\", password: "
      "\"a$${b}${EMPTY}${HOST}\"}\n"
      "databases: {d: {dbo: {t: {mode: \"${MODE}\", soft_delete: \"${YES}\"}}}}\n",
      {{"HOST", "db"}, {"PORT", "1433"}, {"EMPTY", ""}, {"MODE", "full"}, {"YES", "true"}});
  EXPECT_EQ(config.connection.server, "db.example.com");
  EXPECT_EQ(config.connection.port, 1433);
  EXPECT_EQ(config.connection.password, "a${b}db");
  EXPECT_EQ(config.databases[0].schemas[0].tables[0].options.mode, "full");
  EXPECT_EQ(config.databases[0].schemas[0].tables[0].options.soft_delete, true);
}

TEST(Refusals, NameAnUnsetVariable) {
  EXPECT_EQ(Refused(kSeed),
            "f.yaml:4:13: connection.password: variable ADMIN_PASSWORD is not set | "
            "set it in the environment or in a file .env");
  EXPECT_EQ(
      Refused("connection:\n  server: a${b\n"),
      "f.yaml:2:11: connection.server: \"${\" is not followed by a variable's name and \"}\" | "
      "${NAME} stands for a variable; write $${ for the characters themselves");
}

TEST(Refusals, NameFileLineKeyWhatIsFoundAndWhatIsAllowed) {
  EXPECT_EQ(Refused("connection: {path: .}\nstorage:\n  ingest_pipline: out\n"),
            "f.yaml:3:3: storage.ingest_pipline: there is no such key | did you mean "
            "\"ingest_pipeline\"? allowed: "
            "ingest_pipeline, output_format, parquet_compression, parquet_compression_level, "
            "row_group_size, "
            "max_rows_per_file");
  EXPECT_THAT(Refused("conection: {path: .}\n"), HasSubstr("did you mean \"connection\"?"));
  EXPECT_EQ(RefusedTables("{orders: {mode: ful}}"),
            "f.yaml:2:61: databases.shop.schemas.main.tables.orders.mode: \"ful\" is not a mode | "
            "did you mean "
            "\"full\"? allowed: full, incremental, full_incremental");
  EXPECT_THAT(RefusedTables("{orders: Full}"),
              HasSubstr("\"Full\" is not a mode | did you mean \"full\"?"));
  EXPECT_THAT(RefusedTables("{orders: {scd_type: 3}}"),
              HasSubstr("orders.scd_type: \"3\" is not in the range | allowed: 1, 2"));
  EXPECT_THAT(RefusedTables("{orders: {scd_type: two}}"),
              HasSubstr("orders.scd_type: \"two\" is not an SCD type | allowed: 1, 2"));
  EXPECT_THAT(
      RefusedTables("{orders: {soft_delete: maybe}}"),
      HasSubstr("orders.soft_delete: \"maybe\" is not true or false | allowed: true, false"));
  EXPECT_THAT(RefusedTables("{orders: {soft_delete: 1}}"), HasSubstr("\"1\" is not true or false"));
  EXPECT_THAT(RefusedTables("{orders: {soft_delete: 'true'}}"),
              HasSubstr("\"true\" is not true or false | without quotes"));
  EXPECT_THAT(RefusedTables("{}"),
              HasSubstr("databases.shop.schemas.main.tables: the map is empty"));
  EXPECT_THAT(RefusedTables("[]"),
              HasSubstr("databases.shop.schemas.main.tables: the list is empty"));
  EXPECT_THAT(RefusedTables(""),
              HasSubstr("databases.shop.schemas.main.tables: nothing is found, \"*\", a list of "
                        "tables or a map of tables is wanted"));
}

TEST(Refusals, NameWhatIsWantedInPlaceOfAnotherKind) {
  EXPECT_EQ(Refused(std::string(kHead) + "databases:\n  d:\n    schemas: [dbo]\n"),
            "f.yaml:4:14: databases.d.schemas: a list is found, a map of schemas is wanted | ");
  EXPECT_EQ(Refused(std::string(kHead) + "databases: [d]\n"),
            "f.yaml:2:12: databases: a list is found, a map of databases is wanted | ");
  EXPECT_EQ(Refused("storage: out\n"),
            "f.yaml:1:10: storage: a single value is found, a map of the output's keys is wanted | "
            "allowed: "
            "ingest_pipeline, output_format, parquet_compression, parquet_compression_level, "
            "row_group_size, "
            "max_rows_per_file");
  EXPECT_EQ(RefusedTables("{t: [a]}"),
            "f.yaml:2:49: databases.shop.schemas.main.tables.t: a list is found, a mode or a map "
            "is wanted | ");
  EXPECT_THAT(
      Refused(std::string(kHead) + "databases: {d: {uc_catlog: x}}\n"),
      HasSubstr("databases.d.uc_catlog: there is no such key | did you mean \"uc_catalog\"?"));
  EXPECT_THAT(Refused("- a\n"), HasSubstr("f.yaml:1:1: the file: a list is found"));
  EXPECT_EQ(Refused(""),
            "f.yaml: the configuration is empty | it begins with connection: and databases:");
  EXPECT_EQ(Refused("parallelism: 0\n"),
            "f.yaml:1:14: parallelism: \"0\" is not in the range | allowed: 1 to 1024");
  EXPECT_EQ(Refused("mode: full\n", {{"TIDEMARK_PARALLELISM", "many"}}),
            "environment variable TIDEMARK_PARALLELISM (parallelism): \"many\" is not a whole "
            "number | allowed: 1 to 1024");
  EXPECT_EQ(Refused("tables: [{table: a}]\nconnection: {path: .}\n"),
            "f.yaml:1:10: tables[0]: the key database is missing | The database.");
}

TEST(Refusals, NameATableThatIsChosenTwice) {
  EXPECT_THAT(RefusedTables("[a, b, a]"),
              HasSubstr("tables[2]: table a is chosen twice | take one of them out"));
  EXPECT_THAT(RefusedTables("{Orders: full, orders: full}"),
              HasSubstr("tables.orders: table orders is chosen already, as Orders"));
  EXPECT_THAT(Refused("connection: {path: .}\ndatabases: {a: {m: [t]}, A: {m: [t]}}\n"),
              HasSubstr("f.yaml:2:26: databases.A: database A is chosen already, as a"));
  EXPECT_THAT(Refused("connection: {path: .}\ntables: [{database: d, table: x.t}, {database: D, "
                      "table: X.T}]\n"),
              HasSubstr("tables[1]: table T is chosen already, as t"));
  auto config =
      Taken("connection: {type: postgresql, server: s}\ndatabases: {d: {public: [T, t]}}\n");
  EXPECT_EQ(config.databases[0].schemas[0].tables.size(), 2u);
}

TEST(Refusals, OfWhatContradictsItself) {
  EXPECT_THAT(
      RefusedTables("{t: {hash: [Email]}}"),
      HasSubstr("f.yaml:2:56: databases.shop.schemas.main.tables.t.hash: columns are to be hashed, "
                "but there is "
                "no hash_key | hash_key: ${NAME}, or the environment variable TIDEMARK_HASH_KEY"));
  EXPECT_THAT(Refused("databases: {d: {dbo: [t]}}\n"),
              HasSubstr("connection: neither a server nor a path is given"));
  EXPECT_THAT(Refused("connection: {server: s, path: p}\ndatabases: {d: {dbo: [t]}}\n"),
              HasSubstr("f.yaml:1:13: connection: a server and a path are given"));
  EXPECT_THAT(Refused("connection: {type: postgresql}\ndatabases: {d: {dbo: [t]}}\n"),
              HasSubstr("a source of type postgresql needs a server"));
  EXPECT_THAT(
      Refused("connection: {type: sqlserver, server: s}\ndatabases: {d: {path: x.db, dbo: [t]}}\n"),
      HasSubstr("databases.d.path: a source of type sqlserver has no files"));
  EXPECT_THAT(Refused("default_source: nope\n"),
              HasSubstr("default_source: there is no source \"nope\""));
}

// Whatever is wrong, what the file or its variables keep secret is not in the message.
TEST(Refusals, HoldNoSecret) {
  Variables variables = {{"SECRET", "hunter2"}};
  for (auto text : {
           "connection: {server: s, password: [hunter2]}\n",
           "hash_key: {a: hunter2}\n",
           "connection: {server: s, port: \"${SECRET}\"}\n",
           "mode: ${SECRET}\n",
           "parallelism: ${SECRET}\n",
           "connection: {server: s, trust_server_certificate: \"${SECRET}\"}\n",
           "stores: {s3: {secret_key: hunter2, path_style: \"${SECRET}\"}}\n",
           "server: {tokens: [hunter2, [hunter2]]}\n",
           "memory: ${SECRET}\n",
           "jobs: {store: [hunter2]}\n",
       })
    EXPECT_THAT(Refused(text, variables), AllOf(Not(HasSubstr("hunter2")), HasSubstr("f.yaml:1:")))
        << text;
}

// What the schema lists is what the reader takes: both come from one table of keys.
TEST(Schema, IsADocumentOfTheDraftWithEveryKey) {
  auto schema = nlohmann::json::parse(JsonSchema());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["additionalProperties"], false);
  for (auto key :
       {"connection", "databases", "tables", "storage", "logging", "stores", "parallelism",
        "server", "jobs", "artifacts", "sources", "default_source", "export_jobs"})
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
}

}  // namespace
}  // namespace tidemark::config
