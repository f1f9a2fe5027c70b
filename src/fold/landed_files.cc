#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "fold/fold.h"

namespace tidemark {
namespace {

// N of "..._part<N>.parquet"; 0 when there is none.
int PartNumber(std::string_view key) {
  auto at = key.rfind("_part");
  if (at == key.npos) return 0;
  int part = 0;
  std::from_chars(key.data() + at + 5, key.data() + key.size(), part);
  return part;
}

// A run that is newer than the state has published files that the state does not know of.
bool IsLive(std::int64_t timestamp_us, const LandedState& state) {
  if (timestamp_us < 0 || timestamp_us < state.base_timestamp_us) return false;
  if (state.base.is_there() && timestamp_us <= state.base.timestamp_us) return false;
  return state.last_timestamp_us == 0 || timestamp_us <= state.last_timestamp_us;
}

// The base's files that are there, in the order of their parts.
Result<std::vector<LandedFile>> ListBase(ObjectStore& store, const TableLayout& layout,
                                         const LandedState& state) {
  std::vector<LandedFile> files;
  if (!state.base.is_there()) return files;
  std::set<std::string> present;
  TRY(ForEachObject(store, layout.BasePrefix(), [&](const ObjectInfo& object) -> Status {
    present.insert(object.key);
    return {};
  }));
  for (const auto& file : state.base.files)
    if (present.contains(file.key))
      files.push_back({.key = file.key,
                       .timestamp_us = state.base.timestamp_us,
                       .size_bytes = file.size_bytes,
                       .is_base = true,
                       .base_version = state.base.version,
                       .has_versions = state.base.scd_type == 2,
                       .has_deleted = state.base.soft_delete});
  return files;
}

Result<std::vector<LandedFile>> ListLive(ObjectStore& store, const TableLayout& layout,
                                         const LandedState& state) {
  std::set<std::string_view> removed(state.remove.begin(), state.remove.end());
  std::vector<LandedFile> files;
  TRY(ForEachObject(store, layout.DataPrefix(), [&](const ObjectInfo& object) -> Status {
    auto timestamp_us = FileTimestamp(object.key);
    if (timestamp_us < 0 && state.adopted_us > 0)
      timestamp_us = std::min(object.modified_us, state.adopted_us);
    if (object.key.ends_with(".parquet") && IsLive(timestamp_us, state) &&
        !removed.contains(object.key))
      files.push_back(
          {.key = object.key, .timestamp_us = timestamp_us, .size_bytes = object.size_bytes});
    return {};
  }));
  std::ranges::sort(files, {}, [](const LandedFile& file) {
    return std::tuple(file.timestamp_us, PartNumber(file.key), std::string_view(file.key));
  });
  return files;
}

// Every file that the table's history names.
Result<std::set<std::string>> NamedFiles(ObjectStore& store, const TableLayout& layout,
                                         const LandedState& state) {
  std::set<std::string> named(state.last_run.files.begin(), state.last_run.files.end());
  auto history = store.Get(layout.WatermarkPrefix() + "sync_history.jsonl");
  if (!history) {
    if (history.error().kind == ErrorKind::kNotFound) return named;
    return Fail(std::move(history).error());
  }
  std::string_view rest = history->bytes;
  while (!rest.empty()) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    // A torn line is repaired by the next one who appends; it names nothing here.
    auto entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("files") || !entry["files"].is_array()) continue;
    for (const auto& file : entry["files"])
      if (file.is_string()) named.insert(file.get<std::string>());
  }
  return named;
}

}  // namespace

Result<LandedFiles> ListLandedFiles(ObjectStore& store, const TableLayout& layout,
                                    const LandedState& state) {
  LandedFiles landed;
  landed.files = TRY(ListBase(store, layout, state));
  for (auto& file : TRY(ListLive(store, layout, state))) landed.files.push_back(std::move(file));
  std::set<std::string_view> present;
  std::uint32_t rank = 0;
  std::int64_t timestamp_us = -1;
  for (auto& file : landed.files) {
    present.insert(file.key);
    if (file.timestamp_us != std::exchange(timestamp_us, file.timestamp_us)) ++rank;
    file.rank = rank;
  }
  for (const auto& object : state.pending)
    if (!present.contains(object.key) &&
        (object.key.starts_with(layout.BasePrefix()) || IsLive(FileTimestamp(object.key), state)))
      return Fail(ErrorKind::kUnavailable,
                  "file " + object.key + " is committed, and not visible yet",
                  "the next sync of this table finishes it");
  auto gone = state.live_files - std::ssize(landed.files);
  if (gone <= 0) return landed;
  for (const auto& file : state.base.files)
    if (!present.contains(file.key)) landed.missing.push_back(file.key);
  for (const auto& key : TRY(NamedFiles(store, layout, state)))
    if (key.starts_with(layout.DataPrefix()) && IsLive(FileTimestamp(key), state) &&
        !present.contains(key))
      landed.missing.push_back(key);
  auto unnamed = gone - std::ssize(landed.missing);
  if (unnamed > 0)
    landed.missing.push_back(std::to_string(unnamed) + " of " + std::to_string(state.live_files) +
                             " files under " + layout.DataPrefix() + ", whose names are not known");
  return landed;
}

}  // namespace tidemark
