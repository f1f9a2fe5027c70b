#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/report.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

double Seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

Json ErrorJson(const std::optional<Failure>& failure) {
  if (!failure) return nullptr;
  return {{"kind", Name(failure->kind)},
          {"message", failure->message},
          {"hint", failure->hint.empty() ? Json(nullptr) : Json(failure->hint)}};
}

Json Named(const TableId& name) {
  return {{"database", name.database}, {"schema", name.schema}, {"table", name.name}};
}

// Only of a run over several: scripts that know of one find what they always found.
void AddDatabases(const std::vector<DatabaseResult>& databases, Json& document) {
  for (const auto& database : databases)
    document["databases"].push_back(
        {{"database", database.name},
         {"run_id", database.run_id.empty() ? Json(nullptr) : Json(database.run_id)},
         {"error", ErrorJson(database.failure)}});
}

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json Planned(const TableResult& table) {
  auto json = Named(table.table);
  json["status"] = Name(table.outcome);
  json["mode"] = table.is_incremental ? "incremental" : "full";
  json["reason"] = table.reason;
  json["rows"] = table.rows < 0 ? Json(nullptr) : Json(table.rows);
  return json;
}

Json TimeOrNull(std::int64_t us) { return us > 0 ? Json(FormatUtcSeconds(us)) : Json(nullptr); }

}  // namespace

std::string SyncJson(const SyncResult& result) {
  Json document = {{"run_id", result.run_id},
                   {"started_at", FormatUtcSeconds(result.started_us)},
                   {"duration_seconds", Seconds(result.duration_us)},
                   {"rows", result.rows},
                   {"bytes", result.bytes},
                   {"failed", result.failed},
                   {"tables", Json::array()}};
  for (const auto& table : result.tables) {
    auto json = Planned(table);
    json["inserted"] = table.inserted;
    json["updated"] = table.updated;
    json["deleted"] = table.deleted;
    json["version"] = table.version;
    json["since_version"] = OrNull(table.since_version);
    json["bytes"] = table.bytes;
    json["files"] = table.files;
    json["duration_seconds"] = Seconds(table.duration_us);
    json["resumed_rows"] = table.resumed_rows;
    json["attempts"] = table.attempts;
    json["waited_seconds"] = Seconds(table.waited_us);
    json["error"] = ErrorJson(table.failure);
    json["warnings"] = table.warnings;
    document["tables"].push_back(std::move(json));
  }
  AddDatabases(result.databases, document);
  return Dump(document);
}

std::string PlanJson(const SyncResult& result) {
  Json document = {{"failed", result.failed}, {"tables", Json::array()}};
  for (const auto& table : result.tables) {
    auto json = Planned(table);
    json["version"] = table.version;
    json["since_version"] = OrNull(table.since_version);
    json["error"] = ErrorJson(table.failure);
    json["warnings"] = table.warnings;
    document["tables"].push_back(std::move(json));
  }
  AddDatabases(result.databases, document);
  return Dump(document);
}

std::string VerifyJson(const VerifyResult& result) {
  Json sample = nullptr;
  if (result.sample)
    sample = {{"seed", result.sample->seed},
              {"rows", result.sample->rows > 0 ? Json(result.sample->rows) : Json(nullptr)},
              {"share", result.sample->share > 0 ? Json(result.sample->share) : Json(nullptr)}};
  Json document = {{"duration_seconds", Seconds(result.duration_us)},
                   {"sample", sample},
                   {"failed", result.failed},
                   {"tables", Json::array()}};
  for (const auto& table : result.tables) {
    auto json = Named(table.table);
    json["status"] = table.failure ? "failed" : table.is_equal ? "equal" : "different";
    json["rows_source"] = table.rows_source;
    json["rows_landed"] = table.rows_landed;
    json["missing"] = table.missing;
    json["extra"] = table.extra;
    json["different"] = table.different;
    json["pending"] = table.pending;
    json["examples"] = table.examples;
    json["error"] = ErrorJson(table.failure);
    json["warnings"] = table.warnings;
    document["tables"].push_back(std::move(json));
  }
  AddDatabases(result.databases, document);
  return Dump(document);
}

std::string CompactJson(const CompactResult& result) {
  Json document = {{"run_id", result.run_id},
                   {"started_at", FormatUtcSeconds(result.started_us)},
                   {"duration_seconds", Seconds(result.duration_us)},
                   {"failed", result.failed},
                   {"tables", Json::array()}};
  for (const auto& table : result.tables) {
    auto json = Named(table.table);
    json["status"] = Name(table.outcome);
    json["compacted"] = table.has_changed;
    json["scd_type"] = table.scd_type;
    json["soft_delete"] = table.soft_delete;
    json["version"] = table.version;
    json["rows"] = table.rows;
    json["bytes"] = table.bytes;
    json["files"] = table.files;
    json["pruned_files"] = table.pruned_files;
    json["duration_seconds"] = Seconds(table.duration_us);
    json["error"] = ErrorJson(table.failure);
    document["tables"].push_back(std::move(json));
  }
  return Dump(document);
}

std::string StatusJson(const StatusResult& result, std::int64_t now_us) {
  Json document = {{"tables", Json::array()}, {"others", Json::array()}};
  for (const auto& table : result.tables) {
    auto json = Named(table.table);
    json["version"] = table.version;
    json["rows"] = table.rows;
    json["files"] = table.files;
    json["last_run"] = {{"run_id", table.last_run_id},
                        {"mode", table.last_mode},
                        {"reason", table.last_reason},
                        {"finished_at", TimeOrNull(table.last_run_us)}};
    json["checked_at"] = TimeOrNull(table.checked_us);
    json["expires_at"] = table.expires_us ? TimeOrNull(*table.expires_us) : Json(nullptr);
    json["expires_in_seconds"] =
        table.expires_us ? Json((*table.expires_us - now_us) / 1'000'000) : Json(nullptr);
    json["lag_seconds"] =
        table.checked_us > 0 ? Json((now_us - table.checked_us) / 1'000'000) : Json(nullptr);
    json["lag_versions"] = OrNull(table.lag_versions);
    json["next_reason"] = table.next_reason.empty() ? Json(nullptr) : Json(table.next_reason);
    json["interval_seconds"] =
        table.interval_us ? Json(*table.interval_us / 1'000'000) : Json(nullptr);
    json["loading_rows"] = OrNull(table.loading_rows);
    json["last_error"] = ErrorJson(table.last_failure);
    if (table.last_failure) {
      json["last_error"]["run_id"] = table.last_failure_run_id;
      json["last_error"]["at"] = TimeOrNull(table.last_failure_us);
    }
    json["warnings"] = table.warnings;
    json["error"] = ErrorJson(table.failure);
    document["tables"].push_back(std::move(json));
  }
  for (const auto& other : result.others) document["others"].push_back(Named(other));
  AddDatabases(result.databases, document);
  return Dump(document);
}

}  // namespace tidemark::cli
