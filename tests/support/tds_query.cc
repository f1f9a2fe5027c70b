// Runs statements on a SQL Server through our client and prints what comes back, a JSON value a
// line: for tests, and for people who look into the client. tds_query URL STATEMENT…
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "source/sqlserver/tds/address.h"
#include "source/sqlserver/tds/connection.h"

namespace tidemark::tds {
namespace {

using nlohmann::json;

json ToJson(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

void Print(const json& value) {
  std::printf("%s\n", value.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

void PrintServer(const ServerInfo& server) {
  Print({{"program", server.program},
         {"version", {server.version.major, server.version.minor, server.version.build}},
         {"database", server.database},
         {"endpoint", ToText(server.endpoint)},
         {"tls", server.tls_version},
         {"strict", server.is_strict},
         {"features",
          {{"utf8", server.has_utf8}, {"json", server.has_json}, {"vector", server.has_vector}}}});
}

Status Run(Connection& connection, const char* statement) {
  TRY(connection.Send(statement));
  while (const auto columns = TRY(connection.NextResult())) {
    json names = json::array();
    for (const ResultColumn& column : *columns) names.push_back(column.name);
    Print({{"columns", std::move(names)}});
    while (const auto row = TRY(connection.ReadRow())) {
      json cells = json::array();
      for (const Value& value : *row) cells.push_back(ToJson(value));
      Print(cells);
    }
  }
  return {};
}

void PrintError(const Error& error, bool is_usable) {
  Print({{"error", error.message},
         {"kind", std::string(Name(error.kind))},
         {"hint", error.hint},
         {"usable", is_usable}});
}

Result<std::unique_ptr<Connection>> Open(const char* url) {
  const auto variables = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  const ConnectOptions options = TRY(Finish(TRY(ParseAddress(url)), variables, {}));
  return Connection::Open(options);
}

}  // namespace
}  // namespace tidemark::tds

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: tds_query URL STATEMENT...\n");
    return 2;
  }
  auto connection = tidemark::tds::Open(arguments[1]);
  if (!connection) {
    tidemark::tds::PrintError(connection.error(), false);
    return 1;
  }
  tidemark::tds::PrintServer((*connection)->server());
  int exit_code = 0;
  for (int i = 2; i < count; ++i) {
    const auto ran = tidemark::tds::Run(**connection, arguments[i]);
    if (ran) continue;
    tidemark::tds::PrintError(ran.error(), (*connection)->usable());
    exit_code = 1;
  }
  return exit_code;
}
