#include "encode/text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/result.h"
#include "base/utf8.h"

namespace tidemark::text {
namespace {

constexpr char kDigitPairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546"
    "4"
    "7484950515253545556575859606162636465666768697071727374757677787980818283848586878889909192939"
    "4"
    "9596979899";

char* PutTwo(char* out, unsigned value) {
  std::memcpy(out, kDigitPairs + 2 * value, 2);
  return out + 2;
}

// `digits` of them, an even number or three or nine, with leading zeros.
char* PutDigits(char* out, std::uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + digits;
}

char* PutLiteral(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// A number that is `scaled` / 10^`digits` exactly as people write it, without zeros at its end.
char* PutShortDecimal(char* out, std::uint64_t scaled, std::uint64_t power, int digits) {
  out = PutUnsigned(out, scaled / power);
  *out++ = '.';
  out = PutDigits(out, scaled % power, digits);
  char* const least = out - digits + 1;
  while (out > least && out[-1] == '0') --out;
  return out;
}

template <class T>
char* PutShortest(char* out, T value) {
  char* const end = std::to_chars(out, out + kValueBytesMax, value).ptr;
  // Else readers would take it for an integer.
  if (std::none_of(out, end, [](char c) { return c == '.' || c == 'e'; }))
    return PutLiteral(end, ".0");
  return end;
}

template <class T>
char* PutNonFinite(char* out, T value) {
  return PutLiteral(out, std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
}

// Of the proleptic Gregorian calendar; years count from March, so that the leap day is a year's
// last.
char* PutDay(char* out, std::int64_t days) {
  const std::int64_t shifted = days + 719'468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const auto day_of_era = static_cast<unsigned>(shifted - era * 146'097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned from_march = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * from_march + 2) / 5 + 1;
  const unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  if (year >= 0 && year <= 9999) {
    out = PutTwo(out, static_cast<unsigned>(year) / 100);
    out = PutTwo(out, static_cast<unsigned>(year) % 100);
  } else {
    *out++ = year < 0 ? '-' : '+';
    const auto distance = static_cast<std::uint64_t>(year < 0 ? -year : year);
    out = distance < 10'000 ? PutDigits(out, distance, 4) : PutUnsigned(out, distance);
  }
  *out++ = '-';
  out = PutTwo(out, month);
  *out++ = '-';
  return PutTwo(out, day);
}

constexpr std::int64_t PowerOf10(int digits) {
  std::int64_t power = 1;
  while (digits-- > 0) power *= 10;
  return power;
}

char* PutTimeOfDay(char* out, std::int64_t count, int digits) {
  const std::int64_t per_second = PowerOf10(digits);
  const auto seconds = static_cast<unsigned>(count / per_second);
  const auto fraction = static_cast<std::uint64_t>(count % per_second);
  out = PutTwo(out, seconds / 3600);
  *out++ = ':';
  out = PutTwo(out, seconds / 60 % 60);
  *out++ = ':';
  out = PutTwo(out, seconds % 60);
  if (fraction == 0) return out;
  *out++ = '.';
  return PutDigits(out, fraction, digits);
}

constexpr std::uint64_t kEach = 0x0101010101010101;
constexpr std::uint64_t kHigh = 0x8080808080808080;

// The high bit of the first byte, in memory's order, that cannot be copied as it is; bits above it
// mean nothing. 0: all eight can.
std::uint64_t Special(std::uint64_t word) {
  const std::uint64_t quote = word ^ (kEach * '"');
  const std::uint64_t backslash = word ^ (kEach * '\\');
  return (((word - kEach * 0x20) | (quote - kEach) | (backslash - kEach)) & ~word & kHigh) |
         (word & kHigh);
}

char* PutEscaped(char* out, unsigned char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      return PutLiteral(out, "\\\"");
    case '\\':
      return PutLiteral(out, "\\\\");
    case '\b':
      return PutLiteral(out, "\\b");
    case '\f':
      return PutLiteral(out, "\\f");
    case '\n':
      return PutLiteral(out, "\\n");
    case '\r':
      return PutLiteral(out, "\\r");
    case '\t':
      return PutLiteral(out, "\\t");
    default:
      out = PutLiteral(out, "\\u00");
      *out++ = kHex[c >> 4];
      *out++ = kHex[c & 15];
      return out;
  }
}

// Puts text up to `stop`, and beyond it what belongs to its last character; `out` has room for six
// times as much and 16 bytes. Null: it is not UTF-8.
const char* PutText(const char* text, const char* stop, const char* end, char*& out) {
  char* to = out;
  while (text < stop) {
    if (stop - text >= 8) {
      std::uint64_t word;
      std::memcpy(&word, text, 8);
      std::memcpy(to, &word, 8);
      const std::uint64_t special = Special(word);
      const int plain = special == 0 ? 8 : std::countr_zero(special) / 8;
      text += plain;
      to += plain;
      if (plain == 8) continue;
    }
    const auto c = static_cast<unsigned char>(*text);
    if (c < 0x20 || c == '"' || c == '\\') {
      to = PutEscaped(to, c);
      ++text;
      continue;
    }
    const int length = Utf8Length(text, static_cast<std::size_t>(end - text));
    if (length == 0) return nullptr;
    for (int i = 0; i < length; ++i) *to++ = *text++;
  }
  out = to;
  return text;
}

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Twelve bits at once.
constexpr auto kBase64Pairs = [] {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kBase64[i >> 6], kBase64[i & 63]};
  return pairs;
}();

constexpr auto kHexPairs = [] {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kHex[i >> 4], kHex[i & 15]};
  return pairs;
}();

}  // namespace

void Output::Grow(std::size_t bytes) {
  Sync();
  if (buffer_) {
    buffer_->Room(bytes);
    begin_ = reinterpret_cast<char*>(buffer_->data());
    at_ = begin_ + buffer_->size();
    end_ = begin_ + buffer_->capacity();
    return;
  }
  // No byte is written twice: what is not yet spelt stays as memory gave it.
  const std::size_t size = this->size();
  const std::size_t wanted = size + std::max(bytes, std::min(size, kGrowthBytesMax));
  string_->resize_and_overwrite(wanted, [](char*, std::size_t given) { return given; });
  Reset(size);
}

void Output::Reset(std::size_t size) {
  begin_ = string_->data();
  at_ = begin_ + size;
  end_ = begin_ + string_->size();
}

void Output::Sync() {
  if (buffer_) {
    buffer_->Advance(size() - buffer_->size());
  } else {
    const std::size_t size = this->size();
    string_->resize(size);
    Reset(size);
  }
}

char* PutInteger(char* out, std::int64_t value) {
  return std::to_chars(out, out + kValueBytesMax, value).ptr;
}

char* PutUnsigned(char* out, std::uint64_t value) {
  return std::to_chars(out, out + kValueBytesMax, value).ptr;
}

// Most reals in databases are amounts: a division tells whether one is n / 100 or n / 1,000,000.
// With at most 15 digits that is the only decimal of so few digits which stands for the real, so
// the shortest one.
char* PutReal(char* out, double value) {
  constexpr double kCentsMax = 1e13, kMillionthsMax = 1e9;
  if (!std::isfinite(value)) return PutNonFinite(out, value);
  if (std::signbit(value)) *out++ = '-';
  const double size = std::fabs(value);
  // A cast is one instruction where rounding is a call; where it rounds wrongly the division says
  // so. NOLINTBEGIN(bugprone-incorrect-roundings)
  if (size < kCentsMax) {
    const auto cents = static_cast<std::uint64_t>(size * 100 + 0.5);
    if (static_cast<double>(cents) / 100 == size) return PutShortDecimal(out, cents, 100, 2);
    if (size < kMillionthsMax) {
      const auto millionths = static_cast<std::uint64_t>(size * 1e6 + 0.5);
      if (static_cast<double>(millionths) / 1e6 == size)
        return PutShortDecimal(out, millionths, 1'000'000, 6);
    }
  }
  // NOLINTEND(bugprone-incorrect-roundings)
  return PutShortest(out, size);
}

char* PutReal(char* out, float value) {
  return std::isfinite(value) ? PutShortest(out, value) : PutNonFinite(out, value);
}

char* PutDecimal(char* out, __int128 value, int scale) {
  constexpr std::uint64_t kPart = 1'000'000'000'000'000'000;  // 18 digits
  char digits[48];
  auto rest = static_cast<unsigned __int128>(value);
  if (value < 0) rest = 0 - rest;
  char* begin = digits + sizeof digits;
  // Division of 128 bits is slow: two at most.
  while (rest != 0) {
    auto part = static_cast<std::uint64_t>(rest % kPart);
    rest /= kPart;
    for (int i = 0; rest != 0 ? i < 18 : part != 0; ++i, part /= 10)
      *--begin = static_cast<char>('0' + part % 10);
  }
  auto count = static_cast<int>(digits + sizeof digits - begin);
  for (; count <= std::max(scale, 0); ++count) *--begin = '0';
  if (value < 0) *out++ = '-';
  const int whole = count - std::max(scale, 0);
  out = PutLiteral(out, std::string_view(begin, static_cast<std::size_t>(whole)));
  if (scale > 0) {
    *out++ = '.';
    out = PutLiteral(out, std::string_view(begin + whole, static_cast<std::size_t>(scale)));
  }
  return out;
}

char* PutDate(char* out, std::int64_t days) { return PutDay(out, days); }

char* PutTime(char* out, std::int64_t count, int digits) {
  return PutTimeOfDay(out, count, digits);
}

char* PutTimestamp(char* out, std::int64_t count, int digits, bool has_zone) {
  const std::int64_t per_day = 86'400 * PowerOf10(digits);
  std::int64_t days = count / per_day, rest = count % per_day;
  if (rest < 0) {
    rest += per_day;
    --days;
  }
  out = PutDay(out, days);
  *out++ = 'T';
  out = PutTimeOfDay(out, rest, digits);
  if (has_zone) out = PutLiteral(out, "+00:00");
  return out;
}

bool AppendJsonText(std::string_view text, Output& out) {
  // Escapes make it up to six times as long, which is not to be reserved for huge ones at once.
  constexpr std::ptrdiff_t kPart = 64 << 10;
  char* to = out.Room(text.size() + 2);
  *to++ = '"';
  const char *at = text.data(), *const end = at + text.size();
  while (at < end) {
    const std::ptrdiff_t part = std::min(kPart, end - at);
    out.MoveTo(to);
    to = out.Room(static_cast<std::size_t>(part) * 6 + 16);
    at = PutText(at, at + part, end, to);
    if (!at) return false;
  }
  out.MoveTo(to);
  to = out.Room(1);
  *to++ = '"';
  out.MoveTo(to);
  return true;
}

void AppendBase64(std::string_view bytes, Output& out) {
  char* to = out.Room((bytes.size() + 2) / 3 * 4);
  std::size_t left = bytes.size();
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  for (; left >= 3; left -= 3, from += 3, to += 4) {
    const auto word = static_cast<unsigned>(from[0] << 16 | from[1] << 8 | from[2]);
    std::memcpy(to, kBase64Pairs[word >> 12].data(), 2);
    std::memcpy(to + 2, kBase64Pairs[word & 4095].data(), 2);
  }
  if (left > 0) {
    const auto word = static_cast<unsigned>(from[0] << 16 | (left == 2 ? from[1] << 8 : 0));
    std::memcpy(to, kBase64Pairs[word >> 12].data(), 2);
    to[2] = left == 2 ? kBase64[word >> 6 & 63] : '=';
    to[3] = '=';
    to += 4;
  }
  out.MoveTo(to);
}

void AppendHex(std::string_view bytes, Output& out) {
  char* to = out.Room(2 * bytes.size());
  for (const char c : bytes) {
    std::memcpy(to, kHexPairs[static_cast<unsigned char>(c)].data(), 2);
    to += 2;
  }
  out.MoveTo(to);
}

void Append(std::string_view bytes, Output& out) {
  char* to = out.Room(bytes.size());
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  out.MoveTo(to + bytes.size());
}

void AppendDoubling(std::string_view text, char quote, Output& out) {
  Append({&quote, 1}, out);
  while (!text.empty()) {
    const auto at = text.find(quote);
    const auto part = text.substr(0, at == text.npos ? at : at + 1);
    Append(part, out);
    text.remove_prefix(part.size());
    if (at != text.npos) Append({&quote, 1}, out);
  }
  Append({&quote, 1}, out);
}

std::string JsonQuoted(std::string_view text) {
  std::string quoted;
  Output out(quoted);
  TIDEMARK_CHECK(AppendJsonText(LossyUtf8(text), out));
  out.Sync();
  return quoted;
}

}  // namespace tidemark::text
