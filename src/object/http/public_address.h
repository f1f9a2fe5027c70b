#pragma once
#include <sys/socket.h>

#include <string>

namespace tidemark::http {

// Whether the address belongs to the internet at large: not to this machine, a private or local
// network, or any range that IANA's special-purpose registries (RFC 6890 and its updates) keep
// back. IPv4 addresses inside IPv6 ones (mapped, NAT64) count as what they stand for.
bool IsPublicAddress(const sockaddr* address);

// "127.0.0.1", "::1": for messages.
std::string AddressText(const sockaddr* address);

}  // namespace tidemark::http
