#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "object/http/retry_table.h"

namespace tidemark::http {

struct Header {
  std::string name;
  std::string value;
};

struct Request {
  std::string method = "GET";
  std::string url;  // http: or https:. Messages show it without its query, which may hold secrets
  std::vector<Header> headers;
  std::string_view body;                 // outlives the call
  std::int64_t connect_ms_max = 10'000;  // of one attempt
  std::int64_t total_ms_max = 60'000;    // of one attempt
  std::size_t answer_bytes_max = std::size_t{1} << 20;
  bool is_repeatable = true;  // may be sent again though the server may have acted on it
};

struct Answer {
  int status = 0;
  std::vector<Header> headers;  // names in lower case
  std::string body;

  // The header's value; empty: there is none. `name` in lower case.
  std::string_view Find(std::string_view name) const;
};

struct ClientOptions {
  std::string ca_file;     // PEM; empty: the authorities that this system trusts
  bool uses_proxy = true;  // as https_proxy and no_proxy say; off for addresses of this machine
  // Connections to anything but public addresses are refused (kDenied), at the moment they are
  // made: a name that means another address the second time gains nothing. Goes without a proxy.
  bool is_public_only = false;
  RetryLimits retry;
  Clock* clock = &SystemClock();
  Random* random = &SystemRandom();
  std::stop_token stop;
};

// Sends requests over connections that are kept open, TLS always verified. One thread at a time.
// Redirections are not followed: a secret never goes where it was not sent.
class Client {
 public:
  static Result<std::unique_ptr<Client>> Make(ClientOptions options);
  virtual ~Client() = default;

  // Any status is an answer; those of IsTransientStatus only after the last attempt. kUnavailable:
  // nobody answered, or not in time; kDenied: the certificate is not to be trusted; kCorrupt: the
  // answer is larger than allowed; kInvalid: that is no URL; kCancelled: somebody asked to stop.
  virtual Result<Answer> Send(const Request& request) = 0;
};

// A URL as messages show it: without user, password, query and fragment.
std::string WithoutSecrets(std::string_view url);
// As a value in a query or a form.
std::string PercentEncode(std::string_view text);

}  // namespace tidemark::http
