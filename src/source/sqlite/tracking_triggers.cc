#include "source/sqlite/tracking_triggers.h"

#include <functional>
#include <optional>

#include "base/text.h"
#include "source/sqlite/column_types.h"
#include "source/sqlite/index_sql.h"
#include "source/sqlite/tracking.h"

namespace tidemark::sqlite {
namespace {

const CatalogColumn* FindColumn(const CatalogTable& table, std::string_view name) {
  for (auto& column : table.columns)
    if (EqualsNoCase(column.name, name)) return &column;
  return nullptr;
}

// The column that a term of an index is; null: an expression. The rowid's alias has no name of its
// own in an index, and automatic indexes have no expressions.
const CatalogColumn* ColumnOf(const CatalogTable& table, const UniqueIndex& index,
                              const IndexSql& parsed, std::size_t term) {
  if (!index.terms[term].column.empty()) return FindColumn(table, index.terms[term].column);
  if (!table.rowid_alias) return nullptr;
  auto& alias = table.columns[*table.rowid_alias];
  if (term >= parsed.terms.size()) return &alias;
  bool is_alias = QuoteIdentifier(alias.name) == parsed.terms[term] ||
                  EqualsNoCase(alias.name, parsed.terms[term]);
  return is_alias ? &alias : nullptr;
}

// Rows that one uniqueness of the table would push out for the new row.
struct Displacement {
  std::string match;  // a condition on rows of the table
  std::optional<std::string>
      moved;  // whether an UPDATE changes what is unique; none: cannot be told
};

class TriggerTexts {
 public:
  TriggerTexts(const CatalogTable& table, std::int64_t id) : table_(table), id_(id) {
    name_ = QuoteIdentifier(table.name);
    from_ = name_;
    // In a table of that name NEW."a" would be its own column.
    if (EqualsNoCase(table.name, "new") || EqualsNoCase(table.name, "old"))
      from_ += " AS \"_tidemark_row\"";
    for (int column : table.key) key_.push_back(QuoteIdentifier(table.columns[column].name));
    note_ = "INSERT INTO " + LogName(id) + "(existed";
    for (std::size_t i = 1; i <= key_.size(); ++i) note_ += ",k" + std::to_string(i);
    note_ += ")";
    FindDisplacements();
  }

  std::vector<TriggerText> All() const {
    return {Trigger("bi", "BEFORE INSERT", "", BeforeInsert()),
            Trigger("ai", "AFTER INSERT", "", Note("VALUES(", "0", "NEW.") + ");"),
            Trigger("bu", "BEFORE UPDATE", UpdateCondition(), BeforeUpdate()),
            Trigger("au", "AFTER UPDATE", "",
                    Note("VALUES(", "1", "OLD.") + ");" + Note("SELECT ", "0", "NEW.") + " WHERE " +
                        KeyMoved() + ";"),
            Trigger("ad", "AFTER DELETE", "", Note("VALUES(", "1", "OLD.") + ");")};
  }

 private:
  TriggerText Trigger(const char* suffix, const char* event, const std::string& when,
                      const std::string& body) const {
    std::string name = std::string(kOwnPrefix) + std::to_string(id_) + "_" + suffix;
    return {name, "CREATE TRIGGER " + QuoteIdentifier(name) + " " + event + " ON " + name_ +
                      " FOR EACH ROW" + (when.empty() ? "" : " WHEN " + when) + " BEGIN " + body +
                      " END"};
  }

  // Nonce and time are defaults of the log: a text that is half as long halves what every program
  // pays that opens a database of thousands of tables.
  std::string Note(const char* verb, const char* existed, const char* row) const {
    std::string sql = note_ + " " + verb + existed;
    for (auto& column : key_) sql += "," + (row + column);
    return sql;
  }

  std::string NoteRows(const std::string& condition) const {
    return Note("SELECT ", "1", "") + " FROM " + from_ + " WHERE " + condition + ";";
  }

  // The value that is stored in the end: OR REPLACE turns NULL into the default of a NOT NULL
  // column.
  std::string NewValue(const CatalogColumn& column) const {
    auto value = "NEW." + QuoteIdentifier(column.name);
    if (!column.is_not_null || !column.default_sql) return value;
    return "coalesce(" + value + ",(" + *column.default_sql + "\n))";
  }

  // By bytes: the collation of a column may be coarser than that of an index.
  std::string Moved(const CatalogColumn& column) const {
    auto name = QuoteIdentifier(column.name);
    auto sql = "NEW." + name + " IS NOT OLD." + name;
    if (!EqualsNoCase(column.collation, "BINARY")) sql += " COLLATE BINARY";
    // Only here are 1 and 1.0 two storage classes of one key.
    bool is_any = table_.is_strict && EqualsNoCase(column.declared_type, "ANY");
    if (is_any || AffinityOf(column.declared_type) == Affinity::kBlob)
      sql += " OR typeof(NEW." + name + ")<>typeof(OLD." + name + ")";
    return sql;
  }

  std::string KeyMoved() const {
    std::string sql;
    for (int column : table_.key)
      sql += (sql.empty() ? "" : " OR ") + Moved(table_.columns[column]);
    return sql;
  }

  // The expression over the new row, which stands in for the table under its name.
  std::string OverNewRow(const std::string& expression) const {
    std::string columns;
    for (auto& column : table_.columns) {
      if (CountMentions(expression, column.name) == 0) continue;
      auto value = NewValue(column);
      if (value.starts_with("coalesce")) value += " COLLATE " + QuoteIdentifier(column.collation);
      columns += (columns.empty() ? "" : ",") + value + " AS " + QuoteIdentifier(column.name);
    }
    return "(SELECT " + expression + "\n FROM (SELECT " + (columns.empty() ? "1" : columns) +
           ") AS " + name_ + ")";
  }

  Displacement OfIndex(const UniqueIndex& index) const {
    Displacement rows;
    auto parsed = ParseIndexSql(index.sql);
    std::string moved;
    bool has_expression = false;
    for (std::size_t i = 0; i < index.terms.size(); ++i) {
      auto& term = index.terms[i];
      auto* column = ColumnOf(table_, index, parsed, i);
      has_expression = has_expression || !column;
      if (i > 0) rows.match += " AND ";
      if (column) {
        rows.match += QuoteIdentifier(column->name);
        if (!EqualsNoCase(column->collation, term.collation))
          rows.match += " COLLATE " + QuoteIdentifier(term.collation);
        rows.match += "=" + NewValue(*column);
        moved += (moved.empty() ? "" : " OR ") + Moved(*column);
      } else {
        const auto& expression = parsed.terms[i];
        rows.match += "(" + expression + "\n) COLLATE " + QuoteIdentifier(term.collation) + "=" +
                      OverNewRow(expression);
      }
    }
    // Rows that the index holds; whether it will hold the new row too is left open, a note too many
    // does no harm.
    if (!parsed.where.empty()) rows.match += " AND (" + parsed.where + "\n)";
    if (!index.is_partial && !has_expression) rows.moved = moved;
    return rows;
  }

  void FindDisplacements() {
    if (table_.rowid_alias) {
      auto name = QuoteIdentifier(table_.columns[*table_.rowid_alias].name);
      displacements_.push_back({name + "=NEW." + name, "NEW." + name + "<>OLD." + name});
    } else if (!table_.is_without_rowid && !table_.rowid_name.empty()) {
      // REPLACE INTO t(rowid, …) pushes out by the rowid too.
      auto& name = table_.rowid_name;
      displacements_.push_back({name + "=NEW." + name, "NEW." + name + "<>OLD." + name});
    }
    for (auto& index : table_.unique_indexes) displacements_.push_back(OfIndex(index));
  }

  std::string BeforeInsert() const {
    std::string body;
    for (auto& rows : displacements_) body += NoteRows(rows.match);
    return body;
  }

  std::string UpdateCondition() const {
    std::string condition;
    for (auto& rows : displacements_) {
      if (!rows.moved) return {};
      condition += (condition.empty() ? "" : " OR ") + *rows.moved;
    }
    return condition;
  }

  std::string BeforeUpdate() const {
    std::string other_row;
    for (auto& column : key_) {
      other_row += other_row.empty() ? "" : " OR ";
      other_row += column + " IS NOT OLD." + column + " COLLATE BINARY";
    }
    std::string body;
    for (auto& rows : displacements_) {
      if (rows.moved)
        body += NoteRows("(" + *rows.moved + ") AND " + rows.match);
      else
        body += NoteRows(rows.match + " AND (" + other_row + ")");
    }
    return body;
  }

  const CatalogTable& table_;
  std::int64_t id_;
  std::string name_, from_, note_;
  std::vector<std::string> key_;
  std::vector<Displacement> displacements_;
};

}  // namespace

std::vector<TriggerText> TriggersOf(const CatalogTable& table, std::int64_t id) {
  return TriggerTexts(table, id).All();
}

std::uint64_t DigestOf(std::string_view trigger_name, std::string_view trigger_sql) {
  // Lives no longer than a snapshot, so the library's own hash will do.
  std::hash<std::string_view> hash;
  return hash(trigger_name) * 0x9E3779B97F4A7C15u + hash(trigger_sql);
}

std::vector<std::string> KeyCollations(const CatalogTable& table) {
  std::vector<std::string> collations;
  for (int column : table.key) collations.push_back(table.columns[column].collation);
  for (auto& index : table.unique_indexes) {
    if (!index.is_primary_key) continue;
    for (auto& term : index.terms) {
      for (std::size_t i = 0; i < table.key.size(); ++i)
        if (EqualsNoCase(term.column, table.columns[table.key[i]].name))
          collations[i] = term.collation;
    }
  }
  return collations;
}

// The declarations of all generated columns, which may be made of each other.
static std::string GeneratedColumns(const CatalogTable& table) {
  std::string text;
  for (auto& declaration : ParseIndexSql(table.sql).terms) {
    auto* column = FindColumn(table, FirstName(declaration));
    if (column && column->generated != CatalogColumn::Generated::kNo) text += declaration + "\n";
  }
  return text;
}

std::string UnforeseeableIndex(const CatalogTable& table) {
  if (!table.rowid_alias) return {};
  // A BEFORE trigger does not know the rowid that SQLite is about to choose.
  auto& alias = table.columns[*table.rowid_alias].name;
  for (auto& index : table.unique_indexes) {
    auto parsed = ParseIndexSql(index.sql);
    for (std::size_t i = 0; i < index.terms.size(); ++i) {
      auto* column = ColumnOf(table, index, parsed, i);
      bool is_generated = column && column->generated != CatalogColumn::Generated::kNo;
      if (column && !is_generated) continue;
      auto text = is_generated ? GeneratedColumns(table) : parsed.terms[i];
      if (CountMentions(text, alias) > 0) return index.name;
    }
  }
  return {};
}

}  // namespace tidemark::sqlite
