#include "tests/crash/toy_table.h"

#include <arrow/type.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "commit/views.h"

namespace tidemark::test {
namespace {

std::vector<std::string> RowsBetween(std::int64_t since, std::int64_t now, bool is_load) {
  std::vector<std::string> rows;
  auto last = [&](int key) {  // the newest version of a key at `now`
    std::int64_t version = kLoaded;
    for (std::int64_t v = kLoaded + 1; v <= now; ++v)
      if (v * 7 % kKeys == key) version = v;
    return version;
  };
  for (int key = 0; key < kKeys; ++key)
    if (is_load)
      rows.push_back("L " + std::to_string(key) + " " + std::to_string(now));
    else if (last(key) > since)
      rows.push_back("U " + std::to_string(key) + " " + std::to_string(last(key)));
  return rows;
}

std::vector<std::pair<std::string, std::string>> VisibleFiles(ObjectStore& store) {
  std::vector<std::pair<std::string, std::string>> files;
  auto page = store.List("data/", {}, 1'000'000);
  TIDEMARK_CHECK(page.has_value());
  for (const auto& object : *page) {
    auto stored = store.Get(object.key);
    TIDEMARK_CHECK(stored.has_value());
    files.emplace_back(object.key, stored->bytes);
  }
  return files;
}

std::string TextOf(ObjectStore& store, const std::string& key) {
  auto stored = store.Get(key);
  return stored ? stored->bytes : std::string();
}

}  // namespace

TableLayout ToyLayout() { return {{"shop", "main", "orders"}, {"shop", "main", "orders"}}; }

Status SyncToy(ObjectStore& store, const ToyRun& run) {
  FakeClock clock(run.now_us ? run.now_us : 1'700'000'000'000'000 + run.version * 1'000'000);
  auto landing = TRY(Landing::Take(store, ToyLayout(), run.run_id, clock));
  const auto& state = landing.state();
  if (state.is_loaded && state.position.version >= run.version) return {};
  bool is_load = !state.is_loaded || run.replaces_older_files;
  auto since = state.position.version;
  auto rows = RowsBetween(since, run.version, is_load);
  LandingCommit commit;
  commit.summary.rows = static_cast<std::int64_t>(rows.size());
  for (int part = 1; !rows.empty(); ++part) {
    auto upload = TRY(landing.StartFile(part, ".parquet"));
    std::string lines;
    for (int n = 0; n < 12 && !rows.empty(); ++n, rows.pop_back()) lines += rows.back() + "\n";
    TRY(upload->Write(std::as_bytes(std::span(lines))));
    TRY(landing.SealFile(*upload));
  }
  commit.position = {run.version, "i", "n"};
  commit.source_identity = "toy";
  commit.columns = {{"id", arrow::int64(), "integer", {}, {}}};
  commit.key = {"id"};
  commit.replaces_older_files = run.replaces_older_files;
  commit.summary.mode = is_load ? "full" : "incremental";
  commit.summary.version = run.version;
  if (!is_load) commit.summary.since_version = since;
  return landing.Commit(std::move(commit));
}

// A load and every change after it, each once: the newest version of a key is there, and no file
// repeats what an older one said.
std::string WrongRows(ObjectStore& store, std::int64_t version, bool replaces_older_files) {
  std::set<std::string> seen;
  std::map<int, std::int64_t> newest;
  std::int64_t rows = 0;
  for (const auto& [key, bytes] : VisibleFiles(store)) {
    std::istringstream text(bytes);
    std::string op;
    for (std::int64_t k = 0, v = 0; text >> op >> k >> v; ++rows) {
      auto row = op + " " + std::to_string(k) + " " + std::to_string(v);
      if (!seen.insert(row).second) return "twice: " + row + " in " + key;
      auto& known = newest[static_cast<int>(k)];
      if (known >= v) return "older than what came before: " + row + " in " + key;
      known = v;
    }
  }
  if (static_cast<int>(newest.size()) != kKeys)
    return std::to_string(newest.size()) + " keys instead of " + std::to_string(kKeys);
  if (replaces_older_files) {
    if (rows != kKeys) return std::to_string(rows) + " rows: an older run's files are still there";
    for (const auto& [key, found] : newest)
      if (found != version) return "key " + std::to_string(key) + " is not of the last run";
    return {};
  }
  for (const auto& row : RowsBetween(kLoaded, version, false)) {
    std::istringstream text(row);
    std::string op;
    int key = 0;
    std::int64_t wanted = 0;
    text >> op >> key >> wanted;
    if (newest[key] != wanted && newest[key] < wanted) return "missing: " + row;
  }
  return {};
}

std::string WrongViews(ObjectStore& store) {
  auto layout = ToyLayout();
  auto state = Landing::Peek(store, layout);
  if (!state) return "the state cannot be read: " + state.error().message;
  auto marks = nlohmann::json::parse(TextOf(store, layout.WatermarkPrefix() + "watermarks.json"),
                                     nullptr, false);
  if (marks.is_discarded() || !marks.contains("main.orders")) return "no watermarks.json";
  if (marks["main.orders"]["version"] != state->position.version)
    return "watermarks.json is of version " + marks["main.orders"]["version"].dump() + ", not " +
           std::to_string(state->position.version);
  std::set<std::string> timestamps, listed;
  std::int64_t files = 0;
  for (const auto& [key, bytes] : VisibleFiles(store)) {
    timestamps.insert(FormatFileTimestamp(FileTimestamp(key)));
    if (FileTimestamp(key) >= state->base_timestamp_us) ++files;
  }
  std::istringstream history(TextOf(store, layout.WatermarkPrefix() + "sync_history.jsonl"));
  for (std::string line; std::getline(history, line);) {
    auto entry = nlohmann::json::parse(line, nullptr, false);
    if (entry.is_discarded()) return "a broken line in the history";
    auto timestamp = FormatFileTimestamp(FileTimestamp(entry["files"][0].get<std::string>()));
    if (!listed.insert(timestamp).second) return "twice in the history: " + line;
  }
  for (const auto& timestamp : timestamps)
    if (!listed.contains(timestamp)) return "not in the history: " + timestamp;
  if (state->base_timestamp_us == 0 && listed.size() != timestamps.size())
    return "the history names runs that are not there";
  if (files != state->live_files)
    return std::to_string(files) + " live files, the state says " +
           std::to_string(state->live_files);
  if (TextOf(store, layout.WatermarkPrefix() + "schema.json").empty()) return "no schema.json";
  return {};
}

std::string WrongStaging(ObjectStore& store) {
  auto found = store.ListSealed("");
  if (!found) return found.error().message;
  return found->empty() ? std::string() : "never swept: " + found->front().key;
}

std::string Wrong(ObjectStore& store, std::int64_t version, bool replaces_older_files) {
  auto wrong = WrongRows(store, version, replaces_older_files);
  if (wrong.empty()) wrong = WrongViews(store);
  if (wrong.empty()) wrong = WrongStaging(store);
  return wrong;
}

}  // namespace tidemark::test
