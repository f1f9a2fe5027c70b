#include "source/sqlite/column_types.h"

#include <arrow/type.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace tidemark::sqlite {
namespace {

std::string UpperCase(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return upper;
}

bool Contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// Whole words only: UPDATED must not count as a DATE.
bool HasWord(const std::string& text, std::string_view word) {
  auto is_part = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
  };
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    auto end = at + word.size();
    if ((at == 0 || !is_part(text[at - 1])) && (end == text.size() || !is_part(text[end])))
      return true;
  }
  return false;
}

constexpr std::uint64_t kEighths = 0x0101010101010101ULL;

// Eight characters at once.
bool AreDigits(std::uint64_t bytes) {
  std::uint64_t low = bytes - 0x30 * kEighths;            // borrows only below '0'
  std::uint64_t high = bytes + (0x7f - 0x39) * kEighths;  // sets the top bit above '9'
  return ((low | high | bytes) & (0x80 * kEighths)) == 0;
}

int Two(const char* digits) { return (digits[0] - '0') * 10 + (digits[1] - '0'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Days since 1970 of a day in the proleptic Gregorian calendar; years count from March, so that the
// leap day is a year's last.
std::int32_t DaysOf(int year, int month, int day) {
  int shifted = month <= 2 ? year - 1 : year;
  int era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  int year_of_era = shifted - era * 400;
  int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

int DaysInMonth(int year, int month) {
  constexpr std::int8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

// The first ten characters.
bool ParseDay(const char* text, std::int32_t* days) {
  std::uint64_t head;
  std::memcpy(&head, text, 8);
  // Positions 4 and 7 hold the dashes; memory order is the order of the mask's bytes.
  static constexpr unsigned char kMask[8] = {0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0};
  std::uint64_t mask;
  std::memcpy(&mask, kMask, 8);
  if (text[4] != '-' || text[7] != '-' || !IsDigit(text[8]) || !IsDigit(text[9])) return false;
  if (!AreDigits((head & mask) | (0x30 * kEighths & ~mask))) return false;
  int year = Two(text) * 100 + Two(text + 2), month = Two(text + 5), day = Two(text + 8);
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) return false;
  *days = DaysOf(year, month, day);
  return true;
}

}  // namespace

Affinity AffinityOf(std::string_view declared_type) {
  auto type = UpperCase(declared_type);
  if (Contains(type, "INT")) return Affinity::kInteger;
  if (Contains(type, "CHAR") || Contains(type, "CLOB") || Contains(type, "TEXT"))
    return Affinity::kText;
  if (type.empty() || Contains(type, "BLOB")) return Affinity::kBlob;
  if (Contains(type, "REAL") || Contains(type, "FLOA") || Contains(type, "DOUB"))
    return Affinity::kReal;
  return Affinity::kNumeric;
}

namespace {

// Whether the declaration ends in a precision and a scale above zero: (15,2).
bool HasScale(const std::string& type) {
  auto comma = type.find(',');
  return comma != std::string::npos && type.find_first_of("123456789", comma) != std::string::npos;
}

}  // namespace

std::shared_ptr<arrow::DataType> PromisedType(std::string_view declared_type) {
  auto type = UpperCase(declared_type);
  if (HasWord(type, "BOOLEAN") || HasWord(type, "BOOL")) return arrow::boolean();
  if (HasWord(type, "DATETIME") || HasWord(type, "TIMESTAMP"))
    return arrow::timestamp(arrow::TimeUnit::MICRO);
  if (HasWord(type, "DATE")) return arrow::date32();
  if (HasWord(type, "JSON") || HasWord(type, "UUID")) return arrow::utf8();
  // Without a declaration the values decide: the first that is no integer has the table refitted.
  if (type.find_first_not_of(' ') == std::string::npos) return arrow::int64();
  switch (AffinityOf(type)) {
    case Affinity::kText:
      return arrow::utf8();
    case Affinity::kBlob:
      return arrow::binary();
    case Affinity::kReal:
      return arrow::float64();
    default:
      // DECIMAL(15,2) says that fractions will come, and whole numbers fit a double as well:
      // without this every table of amounts would be read twice.
      return HasScale(type) ? arrow::float64() : arrow::int64();
  }
}

bool ParseDate(std::string_view text, std::int32_t* days) {
  return text.size() == 10 && ParseDay(text.data(), days);
}

bool ParseTimestamp(std::string_view text, std::int64_t* microseconds) {
  if (text.size() < 19 || text.size() > 26 || text.size() == 20) return false;
  std::int32_t days;
  if (!ParseDay(text.data(), &days)) return false;
  const char* t = text.data() + 10;
  if ((t[0] != ' ' && t[0] != 'T') || t[3] != ':' || t[6] != ':') return false;
  for (int i : {1, 2, 4, 5, 7, 8})
    if (!IsDigit(t[i])) return false;
  int hour = Two(t + 1), minute = Two(t + 4), second = Two(t + 7);
  if (hour > 23 || minute > 59 || second > 59) return false;
  std::int64_t fraction = 0;
  if (text.size() > 19) {
    if (t[9] != '.') return false;
    int scale = 100'000;
    for (std::size_t i = 20; i < text.size(); ++i, scale /= 10) {
      if (!IsDigit(text[i])) return false;
      fraction += (text[i] - '0') * scale;
    }
  }
  *microseconds =
      (days * std::int64_t{86'400} + hour * 3600 + minute * 60 + second) * 1'000'000 + fraction;
  return true;
}

}  // namespace tidemark::sqlite
