#pragma once
#include <cstdint>
#include <string>

namespace tidemark::tds {

struct Endpoint {
  std::string host;  // a name, or an address (IPv6 without brackets)
  std::uint16_t port = 1433;
  bool operator==(const Endpoint&) const = default;
};

// "db.example:1433", "[::1]:1433": for people.
inline std::string ToText(const Endpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port);
}

}  // namespace tidemark::tds
