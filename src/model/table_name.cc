#include "model/table_name.h"

#include <cstdio>

#include "base/hash.h"
#include "base/text.h"

namespace tidemark {
namespace {

constexpr std::size_t kPartBytesMax = 120;

bool IsPlain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

std::string WithHash(const std::string& part, std::string_view name) {
  return part.substr(0, kPartBytesMax - 17) + "-" + Sha256Hex(name).substr(0, 16);
}

bool Matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = pattern.npos, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p, ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

std::string PathPart(std::string_view name) {
  std::string part;
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (IsPlain(c) && !(c == '.' && i == 0)) {
      part.push_back(c);
      continue;
    }
    char escaped[4];
    std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
    part += escaped;
  }
  // An empty name is legal in SQLite; no plain name can give this part, as '%' is always escaped.
  if (part.empty()) return "%";
  return part.size() > kPartBytesMax ? WithHash(part, name) : part;
}

std::string PathPart(std::string_view name, const std::vector<std::string>& siblings) {
  auto part = PathPart(name);
  auto folded = AsciiLower(part);
  for (const auto& sibling : siblings)
    if (sibling != name && AsciiLower(PathPart(sibling)) == folded) return WithHash(part, name);
  return part;
}

bool MatchesGlob(std::string_view pattern, const TableName& name) {
  if (Matches(pattern, Display(name))) return true;
  return pattern.find('.') == pattern.npos && Matches(pattern, name.name);
}

}  // namespace tidemark
