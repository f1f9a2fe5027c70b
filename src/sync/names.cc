#include <utility>

#include "sync/sync.h"

namespace tidemark {
namespace {

constexpr std::pair<Mode, std::string_view> kModes[] = {
    {Mode::kFull, "full"},
    {Mode::kIncremental, "incremental"},
    {Mode::kFullIncremental, "full_incremental"},
};

}  // namespace

Result<Mode> ParseMode(std::string_view name) {
  for (auto [mode, text] : kModes)
    if (text == name) return mode;
  return Fail(ErrorKind::kInvalid, "mode \"" + std::string(name) + "\" is not known",
              "allowed: full, incremental, full_incremental");
}

std::string_view Name(Mode mode) { return kModes[static_cast<std::size_t>(mode)].second; }

std::string_view Name(Reason reason) {
  constexpr std::string_view kNames[] = {
      "first_load",     "mode_full",   "changes",  "no_changes", "no_tracking",
      "expired",        "recreated",   "restored", "truncated",  "schema_changed",
      "config_changed", "key_changed", "widened"};
  return kNames[static_cast<std::size_t>(reason)];
}

const TableSettings& SyncOptions::SettingsOf(const TableName& name) const {
  static const TableSettings kDefaults;
  auto found = table_settings.find(Display(name));
  return found == table_settings.end() ? kDefaults : found->second;
}

Mode SyncOptions::ModeOf(const TableName& name) const {
  return SettingsOf(name).mode.value_or(mode);
}

std::int64_t SyncReport::rows() const {
  std::int64_t sum = 0;
  for (const auto& table : tables) sum += table.rows;
  return sum;
}

std::int64_t SyncReport::bytes() const {
  std::int64_t sum = 0;
  for (const auto& table : tables) sum += table.bytes;
  return sum;
}

int SyncReport::failed() const {
  int count = 0;
  for (const auto& table : tables) count += table.outcome == TableOutcome::kFailed;
  return count;
}

int VerifyReport::failed() const {
  int count = 0;
  for (const auto& table : tables) count += !table.is_equal();
  return count;
}

}  // namespace tidemark
