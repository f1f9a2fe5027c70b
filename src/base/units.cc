#include "base/units.h"

#include <charconv>
#include <utility>

namespace tidemark {
namespace {

std::optional<std::int64_t> Times(std::int64_t number, std::int64_t unit) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(number, unit, &product)) return std::nullopt;
  return product;
}

}  // namespace

std::optional<std::pair<std::int64_t, std::string_view>> LeadingInteger(std::string_view text) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  return std::pair(number, text.substr(static_cast<std::size_t>(end - text.data())));
}

std::optional<std::int64_t> ParseBytes(std::string_view text) {
  auto number = LeadingInteger(text);
  if (!number) return std::nullopt;
  auto unit = number->second;
  if (unit.empty() || unit == "B") return number->first;
  constexpr std::string_view kUnits = "KMGT";
  auto power = kUnits.find(unit[0] == 'k' ? 'K' : unit[0]);
  auto rest = unit.substr(1);
  if (power == kUnits.npos || (!rest.empty() && rest != "B" && rest != "iB")) return std::nullopt;
  return Times(number->first, std::int64_t{1} << (10 * (power + 1)));
}

std::optional<std::int64_t> ParseMilliseconds(std::string_view text) {
  auto number = LeadingInteger(text);
  if (!number) return std::nullopt;
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  for (auto [unit, milliseconds] : kUnits)
    if (number->second == unit) return Times(number->first, milliseconds);
  return std::nullopt;
}

}  // namespace tidemark
