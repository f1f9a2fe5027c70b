#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "source/sqlserver/tds/text.h"

namespace tidemark::tds {

inline constexpr int kUtf8CodePage = 65001;

// A collation as the wire has it: 20 bits of a Windows language, flags (bit 26: UTF-8), a version
// and, for the old collations of SQL Server's own, a sort order.
struct Collation {
  std::array<std::uint8_t, 5> bytes{};

  bool is_utf8() const { return (bytes[3] & 0x04) != 0; }
  std::uint8_t sort_order() const { return bytes[4]; }
  std::uint32_t language() const {
    return bytes[0] | (std::uint32_t{bytes[1]} << 8) | ((bytes[2] & 0x0FU) << 16);
  }
  // Of char, varchar and text. kUnsupported: no such collation is known.
  Result<int> CodePage() const;
  bool operator==(const Collation&) const = default;
};

// The characters of a code page: one byte each, or two where the first one says so.
class CharacterSet {
 public:
  // The one of a code page, made once and kept for the life of the process. Any thread.
  // kUnsupported: the machine cannot convert it.
  static Result<const CharacterSet*> Find(int code_page);

  // As ConvertUtf16 of text.h.
  Converted Convert(std::string_view from, char* to, bool is_last, TextFaults* faults) const;

 private:
  CharacterSet() = default;
  static CharacterSet OfSingleBytes(const std::uint16_t (&high)[128]);
  static Result<CharacterSet> OfDoubleBytes(int code_page);

  // Unicode of the bytes from 0x80; kNone: none, kLead: the next byte counts too.
  static constexpr std::uint16_t kNone = 0, kLead = 0xFFFF;
  std::array<std::uint16_t, 128> single_{};
  std::u16string pairs_;  // of two bytes, from 0x8000; empty where all are single
};

}  // namespace tidemark::tds
