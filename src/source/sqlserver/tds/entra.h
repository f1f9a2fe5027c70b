#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "source/sqlserver/tds/connect_options.h"

namespace tidemark::tds {

// Where an access token of Entra ID (Azure's logins) comes from.
enum class EntraWay : std::uint8_t {
  kNone,
  kGiven,            // `token` itself
  kCommand,          // what `command` prints: a token, or JSON with accessToken
  kManagedIdentity,  // what the machine or the container is given by Azure
  kClientSecret,     // an application of Entra's
};

// A variable of the environment; nothing: unset.
using Variables = std::function<std::optional<std::string>(const std::string&)>;

struct EntraOptions {
  EntraWay way = EntraWay::kNone;
  std::string token;
  std::string command;    // run by /bin/sh
  std::string client_id;  // of the application, or of one of several managed identities
  std::string client_secret;
  std::string tenant_id;  // empty: the server is asked for it
  std::string resource = "https://database.windows.net/";
  std::string ca_file;  // of the authority behind login.microsoftonline.com; empty: system
  std::int64_t command_timeout_ms = 60'000;
  // IDENTITY_ENDPOINT, IDENTITY_HEADER, AZURE_AUTHORITY_HOST and AZURE_POD_IDENTITY_AUTHORITY_HOST
  // are looked up here, as Azure's own libraries do. Not set: the process's.
  Variables variables;
  std::stop_token stop;
};

// A source that keeps a token until shortly before it expires and may be called from any thread;
// nothing for kNone. kInvalid: something is missing. Its calls: kDenied: Entra ID refuses, in its
// own words; kUnavailable: it cannot be reached; kInvalid: the command fails or prints no token.
Result<TokenSource> MakeTokenSource(EntraOptions options);

// The name under which Entra ID knows the databases of the cloud that a host belongs to.
std::string ResourceOf(const std::string& host);

}  // namespace tidemark::tds
