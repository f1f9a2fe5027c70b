#pragma once
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "jobs/job_store.h"

namespace tidemark {

struct WebhookOptions {
  // Signs notifications, as standardwebhooks.com says: "whsec_" and base64, or any text. Empty:
  // they go unsigned.
  std::string secret;
  bool allows_private = false;  // addresses of this machine and of private networks
  std::string ca_file;          // empty: the authorities that this system trusts
  Clock* clock = &SystemClock();
  Random* random = &SystemRandom();
};

// "v1,…": the signature of a notification.
std::string WebhookSignature(std::string_view secret, std::string_view id,
                             std::int64_t timestamp_seconds, std::string_view body);

// How long after attempt number `attempt` (1: the first) failed comes the next; nothing: no more.
// All attempts together take a little over a day.
std::optional<std::int64_t> NextDeliveryInUs(int attempt, std::uint64_t random);

// kInvalid says why nobody could be told at that URL: not http or https, no host, too long, a user
// or password in it.
Status CheckCallbackUrl(std::string_view url);

// Sends the notifications of a store until told to stop. What a receiver answers with 2xx is
// delivered; 410 and a refused address end the attempts; redirections are not followed.
void SendWebhooks(JobStore& store, const WebhookOptions& options, const std::stop_token& stop);
// The next one that is due. False: there is none.
Result<bool> SendNextWebhook(JobStore& store, const WebhookOptions& options,
                             const std::stop_token& stop);

}  // namespace tidemark
