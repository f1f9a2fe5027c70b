#include "commit/state.h"

#include <arrow/type.h>

#include <algorithm>

#include "commit/json_fields.h"

namespace tidemark {
namespace {

using commit::Fields;
using commit::Json;
using commit::TextJson;

constexpr std::int64_t kFormatVersion = 1;

Json TextsJson(const std::vector<std::string>& texts) {
  Json array = Json::array();
  for (const auto& text : texts) array.push_back(TextJson(text));
  return array;
}

template <class T>
Json OptionalJson(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ColumnsJson(const std::vector<Column>& columns) {
  Json array = Json::array();
  for (const auto& column : columns) {
    Json json = {{"name", TextJson(column.name)},
                 {"type", column.type ? TypeName(*column.type) : ""},
                 {"source_type", TextJson(column.source_type)}};
    if (column.id) json["id"] = *column.id;
    if (column.field_id > 0) json["field_id"] = column.field_id;
    if (!column.storage_class_of.empty())
      json["storage_class_of"] = TextJson(column.storage_class_of);
    if (column.spelling != Spelling::kExact) json["spelling"] = static_cast<int>(column.spelling);
    array.push_back(std::move(json));
  }
  return array;
}

Json SealedJson(const std::vector<SealedObject>& objects) {
  Json array = Json::array();
  for (const auto& object : objects)
    array.push_back({{"key", TextJson(object.key)},
                     {"token", TextJson(object.token)},
                     {"size_bytes", object.size_bytes}});
  return array;
}

Json PositionJson(const Position& position) {
  return {{"version", position.version},
          {"incarnation", TextJson(position.incarnation)},
          {"nonce", TextJson(position.nonce)}};
}

Json ConfigJson(const LandedConfig& config) {
  Json json = {{"format", TextJson(config.format)}, {"fingerprint", TextJson(config.fingerprint)}};
  if (!config.hashing.empty()) json["hashing"] = TextJson(config.hashing);
  return json;
}

Json LoadJson(const UnfinishedLoad& load) {
  return {{"fence", PositionJson(load.fence)},
          {"newest", PositionJson(load.newest)},
          {"source_identity", TextJson(load.source_identity)},
          {"fingerprint", TextJson(load.fingerprint)},
          {"schema_version", load.schema_version},
          {"columns", ColumnsJson(load.columns)},
          {"key", TextsJson(load.key)},
          {"config", ConfigJson(load.config)},
          {"slices", TextsJson(load.slices)},
          {"sealed", SealedJson(load.sealed)},
          {"rows", load.rows}};
}

Json SummaryJson(const RunSummary& run) {
  return {{"run_id", TextJson(run.run_id)},
          {"mode", run.mode},
          {"reason", run.reason},
          {"version", run.version},
          {"since_version", OptionalJson(run.since_version)},
          {"rows", run.rows},
          {"inserted", run.inserted},
          {"updated", run.updated},
          {"deleted", run.deleted},
          {"bytes", run.bytes},
          {"files", TextsJson(run.files)},
          {"duration_ms", run.duration_ms},
          {"finished_us", run.finished_us}};
}

Json PresentationJson(const Presentation& presentation) {
  return {{"catalog", TextJson(presentation.catalog)},
          {"schema", TextJson(presentation.schema)},
          {"scd_type", presentation.scd_type},
          {"soft_delete", OptionalJson(presentation.soft_delete)}};
}

Json BaseJson(const LandedBase& base) {
  Json files = Json::array();
  for (const auto& file : base.files)
    files.push_back({{"key", TextJson(file.key)}, {"size_bytes", file.size_bytes}});
  return {{"timestamp_us", base.timestamp_us}, {"version", base.version},
          {"scd_type", base.scd_type},         {"soft_delete", base.soft_delete},
          {"has_pruned", base.has_pruned},     {"rows", base.rows},
          {"data_files", base.data_files},     {"files", std::move(files)}};
}

Status ReadPresentation(const Json& json, Presentation& presentation) {
  Fields fields(json);
  std::int64_t scd_type = 0;
  fields.Read("catalog", presentation.catalog);
  fields.Read("schema", presentation.schema);
  fields.Read("scd_type", scd_type);
  if (json.is_object() && json.contains("soft_delete") && json["soft_delete"].is_boolean())
    presentation.soft_delete = json["soft_delete"].get<bool>();
  TRY(fields.Done());
  if (scd_type < 0 || scd_type > 2)
    return Fail(ErrorKind::kCorrupt, "scd_type " + std::to_string(scd_type) + " is not known");
  presentation.scd_type = static_cast<int>(scd_type);
  return {};
}

Status ReadBase(const Json& json, LandedBase& base) {
  Fields fields(json);
  std::int64_t scd_type = 0;
  fields.Read("timestamp_us", base.timestamp_us);
  fields.Read("version", base.version);
  fields.Read("scd_type", scd_type);
  fields.Read("soft_delete", base.soft_delete);
  fields.Read("has_pruned", base.has_pruned);
  fields.Read("rows", base.rows);
  fields.Read("data_files", base.data_files);
  fields.ReadEach("files", [&](const Json& element) -> Status {
    auto& file = base.files.emplace_back();
    Fields of_file(element);
    of_file.Read("key", file.key);
    of_file.Read("size_bytes", file.size_bytes);
    return of_file.Done();
  });
  TRY(fields.Done());
  if (scd_type < 1 || scd_type > 2)
    return Fail(ErrorKind::kCorrupt, "scd_type " + std::to_string(scd_type) + " is not known");
  base.scd_type = static_cast<int>(scd_type);
  return {};
}

Status ReadColumn(const Json& json, Column& column) {
  Fields fields(json);
  std::string type;
  fields.Read("name", column.name);
  fields.Read("type", type);
  fields.Read("source_type", column.source_type);
  if (json.is_object() && json.contains("id")) fields.Read("id", column.id);
  if (json.is_object() && json.contains("storage_class_of"))
    fields.Read("storage_class_of", column.storage_class_of);
  if (json.is_object() && json.contains("field_id")) fields.Read("field_id", column.field_id);
  std::int64_t spelling = 0;
  if (json.is_object() && json.contains("spelling")) fields.Read("spelling", spelling);
  TRY(fields.Done());
  if (spelling < 0 || spelling > static_cast<std::int64_t>(Spelling::kCase))
    return Fail(ErrorKind::kCorrupt, "spelling " + std::to_string(spelling) + " is not known");
  column.spelling = static_cast<Spelling>(spelling);
  if (!type.empty()) column.type = TRY(TypeFromName(type));
  return {};
}

// What came with columns that come and go, absent from states before that.
Json FormerNamesJson(const std::vector<FormerName>& names) {
  Json array = Json::array();
  for (const auto& former : names)
    array.push_back({{"field_id", former.field_id},
                     {"name", TextJson(former.name)},
                     {"until_us", former.until_us}});
  return array;
}

Status ReadFormerName(const Json& json, FormerName& former) {
  Fields fields(json);
  fields.Read("field_id", former.field_id);
  fields.Read("name", former.name);
  fields.Read("until_us", former.until_us);
  return fields.Done();
}

void ReadEvolution(const Json& json, Fields& fields, LandedState& state) {
  if (json.contains("last_field_id")) fields.Read("last_field_id", state.last_field_id);
  if (json.contains("dropped"))
    fields.ReadEach("dropped",
                    [&](const Json& j) { return ReadColumn(j, state.dropped.emplace_back()); });
  if (json.contains("former_names"))
    fields.ReadEach("former_names", [&](const Json& j) {
      return ReadFormerName(j, state.former_names.emplace_back());
    });
}

Status ReadSealed(const Json& json, SealedObject& object) {
  Fields fields(json);
  fields.Read("key", object.key);
  fields.Read("token", object.token);
  fields.Read("size_bytes", object.size_bytes);
  return fields.Done();
}

Status ReadSummary(const Json& json, RunSummary& run) {
  Fields fields(json);
  fields.Read("run_id", run.run_id);
  fields.Read("mode", run.mode);
  fields.Read("reason", run.reason);
  fields.Read("version", run.version);
  fields.Read("since_version", run.since_version);
  fields.Read("rows", run.rows);
  fields.Read("inserted", run.inserted);
  fields.Read("updated", run.updated);
  fields.Read("deleted", run.deleted);
  fields.Read("bytes", run.bytes);
  fields.Read("files", run.files);
  fields.Read("duration_ms", run.duration_ms);
  fields.Read("finished_us", run.finished_us);
  return fields.Done();
}

Status ReadPosition(const Json& json, Position& position) {
  Fields fields(json);
  fields.Read("version", position.version);
  fields.Read("incarnation", position.incarnation);
  fields.Read("nonce", position.nonce);
  return fields.Done();
}

Status ReadConfig(const Json& json, LandedConfig& config) {
  Fields fields(json);
  fields.Read("format", config.format);
  fields.Read("fingerprint", config.fingerprint);
  if (json.is_object() && json.contains("hashing")) fields.Read("hashing", config.hashing);
  return fields.Done();
}

Status ReadLoad(const Json& json, UnfinishedLoad& load) {
  Fields fields(json);
  fields.ReadObject("fence", [&](const Json& j) { return ReadPosition(j, load.fence); });
  fields.ReadObject("newest", [&](const Json& j) { return ReadPosition(j, load.newest); });
  fields.Read("source_identity", load.source_identity);
  fields.Read("fingerprint", load.fingerprint);
  fields.Read("schema_version", load.schema_version);
  fields.ReadEach("columns",
                  [&](const Json& j) { return ReadColumn(j, load.columns.emplace_back()); });
  fields.Read("key", load.key);
  fields.ReadObject("config", [&](const Json& j) { return ReadConfig(j, load.config); });
  fields.Read("slices", load.slices);
  fields.ReadEach("sealed",
                  [&](const Json& j) { return ReadSealed(j, load.sealed.emplace_back()); });
  fields.Read("rows", load.rows);
  return fields.Done();
}

Status ReadName(const Json& json, TableName& name) {
  Fields fields(json);
  fields.Read("database", name.database);
  fields.Read("schema", name.schema);
  fields.Read("name", name.name);
  return fields.Done();
}

Status ReadState(const Json& json, LandedState& state) {
  Fields fields(json);
  fields.ReadObject("table", [&](const Json& j) { return ReadName(j, state.name); });
  fields.Read("epoch", state.epoch);
  fields.Read("run_id", state.run_id);
  fields.Read("last_timestamp_us", state.last_timestamp_us);
  fields.Read("is_loaded", state.is_loaded);
  fields.ReadObject("position", [&](const Json& j) { return ReadPosition(j, state.position); });
  fields.Read("source_identity", state.source_identity);
  fields.Read("fingerprint", state.fingerprint);
  fields.Read("schema_version", state.schema_version);
  fields.ReadEach("columns",
                  [&](const Json& j) { return ReadColumn(j, state.columns.emplace_back()); });
  fields.Read("key", state.key);
  if (json.is_object()) ReadEvolution(json, fields, state);
  fields.ReadObject("config", [&](const Json& j) { return ReadConfig(j, state.config); });
  // States of earlier versions lack these two.
  if (json.is_object() && json.contains("presentation"))
    fields.ReadObject("presentation",
                      [&](const Json& j) { return ReadPresentation(j, state.presentation); });
  if (json.is_object() && json.contains("base"))
    fields.ReadObject("base", [&](const Json& j) { return ReadBase(j, state.base); });
  fields.Read("base_timestamp_us", state.base_timestamp_us);
  if (json.is_object() && json.contains("adopted_us")) fields.Read("adopted_us", state.adopted_us);
  fields.Read("retention_seconds", state.retention_seconds);
  fields.Read("live_files", state.live_files);
  fields.Read("live_rows", state.live_rows);
  fields.Read("landed_at_us", state.landed_at_us);
  fields.ReadEach("pending",
                  [&](const Json& j) { return ReadSealed(j, state.pending.emplace_back()); });
  fields.Read("remove", state.remove);
  fields.ReadObject("last_run", [&](const Json& j) { return ReadSummary(j, state.last_run); });
  if (json.is_object() && json.contains("load"))
    fields.ReadObject("load", [&](const Json& j) { return ReadLoad(j, state.load.emplace()); });
  return fields.Done();
}

}  // namespace

Presentation Presentation::With(const Presentation& said) const {
  return {.catalog = said.catalog.empty() ? catalog : said.catalog,
          .schema = said.schema.empty() ? schema : said.schema,
          .scd_type = said.scd_type == 0 ? scd_type : said.scd_type,
          .soft_delete = said.soft_delete ? said.soft_delete : soft_delete};
}

std::string Stamp(const LandedState& state) {
  auto stamp = state.last_run.run_id;
  if (state.base.is_there())
    stamp += "+" + std::to_string(state.base.timestamp_us) + (state.base.has_pruned ? "p" : "");
  return stamp;
}

std::string Serialize(const LandedState& state) {
  Json name = {{"database", TextJson(state.name.database)},
               {"schema", TextJson(state.name.schema)},
               {"name", TextJson(state.name.name)}};
  Json json = {{"format_version", kFormatVersion},
               {"table", std::move(name)},
               {"epoch", state.epoch},
               {"run_id", TextJson(state.run_id)},
               {"last_timestamp_us", state.last_timestamp_us},
               {"is_loaded", state.is_loaded},
               {"position", PositionJson(state.position)},
               {"source_identity", TextJson(state.source_identity)},
               {"fingerprint", TextJson(state.fingerprint)},
               {"schema_version", state.schema_version},
               {"columns", ColumnsJson(state.columns)},
               {"key", TextsJson(state.key)},
               {"last_field_id", state.last_field_id},
               {"dropped", ColumnsJson(state.dropped)},
               {"former_names", FormerNamesJson(state.former_names)},
               {"config", ConfigJson(state.config)},
               {"presentation", PresentationJson(state.presentation)},
               {"base_timestamp_us", state.base_timestamp_us},
               {"adopted_us", state.adopted_us},
               {"retention_seconds", state.retention_seconds},
               {"live_files", state.live_files},
               {"live_rows", state.live_rows},
               {"landed_at_us", state.landed_at_us},
               {"pending", SealedJson(state.pending)},
               {"remove", TextsJson(state.remove)},
               {"last_run", SummaryJson(state.last_run)}};
  if (state.load) json["load"] = LoadJson(*state.load);
  if (state.base.is_there()) json["base"] = BaseJson(state.base);
  return commit::DumpJson(json) + "\n";
}

Result<LandedState> ParseState(std::string_view text) {
  const std::string hint =
      "put the object back from a backup; or remove it and the table's files and land it again";
  auto corrupt = [&](Error error) {
    if (error.kind == ErrorKind::kCorrupt) error.hint = hint;
    return Fail(std::move(error).While("the state cannot be read"));
  };
  auto json = commit::ParseJson(text);
  if (!json) return corrupt(json.error());
  std::int64_t format_version = 0;
  Fields fields(*json);
  fields.Read("format_version", format_version);
  if (auto done = fields.Done(); !done) return corrupt(done.error());
  if (format_version > kFormatVersion)
    return Fail(ErrorKind::kUnsupported,
                "the state has format version " + std::to_string(format_version) +
                    ", this tidemark knows versions up to " + std::to_string(kFormatVersion),
                "use the newer tidemark that wrote it");
  LandedState state;
  if (auto done = ReadState(*json, state); !done) return corrupt(done.error());
  return state;
}

std::optional<std::string> NameInFiles(const LandedState& state, const Column& column,
                                       std::int64_t timestamp_us) {
  std::optional<std::string> name = column.name;
  std::int64_t until_us = 0;
  for (const auto& former : state.former_names) {
    if (timestamp_us >= former.until_us) continue;
    if (former.field_id == column.field_id) {
      // Of several the one that it lost first.
      if (until_us == 0 || former.until_us < until_us) name = former.name;
      until_us = until_us == 0 ? former.until_us : std::min(until_us, former.until_us);
    } else if (until_us == 0 && former.name == column.name) {
      name.reset();
    }
  }
  return name;
}

Status ForEachState(ObjectStore& store,
                    const std::function<Status(const std::string&, Result<LandedState>)>& each) {
  return ForEachObject(store, kStatePrefix, [&](const ObjectInfo& object) -> Status {
    return each(object.key, ParseState(TRY(store.Get(object.key)).bytes));
  });
}

}  // namespace tidemark
