#include "object/http/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <functional>
#include <mutex>

#include "base/text.h"
#include "object/http/public_address.h"
#include "object/http/system_authorities.h"

namespace tidemark::http {
namespace {

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Multi = std::unique_ptr<CURLM, FreeMulti>;
using List = std::unique_ptr<curl_slist, FreeList>;

// What the callbacks of one attempt fill.
struct Receiving {
  Answer answer;
  std::size_t bytes_max = 0;
  bool is_too_large = false;
  std::string refused_address;  // not public, where only such are allowed
};

// The address is the very one that will be connected to.
curl_socket_t OpenPublicSocket(void* to, curlsocktype purpose, curl_sockaddr* address) {
  if (purpose != CURLSOCKTYPE_IPCXN || !IsPublicAddress(&address->addr)) {
    static_cast<Receiving*>(to)->refused_address = AddressText(&address->addr);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t OnBody(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto* receiving = static_cast<Receiving*>(to);
  const std::size_t got = size * count;
  if (got > receiving->bytes_max - receiving->answer.body.size()) {
    receiving->is_too_large = true;
    return 0;
  }
  receiving->answer.body.append(bytes, got);
  return got;
}

std::string_view Trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::size_t OnHeader(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto* receiving = static_cast<Receiving*>(to);
  const std::string_view line(bytes, size * count);
  // After "100 Continue" the real answer's headers follow.
  if (line.starts_with("HTTP/")) receiving->answer.headers.clear();
  const auto colon = line.find(':');
  if (colon != line.npos) {
    receiving->answer.headers.push_back(
        {AsciiLower(Trim(line.substr(0, colon))), std::string(Trim(line.substr(colon + 1)))});
  }
  return line.size();
}

class CurlClient final : public Client {
 public:
  CurlClient(ClientOptions options, Easy easy, Multi multi)
      : options_(std::move(options)), easy_(std::move(easy)), multi_(std::move(multi)) {}
  Result<Answer> Send(const Request& request) override;

 private:
  Result<Answer> SendOnce(const Request& request);
  Status SetOptions(const Request& request, Receiving* receiving, curl_slist* headers);
  Result<CURLcode> Perform();
  Error FailureOf(CURLcode code, const Request& request, const Receiving& receiving) const;

  ClientOptions options_;
  Easy easy_;
  Multi multi_;
  char error_text_[CURL_ERROR_SIZE] = "";
};

Status CurlClient::SetOptions(const Request& request, Receiving* receiving, curl_slist* headers) {
  CURL* easy = easy_.get();
  curl_easy_reset(easy);  // connections are kept
  error_text_[0] = '\0';
  const bool is_valid = curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str()) == CURLE_OK;
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_ms_max));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.total_ms_max));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "tidemark");
  const std::string authorities = options_.ca_file.empty() ? SystemAuthorities() : options_.ca_file;
  if (!authorities.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, authorities.c_str());
  if (options_.is_public_only) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, OpenPublicSocket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, receiving);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);  // each request is looked at
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  if (!options_.uses_proxy || options_.is_public_only) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, receiving);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, receiving);
  if (!is_valid) {
    return Fail(ErrorKind::kInvalid, fmt::format("{} is no URL", WithoutSecrets(request.url)));
  }
  return {};
}

// Runs the transfer until it ends or somebody asks to stop, who wakes it.
Result<CURLcode> CurlClient::Perform() {
  CURLM* multi = multi_.get();
  const std::stop_callback wake(options_.stop, [multi] { curl_multi_wakeup(multi); });
  int running = 1;
  while (true) {
    if (options_.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    const CURLMcode code = curl_multi_perform(multi, &running);
    if (code != CURLM_OK) return Fail(ErrorKind::kInternal, curl_multi_strerror(code));
    if (running == 0) break;
    curl_multi_poll(multi, nullptr, 0, 60'000, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return Fail(ErrorKind::kInternal, "a transfer ended without a result");
}

Error CurlClient::FailureOf(CURLcode code, const Request& request,
                            const Receiving& receiving) const {
  const std::string url = WithoutSecrets(request.url);
  const char* text = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  if (receiving.is_too_large) {
    return {ErrorKind::kCorrupt,
            fmt::format("{} answered with more than {} bytes", url, request.answer_bytes_max)};
  }
  if (!receiving.refused_address.empty()) {
    return {ErrorKind::kDenied,
            fmt::format("{}: {} is not a public address", url, receiving.refused_address)};
  }
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return {ErrorKind::kDenied, fmt::format("{}: {}", url, text)};
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorKind::kInvalid, fmt::format("ca_file {}: {}", options_.ca_file, text)};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {ErrorKind::kInvalid, fmt::format("{} is no URL that can be used: {}", url, text)};
    case CURLE_OPERATION_TIMEDOUT:
      return {ErrorKind::kUnavailable, fmt::format("{} did not answer in time", url)};
    default:
      return {ErrorKind::kUnavailable, fmt::format("{}: {}", url, text)};
  }
}

Result<Answer> CurlClient::SendOnce(const Request& request) {
  Receiving receiving;
  receiving.bytes_max = request.answer_bytes_max;
  List headers;
  for (const Header& header : request.headers) {
    curl_slist* longer =
        curl_slist_append(headers.get(), fmt::format("{}: {}", header.name, header.value).c_str());
    if (longer == nullptr) return Fail(ErrorKind::kInternal, "out of memory for headers");
    if (!headers) headers.reset(longer);  // else it was appended to
  }
  TRY(SetOptions(request, &receiving, headers.get()));
  if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) {
    return Fail(ErrorKind::kInternal, "a transfer could not begin");
  }
  Result<CURLcode> code = Perform();
  curl_multi_remove_handle(multi_.get(), easy_.get());
  if (!code) return Fail(std::move(code).error());
  if (*code != CURLE_OK) return Fail(FailureOf(*code, request, receiving));
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  receiving.answer.status = static_cast<int>(status);
  return std::move(receiving.answer);
}

Result<Answer> CurlClient::Send(const Request& request) {
  for (int attempt = 1;; ++attempt) {
    Result<Answer> answer = SendOnce(request);
    const bool is_transient =
        answer ? IsTransientStatus(answer->status) : answer.error().kind == ErrorKind::kUnavailable;
    if (!is_transient || !request.is_repeatable) return answer;
    const std::string_view asked = answer ? answer->Find("retry-after") : std::string_view{};
    const auto wait_ms = WaitAfterMs(options_.retry, attempt, asked, *options_.random);
    if (!wait_ms) return answer;
    options_.clock->Wait(*wait_ms * 1000, options_.stop);
  }
}

}  // namespace

std::string_view Answer::Find(std::string_view name) const {
  for (const Header& header : headers) {
    if (header.name == name) return header.value;
  }
  return {};
}

Result<std::unique_ptr<Client>> Client::Make(ClientOptions options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  Easy easy(curl_easy_init());
  Multi multi(curl_multi_init());
  if (!easy || !multi) return Fail(ErrorKind::kInternal, "libcurl cannot be set up");
  return std::unique_ptr<Client>(
      std::make_unique<CurlClient>(std::move(options), std::move(easy), std::move(multi)));
}

std::string WithoutSecrets(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto scheme_end = url.find("://");
  if (scheme_end == url.npos) return std::string(url);
  const std::string_view rest = url.substr(scheme_end + 3);
  const auto host_end = rest.find('/');
  const auto user_end = rest.substr(0, host_end).rfind('@');
  if (user_end == rest.npos) return std::string(url);
  return std::string(url.substr(0, scheme_end + 3)) + std::string(rest.substr(user_end + 1));
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    encoded += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace tidemark::http
