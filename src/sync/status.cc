#include <algorithm>
#include <map>

#include "commit/views.h"
#include "sync/sync.h"

namespace tidemark {
namespace {

constexpr int kPage = 1000;

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
                    .expires_us = std::nullopt,
                    .error = std::nullopt};
  if (note)
    if (auto noted = note->checked_us.find(Display(state.name)); noted != note->checked_us.end())
      table.checked_us = std::max(table.checked_us, noted->second);
  if (state.retention_seconds > 0)
    table.expires_us = table.checked_us + state.retention_seconds * 1'000'000;
  return table;
}

}  // namespace

Result<std::vector<StatusTable>> ReadStatus(ObjectStore& store) {
  std::vector<StatusTable> tables;
  std::map<std::string, std::optional<IdleNote>> notes;
  for (std::string after;;) {
    auto page = TRY(store.List("_tidemark/state/", after, kPage));
    for (const auto& object : page) {
      after = object.key;
      auto state = ParseState(TRY(store.Get(object.key)).bytes);
      if (!state) {
        StatusTable broken;
        broken.name = {.database = {}, .schema = {}, .name = object.key};
        broken.error = std::move(state.error()).While(object.key);
        tables.push_back(std::move(broken));
        continue;
      }
      if (!state->is_loaded) continue;
      const auto& database = state->name.database;
      if (!notes.contains(database)) notes[database] = TRY(ReadIdleNote(store, database));
      tables.push_back(StatusOf(*state, notes[database]));
    }
    if (static_cast<int>(page.size()) < kPage) break;
  }
  std::ranges::sort(tables, {}, &StatusTable::name);
  return tables;
}

}  // namespace tidemark
