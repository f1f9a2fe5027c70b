#pragma once
#include <cstdint>
#include <span>
#include <utility>

#include "source/sqlserver/tds/byte_stream.h"
#include "source/sqlserver/tds/endpoint.h"
#include "source/sqlserver/tds/waiter.h"

namespace tidemark::tds {

// A TCP connection. One thread. The waiter outlives it.
class Socket final : public ByteStream {
 public:
  // Looks the host up and tries its addresses in their order. kNotFound: there is no such host;
  // kUnavailable: nobody answers there.
  static Result<Socket> Connect(const Endpoint& endpoint, Waiter& waiter);
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), waiter_(other.waiter_) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() override;

  Result<std::size_t> Read(std::span<std::uint8_t> room) override;
  Status Write(std::span<const std::uint8_t> bytes) override;

 private:
  Socket(int fd, Waiter* waiter) : fd_(fd), waiter_(waiter) {}

  int fd_;
  Waiter* waiter_;
};

}  // namespace tidemark::tds
