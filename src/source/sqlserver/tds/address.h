#pragma once
#include <string>
#include <string_view>

#include "source/sqlserver/tds/connect_options.h"
#include "source/sqlserver/tds/entra.h"

namespace tidemark::tds {

// What a URL or a configuration says about a connection, before anything is fetched or opened.
struct Address {
  ConnectOptions connect;
  EntraOptions entra;
};

// sqlserver://[user[:password]@]host[\instance][:port][/database][?option=value&…]; mssql:// is the
// same. Everything may be percent-encoded. kInvalid names what is wrong, never a password.
Result<Address> ParseAddress(std::string_view url);

// One option as connection strings and configurations of the ecosystem spell it: "encrypt",
// "TrustServerCertificate", "trust_server_certificate", "Initial Catalog", … kInvalid: the value is
// none for it, or there is no such option (the message lists all).
Status SetOption(std::string_view name, std::string_view value, Address* address);

// "host", "host\instance", "host,port", "host:port", "tcp:host,port", "[::1]:port"
Status SetServer(std::string_view server, Address* address);

// Looks whether it is consistent and gives what Connection::Open takes. What is missing comes from
// variables: TIDEMARK_PASSWORD, TIDEMARK_ACCESS_TOKEN. `stop` goes to the connection and to whoever
// fetches tokens.
Result<ConnectOptions> Finish(Address address, const Variables& variables, std::stop_token stop);

// sqlserver://host\instance:port/database: for people, reports and states; without secrets.
std::string ToText(const ConnectOptions& options);

}  // namespace tidemark::tds
