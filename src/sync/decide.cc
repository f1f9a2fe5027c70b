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
bool HasSameKeyTypes(const Table& table, const LandedState& state) {
  auto type_in = [](const std::vector<Column>& columns, const std::string& name) {
    auto it = std::ranges::find(columns, name, &Column::name);
    return it == columns.end() ? std::string() : TypeName(*it->type);
  };
  return std::ranges::all_of(table.key, [&](const std::string& name) {
    return type_in(table.columns, name) == type_in(state.columns, name);
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

std::optional<Error> Refusal(Mode mode, const LandedState& state, const TableStatus& status) {
  for (const auto& column : status.table.columns)
    for (const char* reserved : {kVersionColumn, kCreationVersionColumn, kOperationColumn})
      if (column.name == reserved)
        return Error{ErrorKind::kUnsupported,
                     "table " + Display(status.table.name) + ": column \"" + column.name +
                         "\" has the name of a column that landed files add",
                     "rename the column, or leave the table out with --exclude"};
  if (mode == Mode::kIncremental && !state.is_loaded)
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

Table WithLandedTypes(const Table& table, const LandedState& state) {
  Table typed = table;
  typed.columns.clear();
  for (const auto& column : table.columns) {
    auto landed = std::ranges::find(state.columns, column.name, &Column::name);
    if (landed == state.columns.end() || landed->source_type != column.source_type ||
        !landed->storage_class_of.empty()) {
      typed.columns.push_back(column);
      continue;
    }
    typed.columns.push_back(column);
    typed.columns.back().type = landed->type;
    auto next = std::next(landed);
    if (next != state.columns.end() && next->IsClassOf(column)) typed.columns.push_back(*next);
  }
  return typed;
}

Decision Decide(Mode mode, const LandedState& state, const TableStatus& status,
                const LandedConfig& config) {
  if (auto refusal = Refusal(mode, state, status)) {
    Decision failed{.table = status.table};
    failed.error = std::move(refusal);
    return failed;
  }
  if (!state.is_loaded) {
    auto first = Load(Reason::kFirstLoad, status.table, /*is_first=*/true);
    if (!state.load) return first;
    first.starts_over_because = WhyStartOver(*state.load, status, config);
    first.goes_on = first.starts_over_because.empty();
    if (first.goes_on) {
      LandedState as_begun;
      as_begun.columns = state.load->columns;
      first.table = WithLandedTypes(status.table, as_begun);
    }
    return first;
  }

  bool is_same_schema = state.fingerprint == status.table.fingerprint;
  auto table = is_same_schema ? WithLandedTypes(status.table, state) : status.table;
  // A key that could not serve (NULLs, several classes) was dropped when the table was landed.
  bool is_key_dropped = is_same_schema && state.key.empty() && !table.key.empty();
  if (is_key_dropped) table.key.clear();

  bool is_other_key = state.key != table.key || !HasSameKeyTypes(table, state);
  auto load = [&](Reason reason) {
    auto decision = Load(reason, table, /*is_first=*/false);
    if (is_other_key) {
      decision.lands_deletes = false;
      decision.replaces_older_files = true;
    }
    return decision;
  };
  if (is_other_key) return load(Reason::kKeyChanged);
  if (state.config != config) {
    auto decision = load(Reason::kConfigChanged);
    // Plain values and hashes do not mix, and the plain ones must not stay.
    if (state.config.hashing != config.hashing) decision.replaces_older_files = true;
    // One table's files are all of one format: no reader understands both at once.
    decision.replaces_older_files |= state.config.format != config.format;
    return decision;
  }
  if (mode == Mode::kFull) return load(Reason::kModeFull);
  if (!is_same_schema) return load(Reason::kSchemaChanged);

  bool is_tracked = status.min_valid_version.has_value() && !is_key_dropped;
  // Its tracking vanished with the table it was made for.
  if (!is_tracked && !is_key_dropped && status.history == History::kRecreated)
    return load(Reason::kRecreated);
  if (!is_tracked || state.position.incarnation.empty()) {
    bool has_key = !table.key.empty();
    return {.action = has_key ? Action::kCompare : Action::kCompareOrLoad,
            .reason = Reason::kNoTracking,
            .table = std::move(table),
            .replaces_older_files = !has_key};
  }
  if (auto reason = BrokenHistory(state, status)) return load(*reason);
  // DROP COLUMN and ADD COLUMN change rows without a trigger, and may leave the same definition:
  // then only the rows themselves can tell.
  if (status.schema_version != state.schema_version)
    return {
        .action = Action::kCompare, .reason = Reason::kSchemaChanged, .table = std::move(table)};
  if (status.current == state.position)
    return {.action = Action::kNothing, .reason = Reason::kNoChanges, .table = std::move(table)};
  return {.action = Action::kChanges, .reason = Reason::kChanges, .table = std::move(table)};
}

}  // namespace tidemark
