#include "source/sqlserver/tds/login.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include "source/sqlserver/tds/login7.h"
#include "source/sqlserver/tds/secret.h"

namespace tidemark::tds {
namespace {

constexpr std::size_t kMessagesMax = 100;
constexpr std::uint8_t kFeatureFederated = 0x02, kFeatureUtf8 = 0x0A, kFeatureJson = 0x0D,
                       kFeatureVector = 0x0E;

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return std::string(name).substr(0, 64);
}

class Login {
 public:
  Login(Link& link, const ConnectOptions& options) : link_(link), options_(options) {}
  Status Send(const std::string& user);
  Result<LoginAnswer> ReadAnswer();

 private:
  Status TakeToken(std::uint8_t token);
  Status TakeEnvChange(const EnvChange& change);
  void TakeFeatures(const std::vector<FeatureAck>& acks);
  Status AnswerFedAuthInfo();
  Status Finish();

  Link& link_;
  const ConnectOptions& options_;
  LoginAnswer answer_;
  bool is_acknowledged_ = false;
  bool is_token_acknowledged_ = false;
};

Status Login::Send(const std::string& user) {
  const bool is_strict = options_.encrypt == Encrypt::kStrict;
  Login7 login{.version = is_strict ? kTds80 : kTds74,
               .packet_bytes = static_cast<std::uint32_t>(options_.packet_bytes),
               .process = static_cast<std::uint32_t>(getpid()),
               .is_read_only = options_.read_only_intent,
               .client_host = HostName(),
               .user = {},
               .password = {},
               .application = options_.application,
               .server = link_.endpoint().host,
               .library = "tidemark",
               .database = options_.database,
               .federated = {}};
  if (options_.access_token) {
    login.federated.emplace();
    login.federated->is_echoed = link_.prelogin().wants_federated_token.value_or(false);
    login.federated->nonce = link_.prelogin().nonce;
    login.federated->way = options_.asks_where_tokens_are ? TokenWay::kAsked : TokenWay::kInline;
    if (!options_.asks_where_tokens_are) {
      login.federated->token = TRY_WHILE("access token", options_.access_token(TokenPlace{}));
    }
  } else {
    login.user = user;
    login.password = options_.password;
  }
  Secret payload;
  auto encoded = Encode(login);
  OPENSSL_cleanse(login.password.data(), login.password.size());
  if (login.federated) {
    OPENSSL_cleanse(login.federated->token.data(), login.federated->token.size());
  }
  payload.text = TRY(std::move(encoded));
  TRY(link_.Send(MessageType::kLogin7, payload.text));
  link_.EndLoginEncryption();
  return {};
}

Result<LoginAnswer> Login::ReadAnswer() {
  ReplyInput& reply = link_.reply();
  reply.NextMessage();
  while (!TRY(reply.AtEnd())) {
    const std::uint8_t token = *reply.begin();
    reply.Skip(1);
    TRY(TakeToken(token));
  }
  TRY(Finish());
  return std::move(answer_);
}

Status Login::TakeToken(std::uint8_t token) {
  ReplyInput& reply = link_.reply();
  switch (token) {
    case kTokenError:
    case kTokenInfo: {
      ServerMessage message = TRY(ReadServerMessage(reply));
      if (!message.server.empty()) answer_.server.name = message.server;
      // The first error is the cause, those after it are its consequences.
      if (token == kTokenError && !answer_.refusal) answer_.refusal = message;
      if (answer_.messages.size() < kMessagesMax) answer_.messages.push_back(std::move(message));
      return {};
    }
    case kTokenEnvChange:
      return TakeEnvChange(TRY(ReadEnvChange(reply)));
    case kTokenLoginAck: {
      const LoginAck ack = TRY(ReadLoginAck(reply));
      is_acknowledged_ = true;
      answer_.server.program = ack.program;
      answer_.server.version = {ack.major, ack.minor, ack.build};
      if (ack.tds_version == kTds74 || ack.tds_version == kTds80) return {};
      return Fail(ErrorKind::kUnsupported,
                  fmt::format("the server speaks an old TDS (0x{:08x}, {} {}.{}.{})",
                              ack.tds_version, ack.program, ack.major, ack.minor, ack.build),
                  "SQL Server 2012 or later is needed");
    }
    case kTokenFeatureExtAck:
      TakeFeatures(TRY(ReadFeatureAcks(reply)));
      return {};
    case kTokenFedAuthInfo:
      return AnswerFedAuthInfo();
    case kTokenDone:
    case kTokenDoneProc:
    case kTokenDoneInProc:  // of triggers that run at a login
      TRY(ReadDone(reply));
      return {};
    case kTokenReturnStatus:
      TRY(ReadReturnStatus(reply));
      return {};
    case kTokenSessionState:
      TRY(ReadSessionState(reply));
      return {};
    case kTokenOrder:
      TRY(ReadBlock(reply));
      return {};
    case kTokenSspi:
      return Fail(ErrorKind::kUnsupported, "the server asks for a Windows login",
                  "use a SQL login or an access token");
    default:
      return Fail(UnknownToken(token));
  }
}

Status Login::TakeEnvChange(const EnvChange& change) {
  switch (change.type) {
    case kEnvDatabase:
      answer_.server.database = change.new_value;
      return {};
    case kEnvCollation:
      answer_.collation = change.new_value;
      return {};
    case kEnvPacketSize:
      return link_.SetPacketBytes(change.new_value);
    case kEnvRouting:
    case kEnvRoutingWithDatabase:
      if (change.protocol != 0 || change.port == 0 || change.host.empty()) {
        return Fail(ErrorKind::kCorrupt,
                    fmt::format("the server redirects to \"{}\", port {}, protocol {}", change.host,
                                change.port, change.protocol));
      }
      answer_.routed_to = Endpoint{change.host, change.port};
      return {};
    default:
      return {};
  }
}

void Login::TakeFeatures(const std::vector<FeatureAck>& acks) {
  for (const FeatureAck& ack : acks) {
    const bool is_on = !ack.bytes.empty() && ack.bytes[0] != 0;
    if (ack.feature == kFeatureFederated) is_token_acknowledged_ = true;
    if (ack.feature == kFeatureUtf8) answer_.server.has_utf8 = is_on;
    if (ack.feature == kFeatureJson) answer_.server.has_json = is_on;
    if (ack.feature == kFeatureVector) answer_.server.has_vector = is_on;
  }
}

Status Login::AnswerFedAuthInfo() {
  ReplyInput& reply = link_.reply();
  const FedAuthInfo info = TRY(ReadFedAuthInfo(reply));
  if (!options_.access_token || !TRY(reply.AtEnd())) {
    return Fail(ErrorKind::kCorrupt, "the server asks for an access token out of turn");
  }
  Secret token;
  token.text = TRY_WHILE("access token", options_.access_token({info.sts_url, info.spn}));
  Secret payload;
  payload.text = EncodeFederatedToken(token.text, link_.prelogin().nonce);
  TRY(link_.Send(MessageType::kFederatedToken, payload.text));
  reply.NextMessage();
  return {};
}

Status Login::Finish() {
  if (answer_.refusal) return {};
  // Whoever is in between could send us, and the password, to a place of his own.
  if (answer_.routed_to && options_.encrypt == Encrypt::kLogin && link_.tls_version().empty()) {
    return Fail(ErrorKind::kDenied,
                "the server redirects in clear text to " + ToText(*answer_.routed_to),
                "use encrypt=true, so that it is sure who says that");
  }
  if (!is_acknowledged_ && !answer_.routed_to) {
    return Fail(ErrorKind::kCorrupt, "the server answered the login neither with yes nor with no");
  }
  // Else somebody without our token's authority may have answered.
  if (options_.access_token && !answer_.routed_to && !is_token_acknowledged_) {
    return Fail(ErrorKind::kCorrupt, "the server did not acknowledge the access token");
  }
  if (answer_.collation.size() != sizeof Collation::bytes) {
    answer_.collation.assign(sizeof Collation::bytes, '\0');
  }
  answer_.server.endpoint = link_.endpoint();
  answer_.server.tls_version = link_.tls_version();
  answer_.server.is_strict = options_.encrypt == Encrypt::kStrict;
  return {};
}

}  // namespace

Result<LoginAnswer> LogIn(Link& link, const ConnectOptions& options, const std::string& user) {
  Login login(link, options);
  TRY(login.Send(user));
  return login.ReadAnswer();
}

}  // namespace tidemark::tds
