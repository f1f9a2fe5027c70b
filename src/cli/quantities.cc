#include "cli/quantities.h"

#include <fmt/format.h>

#include <utility>

namespace tidemark::cli {

std::string Grouped(std::int64_t number) {
  auto digits = fmt::format("{}", number);
  auto first = static_cast<std::ptrdiff_t>(number < 0 ? 1 : 0);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > first; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string SizeText(std::int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  auto amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string DurationText(std::int64_t us) {
  if (us < 60'000'000) return fmt::format("{:.2f} s", static_cast<double>(us) / 1e6);
  auto seconds = us / 1'000'000;
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string SpanText(std::int64_t seconds) {
  constexpr std::pair<std::int64_t, const char*> kUnits[] = {
      {86'400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  for (auto [unit, name] : kUnits)
    if (seconds >= 2 * unit || unit == 1)
      return fmt::format("{} {}{}", seconds / unit, name, seconds / unit == 1 ? "" : "s");
  return {};
}

}  // namespace tidemark::cli
