#include "config/document.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tidemark::config {
namespace {

Place PlaceOf(std::string_view text, std::size_t at) {
  Place place{.line = 1, .column = 1};
  for (char c : text.substr(0, at)) {
    ++place.column;
    if (c == '\n') place = {.line = place.line + 1, .column = 1};
  }
  return place;
}

}  // namespace

const Node* Node::Find(std::string_view key) const {
  for (const auto& member : members)
    if (member.key == key) return &member.value;
  return nullptr;
}

Error ErrorAt(const std::string& name, Place place, std::string message, std::string hint) {
  auto where = place.line > 0 ? fmt::format("{}:{}:{}", name, place.line, place.column) : name;
  return {ErrorKind::kInvalid, fmt::format("{}: {}", where, message), std::move(hint)};
}

Result<Node> ReadDocument(std::string_view text, const std::string& name, Language language) {
  if (text.size() > kFileBytesMax)
    return Fail(ErrorAt(name, {},
                        fmt::format("a configuration of {} bytes is not read", text.size()),
                        fmt::format("at most {} MiB", kFileBytesMax >> 20)));
  if (text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE"))
    return Fail(ErrorAt(name, {}, "the file is UTF-16", "save it as UTF-8"));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (auto at = FindNotUtf8(text); at != text.npos)
    return Fail(
        ErrorAt(name, PlaceOf(text, at),
                fmt::format("byte 0x{:02x} is not UTF-8", static_cast<unsigned char>(text[at])),
                "save the file as UTF-8"));
  if (auto at = text.find('\0'); at != text.npos)
    return Fail(
        ErrorAt(name, PlaceOf(text, at), "a zero byte stands in the file", "is it a text file?"));
  return language == Language::kJson ? ReadJson(text, name) : ReadYaml(text, name);
}

}  // namespace tidemark::config
