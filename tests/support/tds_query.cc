// Runs one statement on a SQL Server and prints its rows, for people who look into the client.
// tds_query HOST PORT USER PASSWORD ENCRYPT(strict|true|login|false) CA_FILE(or -) STATEMENT
#include <cstdio>
#include <cstdlib>
#include <string>

#include "source/sqlserver/tds/connection.h"

namespace tidemark::tds {
namespace {

std::string ToText(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return std::to_string(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "NULL";
}

Status Run(char** arguments) {
  const std::string encrypt = arguments[5], ca_file = arguments[6];
  ConnectOptions options;
  options.host = arguments[1];
  options.port = static_cast<std::uint16_t>(std::atoi(arguments[2]));
  options.user = arguments[3];
  options.password = arguments[4];
  options.encrypt = encrypt == "strict"  ? Encrypt::kStrict
                    : encrypt == "login" ? Encrypt::kLogin
                    : encrypt == "false" ? Encrypt::kFalse
                                         : Encrypt::kTrue;
  if (ca_file == "-") {
    options.trust_server_certificate = true;
  } else {
    options.ca_file = ca_file;
  }
  const auto connection = TRY(Connection::Open(options));
  const ServerInfo& server = connection->server();
  std::printf("%s %d.%d.%d, database %s, %s\n", server.program.c_str(), server.version.major,
              server.version.minor, server.version.build, server.database.c_str(),
              server.tls_version.empty() ? "clear text" : server.tls_version.c_str());
  TRY(connection->Send(arguments[7]));
  while (const auto columns = TRY(connection->NextResult())) {
    for (const ResultColumn& column : *columns) std::printf("%s\t", column.name.c_str());
    std::printf("\n");
    while (const auto row = TRY(connection->ReadRow())) {
      for (const Value& value : *row) std::printf("%s\t", ToText(value).c_str());
      std::printf("\n");
    }
  }
  return {};
}

}  // namespace
}  // namespace tidemark::tds

int main(int count, char** arguments) {
  if (count != 8) {
    std::fprintf(stderr, "usage: tds_query HOST PORT USER PASSWORD ENCRYPT CA_FILE STATEMENT\n");
    return 2;
  }
  const auto ran = tidemark::tds::Run(arguments);
  if (ran) return 0;
  std::fprintf(stderr, "%s\n", ran.error().message.c_str());
  if (!ran.error().hint.empty()) std::fprintf(stderr, "hint: %s\n", ran.error().hint.c_str());
  return 1;
}
