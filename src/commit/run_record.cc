#include "base/failpoint.h"
#include "commit/json_fields.h"
#include "commit/views.h"

namespace tidemark {
namespace {

using commit::Json;
using commit::TextJson;

std::string IdleKey(std::string_view database) {
  return "_tidemark/idle/" + PathPart(database) + ".json";
}

// What an earlier note says of tables that this run did not look at.
void AddEarlier(IdleNote earlier, IdleNote& note) {
  for (const auto& [table, at_us] : note.checked_us) earlier.failed.erase(table);
  for (const auto& table : note.landed) earlier.failed.erase(table);
  note.checked_us.merge(earlier.checked_us);
  note.failed.merge(earlier.failed);
  earlier.runs_us.insert(earlier.runs_us.end(), note.runs_us.begin(), note.runs_us.end());
  note.runs_us = std::move(earlier.runs_us);
  if (note.runs_us.size() > kRunsNoted)
    note.runs_us.erase(note.runs_us.begin(), note.runs_us.end() - kRunsNoted);
}

Json FailuresJson(const IdleNote& note) {
  Json failed = Json::array();
  for (const auto& [table, failure] : note.failed)
    failed.push_back({{"table", TextJson(table)},
                      {"at_us", failure.at_us},
                      {"run_id", failure.run_id},
                      {"kind", failure.kind},
                      {"message", TextJson(failure.message)},
                      {"hint", TextJson(failure.hint)}});
  return failed;
}

Status ReadFailure(const Json& json, IdleNote& note) {
  std::string table;
  FailureNote failure;
  commit::Fields entry(json);
  entry.Read("table", table);
  entry.Read("at_us", failure.at_us);
  entry.Read("run_id", failure.run_id);
  entry.Read("kind", failure.kind);
  entry.Read("message", failure.message);
  entry.Read("hint", failure.hint);
  note.failed.insert_or_assign(std::move(table), std::move(failure));
  return entry.Done();
}

}  // namespace

Status WriteRunRecord(ObjectStore& store, const RunRecord& record) {
  Json tables = Json::array();
  for (const auto& table : record.tables) {
    Json files = Json::array();
    for (const auto& file : table.files) files.push_back(TextJson(file));
    tables.push_back({{"database", TextJson(table.name.database)},
                      {"schema", TextJson(table.name.schema)},
                      {"table", TextJson(table.name.name)},
                      {"status", table.status},
                      {"version", table.version},
                      {"files", std::move(files)}});
  }
  Json json = {{"format_version", 1},
               {"run_id", TextJson(record.run_id)},
               {"source_identity", TextJson(record.source_identity)},
               {"started_at", FormatUtcSeconds(record.started_us)},
               {"finished_at", FormatUtcSeconds(record.finished_us)},
               {"tables", std::move(tables)}};
  FAILPOINT(run_record_before);
  TRY(store.Put("_tidemark/runs/" + record.run_id + ".json", commit::DumpJson(json, 1) + "\n", {}));
  FAILPOINT(run_record_after);
  return {};
}

Status WriteIdleNote(ObjectStore& store, std::string_view database, IdleNote note) {
  auto stored = ReadIdleNote(store, database);
  if (!stored && stored.error().kind != ErrorKind::kCorrupt) return Fail(stored.error());
  if (stored && *stored) AddEarlier(std::move(**stored), note);
  Json tables = Json::array();
  for (const auto& [table, at_us] : note.checked_us)
    tables.push_back({{"table", TextJson(table)}, {"at_us", at_us}});
  Json json = {{"format_version", 1},
               {"run_id", TextJson(note.run_id)},
               {"tables", std::move(tables)},
               {"failed", FailuresJson(note)},
               {"runs_us", note.runs_us}};
  TRY(store.Put(IdleKey(database), commit::DumpJson(json) + "\n", {}));
  return {};
}

Result<std::optional<IdleNote>> ReadIdleNote(ObjectStore& store, std::string_view database) {
  auto stored = store.Get(IdleKey(database));
  if (!stored && stored.error().kind == ErrorKind::kNotFound) return std::optional<IdleNote>();
  if (!stored) return Fail(stored.error());
  IdleNote note;
  auto json = TRY_WHILE(IdleKey(database), commit::ParseJson(stored->bytes));
  commit::Fields fields(json);
  fields.Read("run_id", note.run_id);
  fields.ReadEach("tables", [&](const Json& element) -> Status {
    std::string table;
    std::int64_t at_us = 0;
    commit::Fields entry(element);
    entry.Read("table", table);
    entry.Read("at_us", at_us);
    note.checked_us.insert_or_assign(std::move(table), at_us);
    return entry.Done();
  });
  // Notes of earlier versions have neither.
  if (json.is_object() && json.contains("failed"))
    fields.ReadEach("failed", [&](const Json& element) { return ReadFailure(element, note); });
  if (json.is_object() && json.contains("runs_us") && json["runs_us"].is_array())
    for (const auto& run_us : json["runs_us"])
      if (run_us.is_number_integer()) note.runs_us.push_back(run_us.get<std::int64_t>());
  TRY_WHILE(IdleKey(database), fields.Done());
  return std::optional<IdleNote>(std::move(note));
}

}  // namespace tidemark
