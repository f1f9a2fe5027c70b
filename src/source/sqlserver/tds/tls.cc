#include "source/sqlserver/tds/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <optional>
#include <vector>

#include "object/http/system_authorities.h"

namespace tidemark::tds {
namespace {

// One system call fetches several records of 16 KiB.
constexpr std::size_t kReadAheadBytes = std::size_t{128} << 10;

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};
struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;
using Session = std::unique_ptr<SSL, FreeSession>;

// What OpenSSL noted last, and forgets by that.
std::string TakeReason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

bool IsAddress(const std::string& host) {
  in6_addr bytes{};
  return inet_pton(AF_INET, host.c_str(), &bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

// The names a certificate is for, as people write them.
std::string NamesOf(X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> listed(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = listed ? sk_GENERAL_NAME_num(listed.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(listed.get(), i);
    if (name->type != GEN_DNS) continue;
    names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  if (names.empty()) {
    char common[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common,
                              sizeof common);
    names.emplace_back(common);
  }
  if (names.size() > 5) {
    const std::size_t more = names.size() - 5;
    names.resize(5);
    names.push_back(fmt::format("{} more", more));
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string Date(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown date";
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// Why a certificate was refused, while it is at hand.
Error Refusal(X509_STORE_CTX* store, const TlsOptions& options) {
  const int error = X509_STORE_CTX_get_error(store);
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  const std::string trust =
      "name the file of its authority by ca_file, or accept any certificate "
      "by trust_server_certificate=true";
  const bool has_certificate = certificate != nullptr;
  switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {ErrorKind::kDenied, "the server's certificate is self-signed", trust};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return {ErrorKind::kDenied,
              "the server's certificate was made by an authority that is not trusted here", trust};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {ErrorKind::kDenied,
              fmt::format("the server's certificate expired on {}",
                          has_certificate ? Date(X509_get0_notAfter(certificate)) : "?"),
              "have it renewed on the server"};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {ErrorKind::kDenied,
              fmt::format("the server's certificate is valid only from {}",
                          has_certificate ? Date(X509_get0_notBefore(certificate)) : "?"),
              "compare the clocks of both machines"};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      const std::string& wanted =
          options.host_in_certificate.empty() ? options.host : options.host_in_certificate;
      return {ErrorKind::kDenied,
              fmt::format("the server's certificate is for {}, not for {}",
                          has_certificate ? NamesOf(certificate) : "another host", wanted),
              "connect by that name, or say by host_name_in_certificate which one is right"};
    }
    default:
      return {ErrorKind::kDenied,
              fmt::format("the server's certificate is refused: {}",
                          X509_verify_cert_error_string(error)),
              trust};
  }
}

class OpenSslTls final : public Tls {
 public:
  OpenSslTls(ByteStream* stream, TlsOptions options)
      : stream_(stream), options_(std::move(options)) {}

  Status Start();
  Result<std::size_t> Read(std::span<std::uint8_t> room) override;
  Status Write(std::span<const std::uint8_t> bytes) override;
  std::string version() const override { return SSL_get_version(session_.get()); }

 private:
  Status MakeContext();
  Status MakeSession();
  Error HandshakeError();

  static BIO_METHOD* Method();
  static int OnRead(BIO* bio, char* room, int size);
  static int OnWrite(BIO* bio, const char* bytes, int size);
  static long OnControl(BIO* bio, int command, long number, void* pointer);
  static int OnVerify(int is_fine, X509_STORE_CTX* store);

  ByteStream* stream_;
  TlsOptions options_;
  Context context_;
  Session session_;
  std::optional<Error> error_;  // of the stream below, or of the certificate
  bool is_closed_below_ = false;
};

int OpenSslTls::OnRead(BIO* bio, char* room, int size) {
  auto* tls = static_cast<OpenSslTls*>(BIO_get_data(bio));
  auto got =
      tls->stream_->Read({reinterpret_cast<std::uint8_t*>(room), static_cast<std::size_t>(size)});
  BIO_clear_retry_flags(bio);
  if (!got) {
    tls->error_ = std::move(got).error();
    // After a silence the same read goes on once the statement has been cancelled: for OpenSSL this
    // is no end.
    BIO_set_retry_read(bio);
    return -1;
  }
  tls->is_closed_below_ = *got == 0;
  return static_cast<int>(*got);
}

int OpenSslTls::OnWrite(BIO* bio, const char* bytes, int size) {
  auto* tls = static_cast<OpenSslTls*>(BIO_get_data(bio));
  auto written = tls->stream_->Write(
      {reinterpret_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(size)});
  if (written) return size;
  tls->error_ = std::move(written).error();
  return -1;
}

long OpenSslTls::OnControl(BIO* bio, int command, long, void*) {
  auto* tls = static_cast<OpenSslTls*>(BIO_get_data(bio));
  if (command == BIO_CTRL_EOF) return tls->is_closed_below_ ? 1 : 0;
  if (command != BIO_CTRL_FLUSH) return 0;
  auto flushed = tls->stream_->Flush();
  if (flushed) return 1;
  tls->error_ = std::move(flushed).error();
  return -1;
}

BIO_METHOD* OpenSslTls::Method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tds");
    TIDEMARK_CHECK(made != nullptr);
    BIO_meth_set_read(made, OnRead);
    BIO_meth_set_write(made, OnWrite);
    BIO_meth_set_ctrl(made, OnControl);
    return made;
  }();
  return method;
}

int OpenSslTls::OnVerify(int is_fine, X509_STORE_CTX* store) {
  if (is_fine == 1) return 1;
  auto* session =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* tls = static_cast<OpenSslTls*>(SSL_get_app_data(session));
  tls->error_ = Refusal(store, tls->options_);
  return 0;
}

Status OpenSslTls::MakeContext() {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!context_) return Fail(ErrorKind::kInternal, "OpenSSL: " + TakeReason());
  SSL_CTX* context = context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, options_.is_strict ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadAheadBytes);
  // A server may close without saying so; where its message is incomplete we notice ourselves.
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (options_.trusts_any_certificate) return {};
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, OnVerify);
  const std::string file = options_.ca_file.empty() ? http::SystemAuthorities() : options_.ca_file;
  const bool is_loaded = file.empty() ? SSL_CTX_set_default_verify_paths(context) == 1
                                      : SSL_CTX_load_verify_file(context, file.c_str()) == 1;
  if (!is_loaded) {
    return Fail(ErrorKind::kInvalid, fmt::format("ca_file {}: {}", file, TakeReason()),
                "a PEM file with the certificate of the authority, or of the server itself");
  }
  // With a file of the user's, one certificate in it is enough: it need not be a root.
  if (!options_.ca_file.empty()) {
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  }
  return {};
}

Status OpenSslTls::MakeSession() {
  session_.reset(SSL_new(context_.get()));
  BIO* bio = session_ ? BIO_new(Method()) : nullptr;
  if (bio == nullptr) return Fail(ErrorKind::kInternal, "OpenSSL: " + TakeReason());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL* session = session_.get();
  SSL_set_bio(session, bio, bio);
  SSL_set_app_data(session, this);
  if (!IsAddress(options_.host)) SSL_set_tlsext_host_name(session, options_.host.c_str());
  if (options_.is_strict) {
    static constexpr unsigned char kAlpn[] = "\x07tds/8.0";
    SSL_set_alpn_protos(session, kAlpn, sizeof kAlpn - 1);
  }
  if (options_.trusts_any_certificate) return {};
  const std::string& checked =
      options_.host_in_certificate.empty() ? options_.host : options_.host_in_certificate;
  X509_VERIFY_PARAM* param = SSL_get0_param(session);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool is_set = IsAddress(checked)
                          ? X509_VERIFY_PARAM_set1_ip_asc(param, checked.c_str()) == 1
                          : SSL_set1_host(session, checked.c_str()) == 1;
  if (!is_set) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("\"{}\" is no name that a certificate could be for", checked));
  }
  return {};
}

Error OpenSslTls::HandshakeError() {
  if (error_) {
    ERR_clear_error();
    return *std::exchange(error_, std::nullopt);
  }
  const unsigned long code = ERR_peek_last_error();
  const std::string reason = TakeReason();
  const std::string strict_hint = options_.is_strict
                                      ? "servers before SQL Server 2022 know no strict encryption: "
                                        "use encrypt=true"
                                      : "";
  if (is_closed_below_) {
    return {ErrorKind::kUnavailable, "the server closed the connection during the TLS handshake",
            strict_hint};
  }
  switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_UNEXPECTED_MESSAGE:
      return {
          ErrorKind::kInvalid, "what answers does not speak TLS",
          options_.is_strict ? strict_hint : "check that host and port are those of a SQL Server"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
      return {ErrorKind::kUnsupported,
              fmt::format("the server and we have no version of TLS in common: {}", reason),
              "TLS 1.2 is needed at least: old servers learn it by an update"};
    default:
      return {ErrorKind::kUnavailable, fmt::format("the TLS handshake failed: {}", reason),
              strict_hint};
  }
}

Status OpenSslTls::Start() {
  TRY(MakeContext());
  TRY(MakeSession());
  ERR_clear_error();
  if (SSL_connect(session_.get()) != 1) return Fail(HandshakeError());
  return {};
}

Result<std::size_t> OpenSslTls::Read(std::span<std::uint8_t> room) {
  ERR_clear_error();
  std::size_t got = 0;
  if (SSL_read_ex(session_.get(), room.data(), room.size(), &got) == 1) return got;
  if (error_) return Fail(*std::exchange(error_, std::nullopt));
  const int failure = SSL_get_error(session_.get(), 0);
  if (failure == SSL_ERROR_ZERO_RETURN || is_closed_below_) return std::size_t{0};
  return Fail(ErrorKind::kUnavailable, fmt::format("TLS broke: {}", TakeReason()));
}

Status OpenSslTls::Write(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return {};
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &written) == 1) return {};
  if (error_) return Fail(*std::exchange(error_, std::nullopt));
  return Fail(ErrorKind::kUnavailable, fmt::format("TLS broke: {}", TakeReason()));
}

}  // namespace

Result<std::unique_ptr<Tls>> Tls::Connect(ByteStream* stream, const TlsOptions& options) {
  auto tls = std::make_unique<OpenSslTls>(stream, options);
  TRY(tls->Start());
  return std::unique_ptr<Tls>(std::move(tls));
}

}  // namespace tidemark::tds
