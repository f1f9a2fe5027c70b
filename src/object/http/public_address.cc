#include "object/http/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace tidemark::http {
namespace {

struct Range4 {
  std::uint32_t network;
  int bits;
};

constexpr std::uint32_t Quad(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array kKeptBack4 = {
    Range4{Quad(0, 0, 0, 0), 8},       Range4{Quad(10, 0, 0, 0), 8},
    Range4{Quad(100, 64, 0, 0), 10},   Range4{Quad(127, 0, 0, 0), 8},
    Range4{Quad(169, 254, 0, 0), 16},  Range4{Quad(172, 16, 0, 0), 12},
    Range4{Quad(192, 0, 0, 0), 24},    Range4{Quad(192, 0, 2, 0), 24},
    Range4{Quad(192, 31, 196, 0), 24}, Range4{Quad(192, 52, 193, 0), 24},
    Range4{Quad(192, 88, 99, 0), 24},  Range4{Quad(192, 168, 0, 0), 16},
    Range4{Quad(192, 175, 48, 0), 24}, Range4{Quad(198, 18, 0, 0), 15},
    Range4{Quad(198, 51, 100, 0), 24}, Range4{Quad(203, 0, 113, 0), 24},
    Range4{Quad(224, 0, 0, 0), 4},     Range4{Quad(240, 0, 0, 0), 4},
};

bool IsPublic4(std::uint32_t address) {
  return std::ranges::none_of(kKeptBack4, [&](const Range4& range) {
    return (address ^ range.network) >> (32 - range.bits) == 0;
  });
}

using Bytes16 = std::span<const std::uint8_t, 16>;

bool StartsWith(Bytes16 address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

std::uint32_t Last4(Bytes16 address) {
  return Quad(address[12], address[13], address[14], address[15]);
}

bool IsPublic6(Bytes16 address) {
  if (StartsWith(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) {
    return IsPublic4(Last4(address));  // ::ffff:0:0/96
  }
  if (StartsWith(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return IsPublic4(Last4(address));  // 64:ff9b::/96, NAT64
  }
  if ((address[0] & 0xe0) != 0x20) return false;  // only 2000::/3 is given out
  if (StartsWith(address, {0x20, 0x01}) && address[2] < 0x02) return false;  // 2001::/23
  if (StartsWith(address, {0x20, 0x01, 0x0d, 0xb8})) return false;           // documentation
  if (StartsWith(address, {0x20, 0x02})) return false;                       // 6to4
  if (StartsWith(address, {0x3f, 0xff}) && address[2] < 0x10) return false;  // documentation
  return true;
}

}  // namespace

bool IsPublicAddress(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, address, sizeof(four));
    return IsPublic4(ntohl(four.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, address, sizeof(six));
    return IsPublic6(Bytes16(six.sin6_addr.s6_addr));
  }
  return false;
}

std::string AddressText(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, address, sizeof(four));
    inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text));
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, address, sizeof(six));
    inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text));
  }
  return text;
}

}  // namespace tidemark::http
