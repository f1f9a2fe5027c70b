#include "cli/progress_lines.h"

#include <nlohmann/json.hpp>

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kIntervalUs = 100'000;

Json Event(std::string_view name, const TableId& table) {
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

void ProgressLines::Show(const ProgressEvent& event) {
  using Kind = ProgressEvent::Kind;
  std::lock_guard lock(mutex_);
  switch (event.kind) {
    case Kind::kPlanned:
      return Print(stream_, {{"progress", "planned"},
                             {"tables", event.tables},
                             {"estimated_rows", Estimate(event.estimated_rows)}});
    case Kind::kBegan:
      return Begin(event);
    case Kind::kResumed:
    case Kind::kAdvanced:
      return Advance(event);
    case Kind::kRetried:  // it begins again
      return;
    case Kind::kEnded:
      return End(event);
  }
}

void ProgressLines::Begin(const ProgressEvent& event) {
  at_work_[event.table] = {.told_us = clock_.MonotonicUs()};
  auto line = Event("began", event.table);
  line["estimated_rows"] = Estimate(event.estimated_rows);
  Print(stream_, line);
}

void ProgressLines::Advance(const ProgressEvent& event) {
  auto& work = at_work_[event.table];
  work.rows += event.rows;
  work.bytes += event.bytes;
  auto now_us = clock_.MonotonicUs();
  if (now_us - work.told_us < kIntervalUs) return;
  work.told_us = now_us;
  auto line = Event("advanced", event.table);
  line["rows"] = work.rows;
  line["bytes"] = work.bytes;
  Print(stream_, line);
}

void ProgressLines::End(const ProgressEvent& event) {
  auto line = Event("ended", event.table);
  line["ok"] = event.is_ok;
  line["rows"] = at_work_[event.table].rows;
  line["bytes"] = at_work_[event.table].bytes;
  at_work_.erase(event.table);
  Print(stream_, line);
}

}  // namespace tidemark::cli
