#pragma once
#include <memory>
#include <string_view>

#include "source/sqlserver/tds/connect_options.h"
#include "source/sqlserver/tds/endpoint.h"
#include "source/sqlserver/tds/packet.h"
#include "source/sqlserver/tds/prelogin.h"
#include "source/sqlserver/tds/socket.h"
#include "source/sqlserver/tds/tls.h"
#include "source/sqlserver/tds/waiter.h"

namespace tidemark::tds {

// A way to one server over which messages go: TCP, then TLS as it was agreed. One thread. The
// waiter outlives it.
class Link {
 public:
  // Connects and agrees on encryption, up to the point where the login is sent. Errors as those of
  // Socket::Connect and Tls::Connect; kUnsupported: the server cannot or must not do without the
  // encryption that is wanted; kNotFound: another instance listens there.
  static Result<std::unique_ptr<Link>> Open(const Endpoint& endpoint, const ConnectOptions& options,
                                            Waiter& waiter);

  Status Send(MessageType type, std::string_view payload);
  ReplyInput& reply() { return reply_; }
  // After LOGIN7 was sent: where TLS was only for the login, it ends.
  void EndLoginEncryption();
  // What the server's ENVCHANGE says; kCorrupt: no packet has that size.
  Status SetPacketBytes(std::string_view decimal);

  const PreloginAnswer& prelogin() const { return prelogin_; }
  const Endpoint& endpoint() const { return endpoint_; }
  // Empty: what is sent now is clear text.
  std::string tls_version() const { return stream_ == tls_.get() ? tls_->version() : ""; }

 private:
  Link(Endpoint endpoint, Socket socket);
  Status StartTls(const ConnectOptions& options, bool is_in_band);
  Status Prelogin(const ConnectOptions& options);
  Status AgreeOnEncryption(const ConnectOptions& options);

  Endpoint endpoint_;
  Socket socket_;
  HandshakePackets handshake_;
  std::unique_ptr<Tls> tls_;
  ByteStream* stream_;
  ReplyInput reply_;
  PreloginAnswer prelogin_;
  bool is_tls_for_login_only_ = false;
  std::size_t packet_bytes_ = kPacketBytesAtLogin;
};

}  // namespace tidemark::tds
