#include "cli/progress_lines.h"

#include <nlohmann/json.hpp>

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kIntervalUs = 100'000;

Json Event(std::string_view name, const TableName& table) {
  return {{"progress", name},
          {"database", table.database},
          {"schema", table.schema},
          {"table", table.name}};
}

Json Estimate(std::int64_t rows) { return rows > 0 ? Json(rows) : Json(nullptr); }

// One call, so that lines of the log never come in between.
void Print(std::FILE* stream, const Json& event) {
  auto line = event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(line.data(), 1, line.size(), stream);
  std::fflush(stream);
}

}  // namespace

void ProgressLines::Planned(int tables, std::int64_t estimated_rows) {
  std::lock_guard lock(mutex_);
  Print(
      stream_,
      {{"progress", "planned"}, {"tables", tables}, {"estimated_rows", Estimate(estimated_rows)}});
}

void ProgressLines::Began(const TableName& table, std::int64_t estimated_rows) {
  std::lock_guard lock(mutex_);
  at_work_[table] = {.told_us = clock_.MonotonicUs()};
  auto event = Event("began", table);
  event["estimated_rows"] = Estimate(estimated_rows);
  Print(stream_, event);
}

void ProgressLines::Advanced(const TableName& table, std::int64_t rows, std::int64_t bytes) {
  std::lock_guard lock(mutex_);
  auto& work = at_work_[table];
  work.rows += rows;
  work.bytes += bytes;
  auto now_us = clock_.MonotonicUs();
  if (now_us - work.told_us < kIntervalUs) return;
  work.told_us = now_us;
  auto event = Event("advanced", table);
  event["rows"] = work.rows;
  event["bytes"] = work.bytes;
  Print(stream_, event);
}

void ProgressLines::Ended(const TableName& table, bool is_ok) {
  std::lock_guard lock(mutex_);
  auto event = Event("ended", table);
  event["ok"] = is_ok;
  event["rows"] = at_work_[table].rows;
  event["bytes"] = at_work_[table].bytes;
  at_work_.erase(table);
  Print(stream_, event);
}

}  // namespace tidemark::cli
