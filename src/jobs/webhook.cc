#include "jobs/webhook.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/log.h"
#include "object/http/client.h"

namespace tidemark {
namespace {

constexpr std::int64_t kSecond = 1'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr std::int64_t kTotalMs = 30'000, kLeaseUs = 2 * kMinute;
constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::string_view kSecretPrefix = "whsec_";

constexpr std::array kWaits = {5 * kSecond, 1 * kMinute, 5 * kMinute, 30 * kMinute,
                               2 * kHour,   5 * kHour,   8 * kHour,   10 * kHour};

std::string Base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                              reinterpret_cast<const unsigned char*>(bytes.data()),
                              static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string KeyOf(std::string_view secret) {
  if (!secret.starts_with(kSecretPrefix)) return std::string(secret);
  auto text = secret.substr(kSecretPrefix.size());
  std::string key(text.size(), '\0');
  auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()),
                              reinterpret_cast<const unsigned char*>(text.data()),
                              static_cast<int>(text.size()));
  if (size < 0) return std::string(secret);  // no base64: a text that happens to begin like that
  // Padding decodes to zeros.
  auto padding = std::min<std::ptrdiff_t>(2, std::count(text.begin(), text.end(), '='));
  key.resize(static_cast<std::size_t>(size - padding));
  return key;
}

DeliveryOutcome OutcomeOf(const Delivery& delivery, const Result<http::Answer>& answer,
                          Random& random) {
  DeliveryOutcome outcome;
  bool is_hopeless = false;
  if (!answer) {
    outcome.error = answer.error().message;
    is_hopeless =
        answer.error().kind == ErrorKind::kDenied || answer.error().kind == ErrorKind::kInvalid;
  } else {
    outcome.status = answer->status;
    outcome.is_delivered = answer->status >= 200 && answer->status < 300;
    is_hopeless = answer->status == 410;
    if (answer->status >= 300 && answer->status < 400) {
      outcome.error = fmt::format("HTTP {}: redirections are not followed", answer->status);
    } else if (!outcome.is_delivered) {
      outcome.error = fmt::format("HTTP {}", answer->status);
    }
  }
  if (!outcome.is_delivered && !is_hopeless) {
    outcome.retry_in_us = NextDeliveryInUs(delivery.attempt, random.Next());
  }
  return outcome;
}

}  // namespace

std::string WebhookSignature(std::string_view secret, std::string_view id,
                             std::int64_t timestamp_seconds, std::string_view body) {
  HmacSha256 hmac(KeyOf(secret));
  auto head = fmt::format("{}.{}.", id, timestamp_seconds);
  std::array<std::string_view, 2> message = {head, body};
  std::array<char, 64> hex{};
  hmac.HexOf(message, hex);
  auto bytes = BytesOfHex({hex.data(), hex.size()});
  return "v1," + Base64(bytes.value_or(""));
}

std::optional<std::int64_t> NextDeliveryInUs(int attempt, std::uint64_t random) {
  auto index = static_cast<std::size_t>(std::max(attempt - 1, 0));
  if (index >= kWaits.size()) return std::nullopt;
  auto wait = kWaits.at(index);
  auto jitter = wait / 10;
  return wait + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(jitter));
}

Status CheckCallbackUrl(std::string_view url) {
  constexpr const char* kHint = "use http://HOST/… or https://HOST/…";
  if (url.size() > kUrlBytesMax) {
    return Fail(ErrorKind::kInvalid, fmt::format("the callback URL has {} bytes, more than {}",
                                                 url.size(), kUrlBytesMax));
  }
  bool is_plain = std::ranges::all_of(url, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  auto scheme_end = url.find("://");
  auto scheme = url.substr(0, scheme_end == url.npos ? 0 : scheme_end);
  if (!is_plain || (scheme != "http" && scheme != "https")) {
    return Fail(ErrorKind::kInvalid, "the callback URL is not http or https", kHint);
  }
  auto rest = url.substr(scheme_end + 3);
  auto host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.find('@') != host.npos) {
    return Fail(ErrorKind::kInvalid, "the callback URL holds a user or a password",
                "put a secret into its path or query instead");
  }
  if (host.empty() || host.front() == ':') {
    return Fail(ErrorKind::kInvalid, "the callback URL names no host", kHint);
  }
  return {};
}

Result<bool> SendNextWebhook(JobStore& store, const WebhookOptions& options,
                             const std::stop_token& stop) {
  auto delivery = TRY(store.ClaimDelivery(kLeaseUs));
  if (!delivery) return false;
  http::ClientOptions client_options{.ca_file = options.ca_file,
                                     .uses_proxy = !options.allows_private,
                                     .is_public_only = !options.allows_private,
                                     .retry = {.attempts = 1},
                                     .clock = options.clock,
                                     .random = options.random,
                                     .stop = stop};
  auto client = TRY(http::Client::Make(std::move(client_options)));
  auto seconds = options.clock->NowUs() / kSecond;
  http::Request request{.method = "POST",
                        .url = delivery->url,
                        .headers = {{"content-type", "application/json"},
                                    {"webhook-id", delivery->id},
                                    {"webhook-timestamp", fmt::format("{}", seconds)}},
                        .body = delivery->body,
                        .total_ms_max = kTotalMs,
                        .answer_bytes_max = std::size_t{64} << 10,
                        .is_repeatable = false};
  if (!options.secret.empty()) {
    request.headers.push_back({"webhook-signature", WebhookSignature(options.secret, delivery->id,
                                                                     seconds, delivery->body)});
  }
  auto answer = client->Send(request);
  if (!answer && answer.error().kind == ErrorKind::kCancelled) return false;  // its lease runs out
  auto outcome = OutcomeOf(*delivery, answer, *options.random);
  if (!outcome.is_delivered) {
    Log(LogLevel::kWarning, fmt::format("job {}: nobody could be told (attempt {}): {}",
                                        delivery->job, delivery->attempt, outcome.error));
  }
  TRY(store.FinishDelivery(*delivery, outcome));
  return true;
}

void SendWebhooks(JobStore& store, const WebhookOptions& options, const std::stop_token& stop) {
  std::uint64_t seen = 0;
  while (!stop.stop_requested()) {
    seen = store.WaitForChange(seen, 0, stop);
    auto sent = SendNextWebhook(store, options, stop);
    if (sent && *sent) continue;
    if (!sent) Log(LogLevel::kWarning, "notifications: " + sent.error().message);
    // Nothing is due; those that wait for another attempt are looked at that often.
    store.WaitForChange(seen, 2 * kSecond, stop);
  }
}

}  // namespace tidemark
