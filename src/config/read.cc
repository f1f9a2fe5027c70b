#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/read_tables.h"
#include "config/section.h"

namespace tidemark::config {
namespace {

Language LanguageOf(const std::string& name) {
  return AsciiLower(name).ends_with(".json") ? Language::kJson : Language::kYaml;
}

// kNotFound when there is none. A file that never ends is read as far as the parser would take it.
Result<std::string> ReadText(const std::string& file) {
  auto failed = [&](int error) {
    std::string hint = "name a YAML or JSON file";
    if (error == ENOENT || error == ENOTDIR)
      return Fail(ErrorKind::kNotFound, "configuration " + file + ": no such file", hint);
    if (error == EISDIR)
      return Fail(ErrorKind::kInvalid, "configuration " + file + " is a folder", hint);
    auto kind = error == EACCES || error == EPERM ? ErrorKind::kDenied : ErrorKind::kUnavailable;
    return Fail(kind, fmt::format("configuration {}: {}", file, std::strerror(error)),
                "give this user leave to read it");
  };
  struct Closed {
    int fd;
    ~Closed() {
      if (fd > STDIN_FILENO) ::close(fd);
    }
  } opened{file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (opened.fd < 0) return failed(errno);
  std::string text;
  for (;;) {
    auto size = text.size();
    text.resize(size + (64 << 10));
    auto got = ::read(opened.fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR)
      got = 0, text.resize(size);
    else if (got < 0)
      return failed(errno);
    else if (got == 0)
      return text.resize(size), text;
    else
      text.resize(size + static_cast<std::size_t>(got));
    if (text.size() > kFileBytesMax) return text;
  }
}

// Of the working directory, or else the one beside the file.
Status AddDotEnv(Environment& environment, const std::string& file) {
  auto beside = (std::filesystem::path(file).parent_path() / ".env").string();
  for (const auto& name : {std::string(".env"), beside}) {
    auto text = ReadText(name);
    if (!text && text.error().kind == ErrorKind::kNotFound) continue;
    // A folder of that name is somebody's Python environment.
    if (!text && text.error().kind == ErrorKind::kInvalid) continue;
    if (!text) return Fail(std::move(text.error()));
    return environment.AddDotEnv(*text, name);
  }
  return {};
}

Connection ReadConnection(const Section& section) {
  constexpr std::string_view kSettings[] = {"ca_file",         "host_name_in_certificate",
                                            "instance",        "authentication",
                                            "access_token",    "token_command",
                                            "client_id",       "client_secret",
                                            "tenant_id",       "application_intent",
                                            "connect_timeout", "query_timeout",
                                            "packet_size",     "fine_times"};
  Connection connection{
      .type = section.Text("type"),
      .server = section.Text("server"),
      .database = section.Text("database"),
      .sql_login = section.Text("sql_login"),
      .password = section.Text("password"),
      .encrypt = section.Text("encrypt"),
      .path = section.Text("path"),
      .port = static_cast<int>(section.Integer("port").value_or(0)),
      .trusts_server_certificate = section.Boolean("trust_server_certificate").value_or(false)};
  for (auto name : kSettings)
    if (auto value = section.Text(name); !value.empty())
      connection.settings.emplace_back(name, std::move(value));
  return connection;
}

// What a source needs, and what it cannot take.
Status CheckConnection(const Connection& connection, Place place, const std::string& path,
                       const std::string& file) {
  auto wrong = [&](std::string message, std::string hint) {
    return Fail(ErrorAt(file, place, fmt::format("{}: {}", path, message), std::move(hint)));
  };
  if (connection.type.empty())
    return wrong("neither a server nor a path is given", "server: NAME, or path: FILE for SQLite");
  if (connection.type == "sqlite") return {};
  if (connection.server.empty())
    return wrong(fmt::format("a source of type {} needs a server", connection.type),
                 "server: NAME");
  return {};
}

// As the file says, else by what is given. What only the environment gives must not turn a file
// about SQLite into one about a server.
Result<Connection> ReadMainConnection(const Node& root, const std::string& file) {
  Section section(root.Find("connection"));
  auto connection = ReadConnection(section);
  auto stands_in_file = [&](std::string_view key) {
    const auto* found = section.Find(key);
    return found && found->origin.empty();
  };
  bool has_path = stands_in_file("path");
  auto databases = Section(&root).Inner("databases");
  for (const auto& database : databases.members())
    has_path |= Section(&database.value).Find("path") != nullptr;
  const auto* node = root.Find("connection");
  auto place = node ? node->place : Place{};
  if (connection.type.empty()) {
    if (stands_in_file("server") && has_path)
      return Fail(ErrorAt(file, place, "connection: a server and a path are given",
                          "say which: type: sqlserver, sqlite or postgresql"));
    if (has_path)
      connection.type = "sqlite";
    else if (!connection.server.empty())
      connection.type = "sqlserver";
    else if (!connection.path.empty())
      connection.type = "sqlite";
  }
  TRY(CheckConnection(connection, place, "connection", file));
  if (connection.type != "sqlite") {
    for (const auto& database : databases.members())
      if (const auto* path = Section(&database.value).Find("path"))
        return Fail(ErrorAt(file, path->place,
                            fmt::format("{}.path: a source of type {} has no files",
                                        PathOf("databases", database.key), connection.type),
                            "take it out, or say type: sqlite"));
  }
  return connection;
}

// `logging` is another spelling of `storage`; both may stand there if they do not contradict.
Result<Output> ReadOutput(const Node& root, const std::string& file) {
  Section storage(root.Find("storage")), logging(root.Find("logging"));
  for (const auto& member : logging.members()) {
    const auto* other = storage.Find(member.key);
    if (other && member.value.kind != Node::Kind::kNull && other->text != member.value.text)
      return Fail(ErrorAt(file, member.place,
                          fmt::format("logging.{0}: storage.{0} says something else", member.key),
                          "take one of them out"));
  }
  auto of = [&](std::string_view key) { return storage.Find(key) ? storage : logging; };
  auto text = [&](std::string_view key) { return of(key).Text(key); };
  auto number = [&](std::string_view key) { return of(key).Integer(key); };
  return Output{.ingest_pipeline = text("ingest_pipeline"),
                .format = text("output_format"),
                .compression = text("parquet_compression"),
                .compression_level = number("parquet_compression_level"),
                .row_group_rows = number("row_group_size"),
                .max_rows_per_file = number("max_rows_per_file")};
}

Stores ReadStores(const Section& section) {
  auto s3 = section.Inner("s3"), azure = section.Inner("azure");
  return {.s3 = {.endpoint = s3.Text("endpoint"),
                 .region = s3.Text("region"),
                 .access_key = s3.Text("access_key"),
                 .secret_key = s3.Text("secret_key"),
                 .session_token = s3.Text("session_token"),
                 .path_style = s3.Boolean("path_style")},
          .azure = {.account = azure.Text("account"),
                    .key = azure.Text("key"),
                    .sas = azure.Text("sas"),
                    .connection_string = azure.Text("connection_string"),
                    .endpoint = azure.Text("endpoint")}};
}

ExportJob ReadExportJob(const Section& section) {
  ExportJob job{.area = section.Text("area"),
                .id = section.Text("id"),
                .source = section.Text("source"),
                .target = section.Text("target"),
                .tables = {}};
  for (const auto& member : section.Inner("tables").members()) {
    Section table(&member.value);
    job.tables.push_back({.id = member.key,
                          .source = table.is_scalar() ? table.text() : table.Text("source"),
                          .target = table.is_scalar() ? std::string() : table.Text("target")});
  }
  return job;
}

Result<Serving> ReadServing(const Node& root, const std::string& file) {
  Section section(&root);
  auto server = section.Inner("server"), callbacks = server.Inner("callbacks");
  Serving serving;
  serving.listen = server.Text("listen");
  serving.tokens = server.Texts("tokens");
  serving.function_keys = server.Texts("function_keys");
  serving.callback_secret = callbacks.Text("secret");
  serving.callbacks_may_be_private = callbacks.Boolean("allow_private").value_or(false);
  serving.jobs_store = section.Inner("jobs").Text("store");
  serving.jobs_kept_ms = section.Inner("jobs").Milliseconds("keep");
  serving.artifacts_store = section.Inner("artifacts").Text("store");
  serving.default_source = section.Text("default_source");
  for (const auto& member : section.Inner("sources").members()) {
    auto connection = ReadConnection(Section(&member.value));
    if (connection.type.empty())
      connection.type = !connection.path.empty()     ? "sqlite"
                        : !connection.server.empty() ? "sqlserver"
                                                     : "";
    TRY(CheckConnection(connection, member.place, PathOf("sources", member.key), file));
    serving.sources.emplace(member.key, std::move(connection));
  }
  auto check_source = [&](const Node* node, const std::string& path) -> Status {
    if (!node || serving.sources.contains(node->text)) return {};
    return Fail(ErrorAt(file, node->place,
                        fmt::format("{}: there is no source \"{}\"", path, node->text),
                        "sources: is the map of them"));
  };
  TRY(check_source(section.Find("default_source"), "default_source"));
  if (const auto* jobs = section.Find("export_jobs"))
    for (std::size_t i = 0; i < jobs->items.size(); ++i) {
      Section job(&jobs->items[i]);
      TRY(check_source(job.Find("source"), fmt::format("export_jobs[{}].source", i)));
      serving.export_jobs.push_back(ReadExportJob(job));
    }
  return serving;
}

}  // namespace

Result<Config> Read(std::string_view text, const std::string& name,
                    const Environment& environment) {
  auto root = TRY(ReadDocument(text, name, LanguageOf(name)));
  TRY(Check(root, environment, name));
  Section section(&root);
  auto retry = section.Inner("retry");
  Config config{.file = name,
                .connection = {},
                .databases = {},
                .output = TRY(ReadOutput(root, name)),
                .stores = ReadStores(section.Inner("stores")),
                .retry = {.attempts = retry.Integer("attempts"),
                          .first_wait_ms = retry.Milliseconds("first_wait"),
                          .longest_wait_ms = retry.Milliseconds("longest_wait")},
                .serving = TRY(ReadServing(root, name)),
                .workers = section.Integer("parallelism"),
                .memory_bytes = section.Bytes("memory"),
                .lock_timeout_ms = section.Milliseconds("lock_timeout"),
                .mode = section.Text("mode"),
                .temp_dir = section.Text("temp_dir"),
                .hash_key = section.Text("hash_key")};
  // A file for `serve` alone has neither.
  bool has_tables = section.Find("databases") || section.Find("tables");
  if (has_tables || section.Find("connection"))
    config.connection = TRY(ReadMainConnection(root, name));
  config.databases = TRY(ReadTables(root, config.connection.type, !config.hash_key.empty(), name));
  return config;
}

Result<Config> Load(const std::string& file) {
  auto text = TRY(ReadText(file));
  Environment environment;
  TRY(AddDotEnv(environment, file));
  return Read(text, file, environment);
}

}  // namespace tidemark::config
