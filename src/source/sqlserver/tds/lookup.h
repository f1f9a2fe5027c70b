#pragma once
#include <sys/socket.h>

#include <vector>

#include "source/sqlserver/tds/endpoint.h"
#include "source/sqlserver/tds/waiter.h"

namespace tidemark::tds {

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

// The addresses of a host, in the resolver's order, at least one. `socket_type`: SOCK_STREAM or
// SOCK_DGRAM. kNotFound: there is no such host; kUnavailable: the name service does not answer.
Result<std::vector<SocketAddress>> LookUp(const Endpoint& endpoint, int socket_type,
                                          Waiter& waiter);

}  // namespace tidemark::tds
