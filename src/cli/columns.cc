#include "cli/columns.h"

#include <algorithm>

namespace tidemark::cli {
namespace {

// A code point counts as one column.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string Columns::Text() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < headings_.size(); ++i) {
    widths.push_back(Width(headings_[i].text));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  auto add = [&](auto&& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < headings_.size(); ++i) {
      std::string_view cell = cell_of(i);
      std::string blanks(widths[i] - Width(cell), ' ');
      if (i > 0) line += "  ";
      line += headings_[i].align == Align::kRight ? blanks + std::string(cell)
                                                  : std::string(cell) + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add([&](std::size_t i) { return headings_[i].text; });
  for (const auto& row : rows_) add([&](std::size_t i) { return std::string_view(row[i]); });
  return text;
}

}  // namespace tidemark::cli
