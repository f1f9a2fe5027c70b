#pragma once
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::tds {

// What could not be said in UTF-8; each stands as U+FFFD.
struct TextFaults {
  std::int64_t lone_surrogates = 0;
  std::int64_t undecodable_bytes = 0;
};

// Of a piece of text: how many of its bytes were taken and what was written for them. Where more
// may follow (`is_last` false) up to three bytes that are no whole character yet are left.
struct Converted {
  std::size_t taken = 0;
  std::size_t written = 0;
};

// A character set on the wire. No virtual call: a decoder asks once which one it is and then calls
// the function itself. `to` has room for kUtf8PerByte bytes for each byte of the text, and 16 more.
inline constexpr std::size_t kUtf8PerByte = 3;
inline constexpr std::size_t kTextSlack = 16;

// `code`: below 0x110000. Where it ends.
inline char* PutUtf8(std::uint32_t code, char* to) {
  if (code < 0x80) {
    *to++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *to++ = static_cast<char>(0xC0 | (code >> 6));
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *to++ = static_cast<char>(0xE0 | (code >> 12));
    *to++ = static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  } else {
    *to++ = static_cast<char>(0xF0 | (code >> 18));
    *to++ = static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    *to++ = static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  }
  return to;
}

// Whole blocks of ASCII, of one byte each; where it stops, something else stands or less is left.
inline void TakeAscii8(const char** from, const char* end, char** to) {
#ifdef __SSE2__
  while (end - *from >= 16) {
    auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(*from));
    if (_mm_movemask_epi8(bytes) != 0) return;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(*to), bytes);
    *from += 16;
    *to += 16;
  }
#endif
}

Converted ConvertUtf16(std::string_view from, char* to, bool is_last, TextFaults* faults);
Converted ConvertUtf8(std::string_view from, char* to, bool is_last, TextFaults* faults);

// The whole text, lone surrogates as U+FFFD; an odd last byte as one more.
std::string FromUtf16(std::string_view bytes);
// `utf8` as UTF-16 on the wire. What is no UTF-8 becomes U+FFFD.
std::string ToUtf16(std::string_view utf8);

}  // namespace tidemark::tds
