#include "config/keys.h"

namespace tidemark::config {
namespace {

using Kind = Shape::Kind;

constexpr std::string_view kModeWords[] = {"full", "incremental", "full_incremental"};
constexpr std::string_view kTypeWords[] = {"sqlserver", "sqlite", "postgresql"};
constexpr std::string_view kFormatWords[] = {"per_table", "unified"};
constexpr std::string_view kCodecWords[] = {"zstd", "snappy", "gzip", "brotli", "lz4", "none"};
constexpr std::string_view kRenameWords[] = {"backfill", "views"};
constexpr std::string_view kEncryptWords[] = {"strict", "true",      "login",
                                              "false",  "mandatory", "optional"};
constexpr std::string_view kAuthenticationWords[] = {
    "SqlPassword", "ActiveDirectoryManagedIdentity", "ActiveDirectoryServicePrincipal",
    "ActiveDirectoryAccessToken", "Command"};
constexpr std::string_view kIntentWords[] = {"ReadWrite", "ReadOnly"};
constexpr std::string_view kFineTimeWords[] = {"columns", "truncate"};
constexpr std::string_view kStarWords[] = {"*"};

constexpr Shape kText{};
constexpr Shape kName{.noun = "a name"};
constexpr Shape kPath{.noun = "a path"};
constexpr Shape kDestination{.noun = "a folder or a URL"};
constexpr Shape kBoolean{.kind = Kind::kBoolean, .noun = "true or false"};
constexpr Shape kTime{.kind = Kind::kTime, .noun = "a time, as 500ms, 10s, 2m, 12h or 30d"};
constexpr Shape kSize{.kind = Kind::kSize, .noun = "a size, as 128MiB or 1GiB"};
constexpr Shape kCount{.kind = Kind::kInteger, .noun = "a whole number", .min = 1};
constexpr Shape kWorkers{.kind = Kind::kInteger, .noun = "a whole number", .min = 1, .max = 1024};
constexpr Shape kLevel{.kind = Kind::kInteger, .noun = "a whole number", .min = 0, .max = 1000};
constexpr Shape kPort{.kind = Kind::kInteger, .noun = "a port", .min = 1, .max = 65535};
constexpr Shape kScdType{.kind = Kind::kInteger, .noun = "an SCD type", .min = 1, .max = 2};
constexpr Shape kMode{.kind = Kind::kWord, .noun = "a mode", .words = kModeWords};
constexpr Shape kType{.kind = Kind::kWord, .noun = "a kind of source", .words = kTypeWords};
constexpr Shape kFormat{.kind = Kind::kWord, .noun = "a format", .words = kFormatWords};
constexpr Shape kCodec{.kind = Kind::kWord, .noun = "a compression", .words = kCodecWords};
constexpr Shape kOnRename{.kind = Kind::kWord, .noun = "a policy", .words = kRenameWords};
constexpr Shape kEncryptWord{
    .kind = Kind::kWord, .noun = "a kind of encryption", .words = kEncryptWords};
constexpr Shape kAuthentication{
    .kind = Kind::kWord, .noun = "a way to log in", .words = kAuthenticationWords};
constexpr Shape kIntent{.kind = Kind::kWord, .noun = "an intent", .words = kIntentWords};
constexpr Shape kFineTimes{.kind = Kind::kWord, .noun = "a policy", .words = kFineTimeWords};
constexpr Shape kPacketSize{
    .kind = Kind::kInteger, .noun = "a number of bytes", .min = 512, .max = 32767};
constexpr Shape kNames{.kind = Kind::kList, .noun = "a list of names", .item = &kName};
constexpr Shape kTexts{.kind = Kind::kList, .noun = "a list of texts", .item = &kText};

// Tables of a schema.
constexpr Key kTableKeys[] = {
    {"mode", &kMode, "What a sync does with the table; full_incremental unless given."},
    {"scd_type", &kScdType, "What compact keeps: 1 the newest row of a key, 2 its history."},
    {"soft_delete", &kBoolean, "Whether compact keeps deleted rows, marked."},
    {"columns", &kNames, "Columns to land; all unless given. The key is always landed."},
    {"exclude", &kNames, "Columns to leave out."},
    {"hash", &kNames, "Columns of which only a keyed hash is landed; needs hash_key."},
    {"where", &kText, "A condition in the source's SQL: only rows that meet it are landed."},
    {"on_rename", &kOnRename,
     "After a column was renamed: backfill lands the rows again, views does not."},
};
constexpr Shape kTableSection{
    .kind = Kind::kSection, .noun = "a map of the table's keys", .keys = kTableKeys};
constexpr const Shape* kTableChoices[] = {&kMode, &kTableSection};
constexpr Shape kTable{.kind = Kind::kEither, .noun = "a mode or a map", .choices = kTableChoices};
constexpr Shape kStar{.kind = Kind::kWord, .noun = "\"*\"", .words = kStarWords};
constexpr Shape kTableNames{
    .kind = Kind::kList, .noun = "a list of tables", .item = &kName, .may_be_empty = false};
constexpr Shape kTableMap{
    .kind = Kind::kMap, .noun = "a map of tables", .item = &kTable, .may_be_empty = false};
constexpr const Shape* kTablesChoices[] = {&kStar, &kTableNames, &kTableMap};
constexpr Shape kTables{.kind = Kind::kEither,
                        .noun = "\"*\", a list of tables or a map of tables",
                        .choices = kTablesChoices,
                        .may_be_empty = false};

constexpr Key kSchemaKeys[] = {
    {"uc_schema", &kName, "The schema's name in a catalog (Unity Catalog)."},
    {"tables", &kTables, "The tables: \"*\", a list of names, or a map of names with their modes.",
     true},
};
constexpr Shape kSchema{
    .kind = Kind::kSection, .noun = "a map with the key tables", .keys = kSchemaKeys};
constexpr Shape kSchemas{
    .kind = Kind::kMap, .noun = "a map of schemas", .item = &kSchema, .may_be_empty = false};
// Names beside these are schemas, each with its tables: the older form.
constexpr Key kDatabaseKeys[] = {
    {"path", &kPath, "The file, where the source is SQLite."},
    {"uc_catalog", &kName, "The database's name in a catalog (Unity Catalog)."},
    {"schemas", &kSchemas, "The schemas and their tables."},
};
constexpr Shape kDatabase{.kind = Kind::kSection,
                          .noun = "a map of the database's keys",
                          .item = &kTables,
                          .keys = kDatabaseKeys,
                          .may_be_empty = false};
constexpr Shape kDatabases{
    .kind = Kind::kMap, .noun = "a map of databases", .item = &kDatabase, .may_be_empty = false};

constexpr Key kFlatTableKeys[] = {
    {"database", &kName, "The database.", true},
    {"table", &kName, "schema.table; without a schema dbo is meant.", true},
    kTableKeys[0],
    kTableKeys[1],
    kTableKeys[2],
    kTableKeys[3],
    kTableKeys[4],
    kTableKeys[5],
    kTableKeys[6],
    kTableKeys[7],
};
constexpr Shape kFlatTable{
    .kind = Kind::kSection, .noun = "a map with database and table", .keys = kFlatTableKeys};
constexpr Shape kFlatTables{
    .kind = Kind::kList, .noun = "a list of tables", .item = &kFlatTable, .may_be_empty = false};

constexpr Key kConnectionKeys[] = {
    {"type", &kType,
     "The kind of source: sqlserver where a server is given, sqlite where a path is."},
    {"server",
     &kText,
     "The server's name or address.",
     false,
     false,
     {"TIDEMARK_SERVER", "AZSQL_SERVER"}},
    {"port", &kPort, "The server's port.", false, false, {"TIDEMARK_PORT", "AZSQL_PORT"}},
    {"sql_login", &kText, "The login.", false, false, {"TIDEMARK_SQL_LOGIN", "AZSQL_SQL_LOGIN"}},
    {"password",
     &kText,
     "The password; write ${NAME} and keep it in the environment.",
     false,
     true,
     {"TIDEMARK_PASSWORD", "AZSQL_PASSWORD"}},
    {"encrypt", &kEncryptWord,
     "Encryption of the connection: strict, true (mandatory), login or false (optional); true "
     "unless "
     "given."},
    {"trust_server_certificate", &kBoolean, "Whether any certificate of the server will do."},
    {"ca_file", &kPath,
     "Authorities that certificates are checked with, in place of the system's."},
    {"host_name_in_certificate", &kText,
     "The name that the certificate bears, if not the server's."},
    {"instance", &kName, "A named instance of the server."},
    {"authentication", &kAuthentication,
     "How to log in: SqlPassword, or a way of Entra ID; SqlPassword unless given."},
    {"access_token", &kText, "For ActiveDirectoryAccessToken.", false, true},
    {"token_command", &kText, "For Command: what prints an access token."},
    {"client_id", &kText, "The application, or one of several managed identities."},
    {"client_secret", &kText, "The application's secret.", false, true},
    {"tenant_id", &kText, "The application's tenant; the server is asked unless given."},
    {"application_intent", &kIntent, "ReadOnly reads from a copy, which tracks no changes."},
    {"connect_timeout", &kTime, "How long a login may take: 15s unless given."},
    {"query_timeout", &kTime, "How long the server may be silent; without end unless given."},
    {"packet_size", &kPacketSize, "Bytes of a packet: 32767 unless given."},
    {"fine_times", &kFineTimes,
     "The last digit of datetime2(7): columns lands it beside the value, truncate leaves it out."},
    {"path",
     &kPath,
     "SQLite: a file, or a folder that holds <database>.db.",
     false,
     false,
     {"TIDEMARK_PATH", {}}},
};
constexpr Shape kConnection{
    .kind = Kind::kSection, .noun = "a map of the connection's keys", .keys = kConnectionKeys};

constexpr Key kStorageKeys[] = {
    {"ingest_pipeline",
     &kDestination,
     "Where data, watermarks and manifest go.",
     false,
     false,
     {"TIDEMARK_INGEST_PIPELINE", "AZSQL_INGEST_PIPELINE"}},
    {"output_format", &kFormat, "The shape of the files: per_table unless given."},
    {"parquet_compression", &kCodec, "The compression: zstd unless given."},
    {"parquet_compression_level", &kLevel, "The compression's level: 1 for zstd unless given."},
    {"row_group_size", &kCount, "Rows in one row group: 500000 unless given."},
    {"max_rows_per_file", &kCount, "Rows in one file: 10000000 unless given."},
};
constexpr Shape kStorage{
    .kind = Kind::kSection, .noun = "a map of the output's keys", .keys = kStorageKeys};
// The same keys under the name that some files have; the destination stands under storage alone.
constexpr Shape kLogging{.kind = Kind::kSection,
                         .noun = "a map of the output's keys",
                         .keys = std::span(kStorageKeys).subspan(1)};

constexpr Key kS3Keys[] = {
    {"endpoint", &kText, "The service's URL, where it is not Amazon's."},
    {"region", &kText, "The region."},
    {"access_key", &kText, "The access key's id.", false, true},
    {"secret_key", &kText, "The secret key.", false, true},
    {"session_token", &kText, "The token of a session.", false, true},
    {"path_style", &kBoolean, "Whether the bucket stands in the path."},
};
constexpr Key kAzureKeys[] = {
    {"account", &kText, "The storage account."},
    {"key", &kText, "The account's key.", false, true},
    {"sas", &kText, "A shared access signature.", false, true},
    {"connection_string", &kText, "A connection string.", false, true},
    {"endpoint", &kText, "The service's URL, where it is not Azure's."},
};
constexpr Shape kS3{.kind = Kind::kSection, .noun = "a map of S3's keys", .keys = kS3Keys};
constexpr Shape kAzure{.kind = Kind::kSection, .noun = "a map of Azure's keys", .keys = kAzureKeys};
constexpr Key kStoresKeys[] = {
    {"s3", &kS3, "S3 and what speaks like it."},
    {"azure", &kAzure, "Azure Blob Storage."},
};
constexpr Shape kStores{.kind = Kind::kSection, .noun = "a map of stores", .keys = kStoresKeys};

constexpr Key kRetryKeys[] = {
    {"attempts", &kWorkers, "How often a table is tried, the first time included: 5 unless given."},
    {"first_wait", &kTime, "How long to wait before the second attempt: 500ms unless given."},
    {"longest_wait", &kTime, "Waits double up to this: 30s unless given."},
};
constexpr Shape kRetry{.kind = Kind::kSection, .noun = "a map of retry's keys", .keys = kRetryKeys};

// For serve and worker.
constexpr Key kCallbackKeys[] = {
    {"allow_private", &kBoolean, "Whether callbacks may go to private addresses."},
    {"secret", &kText, "Signs callbacks.", false, true},
};
constexpr Shape kCallbacks{
    .kind = Kind::kSection, .noun = "a map of callbacks' keys", .keys = kCallbackKeys};
constexpr Key kServerKeys[] = {
    {"listen", &kText, "Address and port to listen on."},
    {"tokens", &kTexts, "Bearer tokens that are let in.", false, true},
    {"function_keys", &kTexts, "Keys that are let in by x-functions-key.", false, true},
    {"callbacks", &kCallbacks, "Calls to others when a job ends."},
};
constexpr Shape kServer{
    .kind = Kind::kSection, .noun = "a map of the server's keys", .keys = kServerKeys};
constexpr Key kJobsKeys[] = {
    {"store", &kText, "Where jobs are kept: sqlite:PATH or postgresql://…", false, true},
    {"keep", &kTime, "How long finished jobs are kept."},
};
constexpr Shape kJobs{.kind = Kind::kSection, .noun = "a map of jobs' keys", .keys = kJobsKeys};
constexpr Key kArtifactsKeys[] = {
    {"store", &kDestination, "Where exports go: a folder or a URL."},
};
constexpr Shape kArtifacts{
    .kind = Kind::kSection, .noun = "a map of artifacts' keys", .keys = kArtifactsKeys};
// A source of its own takes nothing from the environment: there may be several.
constexpr Key kSourceKeys[] = {
    {"type", &kType, "The kind of source."},
    {"server", &kText, "The server's name or address."},
    {"port", &kPort, "The server's port."},
    {"database", &kName, "The database on the server."},
    {"sql_login", &kText, "The login."},
    {"password", &kText, "The password.", false, true},
    {"encrypt", &kEncryptWord, "Encryption of the connection."},
    {"trust_server_certificate", &kBoolean, "Whether any certificate of the server will do."},
    {"path", &kPath, "The SQLite file."},
};
constexpr Shape kSource{
    .kind = Kind::kSection, .noun = "a map of the source's keys", .keys = kSourceKeys};
constexpr Shape kSources{.kind = Kind::kMap, .noun = "a map of sources", .item = &kSource};
constexpr Key kJobTableKeys[] = {
    {"source", &kName, "The table in the source.", true},
    {"target", &kName, "The table in the target."},
};
constexpr Shape kJobTableSection{
    .kind = Kind::kSection, .noun = "a map with source and target", .keys = kJobTableKeys};
constexpr const Shape* kJobTableChoices[] = {&kName, &kJobTableSection};
constexpr Shape kJobTable{
    .kind = Kind::kEither, .noun = "a table's name or a map", .choices = kJobTableChoices};
constexpr Shape kJobTables{
    .kind = Kind::kMap, .noun = "a map of tables", .item = &kJobTable, .may_be_empty = false};
constexpr Key kExportJobKeys[] = {
    {"area", &kName, "The area the job belongs to.", true},
    {"id", &kName, "The job's key within its area.", true},
    {"source", &kName, "One of sources.", true},
    {"target", &kName, "One of sources."},
    {"tables", &kJobTables, "Ids of tables, each with its name in the source.", true},
};
constexpr Shape kExportJob{
    .kind = Kind::kSection, .noun = "a map of the job's keys", .keys = kExportJobKeys};
constexpr Shape kExportJobs{.kind = Kind::kList, .noun = "a list of jobs", .item = &kExportJob};

constexpr Key kFileKeys[] = {
    {"connection", &kConnection, "Where the databases are."},
    {"databases", &kDatabases, "What is landed, by database, schema and table."},
    {"tables", &kFlatTables, "What is landed, as a list: the oldest form."},
    {"storage", &kStorage, "Where it is landed, and how."},
    {"logging", &kLogging, "Another name for storage."},
    {"stores", &kStores, "Access to object stores; else each cloud's own variables and files."},
    {"parallelism",
     &kWorkers,
     "Threads that work at once: the cores unless given.",
     false,
     false,
     {"TIDEMARK_PARALLELISM", "AZSQL_PARALLELISM"}},
    {"mode", &kMode, "The mode of tables that do not give one: full_incremental unless given."},
    {"memory",
     &kSize,
     "Memory to work in: 128MiB unless given.",
     false,
     false,
     {"TIDEMARK_MEMORY", {}}},
    {"temp_dir", &kPath, "Where private copies go: TMPDIR, else inside the destination."},
    {"lock_timeout", &kTime, "How long to wait for a locked database: 10s unless given."},
    {"hash_key", &kText, "The key of hashed columns.", false, true, {"TIDEMARK_HASH_KEY", {}}},
    {"retry", &kRetry, "What is transient is tried again."},
    {"server", &kServer, "For serve: the HTTP service."},
    {"jobs", &kJobs, "For serve and worker: the jobs."},
    {"artifacts", &kArtifacts, "For serve and worker: what exports hand out."},
    {"sources", &kSources, "For serve and worker: databases by name."},
    {"default_source", &kName, "For serve: the source of /export."},
    {"export_jobs", &kExportJobs, "For serve: exports of tracked changes."},
};
constexpr Shape kFile{.kind = Kind::kSection,
                      .noun = "a map of the file's keys",
                      .keys = kFileKeys,
                      .may_be_empty = false};

}  // namespace

const Shape& FileShape() { return kFile; }

bool IsForServing(std::string_view key) {
  constexpr std::string_view kKeys[] = {"server",  "jobs",           "artifacts",
                                        "sources", "default_source", "export_jobs"};
  for (auto name : kKeys)
    if (name == key) return true;
  return false;
}

}  // namespace tidemark::config
