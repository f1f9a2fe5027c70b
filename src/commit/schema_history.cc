#include <arrow/type.h>

#include <charconv>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "commit/view_files.h"

namespace tidemark::commit {
namespace {

struct SplitType {
  std::string name;
  std::optional<int> precision, scale;
};

std::optional<int> Number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  int value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "decimal(10,2)" -> decimal, 10, 2. Only exact numbers are split: what stands behind varchar is a
// length.
SplitType Split(const Column& column) {
  auto type = AsciiLower(column.source_type);
  if (type.empty() && column.type) type = TypeName(*column.type);
  auto open = type.find('(');
  if (open == type.npos || !type.ends_with(')')) return {type, {}, {}};
  auto name = type.substr(0, open);
  while (name.ends_with(' ')) name.pop_back();
  if (name != "decimal" && name != "numeric" && name != "dec") return {type, {}, {}};
  auto inner = std::string_view(type).substr(open + 1, type.size() - open - 2);
  auto comma = inner.find(',');
  auto precision = Number(inner.substr(0, comma));
  std::optional<int> scale;
  if (comma != inner.npos) scale = Number(inner.substr(comma + 1));
  if (!precision || (comma != inner.npos && !scale)) return {type, {}, {}};
  return {name, precision, scale};
}

bool IsHistory(const Json& json) {
  if (!json.is_object() || !json.contains("columns") || !json["columns"].is_array()) return false;
  for (const auto& column : json["columns"]) {
    if (!column.is_object() || !column.contains("name") || !column["name"].is_string())
      return false;
    if (column.contains("type") && !column["type"].is_string()) return false;
  }
  return true;
}

// Notes that a column was there in this sync; others keep what they have.
void Note(Json& columns, const Column& column, const std::string& seen_at) {
  auto name = LossyTextJson(column.name);
  auto split = Split(column);
  auto type = LossyTextJson(split.name);
  Json* entry = nullptr;
  for (auto& known : columns)
    if (known["name"] == name) entry = &known;
  if (!entry) {
    columns.push_back({{"name", name}, {"type", type}});
    entry = &columns.back();
  }
  auto& known = *entry;
  if (known.contains("type") && known["type"] != type) known["previous_type"] = known["type"];
  known["type"] = type;
  for (auto [member, value] : {std::pair("precision", split.precision), {"scale", split.scale}})
    if (value)
      known[member] = *value;
    else
      known.erase(member);
  known["last_seen"] = seen_at;
}

}  // namespace
}  // namespace tidemark::commit

namespace tidemark {

std::int64_t SchemaVersion(const std::vector<Column>& columns) {
  std::string text;
  for (const auto& column : columns) {
    if (!text.empty()) text.push_back('|');
    text += column.name + ":" + commit::Split(column).name;
  }
  std::int64_t version = 0;
  auto digits = Sha256Hex(text).substr(0, 15);
  std::from_chars(digits.data(), digits.data() + digits.size(), version, 16);
  return version;
}

namespace commit {

Status WriteSchemaHistory(ObjectStore& store, const TableLayout& layout, const LandedState& state) {
  auto key = layout.WatermarkPrefix() + "schema.json";
  auto stored = TRY(GetIfThere(store, key));
  Json columns = Json::array();
  if (stored) {
    auto parsed = ParseJson(stored->bytes);
    if (parsed && IsHistory(*parsed))
      columns = std::move((*parsed)["columns"]);
    else
      TRY(KeepAside(store, key, *stored, state.last_run.finished_us,
                    "not a list of columns in JSON"));
  }
  auto seen_at = FormatUtcSeconds(state.last_run.finished_us);
  for (const auto& column : state.columns) Note(columns, column, seen_at);
  Json json = {{"schema_version", SchemaVersion(state.columns)},
               {"columns", std::move(columns)},
               {"updated_at", seen_at}};
  auto text = DumpJson(json, 2) + "\n";
  if (stored && stored->bytes == text) return {};
  TRY(store.Put(key, text, {}));
  return {};
}

}  // namespace commit
}  // namespace tidemark
