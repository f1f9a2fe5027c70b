#include "source/sqlserver/tds/link.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <string>

namespace tidemark::tds {
namespace {

// Far more than any server says before the login.
constexpr std::size_t kPreloginBytesMax = 4096;

Encryption Wish(Encrypt encrypt) {
  switch (encrypt) {
    case Encrypt::kTrue:
      return Encryption::kOn;
    case Encrypt::kLogin:
    case Encrypt::kFalse:
      return Encryption::kLoginOnly;
    case Encrypt::kStrict:  // all of it is inside TLS already
      return Encryption::kNotSupported;
  }
  return Encryption::kOn;
}

}  // namespace

Link::Link(Endpoint endpoint, Socket socket)
    : endpoint_(std::move(endpoint)),
      socket_(std::move(socket)),
      handshake_(&socket_),
      stream_(&socket_),
      reply_(&socket_) {}

Result<std::unique_ptr<Link>> Link::Open(const Endpoint& endpoint, const ConnectOptions& options,
                                         Waiter& waiter) {
  Socket socket = TRY(Socket::Connect(endpoint, waiter));
  std::unique_ptr<Link> link(new Link(endpoint, std::move(socket)));
  if (options.encrypt == Encrypt::kStrict) TRY(link->StartTls(options, /*is_in_band=*/false));
  TRY(link->Prelogin(options));
  if (options.encrypt != Encrypt::kStrict) TRY(link->AgreeOnEncryption(options));
  return link;
}

Status Link::StartTls(const ConnectOptions& options, bool is_in_band) {
  // What came in clear text must not be taken for something that was said inside TLS.
  if (reply_.has_more()) {
    return Fail(ErrorKind::kCorrupt, "somebody sent bytes before the encryption began");
  }
  const bool is_strict = options.encrypt == Encrypt::kStrict;
  // Who asked for no encryption, and gets some, never agreed on whom to trust.
  const bool trusts_any =
      !is_strict && (options.trust_server_certificate || options.encrypt == Encrypt::kFalse);
  ByteStream* below = is_in_band ? static_cast<ByteStream*>(&handshake_) : &socket_;
  tls_ = TRY(Tls::Connect(below, {.host = endpoint_.host,
                                  .host_in_certificate = options.host_name_in_certificate,
                                  .ca_file = options.ca_file,
                                  .trusts_any_certificate = trusts_any,
                                  .is_strict = is_strict}));
  handshake_.EndHandshake();
  stream_ = tls_.get();
  reply_.SetStream(stream_);
  return {};
}

Status Link::Prelogin(const ConnectOptions& options) {
  const PreloginRequest request{.encryption = Wish(options.encrypt),
                                .instance = options.instance,
                                .asks_for_federated_token = options.access_token != nullptr,
                                .process = static_cast<std::uint32_t>(getpid())};
  TRY(Send(MessageType::kPrelogin, Encode(request)));
  reply_.NextMessage();
  Status begun = reply_.Need(1);
  if (!begun) {
    Error error = std::move(begun).error();
    if (error.kind == ErrorKind::kUnavailable && error.hint.empty()) {
      error.hint =
          "check that a SQL Server listens there; one that insists on TDS 8.0 needs "
          "encrypt=strict";
    }
    return Fail(std::move(error));
  }
  while (!TRY(reply_.AtEnd())) {
    if (reply_.size() > kPreloginBytesMax) break;
    auto more = reply_.Need(reply_.size() + 1);
    if (more) continue;
    if (more.error().kind != ErrorKind::kCorrupt) return more;
    break;  // the message's end
  }
  const std::string_view answer(reinterpret_cast<const char*>(reply_.begin()), reply_.size());
  prelogin_ = TRY(DecodePreloginAnswer(answer));
  reply_.Skip(reply_.size());
  if (!TRY(reply_.AtEnd())) {
    return Fail(ErrorKind::kInvalid, "what answers is no SQL Server: it says too much");
  }
  if (prelogin_.is_instance_refused) {
    return Fail(ErrorKind::kNotFound,
                fmt::format("another instance than \"{}\" listens there", options.instance));
  }
  return {};
}

Status Link::AgreeOnEncryption(const ConnectOptions& options) {
  switch (prelogin_.encryption) {
    case Encryption::kOn:
    case Encryption::kRequired:
      return StartTls(options, /*is_in_band=*/true);
    case Encryption::kLoginOnly:
      if (options.encrypt == Encrypt::kTrue) {
        return Fail(ErrorKind::kUnsupported, "the server encrypts nothing but the login",
                    "encrypt=login accepts that: rows then travel in clear text");
      }
      is_tls_for_login_only_ = true;
      return StartTls(options, /*is_in_band=*/true);
    case Encryption::kNotSupported:
      if (options.encrypt == Encrypt::kFalse) return {};
      return Fail(ErrorKind::kUnsupported, "the server offers no encryption",
                  "encrypt=false accepts that: the password then travels in clear text");
  }
  return {};
}

Status Link::Send(MessageType type, std::string_view payload) {
  return SendMessage(*stream_, type, payload, packet_bytes_);
}

void Link::EndLoginEncryption() {
  if (!is_tls_for_login_only_) return;
  stream_ = &socket_;
  reply_.SetStream(stream_);
}

Status Link::SetPacketBytes(std::string_view decimal) {
  constexpr std::size_t kPacketBytesMin = 512;
  std::size_t bytes = 0;
  const auto parsed = std::from_chars(decimal.data(), decimal.data() + decimal.size(), bytes);
  if (parsed.ec != std::errc{} || bytes < kPacketBytesMin || bytes > kPacketBytesMax) {
    return Fail(ErrorKind::kCorrupt,
                fmt::format("the server asks for packets of \"{}\" bytes", decimal.substr(0, 20)));
  }
  packet_bytes_ = bytes;
  return {};
}

}  // namespace tidemark::tds
