#include "commit/json_fields.h"

#include "base/hash.h"
#include "base/text.h"

namespace tidemark::commit {
namespace {

bool ReadText(const Json& json, std::string& text) {
  if (json.is_string()) {
    text = json.get_ref<const std::string&>();
    return true;
  }
  if (!json.is_object() || json.size() != 1 || json.begin().key() != "hex") return false;
  const auto& value = json.begin().value();
  if (!value.is_string()) return false;
  auto bytes = BytesOfHex(value.get_ref<const std::string&>());
  if (!bytes) return false;
  text = *std::move(bytes);
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
