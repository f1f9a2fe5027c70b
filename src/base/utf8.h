#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tidemark {

// The length of the sequence at `text`, of which `left` bytes are there; 0: none that is valid, as
// surrogates and overlong forms are not.
inline int Utf8Length(const char* text, std::size_t left) {
  const auto* p = reinterpret_cast<const unsigned char*>(text);
  auto is_tail = [&](std::size_t i) { return i < left && (p[i] & 0xc0) == 0x80; };
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xc2) return 0;
  if (p[0] < 0xe0) return is_tail(1) ? 2 : 0;
  if (p[0] < 0xf0) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;   // overlong
    if (p[0] == 0xed && p[1] >= 0xa0) return 0;  // a surrogate
    return 3;
  }
  if (p[0] > 0xf4 || !is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
  if (p[0] == 0xf0 && p[1] < 0x90) return 0;
  if (p[0] == 0xf4 && p[1] >= 0x90) return 0;  // beyond U+10FFFF
  return 4;
}

// The text with U+FFFD in place of every byte that is not UTF-8.
inline std::string LossyUtf8(std::string_view text) {
  std::string lossy;
  while (!text.empty()) {
    const int length = Utf8Length(text.data(), text.size());
    if (length == 0) {
      lossy += "\xEF\xBF\xBD";
    } else {
      lossy += text.substr(0, static_cast<std::size_t>(length));
    }
    text.remove_prefix(length == 0 ? 1 : static_cast<std::size_t>(length));
  }
  return lossy;
}

}  // namespace tidemark
