#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark::tds {

inline constexpr std::uint32_t kTds74 = 0x74000004;
inline constexpr std::uint32_t kTds80 = 0x08000000;

// How an access token travels: inside LOGIN7, or after the server has told where to get one.
enum class TokenWay : std::uint8_t { kInline, kAsked };

struct FederatedLogin {
  TokenWay way = TokenWay::kInline;
  bool is_echoed = false;  // whether the server's PRELOGIN answer asked for federated login
  std::string token;       // kInline only; UTF-8
  std::string nonce;       // of the PRELOGIN answer
};

struct Login7 {
  std::uint32_t version = kTds74;
  std::uint32_t packet_bytes = 4096;
  std::uint32_t process = 0;
  bool is_read_only = false;  // ApplicationIntent
  std::string client_host, user, password, application, server, library, database;
  std::optional<FederatedLogin> federated;  // then without user and password
};

// The payload of a LOGIN7 message. It holds secrets: the caller wipes it. kInvalid: a text that is
// too long, by its name.
Result<std::string> Encode(const Login7& login);

// As LOGIN7 hides a password (it protects from nothing but a glance): UTF-16 of it, changed in
// place.
void ScramblePassword(std::string* utf16);

// The message that answers FEDAUTHINFO with a token.
std::string EncodeFederatedToken(std::string_view token, std::string_view nonce);

}  // namespace tidemark::tds
