#include "source/sqlserver/tds/socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "source/sqlserver/tds/lookup.h"

namespace tidemark::tds {
namespace {

// Small requests go at once; a peer that vanished is noticed within two minutes.
void Configure(int fd) {
  const int on = 1, idle_s = 30, interval_s = 15, probes = 6;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

Status ConnectTo(int fd, const SocketAddress& address, Waiter& waiter) {
  const auto* where = reinterpret_cast<const sockaddr*>(&address.bytes);
  if (connect(fd, where, address.size) != 0) {
    if (errno != EINPROGRESS) return Fail(ErrorKind::kUnavailable, std::strerror(errno));
    TRY(waiter.Wait(fd, POLLOUT));
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Fail(ErrorKind::kUnavailable, std::strerror(error));
  }
  return {};
}

}  // namespace

Result<Socket> Socket::Connect(const Endpoint& endpoint, Waiter& waiter) {
  const std::vector<SocketAddress> addresses = TRY(LookUp(endpoint, SOCK_STREAM, waiter));
  Error failure{ErrorKind::kUnavailable, "no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const int fd =
        socket(addresses[i].bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
      failure = {ErrorKind::kUnavailable, std::strerror(errno)};
      continue;
    }
    Socket made(fd, &waiter);
    // An address that swallows packets must leave time for the others.
    if (const auto left_ms = waiter.time_left_ms()) {
      waiter.SetSilence(*left_ms / static_cast<std::int64_t>(addresses.size() - i) + 1);
    }
    Status connected = ConnectTo(fd, addresses[i], waiter);
    waiter.SetSilence(0);
    if (connected) {
      Configure(fd);
      return made;
    }
    failure = std::move(connected).error();
    if (failure.kind == ErrorKind::kCancelled) break;
  }
  if (failure.kind == ErrorKind::kUnavailable) {
    failure.message = "cannot connect: " + failure.message;
    failure.hint = "check host and port, and that the server allows TCP connections from here";
  }
  return Fail(std::move(failure));
}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

Result<std::size_t> Socket::Read(std::span<std::uint8_t> room) {
  TRY(waiter_->CheckStop());
  while (true) {
    const ssize_t got = recv(fd_, room.data(), room.size(), 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      TRY(waiter_->Wait(fd_, POLLIN));
    } else if (errno != EINTR) {
      return Fail(ErrorKind::kUnavailable,
                  fmt::format("the connection broke: {}", std::strerror(errno)));
    }
  }
}

Status Socket::Write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      TRY(waiter_->Wait(fd_, POLLOUT));
    } else if (errno != EINTR) {
      return Fail(ErrorKind::kUnavailable,
                  fmt::format("the connection broke: {}", std::strerror(errno)));
    }
  }
  return {};
}

}  // namespace tidemark::tds
