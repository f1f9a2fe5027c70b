#include "source/sqlserver/tds/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "base/text.h"
#include "base/units.h"

namespace tidemark::tds {
namespace {

std::unexpected<Error> Invalid(std::string message, std::string hint = {}) {
  return Fail(ErrorKind::kInvalid, std::move(message), std::move(hint));
}

std::optional<bool> ParseFlag(std::string_view value) {
  for (const char* word : {"true", "yes", "1", "on"}) {
    if (EqualsNoCase(value, word)) return true;
  }
  for (const char* word : {"false", "no", "0", "off"}) {
    if (EqualsNoCase(value, word)) return false;
  }
  return std::nullopt;
}

// Every setter gives false where the value is none for it.
using Setter = bool (*)(std::string_view value, Address& address);

bool SetEncrypt(std::string_view value, Address& address) {
  Encrypt& encrypt = address.connect.encrypt;
  if (EqualsNoCase(value, "strict")) {
    encrypt = Encrypt::kStrict;
  } else if (EqualsNoCase(value, "login")) {
    encrypt = Encrypt::kLogin;
  } else if (EqualsNoCase(value, "mandatory")) {
    encrypt = Encrypt::kTrue;
  } else if (EqualsNoCase(value, "optional") || EqualsNoCase(value, "disable")) {
    encrypt = Encrypt::kFalse;
  } else if (const auto flag = ParseFlag(value)) {
    encrypt = *flag ? Encrypt::kTrue : Encrypt::kFalse;
  } else {
    return false;
  }
  return true;
}

bool SetTrust(std::string_view value, Address& address) {
  const auto flag = ParseFlag(value);
  address.connect.trust_server_certificate = flag.value_or(false);
  return flag.has_value();
}

bool SetIntent(std::string_view value, Address& address) {
  address.connect.read_only_intent = EqualsNoCase(value, "ReadOnly");
  return address.connect.read_only_intent || EqualsNoCase(value, "ReadWrite");
}

bool SetAuthentication(std::string_view value, Address& address) {
  constexpr struct {
    const char* name;
    EntraWay way;
  } kWays[] = {
      {"SqlPassword", EntraWay::kNone},
      {"ActiveDirectoryAccessToken", EntraWay::kGiven},
      {"ActiveDirectoryManagedIdentity", EntraWay::kManagedIdentity},
      {"ActiveDirectoryMSI", EntraWay::kManagedIdentity},
      {"ActiveDirectoryServicePrincipal", EntraWay::kClientSecret},
      {"ActiveDirectoryServicePrincipalAccessToken", EntraWay::kGiven},
      {"ActiveDirectoryApplication", EntraWay::kClientSecret},
      {"Command", EntraWay::kCommand},
  };
  const auto* found =
      std::ranges::find_if(kWays, [&](const auto& way) { return EqualsNoCase(value, way.name); });
  if (found == std::end(kWays)) return false;
  address.entra.way = found->way;
  return true;
}

template <class T>
bool SetNumber(std::string_view value, std::int64_t lowest, std::int64_t highest, T* to) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != value.data() + value.size()) return false;
  *to = static_cast<T>(number);
  return number >= lowest && number <= highest;
}

bool SetTime(std::string_view value, std::int64_t* to) {
  const auto ms = ParseMilliseconds(value);
  if (ms) *to = *ms;
  return ms.has_value();
}

template <std::string ConnectOptions::* member>
bool SetConnect(std::string_view value, Address& address) {
  address.connect.*member = value;
  return true;
}

template <std::string EntraOptions::* member>
bool SetEntra(std::string_view value, Address& address) {
  address.entra.*member = value;
  return true;
}

struct Option {
  const char* names;  // without case, blanks, '_' and '-'; the first is how we write it
  const char* shown;
  const char* values;
  Setter set;
};

const Option kOptions[] = {
    {"encrypt", "encrypt", "strict, true, login or false", SetEncrypt},
    {"trustservercertificate", "trust_server_certificate", "true or false", SetTrust},
    {"hostnameincertificate", "host_name_in_certificate", "a host name",
     SetConnect<&ConnectOptions::host_name_in_certificate>},
    {"cafile certificate servercertificate", "ca_file", "a file",
     SetConnect<&ConnectOptions::ca_file>},
    {"applicationintent", "application_intent", "ReadOnly or ReadWrite", SetIntent},
    {"applicationname appname app", "application_name", "a text",
     SetConnect<&ConnectOptions::application>},
    {"server datasource address addr host", "server", "a host",
     [](std::string_view value, Address& address) {
       return SetServer(value, &address).has_value();
     }},
    {"port", "port", "a number up to 65535",
     [](std::string_view value, Address& address) {
       return SetNumber(value, 1, 65'535, &address.connect.port);
     }},
    {"instance instancename", "instance", "a name", SetConnect<&ConnectOptions::instance>},
    {"database initialcatalog databasename", "database", "a name",
     SetConnect<&ConnectOptions::database>},
    {"user userid uid username sqllogin", "user", "a name", SetConnect<&ConnectOptions::user>},
    {"password pwd", "password", "a text", SetConnect<&ConnectOptions::password>},
    {"packetsize", "packet_size", "512 to 32767 bytes",
     [](std::string_view value, Address& address) {
       return SetNumber(value, 512, 32'767, &address.connect.packet_bytes);
     }},
    {"connecttimeout connectiontimeout logintimeout timeout", "connect_timeout", "a time, as 15s",
     [](std::string_view value, Address& address) {
       return SetTime(value, &address.connect.connect_timeout_ms);
     }},
    {"querytimeout commandtimeout", "query_timeout", "a time, as 10m",
     [](std::string_view value, Address& address) {
       return SetTime(value, &address.connect.query_timeout_ms);
     }},
    {"browserport", "browser_port", "a number up to 65535",
     [](std::string_view value, Address& address) {
       return SetNumber(value, 1, 65'535, &address.connect.browser_port);
     }},
    {"authentication fedauth", "authentication",
     "SqlPassword, ActiveDirectoryManagedIdentity, ActiveDirectoryServicePrincipal, "
     "ActiveDirectoryAccessToken or Command",
     SetAuthentication},
    {"accesstoken", "access_token", "a token", SetEntra<&EntraOptions::token>},
    {"tokencommand", "token_command", "a command", SetEntra<&EntraOptions::command>},
    {"clientid msiclientid", "client_id", "an id", SetEntra<&EntraOptions::client_id>},
    {"clientsecret", "client_secret", "a text", SetEntra<&EntraOptions::client_secret>},
    {"tenantid tenant", "tenant_id", "an id", SetEntra<&EntraOptions::tenant_id>},
};

bool HasName(const Option& option, std::string_view plain) {
  std::string_view names = option.names;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(' '));
    if (name == plain) return true;
    names.remove_prefix(std::min(name.size() + 1, names.size()));
  }
  return false;
}

std::unexpected<Error> NoSuchOption(std::string_view name) {
  if (name.find_first_of("@/:") != name.npos) {
    return Invalid("the address has something behind a '?' that is no option",
                   "write a '?' within user and password as %3F");
  }
  const Option* nearest = nullptr;
  std::size_t distance = 3;
  std::string all;
  for (const Option& option : kOptions) {
    all += (all.empty() ? "" : ", ") + std::string(option.shown);
    const std::size_t d = EditDistance(name, option.shown);
    if (d < distance) {
      distance = d;
      nearest = &option;
    }
  }
  return Invalid(fmt::format("there is no connection option \"{}\"", name),
                 nearest != nullptr ? fmt::format("did you mean \"{}\"?", nearest->shown)
                                    : "there are " + all);
}

Result<std::string> PercentDecode(std::string_view text, const char* what) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned byte = 0;
    const char* begin = text.data() + i + 1;
    const bool is_whole = i + 2 < text.size();
    if (!is_whole || std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2) {
      return Invalid(
          fmt::format("the {} in the address has a '%' without two hexadecimal digits", what),
          "write '%' itself as %25");
    }
    decoded += static_cast<char>(byte);
    i += 2;
  }
  if (decoded.find('\0') != decoded.npos || !IsUtf8(decoded)) {
    return Invalid(fmt::format("the {} in the address is no text", what));
  }
  return decoded;
}

Status TakeQuery(std::string_view query, Address* address) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const std::string name = TRY(PercentDecode(pair.substr(0, equals), "name of an option"));
    if (equals == pair.npos) return NoSuchOption(name);
    const std::string value = TRY(PercentDecode(pair.substr(equals + 1), "value of an option"));
    TRY(SetOption(name, value, address));
  }
  return {};
}

Status TakeUser(std::string_view user, Address* address) {
  const auto colon = user.find(':');
  address->connect.user = TRY(PercentDecode(user.substr(0, colon), "user"));
  if (colon != user.npos) {
    address->connect.password = TRY(PercentDecode(user.substr(colon + 1), "password"));
  }
  return {};
}

// "name@tenant", as ActiveDirectoryServicePrincipal has it in the user's place.
void TakeApplication(Address* address) {
  EntraOptions& entra = address->entra;
  std::string& user = address->connect.user;
  if (entra.client_id.empty()) {
    const auto at = user.find('@');
    entra.client_id = user.substr(0, at);
    if (at != user.npos && entra.tenant_id.empty()) entra.tenant_id = user.substr(at + 1);
  }
  if (entra.client_secret.empty()) entra.client_secret = address->connect.password;
}

Status CheckConsistent(const Address& address) {
  const ConnectOptions& connect = address.connect;
  if (connect.host.empty()) return Invalid("no server is named");
  if (connect.encrypt == Encrypt::kStrict && connect.trust_server_certificate) {
    return Invalid(
        "encrypt=strict always checks the certificate, trust_server_certificate does not",
        "leave one out, or name the certificate by ca_file");
  }
  const bool is_entra = address.entra.way != EntraWay::kNone;
  if (is_entra && connect.encrypt == Encrypt::kFalse) {
    return Invalid("encrypt=false would send an access token to whoever answers",
                   "use encrypt=true or encrypt=strict");
  }
  if (!is_entra && connect.user.empty()) {
    return Invalid("no user is named",
                   "sqlserver://user@host/database and the password in TIDEMARK_PASSWORD, or "
                   "authentication=ActiveDirectoryManagedIdentity and the like");
  }
  return {};
}

}  // namespace

Status SetServer(std::string_view server, Address* address) {
  ConnectOptions& connect = address->connect;
  const auto wrong = [&] {
    // What has an '@' may hold a password.
    const bool is_shown = server.find('@') == server.npos;
    return Invalid(is_shown ? fmt::format("\"{}\" is no server", server) : "that is no server",
                   "write host, host:port, host,port or host\\instance");
  };
  std::string_view rest = server;
  if (rest.size() > 4 && EqualsNoCase(rest.substr(0, 4), "tcp:")) rest.remove_prefix(4);
  std::string_view host, port;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == rest.npos) return wrong();
    host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    host = rest.substr(0, rest.find_first_of("\\:,"));
    rest.remove_prefix(host.size());
  }
  if (rest.starts_with('\\')) {
    const auto end = std::min(rest.find_first_of(":,"), rest.size());
    connect.instance = rest.substr(1, end - 1);
    if (connect.instance.empty()) return wrong();
    rest.remove_prefix(end);
  }
  if (!rest.empty()) {
    if (rest[0] != ':' && rest[0] != ',') return wrong();
    port = rest.substr(1);
    while (port.starts_with(' ')) port.remove_prefix(1);
    if (!SetNumber(port, 1, 65'535, &connect.port)) return wrong();
  }
  if (host.empty() || host.find_first_of(" \t\r\n/@") != host.npos) return wrong();
  connect.host = EqualsNoCase(host, "(local)") || host == "." ? "localhost" : std::string(host);
  return {};
}

Status SetOption(std::string_view name, std::string_view value, Address* address) {
  std::string plain = AsciiLower(name);
  std::erase_if(plain, [](char c) { return c == '_' || c == '-' || c == ' '; });
  for (const Option& option : kOptions) {
    if (!HasName(option, plain)) continue;
    if (option.set(value, *address)) return {};
    return Invalid(fmt::format("connection option {}: \"{}\" is not possible", option.shown, value),
                   fmt::format("possible: {}", option.values));
  }
  return NoSuchOption(name);
}

Result<Address> ParseAddress(std::string_view url) {
  Address address;
  const auto scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end);
  if (scheme_end == url.npos ||
      (!EqualsNoCase(scheme, "sqlserver") && !EqualsNoCase(scheme, "mssql"))) {
    return Invalid("the address of a SQL Server begins with sqlserver://");
  }
  std::string_view rest = url.substr(scheme_end + 3);
  const auto query_at = rest.find('?');
  std::string_view place = rest.substr(0, query_at);
  const auto slash = place.find('/');
  std::string_view authority = place.substr(0, slash);
  const auto at = authority.rfind('@');
  if (at != authority.npos) {
    TRY(TakeUser(authority.substr(0, at), &address));
    authority.remove_prefix(at + 1);
  }
  // "user:pass/word@host": neither is to be taken for a server, nor shown.
  const bool is_torn = at == authority.npos && place.find('@') != place.npos;
  if (is_torn || !SetServer(TRY(PercentDecode(authority, "server")), &address)) {
    return Invalid("the address names no server that can be read",
                   "sqlserver://user@host:port/database; within user and password '/', '?', ':' "
                   "and '@' are written as %2F, %3F, %3A and %40");
  }
  if (slash != place.npos) {
    const std::string_view database = place.substr(slash + 1);
    if (database.find('/') != database.npos) {
      return Invalid("the address has more than a database behind the server",
                     "write a '/' in the database's name as %2F");
    }
    address.connect.database = TRY(PercentDecode(database, "database"));
  }
  if (query_at != rest.npos) TRY(TakeQuery(rest.substr(query_at + 1), &address));
  return address;
}

Result<ConnectOptions> Finish(Address address, const Variables& variables, std::stop_token stop) {
  EntraOptions& entra = address.entra;
  ConnectOptions& connect = address.connect;
  if (entra.way == EntraWay::kNone && !entra.token.empty()) entra.way = EntraWay::kGiven;
  if (entra.way == EntraWay::kNone && !entra.command.empty()) entra.way = EntraWay::kCommand;
  if (entra.way == EntraWay::kGiven && entra.token.empty()) {
    entra.token = variables("TIDEMARK_ACCESS_TOKEN").value_or("");
  }
  if (connect.password.empty()) connect.password = variables("TIDEMARK_PASSWORD").value_or("");
  if (entra.way == EntraWay::kClientSecret) TakeApplication(&address);
  if (entra.way == EntraWay::kManagedIdentity && entra.client_id.empty()) {
    entra.client_id = connect.user;
  }
  TRY(CheckConsistent(address));
  connect.stop = stop;
  entra.stop = stop;
  entra.variables = variables;
  entra.resource = ResourceOf(connect.host);
  connect.asks_where_tokens_are = entra.way == EntraWay::kClientSecret && entra.tenant_id.empty();
  connect.access_token = TRY(MakeTokenSource(std::move(entra)));
  return std::move(connect);
}

std::string ToText(const ConnectOptions& options) {
  const bool is_ipv6 = options.host.find(':') != std::string::npos;
  std::string text = "sqlserver://" + (is_ipv6 ? "[" + options.host + "]" : options.host);
  if (!options.instance.empty()) text += "\\" + options.instance;
  if (options.port != 0) text += ":" + std::to_string(options.port);
  return options.database.empty() ? text : text + "/" + options.database;
}

}  // namespace tidemark::tds
