#include <algorithm>
#include <map>
#include <set>

#include "commit/views.h"
#include "sync/sync.h"

namespace tidemark {
namespace {

// A run may fail, and the next one too, before changes are lost.
constexpr std::int64_t kRunsARetention = 3;

std::string SpanText(std::int64_t seconds) {
  for (auto [unit, name] :
       {std::pair(86'400, " days"), std::pair(3'600, " hours"), std::pair(60, " minutes")})
    if (seconds >= 2 * unit) return std::to_string(seconds / unit) + name;
  return std::to_string(seconds) + " seconds";
}

// The middle one of the times between runs: a break of a day says nothing of the rule.
std::optional<std::int64_t> IntervalOf(const IdleNote& note) {
  std::vector<std::int64_t> gaps;
  for (std::size_t i = 1; i < note.runs_us.size(); ++i)
    gaps.push_back(note.runs_us[i] - note.runs_us[i - 1]);
  if (gaps.empty()) return std::nullopt;
  auto middle = gaps.begin() + std::ssize(gaps) / 2;
  std::ranges::nth_element(gaps, middle);
  return *middle;
}

void AddNote(const IdleNote& note, StatusTable& table) {
  auto name = Display(table.name);
  if (auto noted = note.checked_us.find(name); noted != note.checked_us.end())
    table.checked_us = std::max(table.checked_us, noted->second);
  if (auto failed = note.failed.find(name); failed != note.failed.end()) {
    const auto& failure = failed->second;
    table.last_failure = {failure.at_us, failure.run_id, failure.kind, failure.message,
                          failure.hint};
  }
  table.interval_us = IntervalOf(note);
}

StatusTable StatusOf(const LandedState& state, const std::optional<IdleNote>& note) {
  StatusTable table{.name = state.name,
                    .version = state.position.version,
                    .live_rows = state.live_rows,
                    .live_files = state.live_files,
                    .last_mode = state.last_run.mode,
                    .last_reason = state.last_run.reason,
                    .last_run_id = state.last_run.run_id,
                    .last_run_us = state.last_run.finished_us,
                    .checked_us = state.landed_at_us,
                    .retention_seconds = state.retention_seconds};
  if (state.load) table.loading_rows = state.load->rows;
  if (note) AddNote(*note, table);
  if (state.retention_seconds > 0)
    table.expires_us = table.checked_us + state.retention_seconds * 1'000'000;
  auto interval_seconds = table.interval_us.value_or(0) / 1'000'000;
  if (state.retention_seconds > 0 && interval_seconds * kRunsARetention > state.retention_seconds)
    table.warnings.push_back("runs are " + SpanText(interval_seconds) +
                             " apart, more than a third of the " +
                             SpanText(state.retention_seconds) +
                             " that changes are kept: sync more often, or keep them longer");
  return table;
}

// Tables that failed before anything of them was landed.
void AddNeverLanded(const std::string& database, const IdleNote& note,
                    std::vector<StatusTable>& tables) {
  std::set<std::string> known;
  for (const auto& table : tables)
    if (table.name.database == database) known.insert(Display(table.name));
  for (const auto& [name, failure] : note.failed) {
    if (known.contains(name)) continue;
    auto dot = name.find('.');
    StatusTable table;
    table.name = {database, name.substr(0, dot), dot == name.npos ? name : name.substr(dot + 1)};
    AddNote(note, table);
    tables.push_back(std::move(table));
  }
}

}  // namespace

Result<std::vector<StatusTable>> ReadStatus(ObjectStore& store) {
  std::vector<StatusTable> tables;
  std::map<std::string, std::optional<IdleNote>> notes;
  TRY(ForEachState(store, [&](const std::string& key, Result<LandedState> state) -> Status {
    if (!state) {
      StatusTable broken;
      broken.name = {.database = {}, .schema = {}, .name = key};
      broken.error = std::move(state.error()).While(key);
      tables.push_back(std::move(broken));
      return {};
    }
    // A state that was only taken does not know its table's name yet.
    if (state->name.database.empty()) return {};
    const auto& database = state->name.database;
    if (!notes.contains(database)) notes[database] = TRY(ReadIdleNote(store, database));
    if (state->is_loaded || state->load) tables.push_back(StatusOf(*state, notes[database]));
    return {};
  }));
  for (const auto& [database, note] : notes)
    if (note) AddNeverLanded(database, *note, tables);
  std::ranges::sort(tables, {}, &StatusTable::name);
  return tables;
}

}  // namespace tidemark
