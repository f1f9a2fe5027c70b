#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidemark {

std::string HexOf(std::string_view bytes);
// What HexOf made; nothing where it cannot have made it.
std::optional<std::string> BytesOfHex(std::string_view hex);

// SHA-256 as 64 hex digits.
std::string Sha256Hex(std::string_view bytes);

// The name-based UUID, version 5, of a name in the namespace of DNS names: 36 characters.
std::string DnsUuidV5(std::string_view name);

// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(std::span<const std::byte> bytes);
  std::string FinishHex();  // once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// HMAC-SHA-256 under one key, of many messages. One thread at a time.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  ~HmacSha256();
  HmacSha256(HmacSha256&&) noexcept;
  HmacSha256& operator=(HmacSha256&&) noexcept;
  // Of the pieces one after the other, as 64 hex digits.
  void HexOf(std::span<const std::string_view> message, std::array<char, 64>& hex);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace tidemark
