#include "source/sqlserver/tds/scalars.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <charconv>

namespace tidemark::tds {
namespace {

constexpr char kUpperHex[] = "0123456789ABCDEF";

constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// `value`: below 100.
char* WritePair(std::uint32_t value, char* to) {
  std::memcpy(to, kPairs.data() + std::size_t{2} * value, 2);
  return to + 2;
}

template <class T>
void AppendNumber(T value, std::string* to) {
  char room[32];
  to->append(room, std::to_chars(room, room + sizeof(room), value).ptr);
}

float LoadHalf(const std::uint8_t* from) {
  auto half = Load<std::uint16_t>(from);
  std::uint32_t sign = (half & 0x8000U) << 16;
  std::uint32_t exponent = (half >> 10) & 0x1F;
  std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  float small = static_cast<float>(fraction) / 16777216.0F;  // 2^-24
  return sign != 0 ? -small : small;
}

// One digit in each byte, as a letter.
#ifdef __SSE2__
__m128i AsDigits(__m128i nibbles) {
  const auto is_letter = _mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9));
  const auto digits = _mm_add_epi8(nibbles, _mm_set1_epi8('0'));
  return _mm_add_epi8(digits, _mm_and_si128(is_letter, _mm_set1_epi8('a' - '0' - 10)));
}
#endif

}  // namespace

char* WriteGuid(const std::uint8_t* wire, char* to) {
  const auto ordered = LoadGuid(wire);
  char digits[32];
#ifdef __SSE2__
  const auto bytes =
      _mm_set_epi64x(static_cast<std::int64_t>(ordered[1]), static_cast<std::int64_t>(ordered[0]));
  const auto low_bits = _mm_set1_epi8(15);
  const auto high = _mm_and_si128(_mm_srli_epi16(bytes, 4), low_bits);
  const auto low = _mm_and_si128(bytes, low_bits);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(digits), AsDigits(_mm_unpacklo_epi8(high, low)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(digits + 16), AsDigits(_mm_unpackhi_epi8(high, low)));
#else
  for (int i = 0; i < 16; ++i) {
    const auto byte = (ordered[i / 8] >> (i % 8 * 8)) & 0xFF;
    digits[2 * i] = "0123456789abcdef"[byte >> 4];
    digits[2 * i + 1] = "0123456789abcdef"[byte & 15];
  }
#endif
  std::memcpy(to, digits, 8);
  std::memcpy(to + 9, digits + 8, 4);
  std::memcpy(to + 14, digits + 12, 4);
  std::memcpy(to + 19, digits + 16, 4);
  std::memcpy(to + 24, digits + 20, 12);
  to[8] = to[13] = to[18] = to[23] = '-';
  return to + kGuidText;
}

// The calendar counted in years that begin in March, so that the leap day comes last.
char* WriteDate(std::uint32_t days, char* to) {
  std::uint32_t shifted = days + 306;  // from 0000-03-01
  std::uint32_t era = shifted / 146097;
  std::uint32_t day_of_era = shifted % 146097;
  std::uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  std::uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::uint32_t month = (5 * day_of_year + 2) / 153;
  std::uint32_t day = day_of_year - (153 * month + 2) / 5 + 1;
  month = month < 10 ? month + 3 : month - 9;
  const std::uint32_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  to = WritePair(year / 100, to);
  to = WritePair(year % 100, to);
  *to++ = '-';
  to = WritePair(month, to);
  *to++ = '-';
  return WritePair(day, to);
}

char* WriteTime(std::uint64_t ticks, std::uint8_t scale, char* to) {
  const auto seconds = static_cast<std::uint32_t>(ticks / 10'000'000);
  const auto fraction = static_cast<std::uint32_t>(ticks % 10'000'000);
  to = WritePair(seconds / 3600, to);
  *to++ = ':';
  to = WritePair(seconds / 60 % 60, to);
  *to++ = ':';
  to = WritePair(seconds % 60, to);
  if (scale == 0) return to;
  *to++ = '.';
  // All seven, of which those of the scale count.
  char digits[8];
  WritePair(fraction / 100'000, digits);
  WritePair(fraction / 1000 % 100, digits + 2);
  WritePair(fraction / 10 % 100, digits + 4);
  digits[6] = static_cast<char>('0' + fraction % 10);
  digits[7] = '0';
  std::memcpy(to, digits, 8);
  return to + scale;
}

char* WriteMoment(const Moment& moment, std::uint8_t scale, char* to) {
  to = WriteDate(moment.days, to);
  *to++ = 'T';
  return WriteTime(moment.ticks, scale, to);
}

bool WriteMomentWithOffset(Moment utc, std::int16_t minutes, std::uint8_t scale, char** to) {
  constexpr std::int64_t kDay = 864'000'000'000;
  std::int64_t local = static_cast<std::int64_t>(utc.ticks) + minutes * std::int64_t{600'000'000};
  if (local < 0) {
    if (utc.days == 0) return false;
    --utc.days;
    local += kDay;
  } else if (local >= kDay) {
    if (utc.days == kDaysLast) return false;
    ++utc.days;
    local -= kDay;
  }
  utc.ticks = static_cast<std::uint64_t>(local);
  char* end = WriteMoment(utc, scale, *to);
  auto distance = static_cast<std::uint32_t>(minutes < 0 ? -minutes : minutes);
  *end++ = minutes < 0 ? '-' : '+';
  end = WritePair(distance / 60, end);
  *end++ = ':';
  *to = WritePair(distance % 60, end);
  return true;
}

char* WriteDecimal(Int128 value, std::uint8_t scale, char* to) {
  if (value < 0) *to++ = '-';
  Uint128 magnitude = value < 0 ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
  char digits[40];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + static_cast<int>(magnitude % 10));
    magnitude /= 10;
  } while (magnitude != 0);
  while (count <= scale) digits[count++] = '0';
  while (count > 0) {
    if (count == scale) *to++ = '.';
    *to++ = digits[--count];
  }
  return to;
}

namespace {

bool AppendMoment(const TypeInfo& type, const std::uint8_t* p, std::string* to) {
  char room[40];
  char* end = room;
  Moment moment;
  std::int16_t minutes = 0;
  switch (type.kind()) {
    case Kind::kDate:
      if (!LoadDate(p, &moment.days)) return false;
      end = WriteDate(moment.days, room);
      break;
    case Kind::kTime:
      if (!LoadTime(p, type.scale, &moment.ticks)) return false;
      end = WriteTime(moment.ticks, type.scale, room);
      break;
    case Kind::kDateTime2:
      if (!LoadDateTime2(p, type.scale, &moment)) return false;
      end = WriteMoment(moment, type.scale, room);
      break;
    case Kind::kDateTimeOffset:
      if (!LoadDateTimeOffset(p, type.scale, &moment, &minutes) ||
          !WriteMomentWithOffset(moment, minutes, type.scale, &end))
        return false;
      break;
    case Kind::kDateTime:
      if (!LoadDateTime(p, &moment)) return false;
      end = WriteMoment(moment, 3, room);
      break;
    default:
      if (!LoadSmallDateTime(p, &moment)) return false;
      end = WriteMoment(moment, 0, room);
      break;
  }
  to->append(room, end);
  return true;
}

bool AppendInteger(const TypeInfo& type, const std::uint8_t* p, std::string* to) {
  switch (type.kind()) {
    case Kind::kBit:
      to->push_back(*p != 0 ? '1' : '0');
      return true;
    case Kind::kTinyInt:
      AppendNumber(static_cast<int>(*p), to);
      return true;
    case Kind::kSmallInt:
      AppendNumber(Load<std::int16_t>(p), to);
      return true;
    case Kind::kInt:
      AppendNumber(Load<std::int32_t>(p), to);
      return true;
    default:
      AppendNumber(Load<std::int64_t>(p), to);
      return true;
  }
}

bool AppendDecimal(const TypeInfo& type, std::string_view bytes, std::string* to) {
  const auto* p = AsBytes(bytes);
  Int128 value = 0;
  auto scale = type.scale;
  if (type.kind() == Kind::kDecimal) {
    if (!LoadDecimal(p, bytes.size(), Pow10Of128(type.precision), &value)) return false;
  } else {
    value = type.kind() == Kind::kMoney ? LoadMoney(p) : Load<std::int32_t>(p);
    scale = 4;
  }
  char room[48];
  to->append(room, WriteDecimal(value, scale, room));
  return true;
}

bool AppendVector(std::string_view bytes, std::string* to) {
  VectorValue vector;
  if (!ParseVector(bytes, &vector)) return false;
  to->push_back('[');
  for (std::size_t i = 0; i < vector.count; ++i) {
    if (i > 0) to->push_back(',');
    AppendNumber(vector.At(i), to);
  }
  to->push_back(']');
  return true;
}

template <class Convert>
bool AppendConverted(std::string_view bytes, std::string* to, const Convert& convert) {
  auto before = to->size();
  to->resize(before + bytes.size() * kUtf8PerByte + kTextSlack);
  to->resize(before + convert(bytes, to->data() + before).written);
  return true;
}

bool AppendCharacters(const TypeInfo& type, std::string_view bytes, TextFaults* faults,
                      std::string* to) {
  if (type.kind() == Kind::kUtf16 || type.kind() == Kind::kXml) {
    if (bytes.size() % 2 != 0) return false;
    return AppendConverted(bytes, to, [&](std::string_view from, char* at) {
      return ConvertUtf16(from, at, /*is_last=*/true, faults);
    });
  }
  auto page = type.kind() == Kind::kJson ? Result<int>(kUtf8CodePage) : type.collation.CodePage();
  if (!page) return false;
  if (*page == kUtf8CodePage)
    return AppendConverted(bytes, to, [&](std::string_view from, char* at) {
      return ConvertUtf8(from, at, /*is_last=*/true, faults);
    });
  auto set = CharacterSet::Find(*page);
  if (!set) return false;
  return AppendConverted(bytes, to, [&](std::string_view from, char* at) {
    return (*set)->Convert(from, at, /*is_last=*/true, faults);
  });
}

}  // namespace

bool ParseVector(std::string_view bytes, VectorValue* vector) {
  constexpr std::uint8_t kLayout = 0xA9, kVersion = 1;
  if (bytes.size() < 8) return false;
  const auto* p = AsBytes(bytes);
  vector->count = Load<std::uint16_t>(p + 2);
  vector->is_half = p[4] == 1;
  vector->elements = p + 8;
  return p[0] == kLayout && p[1] == kVersion && p[4] <= 1 &&
         bytes.size() == 8 + vector->count * (vector->is_half ? 2U : 4U);
}

float VectorValue::At(std::size_t i) const {
  return is_half ? LoadHalf(elements + 2 * i) : Load<float>(elements + 4 * i);
}

bool HasLengthOf(const TypeInfo& type, std::size_t bytes) {
  switch (type.kind()) {
    case Kind::kNull:
      return bytes == 0;
    case Kind::kDecimal:
    case Kind::kBinary:
    case Kind::kCodePage:
    case Kind::kUtf16:
    case Kind::kUdt:
    case Kind::kXml:
    case Kind::kJson:
    case Kind::kVector:
    case Kind::kVariant:
      return true;
    default:
      return bytes == type.max_length;
  }
}

bool AppendAsText(const TypeInfo& type, std::string_view bytes, TextFaults* faults,
                  std::string* to) {
  if (!HasLengthOf(type, bytes.size())) return false;
  const auto* p = AsBytes(bytes);
  switch (type.kind()) {
    case Kind::kNull:
    case Kind::kVariant:
      return false;
    case Kind::kBit:
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInt:
    case Kind::kBigInt:
      return AppendInteger(type, p, to);
    case Kind::kReal:
      AppendNumber(Load<float>(p), to);
      return true;
    case Kind::kFloat:
      AppendNumber(Load<double>(p), to);
      return true;
    case Kind::kMoney:
    case Kind::kSmallMoney:
    case Kind::kDecimal:
      return AppendDecimal(type, bytes, to);
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kDateTime2:
    case Kind::kDateTimeOffset:
    case Kind::kDateTime:
    case Kind::kSmallDateTime:
      return AppendMoment(type, p, to);
    case Kind::kGuid: {
      char room[kGuidText];
      to->append(room, WriteGuid(p, room));
      return true;
    }
    case Kind::kBinary:
    case Kind::kUdt:
      to->append("0x");
      for (std::uint8_t byte : std::span(p, bytes.size())) {
        to->push_back(kUpperHex[byte >> 4]);
        to->push_back(kUpperHex[byte & 15]);
      }
      return true;
    case Kind::kVector:
      return AppendVector(bytes, to);
    default:
      return AppendCharacters(type, bytes, faults, to);
  }
}

bool ParseVariant(std::string_view cell, VariantValue* value) {
  if (cell.size() < 2) return false;
  const auto* p = AsBytes(cell);
  std::size_t properties = p[1];
  if (cell.size() < 2 + properties) return false;
  const auto* property = p + 2;
  auto& type = value->type;
  type = TypeInfo();
  type.type = p[0];
  value->bytes = cell.substr(2 + properties);
  std::size_t expected = 0;
  switch (type.type) {
    case kTypeTime:
    case kTypeDateTime2:
    case kTypeDateTimeOffset:
      expected = 1;
      break;
    case kTypeVarBinary:
    case kTypeBinary:
    case kTypeDecimal:
    case kTypeNumeric:
      expected = 2;
      break;
    case kTypeVarChar:
    case kTypeChar:
    case kTypeNVarChar:
    case kTypeNChar:
      expected = 7;
      break;
    default:
      break;
  }
  if (properties != expected) return false;
  if (expected == 7) std::memcpy(type.collation.bytes.data(), property, 5);
  if (type.type == kTypeDecimal || type.type == kTypeNumeric) {
    type.precision = property[0];
    type.scale = property[1];
    if (type.precision > 38 || type.scale > type.precision) return false;
  }
  if (expected == 1) {
    type.scale = property[0];
    if (type.scale > 7) return false;
  }
  const auto fixed = FixedLength(type.type, type.scale);
  type.max_length = fixed != 0 ? fixed : static_cast<std::uint32_t>(value->bytes.size());
  return BaseTypeName(type.type) != nullptr && HasLengthOf(type, value->bytes.size());
}

const char* BaseTypeName(std::uint8_t type) {
  switch (type) {
    case kTypeBit:
      return "bit";
    case kTypeTinyInt:
      return "tinyint";
    case kTypeSmallInt:
      return "smallint";
    case kTypeInt:
      return "int";
    case kTypeBigInt:
      return "bigint";
    case kTypeReal:
      return "real";
    case kTypeFloat:
      return "float";
    case kTypeMoney:
      return "money";
    case kTypeSmallMoney:
      return "smallmoney";
    case kTypeDateTime:
      return "datetime";
    case kTypeSmallDateTime:
      return "smalldatetime";
    case kTypeDate:
      return "date";
    case kTypeTime:
      return "time";
    case kTypeDateTime2:
      return "datetime2";
    case kTypeDateTimeOffset:
      return "datetimeoffset";
    case kTypeGuid:
      return "uniqueidentifier";
    case kTypeDecimal:
      return "decimal";
    case kTypeNumeric:
      return "numeric";
    case kTypeVarBinary:
      return "varbinary";
    case kTypeBinary:
      return "binary";
    case kTypeVarChar:
      return "varchar";
    case kTypeChar:
      return "char";
    case kTypeNVarChar:
      return "nvarchar";
    case kTypeNChar:
      return "nchar";
    default:
      return nullptr;
  }
}

}  // namespace tidemark::tds
