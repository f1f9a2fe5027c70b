#include "base/text.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace tidemark {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), Lower);
  return lower;
}

bool EqualsNoCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  auto is_same = [&](std::size_t i, std::size_t j) { return Lower(a[i - 1]) == Lower(b[j - 1]); };
  // The rows of the last three letters of `a`.
  std::vector<std::size_t> before, above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({row[j - 1] + 1, above[j] + 1, above[j - 1] + !is_same(i, j)});
      bool is_swapped = i > 1 && j > 1 && is_same(i, j - 1) && is_same(i - 1, j);
      if (is_swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

std::size_t FindNotUtf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;
  const char* at = text.data();
  std::size_t left = text.size();
  while (left > 0) {
    while (left >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, 8);
      if (word & kHighBits) break;
      at += 8;
      left -= 8;
    }
    while (left > 0 && static_cast<unsigned char>(*at) < 0x80) {
      ++at;
      --left;
    }
    if (left == 0) break;
    int length = Utf8Length(at, left);
    if (length == 0) return text.size() - left;
    at += length;
    left -= static_cast<std::size_t>(length);
  }
  return text.npos;
}

void AppendPart(std::string_view part, std::string& to) {
  to += std::to_string(part.size());
  to += ':';
  to += part;
}

void AppendUtf8(std::uint32_t code, std::string& to) {
  auto add = [&](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  auto tail = [&](int shift) { add(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    tail(6);
  } else {
    add(0xf0 | code >> 18);
    tail(12);
    tail(6);
  }
  tail(0);
}

}  // namespace tidemark
