#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tidemark {

std::string HexOf(std::string_view bytes);

// SHA-256 as 64 hex digits.
std::string Sha256Hex(std::string_view bytes);

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

}  // namespace tidemark
