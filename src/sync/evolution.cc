#include "sync/evolution.h"

#include <arrow/type.h>

#include <algorithm>

namespace tidemark {
namespace {

using Columns = std::vector<const Column*>;

Columns OwnColumns(const std::vector<Column>& columns) {
  Columns own;
  for (const auto& column : columns)
    if (column.storage_class_of.empty()) own.push_back(&column);
  return own;
}

Columns::const_iterator FindName(const Columns& columns, const std::string& name) {
  return std::ranges::find(columns, name, [](const Column* c) { return c->name; });
}

bool IsSameKind(const Column* a, const Column* b) { return a->source_type == b->source_type; }

// Landed and present columns side by side, one gap between columns of equal names at a time.
class Alignment {
 public:
  Alignment(const LandedState& state, const TableStatus& status)
      : landed_(OwnColumns(state.columns)),
        present_(OwnColumns(status.table.columns)),
        statements_(status.schema_version - state.schema_version) {}

  Evolution Run() {
    if (HaveIdentities()) return RunByIdentity();
    MatchIdentities();
    if (IsSameOrder()) MatchPlaces();
    for (const auto* column : landed_)
      if (IsGone(column)) evolution_.dropped.push_back(*column);
    for (const auto* column : present_)
      if (IsNew(column)) evolution_.added.push_back(*column);
    // Of several kinds, names may have wandered: a to b after b to c looks like a dropped, c added.
    int kinds =
        !evolution_.added.empty() + !evolution_.dropped.empty() + !evolution_.renamed.empty();
    evolution_.is_certain = kinds <= 1 && Statements() == statements_ && AddedStandLast();
    return std::move(evolution_);
  }

 private:
  bool IsRenamed(const std::string& name, bool is_former) const {
    return std::ranges::any_of(evolution_.renamed, [&](const auto& names) {
      return name == (is_former ? names.first : names.second);
    });
  }
  bool IsGone(const Column* landed) const {
    return FindName(present_, landed->name) == present_.end() && !IsRenamed(landed->name, true);
  }
  bool IsNew(const Column* present) const {
    return FindName(landed_, present->name) == landed_.end() && !IsRenamed(present->name, false);
  }
  // Every column tells which one it is, so that nothing has to be guessed from names and places.
  bool HaveIdentities() const {
    auto has_id = [](const Column* column) { return column->id.has_value(); };
    return !landed_.empty() && std::ranges::all_of(landed_, has_id) &&
           std::ranges::all_of(present_, has_id);
  }

  Evolution RunByIdentity() {
    auto find = [](const Columns& columns, const Column* of) {
      return std::ranges::find(columns, of->id, [](const Column* c) { return c->id; });
    };
    for (const auto* landed : landed_) {
      auto found = find(present_, landed);
      if (found == present_.end())
        evolution_.dropped.push_back(*landed);
      else if ((*found)->name != landed->name)
        evolution_.renamed.emplace_back(landed->name, (*found)->name);
    }
    for (const auto* present : present_)
      if (find(landed_, present) == landed_.end()) evolution_.added.push_back(*present);
    evolution_.is_certain = true;
    return std::move(evolution_);
  }

  std::int64_t Statements() const {
    return std::ssize(evolution_.added) + std::ssize(evolution_.dropped) +
           std::ssize(evolution_.renamed);
  }

  void MatchIdentities() {
    for (const auto* landed : landed_) {
      if (!landed->id || !IsGone(landed)) continue;
      auto found = std::ranges::find(present_, landed->id, [](const Column* c) { return c->id; });
      if (found != present_.end() && IsNew(*found))
        evolution_.renamed.emplace_back(landed->name, (*found)->name);
    }
  }

  bool IsSameOrder() const {
    auto from = present_.begin();
    for (const auto* landed : landed_) {
      auto found = FindName(present_, landed->name);
      if (found == present_.end()) continue;
      if (found < from) return false;
      from = found;
    }
    return true;
  }

  void MatchPlaces() {
    std::size_t i = 0, j = 0;
    while (i < landed_.size() || j < present_.size()) {
      Columns gone, came;
      while (i < landed_.size() && FindName(present_, landed_[i]->name) == present_.end())
        gone.push_back(landed_[i++]);
      while (j < present_.size() && FindName(landed_, present_[j]->name) == landed_.end())
        came.push_back(present_[j++]);
      bool is_end = i == landed_.size() && j == present_.size();
      MatchGap(gone, came, is_end);
      ++i;
      ++j;
    }
  }

  void MatchGap(const Columns& gone, const Columns& came, bool is_end) {
    if (gone.empty() || !std::ranges::equal(gone, came, IsSameKind)) return;
    // Columns that were dropped and others that were added look the same there.
    if (is_end && std::ssize(gone) + ChangesBefore(gone.front()) != statements_) return;
    for (std::size_t k = 0; k < gone.size(); ++k)
      if (IsGone(gone[k]) && IsNew(came[k]))
        evolution_.renamed.emplace_back(gone[k]->name, came[k]->name);
  }

  // Columns that went or were renamed before the last gap.
  std::int64_t ChangesBefore(const Column* first_of_gap) const {
    std::int64_t count = 0;
    for (const auto* landed : landed_) {
      if (landed == first_of_gap) break;
      count += FindName(present_, landed->name) == present_.end();
    }
    return count;
  }

  // As ADD COLUMN puts them; others were there before and were left out.
  bool AddedStandLast() const {
    std::size_t last = 0;
    for (const auto& column : evolution_.added) {
      auto place = static_cast<std::size_t>(FindName(present_, column.name) - present_.begin());
      last = std::max(last, place + 1);
    }
    return evolution_.added.empty() ||
           (last == present_.size() && IsNew(present_[present_.size() - evolution_.added.size()]));
  }

  const Columns landed_, present_;
  const std::int64_t statements_;
  Evolution evolution_;
};

// A landed column under the name that it has now.
Column Renamed(Column column, const Evolution& evolution) {
  if (column.storage_class_of.empty()) {
    column.name = evolution.NameNow(column.name);
    return column;
  }
  auto now = evolution.NameNow(column.storage_class_of);
  if (now != column.storage_class_of && column.name.starts_with(column.storage_class_of))
    column.name = now + column.name.substr(column.storage_class_of.size());
  column.storage_class_of = now;
  return column;
}

bool HasName(const std::vector<Column>& columns, const std::string& name) {
  return std::ranges::find(columns, name, &Column::name) != columns.end();
}

}  // namespace

std::string Evolution::NameNow(const std::string& former) const {
  for (const auto& [before, now] : renamed)
    if (before == former) return now;
  return former;
}

Evolution Evolve(const LandedState& state, const TableStatus& status) {
  auto evolution = Alignment(state, status).Run();
  // What was not chosen may have been there before, or been renamed to what is: it is not new then.
  if (!state.config.fingerprint.empty()) evolution.is_certain = false;
  return evolution;
}

std::vector<Column> PresentColumns(const LandedState& state, const Evolution& evolution) {
  std::vector<Column> columns;
  for (const auto& column : state.columns) columns.push_back(Renamed(column, evolution));
  return columns;
}

LandedState Evolved(const LandedState& state, const Evolution& evolution, Table& table,
                    std::int64_t renamed_at_us) {
  auto next = state;
  next.last_field_id = std::max(next.last_field_id, kLastLeadFieldId);
  for (auto& column : next.columns) {
    auto former = column;
    column = Renamed(std::move(column), evolution);
    if (column.name == former.name) continue;
    if (renamed_at_us > 0 && former.field_id > 0)
      next.former_names.push_back({former.field_id, former.name, renamed_at_us});
    next.dropped.push_back(std::move(former));
  }
  for (auto& column : table.columns) {
    auto known = std::ranges::find(next.columns, column.name, &Column::name);
    bool is_known = known != next.columns.end() && known->field_id > 0;
    column.field_id = is_known ? known->field_id : ++next.last_field_id;
  }
  for (auto& column : next.columns)
    if (!HasName(table.columns, column.name)) next.dropped.push_back(column);
  // Which is no longer true of a name that is there again. The last of a name stands.
  std::vector<Column> dropped;
  for (auto it = next.dropped.rbegin(); it != next.dropped.rend(); ++it)
    if (!HasName(table.columns, it->name) && !HasName(dropped, it->name)) dropped.push_back(*it);
  std::ranges::reverse(dropped);
  next.dropped = std::move(dropped);
  next.columns = table.columns;
  for (auto& name : next.key) name = evolution.NameNow(name);
  return next;
}

std::vector<std::string> MixedColumns(const LandedState& state, const Table& table) {
  std::vector<std::string> mixed;
  for (const auto& column : table.columns)
    for (const auto* landed : {&state.columns, &state.dropped}) {
      auto found = std::ranges::find(*landed, column.name, &Column::name);
      if (found == landed->end() || !found->type || found->type->Equals(*column.type)) continue;
      mixed.push_back(column.name);
      break;
    }
  return mixed;
}

}  // namespace tidemark
