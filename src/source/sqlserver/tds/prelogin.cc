#include "source/sqlserver/tds/prelogin.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace tidemark::tds {
namespace {

enum Option : std::uint8_t {
  kVersion = 0,
  kEncryption = 1,
  kInstance = 2,
  kThread = 3,
  kMars = 4,
  kFederatedToken = 6,
  kNonce = 7,
  kEnd = 0xFF,
};
constexpr std::size_t kOptionBytes = 5;  // number, place and length, both big-endian

// Ours, as the option VERSION has it: servers write it to their traces.
constexpr std::string_view kOurVersion("\x00\x01\x00\x00\x00\x00", 6);

void AppendBigEndian(std::size_t value, std::string* to) {
  *to += static_cast<char>(value >> 8);
  *to += static_cast<char>(value);
}

std::uint8_t At(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

std::size_t BigEndian(std::string_view bytes, std::size_t i) {
  return (std::size_t{At(bytes, i)} << 8) | At(bytes, i + 1);
}

std::unexpected<Error> NoAnswer(std::string_view why) {
  return Fail(ErrorKind::kInvalid,
              fmt::format("what answers is no SQL Server that we know: PRELOGIN {}", why),
              "check that host and port are those of a SQL Server");
}

Status TakeOption(std::uint8_t option, std::string_view value, PreloginAnswer* answer) {
  switch (option) {
    case kVersion:
      if (value.size() < 4) return NoAnswer("has a version that is cut");
      answer->version = {At(value, 0), At(value, 1), static_cast<int>(BigEndian(value, 2))};
      break;
    case kEncryption:
      if (value.empty() || At(value, 0) > 3) return NoAnswer("has an unknown encryption");
      answer->encryption = static_cast<Encryption>(At(value, 0));
      break;
    case kInstance:
      answer->is_instance_refused = !value.empty() && At(value, 0) == 1;
      break;
    case kFederatedToken:
      if (value.empty()) return NoAnswer("has an option without its value");
      answer->wants_federated_token = At(value, 0) != 0;
      break;
    case kNonce:
      if (value.size() != 32) return NoAnswer("has a nonce of a wrong size");
      answer->nonce = value;
      break;
    default:
      break;
  }
  return {};
}

}  // namespace

std::string Encode(const PreloginRequest& request) {
  std::string process(reinterpret_cast<const char*>(&request.process), sizeof request.process);
  std::vector<std::pair<Option, std::string>> options = {
      {kVersion, std::string(kOurVersion)},
      {kEncryption, std::string(1, static_cast<char>(request.encryption))},
      {kInstance, request.instance + '\0'},
      {kThread, std::move(process)},
      {kMars, std::string(1, '\0')},
  };
  if (request.asks_for_federated_token) options.emplace_back(kFederatedToken, "\x01");
  std::string payload, values;
  const std::size_t begin = options.size() * kOptionBytes + 1;
  for (const auto& [option, value] : options) {
    payload += static_cast<char>(option);
    AppendBigEndian(begin + values.size(), &payload);
    AppendBigEndian(value.size(), &payload);
    values += value;
  }
  payload += static_cast<char>(kEnd);
  return payload + values;
}

Result<PreloginAnswer> DecodePreloginAnswer(std::string_view payload) {
  PreloginAnswer answer;
  bool has_version = false;
  for (std::size_t i = 0;; i += kOptionBytes) {
    if (i >= payload.size()) return NoAnswer("has no end");
    const std::uint8_t option = At(payload, i);
    if (option == kEnd) break;
    if (i + kOptionBytes > payload.size()) return NoAnswer("is cut");
    const std::size_t begin = BigEndian(payload, i + 1), size = BigEndian(payload, i + 3);
    if (begin > payload.size() || size > payload.size() - begin) {
      return NoAnswer("points beyond its end");
    }
    has_version |= option == kVersion;
    TRY(TakeOption(option, payload.substr(begin, size), &answer));
  }
  if (!has_version) return NoAnswer("names no version");
  return answer;
}

}  // namespace tidemark::tds
