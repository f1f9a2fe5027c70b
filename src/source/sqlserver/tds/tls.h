#pragma once
#include <memory>
#include <string>

#include "source/sqlserver/tds/byte_stream.h"

namespace tidemark::tds {

struct TlsOptions {
  std::string host;                 // asked for (SNI) and, unless the next says otherwise, checked
  std::string host_in_certificate;  // empty: `host`
  std::string ca_file;              // PEM; empty: the authorities that this system trusts
  bool trusts_any_certificate = false;
  bool is_strict = false;  // TDS 8.0: TLS before anything else, up to 1.3, with ALPN
};

// TLS over another stream, which outlives it. One thread.
class Tls : public ByteStream {
 public:
  // Shakes hands. kDenied: the certificate is not to be trusted, with what is wrong with it;
  // kUnsupported: no version or cipher in common; kInvalid: the other side does not speak TLS.
  static Result<std::unique_ptr<Tls>> Connect(ByteStream* stream, const TlsOptions& options);
  // "TLSv1.3"
  virtual std::string version() const = 0;
};

// Before TDS 8.0 the handshake's records travel as the payload of PRELOGIN packets, everything
// after it as it is.
class HandshakePackets final : public ByteStream {
 public:
  explicit HandshakePackets(ByteStream* stream) : stream_(stream) {}
  void EndHandshake() { is_wrapped_ = false; }
  Result<std::size_t> Read(std::span<std::uint8_t> room) override;
  Status Write(std::span<const std::uint8_t> bytes) override;
  Status Flush() override;

 private:
  ByteStream* stream_;
  bool is_wrapped_ = true;
  std::size_t packet_left_ = 0;
  std::string flight_;  // what one side says before it listens goes as one message
};

}  // namespace tidemark::tds
