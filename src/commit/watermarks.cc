#include <cmath>

#include "base/clock.h"
#include "commit/view_files.h"
#include "commit/views.h"

namespace tidemark {
namespace {

using commit::Json;
using commit::LossyTextJson;

std::string EntryName(const TableLayout& layout) {
  // As it can stand in a JSON text, also when the name is not UTF-8.
  return LossyTextJson(Display(layout.name)).get<std::string>();
}

Json Entry(const LandedState& state) {
  const auto& run = state.last_run;
  Json files = Json::array();
  for (const auto& file : run.files) files.push_back(LossyTextJson(file));
  return {{"version", run.version},
          {"since_version", run.since_version ? Json(*run.since_version) : Json(nullptr)},
          {"rows_synced", run.rows},
          {"mode", run.mode},
          {"files", std::move(files)},
          {"duration_seconds", std::round(static_cast<double>(run.duration_ms) / 10.0) / 100.0},
          {"synced_at", FormatUtcSeconds(run.finished_us)}};
}

// An object with a version, or the bare number of old files.
std::optional<std::int64_t> VersionOf(const Json& entry) {
  const Json* version = &entry;
  if (entry.is_object()) {
    auto found = entry.find("version");
    if (found == entry.end()) return std::nullopt;
    version = &*found;
  }
  if (!version->is_number_integer()) return std::nullopt;
  if (version->is_number_unsigned() && version->get<std::uint64_t>() > INT64_MAX)
    return std::nullopt;
  return version->get<std::int64_t>();
}

}  // namespace

namespace commit {

Status WriteWatermarks(ObjectStore& store, const TableLayout& layout, const LandedState& state) {
  auto key = layout.WatermarkPrefix() + "watermarks.json";
  auto name = EntryName(layout);
  auto stored = TRY(GetIfThere(store, key));
  Json json = Json::object();
  if (stored) {
    auto parsed = ParseJson(stored->bytes);
    std::string_view why;
    if (!parsed || !parsed->is_object())
      why = "not a JSON object";
    else if (parsed->contains(name) && !VersionOf((*parsed)[name]))
      why = "its entry has no version";
    if (why.empty())
      json = *std::move(parsed);
    else
      TRY(KeepAside(store, key, *stored, state.last_run.finished_us, why));
  }
  json[name] = Entry(state);
  auto text = DumpJson(json, 2) + "\n";
  if (stored && stored->bytes == text) return {};
  TRY(store.Put(key, text, {}));
  return {};
}

Status AppendHistory(ObjectStore& store, const TableLayout& layout, const LandedState& state) {
  Json line = {{"table", EntryName(layout)}};
  line.update(Entry(state));
  line["run_id"] = LossyTextJson(state.last_run.run_id);
  return store.AppendLine(layout.WatermarkPrefix() + "sync_history.jsonl", DumpJson(line),
                          "\"run_id\":" + DumpJson(line["run_id"]));
}

}  // namespace commit

Result<std::optional<std::int64_t>> ForeignWatermark(ObjectStore& store,
                                                     const TableLayout& layout) {
  auto key = layout.WatermarkPrefix() + "watermarks.json";
  auto stored = TRY(commit::GetIfThere(store, key));
  if (!stored) return std::optional<std::int64_t>();
  const std::string hint = "put it right, or remove it to land the table as new";
  auto json = commit::ParseJson(stored->bytes);
  if (!json || !json->is_object())
    return Fail(ErrorKind::kCorrupt, key + ": not a JSON object", hint);
  auto name = EntryName(layout);
  if (!json->contains(name)) return std::optional<std::int64_t>();
  auto version = VersionOf((*json)[name]);
  if (!version)
    return Fail(ErrorKind::kCorrupt, key + ": the entry \"" + name + "\" has no version", hint);
  return version;
}

}  // namespace tidemark
