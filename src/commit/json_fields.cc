#include "commit/json_fields.h"

#include "base/hash.h"

namespace tidemark::commit {
namespace {

bool IsUtf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    auto byte = static_cast<unsigned char>(text[i]);
    int more = byte < 0x80                   ? 0
               : byte >= 0xc2 && byte < 0xe0 ? 1
               : (byte & 0xf0) == 0xe0       ? 2
               : byte >= 0xf0 && byte < 0xf5 ? 3
                                             : -1;
    if (more < 0 || i + static_cast<std::size_t>(more) >= text.size()) return false;
    std::uint32_t code = more == 0 ? byte : byte & (0x3fu >> more);
    for (int k = 1; k <= more; ++k) {
      auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    bool is_short = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (is_short || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ReadText(const Json& json, std::string& text) {
  if (json.is_string()) {
    text = json.get_ref<const std::string&>();
    return true;
  }
  if (!json.is_object() || json.size() != 1 || json.begin().key() != "hex") return false;
  const auto& value = json.begin().value();
  if (!value.is_string()) return false;
  const auto& hex = value.get_ref<const std::string&>();
  if (hex.size() % 2 != 0) return false;
  text.clear();
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    int high = HexDigit(hex[i]), low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return false;
    text.push_back(static_cast<char>(high * 16 + low));
  }
  return true;
}

bool ReadInteger(const Json& json, std::int64_t& value) {
  if (!json.is_number_integer()) return false;
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) return false;
  value = json.get<std::int64_t>();
  return true;
}

}  // namespace

Result<Json> ParseJson(std::string_view text) {
  auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Fail(ErrorKind::kCorrupt, "not valid JSON");
  return json;
}

std::string DumpJson(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json TextJson(std::string_view text) {
  if (IsUtf8(text)) return Json(text);
  return Json{{"hex", HexOf(text)}};
}

Json LossyTextJson(std::string_view text) {
  if (IsUtf8(text)) return Json(text);
  // Through a dump, which replaces what does not belong.
  return Json::parse(DumpJson(Json(text)), nullptr, false);
}

const Json* Fields::Member(const char* name) {
  if (!json_->is_object()) {
    if (error_.empty()) error_ = "not an object";
    return nullptr;
  }
  auto found = json_->find(name);
  if (found != json_->end()) return &*found;
  if (error_.empty()) error_ = std::string("\"") + name + "\" is missing";
  return nullptr;
}

void Fields::Misfit(const char* name) {
  if (error_.empty()) error_ = std::string("\"") + name + "\" has the wrong type";
}

void Fields::Read(const char* name, std::string& value) {
  const Json* json = Member(name);
  if (json && !ReadText(*json, value)) Misfit(name);
}

void Fields::Read(const char* name, std::int64_t& value) {
  const Json* json = Member(name);
  if (json && !ReadInteger(*json, value)) Misfit(name);
}

void Fields::Read(const char* name, bool& value) {
  const Json* json = Member(name);
  if (!json) return;
  if (!json->is_boolean()) return Misfit(name);
  value = json->get<bool>();
}

void Fields::Read(const char* name, std::optional<std::int64_t>& value) {
  const Json* json = Member(name);
  value.reset();
  if (!json || json->is_null()) return;
  if (!ReadInteger(*json, value.emplace())) Misfit(name);
}

void Fields::Read(const char* name, std::vector<std::string>& value) {
  value.clear();
  ReadEach(name, [&](const Json& element) -> Status {
    if (ReadText(element, value.emplace_back())) return {};
    return Fail(ErrorKind::kCorrupt, std::string("an element of \"") + name + "\" is not a text");
  });
}

Status Fields::Done() const {
  if (error_.empty()) return {};
  return Fail(ErrorKind::kCorrupt, error_);
}

}  // namespace tidemark::commit
