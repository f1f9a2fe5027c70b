#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "source/sqlserver/tds/browser.h"
#include "source/sqlserver/tds/connection.h"
#include "source/sqlserver/tds/server_error.h"

namespace tidemark::tds {
namespace {

constexpr std::uint16_t kDefaultPort = 1433;
constexpr std::size_t kRedirectionsMax = 5;

Result<Endpoint> FirstEndpoint(const ConnectOptions& options, Waiter& waiter) {
  if (options.host.empty()) return Fail(ErrorKind::kInvalid, "no server is named");
  if (options.port != 0) return Endpoint{options.host, options.port};
  if (options.instance.empty()) return Endpoint{options.host, kDefaultPort};
  const std::uint16_t port =
      TRY(FindInstancePort({options.host, options.browser_port}, options.instance, waiter));
  return Endpoint{options.host, port};
}

std::string Path(const std::vector<Endpoint>& visited) {
  std::string path;
  for (const Endpoint& endpoint : visited) path += (path.empty() ? "" : " -> ") + ToText(endpoint);
  return path;
}

bool IsAddress(const std::string& host) {
  in6_addr bytes{};
  return inet_pton(AF_INET, host.c_str(), &bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

// A gateway of Azure's that cannot tell which server is meant takes it from the user:
// "user@server". An address says nothing; there the user has to write it.
bool WantsServerInUser(const ServerMessage& message, const ConnectOptions& options) {
  constexpr std::int32_t kCannotTell = 40531, kCannotOpen = 40532;
  return (message.number == kCannotTell || message.number == kCannotOpen) &&
         !IsAddress(options.host) && !options.access_token &&
         options.user.find('@') == options.user.npos;
}

struct Opened {
  std::unique_ptr<Link> link;
  LoginAnswer answer;
};

// Connects and logs in, at one server.
Result<Opened> OpenAt(const Endpoint& endpoint, const ConnectOptions& options, Waiter& waiter) {
  std::string user = options.user;
  while (true) {
    Opened opened;
    opened.link = TRY(Link::Open(endpoint, options, waiter));
    opened.answer = TRY(LogIn(*opened.link, options, user));
    if (!opened.answer.refusal) return opened;
    if (user != options.user || !WantsServerInUser(*opened.answer.refusal, options)) {
      return Fail(ToError(*opened.answer.refusal));
    }
    user += "@" + options.host.substr(0, options.host.find('.'));
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const ConnectOptions& options) {
  if (options.packet_bytes < 512 || options.packet_bytes > static_cast<int>(kPacketBytesMax)) {
    return Fail(ErrorKind::kInvalid, fmt::format("packets of {} bytes: from 512 to {} are possible",
                                                 options.packet_bytes, kPacketBytesMax));
  }
  auto waiter = TRY(Waiter::Make(options.stop));
  waiter->SetTimeLeft(options.connect_timeout_ms);
  std::vector<Endpoint> visited = {
      TRY_WHILE("server " + options.host, FirstEndpoint(options, *waiter))};
  while (true) {
    Opened opened = TRY_WHILE("server " + Path(visited), OpenAt(visited.back(), options, *waiter));
    if (!opened.answer.routed_to) {
      return std::unique_ptr<Connection>(new Connection(
          options, std::move(waiter), std::move(opened.link), std::move(opened.answer)));
    }
    const Endpoint next = *opened.answer.routed_to;
    const bool is_circle = std::ranges::find(visited, next) != visited.end();
    visited.push_back(next);
    if (is_circle) {
      return Fail(ErrorKind::kUnavailable, "the servers redirect in a circle: " + Path(visited));
    }
    if (visited.size() > kRedirectionsMax + 1) {
      return Fail(ErrorKind::kUnavailable,
                  fmt::format("more than {} redirections: {}", kRedirectionsMax, Path(visited)));
    }
  }
}

}  // namespace tidemark::tds
