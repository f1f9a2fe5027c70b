#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/result.h"

namespace tidemark {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string HexOf(std::string_view bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

std::optional<std::string> BytesOfHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    auto high = kDigits.find(hex[i]), low = kDigits.find(hex[i + 1]);
    if (high == kDigits.npos || low == kDigits.npos) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(std::as_bytes(std::span(bytes)));
  return hash.FinishHex();
}

std::string DnsUuidV5(std::string_view name) {
  // 6ba7b810-9dad-11d1-80b4-00c04fd430c8, which RFC 9562 gives to the namespace.
  std::string text("\x6b\xa7\xb8\x10\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8", 16);
  text += name;
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(digest.data());
  TIDEMARK_CHECK(EVP_Digest(text.data(), text.size(), bytes, nullptr, EVP_sha1(), nullptr) == 1);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x50);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  auto uuid = HexOf(std::string_view(digest).substr(0, 16));
  for (std::size_t at : {20, 16, 12, 8}) uuid.insert(at, 1, '-');
  return uuid;
}

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  TIDEMARK_CHECK(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::Update(std::span<const std::byte> bytes) {
  TIDEMARK_CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::FinishHex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size_bytes = 0;
  TIDEMARK_CHECK(EVP_DigestFinal_ex(context_->evp, digest, &size_bytes) == 1);
  return HexOf({reinterpret_cast<const char*>(digest), size_bytes});
}

struct HmacSha256::Context {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* evp = EVP_MAC_CTX_new(mac);
  ~Context() {
    EVP_MAC_CTX_free(evp);
    EVP_MAC_free(mac);
  }
};

HmacSha256::HmacSha256(std::string_view key) : context_(std::make_unique<Context>()) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end()};
  TIDEMARK_CHECK(context_->evp != nullptr);
  TIDEMARK_CHECK(EVP_MAC_init(context_->evp, reinterpret_cast<const unsigned char*>(key.data()),
                              key.size(), params) == 1);
}
HmacSha256::~HmacSha256() = default;
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;

void HmacSha256::HexOf(std::span<const std::string_view> message, std::array<char, 64>& hex) {
  // Without a key: the one it was made with.
  TIDEMARK_CHECK(EVP_MAC_init(context_->evp, nullptr, 0, nullptr) == 1);
  for (auto piece : message)
    TIDEMARK_CHECK(EVP_MAC_update(context_->evp,
                                  reinterpret_cast<const unsigned char*>(piece.data()),
                                  piece.size()) == 1);
  unsigned char digest[32];
  std::size_t size_bytes = 0;
  TIDEMARK_CHECK(EVP_MAC_final(context_->evp, digest, &size_bytes, sizeof digest) == 1);
  for (std::size_t i = 0; i < sizeof digest; ++i) {
    hex[2 * i] = kDigits[digest[i] >> 4];
    hex[2 * i + 1] = kDigits[digest[i] & 15];
  }
}

}  // namespace tidemark
