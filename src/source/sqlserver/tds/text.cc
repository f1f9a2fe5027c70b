#include "source/sqlserver/tds/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstring>

#include "base/utf8.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

bool IsHigh(std::uint32_t unit) { return (unit & 0xFC00) == 0xD800; }
bool IsLow(std::uint32_t unit) { return (unit & 0xFC00) == 0xDC00; }

// Whole blocks of ASCII; where it stops, something else stands or less than a block is left.
inline void TakeAscii16(const char** from, const char* end, char** to) {
#ifdef __SSE2__
  const __m128i not_ascii = _mm_set1_epi16(static_cast<short>(0xFF80));
  while (end - *from >= 16) {
    auto units = _mm_loadu_si128(reinterpret_cast<const __m128i*>(*from));
    auto high = _mm_cmpeq_epi16(_mm_and_si128(units, not_ascii), _mm_setzero_si128());
    if (_mm_movemask_epi8(high) != 0xFFFF) return;
    _mm_storel_epi64(reinterpret_cast<__m128i*>(*to), _mm_packus_epi16(units, units));
    *from += 16;
    *to += 8;
  }
#endif
}

// Blocks of what has two bytes in UTF-8: Greek, Cyrillic, Hebrew, Arabic.
inline void TakeTwoByte16(const char** from, const char* end, char** to) {
#ifdef __SSE2__
  const __m128i zero = _mm_setzero_si128();
  while (end - *from >= 16) {
    auto units = _mm_loadu_si128(reinterpret_cast<const __m128i*>(*from));
    auto is_too_high = _mm_and_si128(units, _mm_set1_epi16(static_cast<short>(0xF800)));
    auto is_ascii = _mm_cmpeq_epi16(_mm_and_si128(units, _mm_set1_epi16(0x780)), zero);
    auto is_other = _mm_or_si128(is_ascii, is_too_high);
    if (_mm_movemask_epi8(_mm_cmpeq_epi16(is_other, zero)) != 0xFFFF) return;
    auto first = _mm_or_si128(_mm_srli_epi16(units, 6), _mm_set1_epi16(0xC0));
    auto second = _mm_or_si128(_mm_slli_epi16(_mm_and_si128(units, _mm_set1_epi16(0x3F)), 8),
                               _mm_set1_epi16(static_cast<short>(0x8000)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(*to), _mm_or_si128(first, second));
    *from += 16;
    *to += 16;
  }
#endif
}

}  // namespace

Converted ConvertUtf16(std::string_view from, char* to, bool is_last, TextFaults* faults) {
  const char* p = from.data();
  const char* end = p + from.size();
  char* out = to;
  while (true) {
    TakeAscii16(&p, end, &out);
    TakeTwoByte16(&p, end, &out);
    // Through what stopped them, then blocks again.
    for (int i = 0; i < 8; ++i) {
      if (end - p < 2) {
        if (p != end && is_last) {  // half a unit is no character at all
          ++p;
          ++faults->undecodable_bytes;
          out = PutUtf8(kReplacement, out);
        }
        return {static_cast<std::size_t>(p - from.data()), static_cast<std::size_t>(out - to)};
      }
      std::uint32_t unit = Load<std::uint16_t>(p);
      if ((unit & 0xF800) == 0xD800) [[unlikely]] {
        if (IsHigh(unit) && end - p < 4 && !is_last)
          return {static_cast<std::size_t>(p - from.data()), static_cast<std::size_t>(out - to)};
        const std::uint32_t next = end - p >= 4 ? Load<std::uint16_t>(p + 2) : 0;
        if (IsHigh(unit) && IsLow(next)) {
          unit = 0x10000 + ((unit - 0xD800) << 10) + (next - 0xDC00);
          p += 2;
        } else {
          unit = kReplacement;
          ++faults->lone_surrogates;
        }
      }
      p += 2;
      out = PutUtf8(unit, out);
    }
  }
}

Converted ConvertUtf8(std::string_view from, char* to, bool is_last, TextFaults* faults) {
  const char* p = from.data();
  const char* end = p + from.size();
  char* out = to;
  while (true) {
    TakeAscii8(&p, end, &out);
    for (int i = 0; i < 16; ++i) {
      const auto left = static_cast<std::size_t>(end - p);
      if (left > 0 && static_cast<unsigned char>(*p) < 0x80) {
        *out++ = *p++;
        continue;
      }
      if (left == 0 || (left < 4 && !is_last))
        return {static_cast<std::size_t>(p - from.data()), static_cast<std::size_t>(out - to)};
      const int length = Utf8Length(p, left);
      if (length == 0) {
        ++faults->undecodable_bytes;
        out = PutUtf8(kReplacement, out);
        ++p;
      } else if (left >= 4) {
        std::memcpy(out, p, 4);  // one move of a fixed size; what is too much is written over
        out += length;
        p += length;
      } else {
        std::memcpy(out, p, static_cast<std::size_t>(length));
        out += length;
        p += length;
      }
    }
  }
}

std::string FromUtf16(std::string_view bytes) {
  std::string text(bytes.size() * kUtf8PerByte + kTextSlack, '\0');
  TextFaults faults;
  text.resize(ConvertUtf16(bytes, text.data(), /*is_last=*/true, &faults).written);
  return text;
}

std::string ToUtf16(std::string_view utf8) {
  std::string units;
  units.reserve(utf8.size() * 2);
  while (!utf8.empty()) {
    int length = Utf8Length(utf8.data(), utf8.size());
    auto* p = reinterpret_cast<const unsigned char*>(utf8.data());
    std::uint32_t code = kReplacement;
    if (length == 1) code = p[0];
    if (length == 2) code = ((p[0] & 0x1FU) << 6) | (p[1] & 0x3FU);
    if (length == 3) code = ((p[0] & 0x0FU) << 12) | ((p[1] & 0x3FU) << 6) | (p[2] & 0x3FU);
    if (length == 4)
      code =
          ((p[0] & 0x07U) << 18) | ((p[1] & 0x3FU) << 12) | ((p[2] & 0x3FU) << 6) | (p[3] & 0x3FU);
    if (code >= 0x10000) {
      Store(static_cast<std::uint16_t>(0xD7C0 + (code >> 10)), &units);
      code = 0xDC00 + (code & 0x3FF);
    }
    Store(static_cast<std::uint16_t>(code), &units);
    utf8.remove_prefix(length == 0 ? 1 : static_cast<std::size_t>(length));
  }
  return units;
}

}  // namespace tidemark::tds
