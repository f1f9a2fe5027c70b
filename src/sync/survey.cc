#include "sync/survey.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/hash.h"
#include "base/text.h"
#include "commit/views.h"
#include "sync/choice.h"

namespace tidemark {
namespace {

std::string Fingerprint(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) AppendPart(part, text);
  return Sha256Hex(text).substr(0, 16);
}

// In whatever order and case they were given.
std::string NamesAsOne(std::vector<std::string> names) {
  for (auto& name : names) name = AsciiLower(name);
  std::ranges::sort(names);
  return Fingerprint(names);
}

// Layouts of all tables. Names that some file systems would mix up are told apart.
std::vector<TableLayout> Layouts(const std::vector<TableName>& names) {
  std::unordered_map<std::string, std::vector<std::string>> by_folded_part;
  for (const auto& name : names)
    by_folded_part[AsciiLower(PathPart(name.name))].push_back(name.name);
  std::vector<TableLayout> layouts;
  layouts.reserve(names.size());
  for (const auto& name : names) {
    const auto& siblings = by_folded_part[AsciiLower(PathPart(name.name))];
    layouts.push_back(
        {name,
         {PathPart(name.database), PathPart(name.schema),
          siblings.size() > 1 ? PathPart(name.name, siblings) : PathPart(name.name)}});
  }
  return layouts;
}

Status CheckGlobs(const SyncOptions& options, const std::vector<TableName>& names) {
  for (const auto& glob : options.include) {
    auto matches = [&](const TableName& name) { return MatchesGlob(glob, name); };
    if (std::ranges::any_of(names, matches)) continue;
    std::string some;
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 10); ++i)
      some += (i ? ", " : "") + Display(names[i]);
    return Fail(ErrorKind::kInvalid, "--table \"" + glob + "\" matches no table of the source",
                names.empty() ? "the source has no tables"
                              : "tables: " + some + (names.size() > 10 ? ", …" : ""));
  }
  return {};
}

Status CheckIdentity(const LandedState& state, const SyncOptions& options, const Survey& survey) {
  if (options.adopts_moved_source || !state.is_loaded ||
      IsSameSource(state.source_identity, survey.source_identity))
    return {};
  return Fail(ErrorKind::kInvalid,
              "the destination holds table " + Display(state.name) + " of database \"" +
                  state.name.database + "\" from another source (" + state.source_identity + ")",
              "give this one a name of its own with --database NAME, or, if the file was moved, "
              "take over with --adopt");
}

// Tables that were landed and that the source no longer lists.
Status AddDropped(ObjectStore& store, const SyncOptions& options, Survey& survey,
                  const std::vector<TableLayout>& layouts) {
  // A source without tables does not tell its database's name.
  std::string prefix(kStatePrefix);
  if (!layouts.empty())
    prefix += layouts.front().path.database + "/" + layouts.front().path.schema + "/";
  // Those that are still there have told whose the destination is, also when it was just adopted.
  bool is_ours =
      std::ranges::any_of(survey.tables, [](const SurveyedTable& t) { return t.state.is_loaded; });
  std::vector<std::string> known;
  for (const auto& layout : layouts) known.push_back(layout.StateKey());
  std::ranges::sort(known);
  return ForEachObject(store, prefix, [&](const ObjectInfo& object) -> Status {
    if (std::ranges::binary_search(known, object.key)) return {};
    auto state = ParseState(TRY(store.Get(object.key)).bytes);
    if (!state || !state->is_loaded) return {};
    if (layouts.empty() && !IsSameSource(state->source_identity, survey.source_identity)) return {};
    // Also where it is not chosen: one destination holds one source.
    if (!is_ours) TRY(CheckIdentity(*state, options, survey));
    if (!IsChosen(options, state->name)) return {};
    SurveyedTable gone{.layout = {state->name, {}}, .state = *state};
    gone.report.name = state->name;
    gone.report.outcome = TableOutcome::kSkipped;
    gone.report.reason = Reason::kNoChanges;
    gone.report.is_incremental = true;
    gone.report.version = state->position.version;
    gone.report.warnings.push_back("table " + Display(state->name) +
                                   " is no longer in the source; what was landed stays");
    survey.tables.push_back(std::move(gone));
    return {};
  });
}

// The watermark is a view of the state for others, who may have removed it or had one here before
// us.
Status LookAtWatermark(ObjectStore& store, SurveyedTable& table) {
  auto key = table.layout.WatermarkPrefix() + "watermarks.json";
  auto first = store.ReadRange(key, 0, 1);
  bool is_there = first.has_value();
  if (!is_there && first.error().kind != ErrorKind::kNotFound) return Fail(first.error());
  // While a commit is pending its views may not be written yet.
  table.has_lost_watermark = !is_there && table.state.is_loaded && table.state.pending.empty();
  auto& warnings = table.report.warnings;
  if (table.has_lost_watermark)
    warnings.push_back(key +
                       " was gone and is written again from the table's state; to land the "
                       "table anew, use --mode full");
  if (!is_there || table.state.is_loaded) return {};
  auto version = ForeignWatermark(store, table.layout);
  if (version) {
    table.foreign_version = *version;
    return {};
  }
  if (version.error().kind != ErrorKind::kCorrupt) return Fail(version.error());
  warnings.push_back(version.error().message + "; the table is landed anew");
  return {};
}

Status PeekOne(ObjectStore& store, SurveyedTable& table) {
  auto state = Landing::Peek(store, table.layout);
  if (state) {
    table.state = std::move(*state);
    return LookAtWatermark(store, table);
  }
  auto kind = state.error().kind;
  if (kind != ErrorKind::kCorrupt && kind != ErrorKind::kUnsupported) return Fail(state.error());
  // Only this table's own record is broken; the others go on.
  table.report.outcome = TableOutcome::kFailed;
  table.report.error = OfTable(table.layout.name, state.error());
  return {};
}

Status PeekAll(ObjectStore& store, WorkerPool& pool, std::vector<SurveyedTable>& tables) {
  constexpr std::size_t kTablesATask = 64;
  TaskGroup group(pool);
  for (std::size_t first = 0; first < tables.size(); first += kTablesATask)
    group.Add([&, first]() -> Status {
      auto end = std::min(first + kTablesATask, tables.size());
      for (auto i = first; i < end; ++i) TRY(PeekOne(store, tables[i]));
      return {};
    });
  return group.Wait();
}

// A database that went back to before the newest row of a load has another history than that row.
const Position* LastReadOf(const LandedState& state) {
  if (state.is_loaded) return &state.position;
  return state.load ? &state.load->newest : nullptr;
}

void WarnOfForeignFiles(SurveyedTable& table) {
  if (!table.foreign_version) return;
  auto key = table.layout.WatermarkPrefix() + "watermarks.json";
  if (table.decision.adopted_version)
    table.report.warnings.push_back(key + " is another system's, which had read up to version " +
                                    std::to_string(*table.foreign_version) +
                                    ": its files are gone on with");
  else
    table.report.warnings.push_back(key +
                                    " is another system's: the table is landed anew, beside the "
                                    "files that are there");
}

// An error: a setting cannot be followed that was not followed before, so that it is a mistake in
// the configuration. Where the source has changed instead, it is this table's failure alone.
Status DecideTable(Snapshot& snapshot, const SyncOptions& options,
                   const std::string& source_identity, SurveyedTable& table) {
  auto& report = table.report;
  auto& load = table.state.load;
  // Of another database: nothing of it can be used here.
  if (load && !IsSameSource(load->source_identity, source_identity)) load.reset();
  auto status = snapshot.Inspect(table.layout.name, LastReadOf(table.state));
  auto config = ConfigOf(options, table.layout.name);
  auto fail = [&](Error error) -> Status {
    report.outcome = TableOutcome::kFailed;
    report.error = OfTable(table.layout.name, std::move(error));
    return {};
  };
  bool is_new_setting = !table.state.is_loaded || table.state.config != config;
  if (!status && status.error().kind == ErrorKind::kInvalid && is_new_setting)
    return Fail(OfTable(table.layout.name, status.error()));
  // Listed a moment ago, and dropped before the snapshot began.
  if (!status && status.error().kind == ErrorKind::kNotFound) {
    report.outcome = TableOutcome::kSkipped;
    report.warnings.push_back("table " + Display(table.layout.name) +
                              " was dropped as the run began; what was landed stays");
    return {};
  }
  if (!status) return fail(status.error());
  table.status = std::move(*status);
  const auto& warnings = table.status->table.warnings;
  report.warnings.insert(report.warnings.end(), warnings.begin(), warnings.end());
  if (!table.status->unsupported_because.empty()) {
    report.outcome = TableOutcome::kSkipped;
    report.warnings.push_back("table " + Display(table.layout.name) +
                              " is left out: " + table.status->unsupported_because);
    return {};
  }
  table.decision = Decide(table.state, *table.status,
                          {.mode = options.ModeOf(table.layout.name),
                           .config = config,
                           .on_rename = options.SettingsOf(table.layout.name).on_rename,
                           .foreign_version = table.foreign_version});
  if (table.decision.error) return fail(*table.decision.error);
  WarnOfForeignFiles(table);
  const auto& decision = table.decision;
  report.reason = decision.reason;
  report.is_incremental =
      decision.action != Action::kLoad && decision.action != Action::kCompareOrLoad;
  report.version = table.status->current.version;
  if (table.state.is_loaded) report.since_version = table.state.position.version;
  if (decision.adopted_version) report.since_version = decision.adopted_version;
  return {};
}

}  // namespace

bool IsSameSource(std::string_view a, std::string_view b) {
  auto split = [](std::string_view text) {
    auto space = text.find(' ');
    return space == text.npos ? std::pair(std::string_view("-"), text)
                              : std::pair(text.substr(0, space), text.substr(space + 1));
  };
  auto [a_id, a_location] = split(a);
  auto [b_id, b_location] = split(b);
  return a_id != "-" && b_id != "-" ? a_id == b_id : a_location == b_location;
}

LandedConfig ConfigOf(const SyncOptions& options, const TableName& name) {
  LandedConfig config{.format = options.format, .fingerprint = {}, .hashing = {}};
  const auto& settings = options.SettingsOf(name);
  bool is_all = settings.columns.empty() && settings.exclude.empty() && settings.where.empty();
  if (!is_all)
    config.fingerprint =
        Fingerprint({NamesAsOne(settings.columns), NamesAsOne(settings.exclude), settings.where});
  if (settings.hash.empty()) return config;
  // A hash under the key tells whether it is the same key, and nothing else of it.
  std::array<char, 64> proof;
  const std::string_view message[] = {"tidemark: which key hashed the columns"};
  HmacSha256(options.hash_key).HexOf(message, proof);
  config.hashing =
      Fingerprint({NamesAsOne(settings.hash), std::string(proof.data(), proof.size())});
  return config;
}

bool IsChosen(const SyncOptions& options, const TableName& name) {
  if (!options.only.empty() && !options.only.contains(name)) return false;
  if (options.chosen && !options.chosen->contains(Display(name))) return false;
  auto matches = [&](const std::string& glob) { return MatchesGlob(glob, name); };
  return (options.include.empty() || std::ranges::any_of(options.include, matches)) &&
         std::ranges::none_of(options.exclude, matches);
}

Presentation PresentationOf(const SyncOptions& options, const TableName& name) {
  const auto& settings = options.SettingsOf(name);
  auto schema = options.catalog_schemas.find(name.schema);
  return {.catalog = options.catalog,
          .schema = schema == options.catalog_schemas.end() ? std::string() : schema->second,
          .scd_type = settings.scd_type,
          .soft_delete = settings.soft_delete};
}

Error OfTable(const TableName& name, Error error) {
  auto prefix = "table " + Display(name);
  if (error.message.starts_with(prefix)) return error;
  return std::move(error).While(prefix);
}

Result<Survey> LookAround(Source& source, ObjectStore& store, WorkerPool& pool,
                          const SyncOptions& options, const std::string& temp_dir) {
  Survey survey;
  TRY(CheckHashKey(options));
  survey.source_identity = TRY(source.Identity());
  auto names = TRY(source.ListTables());
  TRY(CheckGlobs(options, names));
  auto layouts = Layouts(names);
  for (const auto& layout : layouts) {
    if (!IsChosen(options, layout.name)) continue;
    SurveyedTable table{.layout = layout};
    table.report.name = layout.name;
    survey.tables.push_back(std::move(table));
  }
  TRY(PeekAll(store, pool, survey.tables));
  for (const auto& table : survey.tables) TRY(CheckIdentity(table.state, options, survey));
  TRY(AddDropped(store, options, survey, layouts));
  survey.snapshot = WithChoices(TRY(source.OpenSnapshot(temp_dir)), options);
  std::vector<Question> questions;
  for (const auto& table : survey.tables)
    if (table.report.outcome == TableOutcome::kOk)
      questions.push_back({.name = table.layout.name, .last = LastReadOf(table.state)});
  TRY(survey.snapshot->Expect(questions));
  for (auto& table : survey.tables) {
    if (options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    if (table.report.outcome == TableOutcome::kOk)
      TRY(DecideTable(*survey.snapshot, options, survey.source_identity, table));
  }
  std::ranges::sort(survey.tables, {}, [](const SurveyedTable& t) { return t.layout.name; });
  return survey;
}

}  // namespace tidemark
