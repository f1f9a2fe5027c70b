#pragma once
#include <openssl/crypto.h>

#include <string>
#include <utility>

namespace tidemark::tds {

// A text that is overwritten when it is not needed any more, however that comes.
struct Secret {
  std::string text;

  Secret() = default;
  explicit Secret(std::string value) : text(std::move(value)) {}
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
};

}  // namespace tidemark::tds
