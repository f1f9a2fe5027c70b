#include "source/sqlserver/tds/entra.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <charconv>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "object/http/client.h"
#include "source/sqlserver/tds/shell_command.h"

namespace tidemark::tds {
namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;
// A token that ends while a connection is being opened is of no use.
constexpr std::int64_t kSpareSeconds = 300;
// Where nothing says how long a token lasts it is asked for again each time.
constexpr std::int64_t kNoLifetime = 0;

struct Token {
  std::string text;
  std::int64_t expires_s = kNoLifetime;  // since 1970
};

std::int64_t NowSeconds() { return SystemClock().NowUs() / kUsPerSecond; }

std::optional<std::int64_t> IntegerOf(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if (found->is_number_integer()) return found->get<std::int64_t>();
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string TextOf(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Entra ID says access_token, the Azure command line accessToken; lifetimes come in three
// spellings.
std::optional<Token> TokenIn(const nlohmann::json& object) {
  if (!object.is_object()) return std::nullopt;
  Token token;
  token.text = TextOf(object, "access_token");
  if (token.text.empty()) token.text = TextOf(object, "accessToken");
  if (token.text.empty()) return std::nullopt;
  if (const auto expires_s = IntegerOf(object, "expires_on")) {
    token.expires_s = *expires_s;
  } else if (const auto lifetime_s = IntegerOf(object, "expires_in")) {
    token.expires_s = NowSeconds() + *lifetime_s;
  }
  return token;
}

Result<Token> TokenOfAnswer(const http::Answer& answer, const std::string& url) {
  const auto object = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  constexpr int kOk = 200;
  if (answer.status == kOk) {
    if (auto token = TokenIn(object)) return *std::move(token);
    return Fail(ErrorKind::kCorrupt,
                fmt::format("{} answered without a token", http::WithoutSecrets(url)));
  }
  std::string why;
  if (object.is_object()) {
    why = TextOf(object, "error_description");
    if (why.empty()) why = TextOf(object, "error");
    // What follows the first line are numbers for Microsoft's support.
    why = why.substr(0, why.find_first_of("\r\n"));
  }
  const bool is_transient = http::IsTransientStatus(answer.status);
  return Fail(is_transient ? ErrorKind::kUnavailable : ErrorKind::kDenied,
              fmt::format("{} answered {}{}", http::WithoutSecrets(url), answer.status,
                          why.empty() ? "" : ": " + why));
}

class Source {
 public:
  explicit Source(EntraOptions options) : options_(std::move(options)) {}
  ~Source() {
    OPENSSL_cleanse(kept_.text.data(), kept_.text.size());
    OPENSSL_cleanse(options_.token.data(), options_.token.size());
    OPENSSL_cleanse(options_.client_secret.data(), options_.client_secret.size());
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  Result<std::string> Get(const TokenPlace& place) {
    if (options_.way == EntraWay::kGiven) return options_.token;
    // Who comes while another fetches waits for that token.
    const std::lock_guard lock(mutex_);
    if (kept_.expires_s == kNoLifetime || kept_.expires_s - kSpareSeconds <= NowSeconds()) {
      kept_ = TRY(Fetch(place));
    }
    return kept_.text;
  }

 private:
  Result<Token> Fetch(const TokenPlace& place) {
    switch (options_.way) {
      case EntraWay::kCommand:
        return FromCommand();
      case EntraWay::kManagedIdentity:
        return FromManagedIdentity();
      case EntraWay::kClientSecret:
        return FromClientSecret(place);
      default:
        return Fail(ErrorKind::kInternal, "this way to a token needs no fetching");
    }
  }
  Result<Token> FromCommand();
  Result<Token> FromManagedIdentity();
  Result<Token> FromClientSecret(const TokenPlace& place);
  Result<Token> Send(const http::Request& request, bool uses_proxy);

  std::optional<std::string> Variable(const std::string& name) const {
    if (options_.variables) return options_.variables(name);
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }

  EntraOptions options_;
  std::mutex mutex_;
  Token kept_;
};

Result<Token> Source::Send(const http::Request& request, bool uses_proxy) {
  const auto client = TRY(http::Client::Make(
      {.ca_file = options_.ca_file, .uses_proxy = uses_proxy, .stop = options_.stop}));
  const http::Answer answer = TRY(client->Send(request));
  return TokenOfAnswer(answer, request.url);
}

Result<Token> Source::FromCommand() {
  constexpr std::size_t kOutputBytesMax = 64 * 1024;
  std::string output = TRY_WHILE("the command for access tokens",
                                 RunShellCommand({options_.command, options_.command_timeout_ms,
                                                  kOutputBytesMax, options_.stop}));
  const auto end = output.find_last_not_of(" \t\r\n");
  output.resize(end == output.npos ? 0 : end + 1);
  const auto object = nlohmann::json::parse(output, nullptr, /*allow_exceptions=*/false);
  if (auto token = TokenIn(object)) return *std::move(token);
  // A token is one word; anything else is a message of the command's.
  if (output.empty() || output.find_first_of(" \t\r\n{}\"") != output.npos) {
    return Fail(ErrorKind::kInvalid, "the command for access tokens prints no token",
                "it is to print the token alone, or JSON with accessToken");
  }
  return Token{std::move(output), kNoLifetime};
}

Result<Token> Source::FromManagedIdentity() {
  const auto endpoint = Variable("IDENTITY_ENDPOINT");
  const auto secret = Variable("IDENTITY_HEADER");
  const std::string query = fmt::format(
      "&resource={}{}", http::PercentEncode(options_.resource),
      options_.client_id.empty() ? "" : "&client_id=" + http::PercentEncode(options_.client_id));
  http::Request request;
  request.connect_ms_max = 3'000;  // it is on this machine or nowhere
  if (endpoint && secret) {
    // App Service, Functions and Container Apps.
    request.url = *endpoint + "?api-version=2019-08-01" + query;
    request.headers = {{"X-IDENTITY-HEADER", *secret}};
  } else {
    const std::string host =
        Variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").value_or("http://169.254.169.254");
    request.url = host + "/metadata/identity/oauth2/token?api-version=2018-02-01" + query;
    request.headers = {{"Metadata", "true"}};
  }
  auto token = Send(request, /*uses_proxy=*/false);
  if (!token && token.error().kind == ErrorKind::kUnavailable) {
    token.error().hint =
        "a managed identity exists only inside Azure, and has to be switched on "
        "for the machine or the application";
  }
  return token;
}

Result<Token> Source::FromClientSecret(const TokenPlace& place) {
  std::string authority = place.authority;
  if (!options_.tenant_id.empty()) {
    authority = Variable("AZURE_AUTHORITY_HOST").value_or("https://login.microsoftonline.com");
    while (authority.ends_with('/')) authority.pop_back();
    authority += "/" + options_.tenant_id;
  }
  // A secret goes nowhere in clear text, even if a server says so.
  const bool is_local = authority.starts_with("http://127.0.0.1:");
  if (!authority.starts_with("https://") && !is_local) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("\"{}\" is no place to send a client secret to", authority),
                "name the tenant by tenant_id");
  }
  while (authority.ends_with('/')) authority.pop_back();
  std::string resource = place.resource.empty() ? options_.resource : place.resource;
  if (!resource.ends_with('/')) resource += '/';
  std::string body = fmt::format(
      "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
      http::PercentEncode(options_.client_id), http::PercentEncode(options_.client_secret),
      http::PercentEncode(resource + ".default"));
  http::Request request;
  request.method = "POST";
  request.url = authority + "/oauth2/v2.0/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = body;
  auto token = Send(request, /*uses_proxy=*/!is_local);
  OPENSSL_cleanse(body.data(), body.size());
  return token;
}

}  // namespace

Result<TokenSource> MakeTokenSource(EntraOptions options) {
  const auto missing = [](const char* what) {
    return Fail(ErrorKind::kInvalid, fmt::format("the login by Entra ID lacks {}", what));
  };
  switch (options.way) {
    case EntraWay::kNone:
      return TokenSource{};
    case EntraWay::kGiven:
      if (options.token.empty()) return missing("its access token");
      break;
    case EntraWay::kCommand:
      if (options.command.empty()) return missing("the command that prints a token");
      break;
    case EntraWay::kManagedIdentity:
      break;
    case EntraWay::kClientSecret:
      if (options.client_id.empty()) return missing("the application's client_id");
      if (options.client_secret.empty()) return missing("the application's client secret");
      break;
  }
  const auto source = std::make_shared<Source>(std::move(options));
  return TokenSource([source](const TokenPlace& place) { return source->Get(place); });
}

std::string ResourceOf(const std::string& host) {
  constexpr const char* kClouds[] = {"database.chinacloudapi.cn", "database.usgovcloudapi.net",
                                     "database.cloudapi.de"};
  for (const char* cloud : kClouds) {
    if (host.ends_with(cloud)) return fmt::format("https://{}/", cloud);
  }
  return "https://database.windows.net/";
}

}  // namespace tidemark::tds
