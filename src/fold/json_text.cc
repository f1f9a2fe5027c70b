#include "fold/json_text.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace tidemark::json {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The first quote or backslash at or after `at`, or `end`.
const char* FindSpecial(const char* at, const char* end) {
  constexpr std::uint64_t kEach = 0x0101010101010101, kHigh = 0x8080808080808080;
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const std::uint64_t quote = word ^ (kEach * '"'), backslash = word ^ (kEach * '\\');
    // Bits above the first that is set mean nothing.
    const std::uint64_t found =
        (((quote - kEach) & ~quote) | ((backslash - kEach) & ~backslash)) & kHigh;
    if (found != 0) return at + std::countr_zero(found) / 8;
    at += 8;
  }
  while (at < end && *at != '"' && *at != '\\') ++at;
  return at;
}

template <class T>
bool TakeNumber(const char*& at, const char* end, T& value) {
  // Words that from_chars knows and JSON does not.
  const char* const digit = at < end && *at == '-' ? at + 1 : at;
  if (digit == end || !IsDigit(*digit)) return false;
  const auto [next, code] = std::from_chars(at, end, value);
  if (code != std::errc()) return false;
  at = next;
  return true;
}

constexpr auto kBase64Values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  return values;
}();

// Takes `digits` digits from the front.
std::optional<int> TakeDigits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeChar(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

int DaysInMonth(std::int64_t year, int month) {
  constexpr std::int8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

// Days since 1970; years count from March, so that the leap day is a year's last.
std::int64_t DaysOf(std::int64_t year, int month, int day) {
  const std::int64_t shifted = month <= 2 ? year - 1 : year;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const std::int64_t year_of_era = shifted - era * 400;
  const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

}  // namespace

bool Text::TakeInteger(std::int64_t& value) { return TakeNumber(at_, end_, value); }
bool Text::TakeUnsigned(std::uint64_t& value) { return TakeNumber(at_, end_, value); }
bool Text::TakeReal(double& value) { return TakeNumber(at_, end_, value); }
bool Text::TakeFloat(float& value) { return TakeNumber(at_, end_, value); }

bool Text::TakeCodeUnit(unsigned& unit) {
  if (end_ - at_ < 4) return false;
  const auto [next, code] = std::from_chars(at_, at_ + 4, unit, 16);
  if (code != std::errc() || next != at_ + 4) return false;
  at_ = next;
  return true;
}

// What follows a backslash.
bool Text::TakeEscape(std::string& to) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  if (at_ == end_) return false;
  const char letter = *at_++;
  if (const auto plain = kLetters.find(letter); plain != kLetters.npos) {
    to.push_back(kMeant[plain]);
    return true;
  }
  unsigned code = 0, low = 0;
  if (letter != 'u' || !TakeCodeUnit(code)) return false;
  if (code >= 0xdc00 && code <= 0xdfff) return false;
  if (code >= 0xd800 && code <= 0xdbff) {
    if (!Take("\\u") || !TakeCodeUnit(low) || low < 0xdc00 || low > 0xdfff) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  AppendUtf8(code, to);
  return true;
}

bool Text::TakeText(std::string& scratch, std::string_view& value) {
  if (!Take('"')) return false;
  const char* begin = at_;
  at_ = FindSpecial(at_, end_);
  if (at_ == end_) return false;
  if (*at_ == '"') {
    value = {begin, at_++};
    return true;
  }
  scratch.assign(begin, at_);
  while (*at_ != '"') {
    ++at_;
    if (!TakeEscape(scratch)) return false;
    begin = at_;
    at_ = FindSpecial(at_, end_);
    if (at_ == end_) return false;
    scratch.append(begin, at_);
  }
  ++at_;
  value = scratch;
  return true;
}

bool Text::SkipValue() {
  if (!IsAtText()) {
    double number = 0;
    return Take("null") || Take("true") || Take("false") || TakeReal(number);
  }
  for (++at_; (at_ = FindSpecial(at_, end_)) != end_; at_ += 2) {
    if (*at_ == '"') {
      ++at_;
      return true;
    }
    if (end_ - at_ < 2) return false;
  }
  return false;
}

bool DecodeBase64(std::string_view text, std::string& bytes) {
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(text.size() / 4 * 3);
  char* out = bytes.data();
  int wrong = 0;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    int word = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const bool is_padding = i + k >= text.size() - padding;
      const int value = is_padding ? 0 : kBase64Values[static_cast<unsigned char>(text[i + k])];
      wrong |= value;
      word = word << 6 | (value & 63);
    }
    *out++ = static_cast<char>(word >> 16);
    *out++ = static_cast<char>(word >> 8);
    *out++ = static_cast<char>(word);
  }
  bytes.resize(bytes.size() - padding);
  return wrong >= 0;
}

std::optional<std::int64_t> ParseDay(std::string_view& text) {
  const bool is_before = text.starts_with('-');
  std::size_t digits = 4;
  if (is_before || text.starts_with('+')) {
    text.remove_prefix(1);
    digits = text.find('-');
    if (digits == text.npos || digits < 4 || digits > 9) return std::nullopt;
  }
  const auto year = TakeDigits(text, digits);
  if (!year || !TakeChar(text, '-')) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || *month < 1 || *month > 12 || !TakeChar(text, '-')) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  const std::int64_t signed_year = is_before ? -*year : *year;
  if (!day || *day < 1 || *day > DaysInMonth(signed_year, *month)) return std::nullopt;
  return DaysOf(signed_year, *month, *day);
}

std::optional<std::int64_t> ParseTimeOfDay(std::string_view& text, int digits) {
  std::int64_t count = 0;
  for (const int limit : {24, 60, 60}) {
    if (limit != 24 && !TakeChar(text, ':')) return std::nullopt;
    const auto part = TakeDigits(text, 2);
    if (!part || *part >= limit) return std::nullopt;
    count = count * 60 + *part;
  }
  const bool has_fraction = TakeChar(text, '.');
  for (int i = 0; i < digits; ++i) {
    count *= 10;
    if (!has_fraction || text.empty() || !IsDigit(text.front())) continue;
    count += text.front() - '0';
    text.remove_prefix(1);
  }
  return count;
}

std::optional<std::int64_t> ParseTimestamp(std::string_view text, int digits) {
  const auto day = ParseDay(text);
  if (!day || !TakeChar(text, 'T')) return std::nullopt;
  const auto time = ParseTimeOfDay(text, digits);
  if (!time || (!text.empty() && text != "+00:00")) return std::nullopt;
  std::int64_t per_day = 86'400, count = 0;
  for (int i = 0; i < digits; ++i) per_day *= 10;
  // The day before the first that fits has moments that do: added from above.
  const bool is_negative = *day < 0;
  if (__builtin_mul_overflow(is_negative ? *day + 1 : *day, per_day, &count)) return std::nullopt;
  const std::int64_t rest = is_negative ? *time - per_day : *time;
  if (__builtin_add_overflow(count, rest, &count)) return std::nullopt;
  return count;
}

}  // namespace tidemark::json
