#include "encode/sql_real.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "encode/text.h"

namespace tidemark {
namespace {

// Powers of ten that long double holds exactly: 5^27 < 2^64.
constexpr int kExactPowers = 28;
constexpr auto kPowers = [] {
  std::array<long double, kExactPowers> powers{};
  long double power = 1;
  for (auto& slot : powers) slot = std::exchange(power, power * 10);
  return powers;
}();

// A literal of at most 17 digits as `digits` * 10^`exponent`.
struct Decimal {
  std::uint64_t digits = 0;
  int exponent = 0;
};

Decimal DecimalOf(std::string_view literal) {
  Decimal decimal;
  bool is_behind_point = false;
  int zeros = 0;  // at the end so far: digits or only places
  std::size_t at = 0;
  for (; at < literal.size() && literal[at] != 'e'; ++at) {
    const char c = literal[at];
    if (c == '.') {
      is_behind_point = true;
      continue;
    }
    if (is_behind_point) --decimal.exponent;
    ++zeros;
    if (c == '0') continue;
    for (; zeros > 0; --zeros) decimal.digits *= 10;
    decimal.digits += static_cast<std::uint64_t>(c - '0');
  }
  decimal.exponent += zeros;
  if (at < literal.size()) {
    ++at;
    if (literal[at] == '+') ++at;
    int exponent = 0;
    std::from_chars(literal.data() + at, literal.data() + literal.size(), exponent);
    decimal.exponent += exponent;
  }
  return decimal;
}

// Whether every way to read the literal that errs by no more than the last bits of a long double
// gives `size`. SQLite's versions compute digits * 10^exponent in long double or in two doubles;
// they go wrong only next to the middle between two doubles.
bool IsSurelyRead(std::string_view literal, double size) {
  if constexpr (LDBL_MANT_DIG != 64 || std::endian::native != std::endian::little) return false;
  const Decimal decimal = DecimalOf(literal);
  const int power = std::abs(decimal.exponent);
  if (power >= kExactPowers) return false;
  const auto digits = static_cast<long double>(decimal.digits);
  const auto scale = kPowers[static_cast<std::size_t>(power)];
  const long double read = decimal.exponent < 0 ? digits / scale : digits * scale;
  if (static_cast<double>(read) != size) return false;
  constexpr std::uint64_t kBelowDouble = (1 << 11) - 1, kMiddle = 1 << 10, kMargin = 4;
  std::uint64_t mantissa;
  std::memcpy(&mantissa, &read, sizeof mantissa);
  const std::uint64_t below = mantissa & kBelowDouble;
  return below + kMargin < kMiddle || below > kMiddle + kMargin;
}

// n / 100 with so few digits is read right by every division; most reals in databases are that.
bool IsAmount(double size) {
  constexpr double kCentsMax = 1e13;
  if (size >= kCentsMax) return false;
  const auto cents = static_cast<std::uint64_t>(size * 100 + 0.5);  // NOLINT(*-incorrect-roundings)
  return static_cast<double>(cents) / 100 == size;
}

char* PutShortest(char* out, double size) {
  char* end = std::to_chars(out, out + text::kValueBytesMax, size).ptr;
  // Else it would be an integer.
  if (std::none_of(out, end, [](char c) { return c == '.' || c == 'e'; }))
    end = std::ranges::copy(std::string_view(".0"), end).out;
  return end;
}

}  // namespace

// SQLite's own reading of a literal.
class SqlReals::Parser {
 public:
  static Result<std::unique_ptr<Parser>> Make() {
    auto parser = std::make_unique<Parser>();
    if (sqlite3_open_v2(":memory:", &parser->db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK ||
        sqlite3_prepare_v2(parser->db_, "select cast(?1 as real)", -1, &parser->statement_,
                           nullptr) != SQLITE_OK)
      return Fail(ErrorKind::kInternal, "SQLite could not be asked how it reads a number");
    return parser;
  }
  ~Parser() {
    sqlite3_finalize(statement_);
    sqlite3_close_v2(db_);
  }
  Result<double> Read(std::string_view literal) {
    sqlite3_reset(statement_);
    sqlite3_bind_text(statement_, 1, literal.data(), static_cast<int>(literal.size()),
                      SQLITE_STATIC);
    if (sqlite3_step(statement_) != SQLITE_ROW)
      return Fail(ErrorKind::kInternal, "SQLite could not be asked how it reads a number");
    return sqlite3_column_double(statement_, 0);
  }

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

SqlReals::SqlReals() = default;
SqlReals::~SqlReals() = default;

Result<char*> SqlReals::Put(char* out, double value) {
  auto literal = [&](std::string_view text) { return std::ranges::copy(text, out).out; };
  if (std::isnan(value)) return literal("null");
  if (std::signbit(value)) *out++ = '-';
  const double size = std::fabs(value);
  if (std::isinf(size)) return literal("1e999");
  if (IsAmount(size)) return text::PutReal(out, size);
  char* end = PutShortest(out, size);
  if (IsSurelyRead({out, end}, size)) return end;
  end = std::to_chars(out, out + text::kValueBytesMax, size, std::chars_format::scientific, 16).ptr;
  if (IsSurelyRead({out, end}, size)) return end;
  return PutRare(out, size);
}

Result<char*> SqlReals::PutRare(char* out, double size) {
  if (!parser_) parser_ = TRY(Parser::Make());
  char* end = PutShortest(out, size);
  if (TRY(parser_->Read({out, end})) == size) return end;
  end = std::to_chars(out, out + text::kValueBytesMax, size, std::chars_format::scientific, 16).ptr;
  if (TRY(parser_->Read({out, end})) == size) return end;
  return PutExactReal(out, size);
}

// Every step is exact: the mantissa is a whole number below 2^53 without trailing zero bits, and
// powers of two only move its exponent.
char* PutExactReal(char* out, double size) {
  int exponent;
  auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(size, &exponent), 53));
  exponent -= 53;
  const int zeros = std::countr_zero(mantissa);
  mantissa >>= zeros;
  exponent += zeros;
  out = text::PutUnsigned(out, mantissa);
  out = std::ranges::copy(std::string_view(".0"), out).out;
  const char sign = exponent < 0 ? '/' : '*';
  for (int left = std::abs(exponent); left > 0; left -= 52) {
    *out++ = sign;
    out = text::PutUnsigned(out, std::uint64_t{1} << std::min(left, 52));
    out = std::ranges::copy(std::string_view(".0"), out).out;
  }
  return out;
}

}  // namespace tidemark
