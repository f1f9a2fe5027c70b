#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "source/sqlserver/tds/link.h"
#include "source/sqlserver/tds/tokens.h"

namespace tidemark::tds {

// What a server said of itself.
struct ServerInfo {
  std::string program;  // "Microsoft SQL Server"
  std::string name;     // as its messages have it; may be empty
  ServerVersion version;
  std::string database;
  Endpoint endpoint;        // after all redirections
  std::string tls_version;  // "TLSv1.3"; empty: clear text
  bool is_strict = false;
  bool has_utf8 = false, has_json = false, has_vector = false;  // sent as such types
};

struct LoginAnswer {
  std::optional<Endpoint> routed_to;  // log in there instead; the rest is not set then
  ServerInfo server;
  std::string collation;  // five bytes: of the database, for texts that we send
  std::vector<ServerMessage> messages;
  std::optional<ServerMessage> refusal;  // why the login failed; errors that are no refusals fail
};

// Sends the login and reads its answer. `user` is the one of the options, or as a gateway wants it.
// kDenied: the token is not to be had; kCorrupt: the answer contradicts itself; kUnsupported: the
// server is older than SQL Server 2012.
Result<LoginAnswer> LogIn(Link& link, const ConnectOptions& options, const std::string& user);

}  // namespace tidemark::tds
