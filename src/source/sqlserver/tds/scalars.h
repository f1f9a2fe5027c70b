#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "source/sqlserver/tds/types.h"
#include "source/sqlserver/tds/wire.h"

// What the bytes of one value mean. Every function says false where no SQL Server has such a value,
// so that a server that lies costs an error and never undefined arithmetic.
namespace tidemark::tds {

__extension__ using Uint128 = unsigned __int128;
__extension__ using Int128 = __int128;

// Days count from 0001-01-01 on the wire, from 1970-01-01 in Arrow, from 1900-01-01 in the old
// types.
inline constexpr std::int32_t kDaysOf1900 = 693595;
inline constexpr std::int32_t kDaysOf1970 = 719162;
inline constexpr std::uint32_t kDaysLast = 3652058;  // 9999-12-31
inline constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
inline constexpr std::uint64_t kPow10[] = {
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};
// Units of 10^-scale seconds in a day.
inline constexpr std::uint64_t kTicksPerDay[] = {86'400,         864'000,        8'640'000,
                                                 86'400'000,     864'000'000,    8'640'000'000,
                                                 86'400'000'000, 864'000'000'000};

constexpr Uint128 Pow10Of128(int exponent) {
  Uint128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// A point in time without a zone: days from 0001-01-01 and units of 100 ns since midnight.
struct Moment {
  std::uint32_t days = 0;
  std::uint64_t ticks = 0;
};

inline bool LoadDate(const std::uint8_t* from, std::uint32_t* days) {
  *days = static_cast<std::uint32_t>(from[0] | (from[1] << 8) | (from[2] << 16));
  return *days <= kDaysLast;
}

// Without a loop or a call, which a length that is not known before would cost.
inline std::uint64_t LoadTimeUnits(const std::uint8_t* from, std::uint8_t scale) {
  if (scale <= 2) return Load<std::uint16_t>(from) | (std::uint64_t{from[2]} << 16);
  if (scale <= 4) return Load<std::uint32_t>(from);
  return Load<std::uint32_t>(from) | (std::uint64_t{from[4]} << 32);
}

inline bool LoadTime(const std::uint8_t* from, std::uint8_t scale, std::uint64_t* ticks) {
  const std::uint64_t units = LoadTimeUnits(from, scale);
  *ticks = units * kPow10[7 - scale];
  return units < kTicksPerDay[scale];
}

inline bool LoadDateTime2(const std::uint8_t* from, std::uint8_t scale, Moment* moment) {
  bool is_time = LoadTime(from, scale, &moment->ticks);
  return LoadDate(from + TimeBytes(scale), &moment->days) && is_time;
}

// The moment is UTC.
inline bool LoadDateTimeOffset(const std::uint8_t* from, std::uint8_t scale, Moment* moment,
                               std::int16_t* minutes) {
  *minutes = Load<std::int16_t>(from + TimeBytes(scale) + 3);
  return LoadDateTime2(from, scale, moment) && *minutes >= -840 && *minutes <= 840;
}

// Steps of 1/300 s, shown as the nearest millisecond: .000 .003 .007.
inline bool LoadDateTime(const std::uint8_t* from, Moment* moment) {
  auto days = Load<std::int32_t>(from);
  auto steps = Load<std::uint32_t>(from + 4);
  moment->days = static_cast<std::uint32_t>(days) + static_cast<std::uint32_t>(kDaysOf1900);
  moment->ticks = (std::uint64_t{steps} * 10 + 1) / 3 * 10'000;
  constexpr std::int32_t kFirst = -53690;  // 1753-01-01
  return days >= kFirst && moment->days <= kDaysLast && steps < 300U * 86'400;
}

inline bool LoadSmallDateTime(const std::uint8_t* from, Moment* moment) {
  auto minutes = Load<std::uint16_t>(from + 2);
  moment->days = Load<std::uint16_t>(from) + static_cast<std::uint32_t>(kDaysOf1900);
  moment->ticks = std::uint64_t{minutes} * 600'000'000;
  return minutes < 1440;
}

inline std::int64_t LoadMoney(const std::uint8_t* from) {
  auto high = static_cast<std::uint64_t>(Load<std::uint32_t>(from)) << 32;
  return static_cast<std::int64_t>(high | Load<std::uint32_t>(from + 4));
}

// A sign and a magnitude of `bytes` - 1 bytes: 4, 8, 12 or 16.
inline bool LoadDecimal(const std::uint8_t* from, std::size_t bytes, Uint128 limit, Int128* value) {
  if (bytes != 5 && bytes != 9 && bytes != 13 && bytes != 17) return false;
  std::uint64_t low = bytes == 5 ? Load<std::uint32_t>(from + 1) : Load<std::uint64_t>(from + 1);
  std::uint64_t high = bytes == 17   ? Load<std::uint64_t>(from + 9)
                       : bytes == 13 ? Load<std::uint32_t>(from + 9)
                                     : 0;
  Uint128 magnitude = (Uint128{high} << 64) | low;
  *value = from[0] == 0 ? -static_cast<Int128>(magnitude) : static_cast<Int128>(magnitude);
  return magnitude < limit && from[0] <= 1;
}

// RFC 4122's order, as two words: the first three groups are little-endian on the wire.
inline std::array<std::uint64_t, 2> LoadGuid(const std::uint8_t* from) {
  const std::uint64_t first = __builtin_bswap32(Load<std::uint32_t>(from));
  const std::uint64_t second = __builtin_bswap16(Load<std::uint16_t>(from + 4));
  const std::uint64_t third = __builtin_bswap16(Load<std::uint16_t>(from + 6));
  return {first | (second << 32) | (third << 48), Load<std::uint64_t>(from + 8)};
}

// Texts; each gives the end of what it wrote. Some write up to kTextSlack bytes more.
inline constexpr std::size_t kGuidText = 36;
char* WriteGuid(const std::uint8_t* wire, char* to);
char* WriteDate(std::uint32_t days, char* to);                          // 10
char* WriteTime(std::uint64_t ticks, std::uint8_t scale, char* to);     // at most 16
char* WriteMoment(const Moment& moment, std::uint8_t scale, char* to);  // at most 27
char* WriteDecimal(Int128 value, std::uint8_t scale, char* to);         // at most 41
// The local time and its distance from UTC: "2024-01-02T03:04:05.1234567+01:00", at most 33. False:
// it lies before year 1 or after 9999.
bool WriteMomentWithOffset(Moment utc, std::int16_t minutes, std::uint8_t scale, char** to);

// Whether a value of this type can have so many bytes.
bool HasLengthOf(const TypeInfo& type, std::size_t bytes);

struct VectorValue {
  std::size_t count = 0;
  bool is_half = false;
  const std::uint8_t* elements = nullptr;
  float At(std::size_t i) const;
};
bool ParseVector(std::string_view bytes, VectorValue* vector);

// The value of any type but sql_variant, as text of a person's: numbers in decimal, moments as ISO
// 8601, bytes as 0x and hexadecimal digits, vectors as a JSON array. False: there is no such value.
// Characters that cannot be said are counted.
bool AppendAsText(const TypeInfo& type, std::string_view bytes, TextFaults* faults,
                  std::string* to);

// sql_variant: the type of this one value, and where its bytes begin. Nothing: not well formed.
struct VariantValue {
  TypeInfo type;
  std::string_view bytes;
};
bool ParseVariant(std::string_view cell, VariantValue* value);
// As SQL_VARIANT_PROPERTY(…, 'BaseType') spells it.
const char* BaseTypeName(std::uint8_t type);

}  // namespace tidemark::tds
