#pragma once
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "source/sqlserver/tds/packet.h"

namespace tidemark::tds {

enum class Encrypt : std::uint8_t {
  kStrict,  // TDS 8.0: TLS from the first byte; the certificate is always checked
  kTrue,    // TLS for everything after PRELOGIN
  kLogin,   // TLS for the login at least; what follows may be in clear text
  kFalse,   // TLS only where the server insists or offers it for the login; nothing is checked
};

// Where a server wants tokens to come from, if it was asked; empty texts: it was not.
struct TokenPlace {
  std::string authority;  // "https://login.windows.net/<tenant>"
  std::string resource;   // "https://database.windows.net/"
};
// An access token of Entra ID. Called from any thread that opens a connection.
using TokenSource = std::function<Result<std::string>(const TokenPlace&)>;

struct ConnectOptions {
  std::string host;
  std::uint16_t port = 0;  // 0: 1433, or the one of the instance
  std::string instance;    // asked for at the server's browser service, unless a port is named
  std::string database;    // empty: the login's own
  std::string user, password;
  Encrypt encrypt = Encrypt::kTrue;
  bool trust_server_certificate = false;
  std::string ca_file;                   // PEM; empty: the system's authorities
  std::string host_name_in_certificate;  // empty: the host
  TokenSource access_token;              // set: instead of user and password
  bool asks_where_tokens_are = false;    // the source needs to know a TokenPlace
  bool read_only_intent = false;
  std::string application = "tidemark";
  std::int64_t connect_timeout_ms = 15'000;  // all of Open, redirections included
  std::int64_t query_timeout_ms = 0;         // the longest silence of the server; 0: any
  std::int64_t cancel_timeout_ms = 5'000;    // for the answer to a cancelled statement
  int packet_bytes = static_cast<int>(kPacketBytesMax);
  std::uint16_t browser_port = 1434;
  std::stop_token stop;
};

}  // namespace tidemark::tds
