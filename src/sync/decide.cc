#include "sync/decide.h"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

Decision Load(Reason reason, Table table, bool is_first) {
  Decision decision{.action = Action::kLoad, .reason = reason, .table = std::move(table)};
  bool has_key = !decision.table.key.empty();
  decision.lands_deletes = !is_first && has_key;
  decision.replaces_older_files = !is_first && !has_key;
  return decision;
}

// Types of the key's columns; what was landed under other ones cannot be compared with new rows.
bool HasSameKeyTypes(const Table& table, const std::vector<Column>& landed) {
  auto type_in = [](const std::vector<Column>& columns, const std::string& name) {
    auto it = std::ranges::find(columns, name, &Column::name);
    return it == columns.end() ? std::string() : TypeName(*it->type);
  };
  return std::ranges::all_of(table.key, [&](const std::string& name) {
    return type_in(table.columns, name) == type_in(landed, name);
  });
}

std::optional<Reason> BrokenHistory(const LandedState& state, const TableStatus& status) {
  switch (status.history) {
    case History::kRecreated:
      return Reason::kRecreated;
    case History::kRestored:
      return Reason::kRestored;
    case History::kTruncated:
      return Reason::kTruncated;
    case History::kSchemaChanged:
      return Reason::kSchemaChanged;
    case History::kSame:
      break;
  }
  if (status.current.version < state.position.version) return Reason::kRestored;
  if (state.position.version < *status.min_valid_version) return Reason::kExpired;
  return std::nullopt;
}

std::optional<Error> Refusal(Mode mode, const LandedState& state, const TableStatus& status,
                             bool can_adopt) {
  for (const auto& column : status.table.columns)
    for (const char* reserved : {kVersionColumn, kCreationVersionColumn, kOperationColumn})
      if (column.name == reserved)
        return Error{ErrorKind::kUnsupported,
                     "table " + Display(status.table.name) + ": column \"" + column.name +
                         "\" has the name of a column that landed files add",
                     "rename the column, or leave the table out with --exclude"};
  if (mode == Mode::kIncremental && !state.is_loaded && !can_adopt)
    return Error{ErrorKind::kInvalid,
                 "table " + Display(status.table.name) +
                     ": mode incremental needs an earlier sync, and there is none",
                 "run once with --mode full_incremental"};
  return std::nullopt;
}

}  // namespace

std::string WhyStartOver(const UnfinishedLoad& load, const TableStatus& status,
                         const LandedConfig& config) {
  if (!status.min_valid_version) return "its changes are not tracked any more";
  // The same text may hide a column that was dropped and added, and VACUUM gives rows new places:
  // both move the schema's version.
  if (load.fingerprint != status.table.fingerprint || load.schema_version != status.schema_version)
    return "the database's schema was touched since";
  if (load.key != status.table.key) return "its key is another one";
  if (load.config != config) return "it was begun with other options";
  if (status.history != History::kSame || load.fence.incarnation != status.current.incarnation ||
      load.newest.version > status.current.version)
    return "the table's history since then is broken";
  if (load.fence.version < *status.min_valid_version)
    return "the changes since it began are not kept any more";
  return {};
}

Table WithLandedTypes(const Table& table, const std::vector<Column>& landed_columns) {
  Table typed = table;
  typed.columns.clear();
  for (const auto& column : table.columns) {
    typed.columns.push_back(column);
    auto landed = std::ranges::find(landed_columns, column.name, &Column::name);
    if (landed == landed_columns.end()) continue;
    typed.columns.back().field_id = landed->field_id;
    if (landed->source_type != column.source_type || !landed->storage_class_of.empty()) continue;
    typed.columns.back().type = landed->type;
    auto next = std::next(landed);
    if (next != landed_columns.end() && next->IsClassOf(column)) typed.columns.push_back(*next);
  }
  return typed;
}

namespace {

// One table's case, with what several rules ask for.
class Case {
 public:
  Case(const LandedState& state, const TableStatus& status, const DecisionSettings& settings)
      : state_(state), status_(status), settings_(settings), evolution_(Evolve(state, status)) {
    auto landed = PresentColumns(state, evolution_);
    table_ = WithLandedTypes(status.table, landed);
    // A key that could not serve (NULLs, several classes) was dropped when the table was landed.
    is_key_dropped_ = is_same_schema() && state.key.empty() && !table_.key.empty();
    if (is_key_dropped_) table_.key.clear();
    auto key = state.key;
    for (auto& name : key) name = evolution_.NameNow(name);
    is_other_key_ = key != table_.key || !HasSameKeyTypes(table_, landed);
    // Readers tell rows apart by the key's names.
    is_key_renamed_ = key != state.key && !FollowsRenames();
    is_mixed_ = !MixedColumns(state, table_).empty();
  }

  Decision Decide() const {
    if (is_other_key_) return Load(Reason::kKeyChanged);
    if (state_.config != settings_.config) return LoadOtherwise();
    if (settings_.mode == Mode::kFull) return Load(Reason::kModeFull);
    // Renames were followed by views, and are no more: plain names must tell again.
    if (!state_.former_names.empty() && settings_.on_rename == OnRename::kBackfill)
      return Load(Reason::kConfigChanged);

    bool is_tracked = status_.min_valid_version.has_value() && !is_key_dropped_;
    // Its tracking vanished with the table it was made for.
    if (!is_tracked && !is_key_dropped_ && status_.history == History::kRecreated)
      return Load(Reason::kRecreated);
    bool can_follow = is_tracked && !state_.position.incarnation.empty();
    if (can_follow)
      if (auto reason = BrokenHistory(state_, status_)) return Load(*reason);
    if (is_mixed_ || (!evolution_.renamed.empty() && !FollowsRenames()))
      return Load(Reason::kSchemaChanged);
    if (!can_follow)
      return Compare(evolution_.any() ? Reason::kSchemaChanged : Reason::kNoTracking);
    if (IsTouched())
      return AreOldRowsKnown() ? Plain(Action::kChanges, Reason::kSchemaChanged)
                               : Compare(Reason::kSchemaChanged);
    if (status_.is_unchanged && status_.is_empty && MayHaveLandedRows())
      return Load(Reason::kTruncated);
    if (status_.is_unchanged || status_.current == state_.position)
      return Plain(Action::kNothing, Reason::kNoChanges);
    return Plain(Action::kChanges, Reason::kChanges);
  }

 private:
  bool is_same_schema() const { return state_.fingerprint == status_.table.fingerprint; }

  // Columns landed before there were field ids cannot be followed by them.
  bool FollowsRenames() const {
    return settings_.on_rename == OnRename::kViews &&
           std::ranges::all_of(evolution_.renamed, [&](const auto& names) {
             auto landed = std::ranges::find(state_.columns, names.first, &Column::name);
             return landed != state_.columns.end() && landed->field_id > 0;
           });
  }

  // An empty table without a change since it had rows has lost them in a way that is not noted.
  // Rows of files are counted with those that delete, so that one load more may be needed than is.
  bool MayHaveLandedRows() const {
    bool is_known_empty = state_.last_run.mode == "full" && state_.last_run.rows == 0;
    return !is_known_empty && (state_.live_rows > 0 || state_.base.rows > 0);
  }

  // DROP COLUMN and ADD COLUMN change rows without a trigger, and may leave the same definition:
  // then only the rows themselves can tell.
  bool IsTouched() const {
    return evolution_.any() || !is_same_schema() || status_.schema_version != state_.schema_version;
  }

  // No row can have other values than those that are landed: what was added is NULL in all of them.
  // Older files may have a column of that name, which plain readers would take for it.
  bool AreOldRowsKnown() const {
    return evolution_.any() && evolution_.is_certain &&
           std::ranges::all_of(evolution_.added, [&](const Column& column) {
             auto has_name = [&](const std::vector<Column>& columns) {
               return std::ranges::find(columns, column.name, &Column::name) != columns.end();
             };
             return column.starts_null && !has_name(state_.dropped) && !has_name(state_.columns);
           });
  }

  Decision Plain(Action action, Reason reason) const {
    Decision decision{.action = action, .reason = reason, .table = table_};
    decision.evolution = evolution_;
    return decision;
  }

  Decision Compare(Reason reason) const {
    bool has_key = !table_.key.empty();
    auto decision = Plain(has_key ? Action::kCompare : Action::kCompareOrLoad, reason);
    decision.replaces_older_files = !has_key;
    return decision;
  }

  Decision Load(Reason reason) const {
    auto decision = tidemark::Load(reason, table_, /*is_first=*/false);
    decision.evolution = evolution_;
    if (is_other_key_ || is_key_renamed_) decision.lands_deletes = false;
    // Older files whose names meant other columns mislead those who do not follow renames.
    bool has_former_names =
        !state_.former_names.empty() && settings_.on_rename == OnRename::kBackfill;
    if (is_other_key_ || is_key_renamed_ || is_mixed_ || has_former_names)
      decision.replaces_older_files = true;
    return decision;
  }

  Decision LoadOtherwise() const {
    auto decision = Load(Reason::kConfigChanged);
    // Plain values and hashes do not mix, and the plain ones must not stay.
    if (state_.config.hashing != settings_.config.hashing) decision.replaces_older_files = true;
    // One table's files are all of one format: no reader understands both at once.
    decision.replaces_older_files |= state_.config.format != settings_.config.format;
    return decision;
  }

  const LandedState& state_;
  const TableStatus& status_;
  const DecisionSettings& settings_;
  const Evolution evolution_;
  Table table_;
  bool is_key_dropped_ = false, is_other_key_ = false, is_key_renamed_ = false, is_mixed_ = false;
};

}  // namespace

namespace {

// Whether the rows that another program landed are as good as ours: its version is one of this very
// history, and what it wrote has the columns that we would write.
bool CanAdopt(const TableStatus& status, const DecisionSettings& settings) {
  return settings.foreign_version && status.has_server_versions && status.min_valid_version &&
         !status.table.key.empty() && settings.mode != Mode::kFull &&
         settings.config == LandedConfig() &&
         *settings.foreign_version >= *status.min_valid_version &&
         *settings.foreign_version <= status.current.version;
}

Decision Adopt(const TableStatus& status, std::int64_t version) {
  Decision decision{.action = Action::kChanges, .reason = Reason::kChanges, .table = status.table};
  decision.adopted_version = version;
  return decision;
}

}  // namespace

Decision Decide(const LandedState& state, const TableStatus& status,
                const DecisionSettings& settings) {
  if (auto refusal = Refusal(settings.mode, state, status, CanAdopt(status, settings))) {
    Decision failed{.table = status.table};
    failed.error = std::move(refusal);
    return failed;
  }
  if (!state.is_loaded) {
    auto first = Load(Reason::kFirstLoad, status.table, /*is_first=*/true);
    if (!state.load && CanAdopt(status, settings)) return Adopt(status, *settings.foreign_version);
    if (!state.load) return first;
    first.starts_over_because = WhyStartOver(*state.load, status, settings.config);
    first.goes_on = first.starts_over_because.empty();
    if (first.goes_on) first.table = WithLandedTypes(status.table, state.load->columns);
    return first;
  }
  return Case(state, status, settings).Decide();
}

}  // namespace tidemark
