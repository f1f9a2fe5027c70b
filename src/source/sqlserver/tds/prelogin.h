#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark::tds {

// Byte of the option ENCRYPTION: what one side can do and wants.
enum class Encryption : std::uint8_t {
  kLoginOnly = 0,  // "off": TLS around the login, then none
  kOn = 1,
  kNotSupported = 2,
  kRequired = 3,
};

struct ServerVersion {
  int major = 0;
  int minor = 0;
  int build = 0;
};

struct PreloginRequest {
  Encryption encryption = Encryption::kOn;
  std::string instance;  // empty: whichever listens
  bool asks_for_federated_token = false;
  std::uint32_t process = 0;
};
// The payload of a PRELOGIN message.
std::string Encode(const PreloginRequest& request);

struct PreloginAnswer {
  ServerVersion version;
  Encryption encryption = Encryption::kNotSupported;
  bool is_instance_refused = false;  // another instance than the one asked for listens here
  // Set only where it was asked for: the login must then repeat it.
  std::optional<bool> wants_federated_token;
  std::string nonce;
};
// kInvalid: that is no PRELOGIN answer; options that are not known are passed over.
Result<PreloginAnswer> DecodePreloginAnswer(std::string_view payload);

}  // namespace tidemark::tds
