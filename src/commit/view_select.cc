#include "commit/view_select.h"

#include <arrow/type.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/text.h"
#include "model/sql_text.h"

namespace tidemark::commit {
ViewSelect::ViewSelect(const Spelling& spelling, const LandedState& state)
    : spelling_(&spelling), state_(&state), prefix_("__tm_") {
  auto is_taken = [&](const Column& column) {
    return AsciiLower(column.name).starts_with(prefix_);
  };
  while (std::ranges::any_of(state.columns, is_taken)) prefix_ += "_";
}

std::string ViewSelect::Name(std::string_view name) const {
  return QuoteIdentifier(name, spelling_->name_mark);
}

std::string ViewSelect::Own(std::string_view name) const {
  return Name(prefix_ + std::string(name));
}

std::string ViewSelect::Columns() const {
  std::string text;
  for (const auto& column : state_->columns) text += (text.empty() ? "" : ", ") + Name(column.name);
  return text;
}

std::string ViewSelect::ValueOf(const Column& column, const Reading& read) const {
  // Between two renames of the table every file has the same names.
  std::set<std::int64_t> renamed_us;
  for (const auto& former : state_->former_names) renamed_us.insert(former.until_us);
  auto value_at = [&](std::int64_t timestamp_us) {
    auto name = NameInFiles(*state_, column, timestamp_us);
    return name ? read(*name) : "CAST(NULL AS " + spelling_->type(*column.type) + ")";
  };
  auto now = value_at(std::numeric_limits<std::int64_t>::max());
  std::string cases;
  bool was_other = false;
  for (auto until_us : renamed_us) {
    auto then = value_at(until_us - 1);
    was_other |= then != now;
    cases += " WHEN " + At() + " < " + QuoteText(FormatFileTimestamp(until_us)) + " THEN " + then;
  }
  return was_other ? "CASE" + cases + " ELSE " + now + " END" : now;
}

std::vector<std::string> ViewSelect::NamesOf(const Column& column) const {
  std::vector<std::string> names = {column.name};
  for (const auto& former : state_->former_names) {
    auto name = NameInFiles(*state_, column, former.until_us - 1);
    if (name && std::ranges::find(names, *name) == names.end()) names.push_back(*name);
  }
  return names;
}

std::string ViewSelect::ColumnsOfBase() const {
  std::string text;
  for (const auto& column : state_->columns) {
    auto name = NameInFiles(*state_, column, state_->base.timestamp_us);
    auto value = name ? Name(*name) : "CAST(NULL AS " + spelling_->type(*column.type) + ")";
    if (!text.empty()) text += ", ";
    text += name == column.name ? value : value + " AS " + Name(column.name);
  }
  return text;
}

// A column of the key, in the one spelling of what is one key to its database.
std::string ViewSelect::KeyColumn(const std::string& column, const std::string& of) const {
  auto name = of + Name(column);
  auto found = std::ranges::find(state_->columns, column, &Column::name);
  auto spelling = found == state_->columns.end() ? tidemark::Spelling::kExact : found->spelling;
  if (spelling == tidemark::Spelling::kExact) return name;
  return spelling == tidemark::Spelling::kCase ? "lower(rtrim(" + name + "))"
                                               : "rtrim(" + name + ")";
}

std::string ViewSelect::Key() const {
  std::string text;
  for (const auto& column : state_->key) text += (text.empty() ? "" : ", ") + KeyColumn(column, "");
  return text;
}

std::string ViewSelect::SameKey(std::string_view a, std::string_view b) const {
  std::string text;
  for (const auto& column : state_->key)
    text += (text.empty() ? "" : " AND ") + KeyColumn(column, std::string(a) + ".") + " = " +
            KeyColumn(column, std::string(b) + ".");
  return text;
}

std::string ViewSelect::Changes(const ViewFiles& files, bool above_base) const {
  auto first_us = above_base ? state_->base.timestamp_us : state_->base_timestamp_us;
  return "SELECT " + Columns() + ", " + Version() + ", " + Operation() + ", " + At() + " FROM " +
         files.changes + " WHERE " + At() + (above_base ? " > " : " >= ") +
         QuoteText(FormatFileTimestamp(first_us));
}

// Which rows of the base are the table.
std::string ViewSelect::LiveInBase() const {
  if (state_->base.scd_type == 2) return Name(kIsCurrentColumn);
  return state_->base.soft_delete ? "NOT " + Name(kIsDeletedColumn) : "true";
}

// A table without a key: the files of its last run, or the base made of them.
std::string ViewSelect::WithoutKey(const ViewFiles& files, const std::string& added_to_changes,
                                   const std::string& added_to_base) const {
  if (has_base(files)) return "SELECT " + Columns() + added_to_base + " FROM " + files.base;
  return "SELECT " + Columns() + added_to_changes + " FROM (" + Changes(files, false) + ")";
}

std::string ViewSelect::Current(const ViewFiles& files) const {
  if (state_->key.empty()) return WithoutKey(files, "", "");
  bool uses_base = has_base(files);
  auto newest = Own("newest"), nth = Own("nth");
  auto of_base = "SELECT " + Columns() + " FROM " + files.base + " AS b WHERE " + LiveInBase();
  if (!files.has_changes) return of_base;
  auto text = "WITH " + newest + " AS (SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY " +
              Key() + " ORDER BY " + At() + " DESC, " + Version() + " DESC) AS " + nth +
              "\n  FROM (" + Changes(files, uses_base) + "))\n  WHERE " + nth + " = 1)\n";
  if (uses_base)
    text += of_base + "\n  AND NOT EXISTS (SELECT 1 FROM " + newest + " AS n WHERE " +
            SameKey("n", "b") + ")\nUNION ALL\n";
  return text + "SELECT " + Columns() + " FROM " + newest + " WHERE " + Operation() + " <> 'D'";
}

// The row as one value that tells apart what is landed as different: zeros by their sign.
std::string ViewSelect::Values() const {
  std::string text;
  for (const auto& column : state_->columns) {
    if (std::ranges::find(state_->key, column.name) != state_->key.end()) continue;
    auto type = column.type ? column.type->id() : arrow::Type::NA;
    bool is_real = type == arrow::Type::DOUBLE || type == arrow::Type::FLOAT;
    auto name = Name(column.name);
    text += text.empty() ? "" : ", ";
    text += is_real ? "CAST(" + name + " AS " + spelling_->text_type + ")" : name;
  }
  return std::string(spelling_->row) + "(" + (text.empty() ? "1" : text) + ")";
}

// The rows that happened to keys, in order; what the base has of a key comes before them. A deleted
// row of the base counts as operation X: it has values, and is gone.
std::string ViewSelect::Events(const ViewFiles& files, bool uses_base,
                               bool keeps_deleted_of_base) const {
  std::string text;
  if (uses_base) {
    const auto& base = state_->base;
    auto version = base.scd_type == 2 ? Name(kStartVersionColumn)
                                      : "CAST(" + std::to_string(base.version) + " AS BIGINT)";
    bool has_deleted = keeps_deleted_of_base && base.soft_delete;
    auto operation = has_deleted ? "CASE WHEN " + Name(kIsDeletedColumn) + " THEN 'X' ELSE 'L' END"
                                 : std::string("'L'");
    auto where = LiveInBase();
    if (has_deleted) where += " OR " + Name(kIsDeletedColumn);
    text = "SELECT " + Columns() + ", " + version + " AS " + Version() + ", " + operation + " AS " +
           Operation() + ", '' AS " + At() + " FROM " + files.base + " WHERE " + where;
  }
  if (files.has_changes || !uses_base)
    text += (text.empty() ? "" : "\n  UNION ALL ") + Changes(files, uses_base);
  return text;
}

std::string ViewSelect::History(const ViewFiles& files) const {
  auto added = [&](const std::string& start, const std::string& end, const std::string& current,
                   const std::string& deleted) {
    return ", " + start + " AS " + Name(kStartVersionColumn) + ", " + end + " AS " +
           Name(kEndVersionColumn) + ", " + current + " AS " + Name(kIsCurrentColumn) +
           (keeps_deleted() ? ", " + deleted + " AS " + Name(kIsDeletedColumn) : "");
  };
  const auto& base = state_->base;
  const std::string none = "CAST(NULL AS BIGINT)";
  if (state_->key.empty())
    return WithoutKey(
        files, added(Version(), none, "true", "false"),
        added(base.scd_type == 2 ? Name(kStartVersionColumn)
                                 : "CAST(" + std::to_string(base.version) + " AS BIGINT)",
              none, "true", "false"));
  // The data files know more than a base of current rows, as long as they are all there.
  bool uses_base = has_base(files) && base.has_pruned;
  auto events = Own("events"), kept = Own("kept"), before = Own("before"), same = Own("same");
  auto next = Own("next"), next_operation = Own("next_operation"), after = Own("after");
  auto over = " OVER (PARTITION BY " + Key() + " ORDER BY " + At() + ", " + Version() + ")";
  auto values = Values();
  auto text = "WITH " + events + " AS (" + Events(files, uses_base, false) + "),\n" + kept +
              " AS (SELECT *, lead(" + Version() + ")" + over + " AS " + next + ", lead(" +
              Operation() + ")" + over + " AS " + next_operation + ",\n    lead(" + Operation() +
              ", 2)" + over + " AS " + after + "\n  FROM (SELECT *, coalesce(lag(" + Operation() +
              ")" + over + ", 'D') AS " + before + ", lag(" + values + ")" + over +
              " IS NOT DISTINCT FROM " + values + " AS " + same + "\n    FROM " + events +
              ")\n  WHERE NOT (" + before + " <> 'D' AND " + Operation() + " <> 'D' AND " + same +
              ") AND NOT (" + before + " = 'D' AND " + Operation() + " = 'D'))\n" + "SELECT " +
              Columns() +
              added(Version(), next, next + " IS NULL",
                    "(coalesce(" + next_operation + ", '') = 'D' AND " + after + " IS NULL)") +
              "\nFROM " + kept + " WHERE " + Operation() + " <> 'D'";
  if (!uses_base || base.scd_type != 2) return text;
  auto deleted = base.soft_delete
                     ? "b." + Name(kIsDeletedColumn) + " AND NOT EXISTS (SELECT 1 FROM " + events +
                           " AS e WHERE " + Operation() + " <> 'D' AND " + SameKey("e", "b") + ")"
                     : std::string("false");
  return text + "\nUNION ALL\nSELECT " + Columns() +
         added(Name(kStartVersionColumn), Name(kEndVersionColumn), "false", deleted) + "\nFROM " +
         files.base + " AS b WHERE NOT " + Name(kIsCurrentColumn);
}

std::string ViewSelect::WithDeleted(const ViewFiles& files) const {
  auto is_deleted = [&](const std::string& text) {
    return ", " + text + " AS " + Name(kIsDeletedColumn);
  };
  if (state_->key.empty()) return WithoutKey(files, is_deleted("false"), is_deleted("false"));
  const auto& base = state_->base;
  bool uses_base = has_base(files) && (base.soft_delete || base.has_pruned);
  auto last = Own("last"), nth = Own("nth");
  auto over =
      " OVER (PARTITION BY " + Key() + " ORDER BY " + At() + " DESC, " + Version() + " DESC) AS ";
  return "SELECT " + Columns() + is_deleted("(" + last + " = 'D' OR " + last + " = 'X')") +
         "\nFROM (SELECT *, row_number()" + over + nth + " FROM (SELECT *, first_value(" +
         Operation() + ")" + over + last + "\n  FROM (" + Events(files, uses_base, true) +
         "))\n  WHERE " + Operation() + " <> 'D')\nWHERE " + nth + " = 1";
}

std::string ViewSelect::WhyNot(std::initializer_list<const char*> added) const {
  for (const auto& column : state_->columns)
    for (const char* name : added)
      if (AsciiLower(column.name) == name) return "a column is called " + std::string(name);
  return {};
}

std::string ViewSelect::WhyNoHistory() const {
  if (keeps_deleted())
    return WhyNot({kStartVersionColumn, kEndVersionColumn, kIsCurrentColumn, kIsDeletedColumn});
  return WhyNot({kStartVersionColumn, kEndVersionColumn, kIsCurrentColumn});
}

std::string ViewSelect::WhyNoDeleted() const { return WhyNot({kIsDeletedColumn}); }

}  // namespace tidemark::commit
