#include "source/sqlite/sql_slice.h"

#include <utility>

#include "source/sqlite/column_builder.h"

namespace tidemark::sqlite {
namespace {

std::string KeyList(const CatalogTable& catalog) {
  std::string list;
  for (int column : catalog.key) {
    if (!list.empty()) list += ", ";
    list += QuoteIdentifier(catalog.columns[column].name);
  }
  return list;
}

// (?, ?, …) for a key, or for one column just ?: SQLite refuses a row value of one.
std::string Compare(const CatalogTable& catalog, const char* comparison) {
  std::string marks;
  for (std::size_t i = 0; i < catalog.key.size(); ++i) marks += i == 0 ? "?" : ", ?";
  if (catalog.key.size() == 1) return KeyList(catalog) + comparison + marks;
  return "(" + KeyList(catalog) + ")" + comparison + "(" + marks + ")";
}

// What to select, and where from: text and the values of its marks.
struct Query {
  std::string sql;
  std::vector<KeyValue> values;
};

std::string Columns(const Table& table) {
  std::string list;
  for (const auto& column : table.columns) {
    if (!column.storage_class_of.empty()) continue;
    if (!list.empty()) list += ", ";
    list += QuoteIdentifier(column.name);
  }
  return list;
}

void AddRowidRange(Query& query, const CatalogTable& catalog, const SliceBounds& bounds,
                   const SlicePosition& after) {
  const auto& name = catalog.rowid_name;
  query.sql += " where " + name + (after.rowid ? " > ?" : " >= ?") + " and " + name +
               " <= ? order by " + name;
  query.values = {after.rowid.value_or(bounds.first_rowid), bounds.last_rowid};
}

void AddKeyRange(Query& query, const CatalogTable& catalog, const SliceBounds& bounds,
                 const SlicePosition& after) {
  auto add = [&](const char* comparison, const KeyValues& key) {
    query.sql += query.values.empty() ? " where " : " and ";
    query.sql += Compare(catalog, comparison);
    query.values.insert(query.values.end(), key.begin(), key.end());
  };
  if (!after.key.empty()) {
    add(" > ", after.key);
  } else if (!bounds.from.empty()) {
    add(" >= ", bounds.from);
  }
  if (!bounds.to.empty()) add(" < ", bounds.to);
  query.sql += " order by " + KeyList(catalog);
}

Query QueryOf(const CatalogTable& catalog, const Table& table, const SliceBounds& bounds,
              const SlicePosition& after) {
  auto from = " from main." + QuoteIdentifier(catalog.name);
  Query query;
  switch (bounds.kind) {
    case SliceBounds::Kind::kAll:
      query.sql = "select " + Columns(table) + from;
      break;
    case SliceBounds::Kind::kRowid:
      query.sql = "select " + catalog.rowid_name + ", " + Columns(table) + from;
      AddRowidRange(query, catalog, bounds, after);
      break;
    case SliceBounds::Kind::kKey:
      query.sql = "select " + KeyList(catalog) + ", " + Columns(table) + from;
      AddKeyRange(query, catalog, bounds, after);
      break;
  }
  return query;
}

class StatementSlice final : public SqlSlice {
 public:
  StatementSlice(Statement statement, BatchBuilder builder, const Table& table,
                 SliceBounds::Kind kind, int key_columns)
      : statement_(std::move(statement)),
        builder_(std::move(builder)),
        table_(table),
        kind_(kind),
        key_columns_(key_columns) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].storage_class_of.empty()) columns_.push_back(static_cast<int>(i));
    }
  }

  Status SkipRows(std::int64_t count) {
    while (count-- > 0 && TRY(statement_.Step())) continue;
    return {};
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const SliceLimits& limits,
                                                   SlicePosition& position) override {
    while (!is_done_ && builder_.rows() < limits.rows && builder_.bytes() < limits.bytes) {
      is_done_ = !TRY(statement_.Step());
      if (!is_done_) TRY(AppendRow());
    }
    if (builder_.rows() == 0) return std::shared_ptr<arrow::RecordBatch>();
    position.rows += builder_.rows();
    position.rowid = last_.rowid;
    position.key = last_.key;
    return builder_.Finish();
  }

 private:
  Status AppendRow() {
    auto* row = statement_.raw();
    int result_column = key_columns_;
    for (int column : columns_) {
      if (!builder_.AppendStatement(column, row, result_column++)) [[unlikely]]
        return Fail(Misfit(table_, column));
    }
    builder_.EndRow();
    if (kind_ == SliceBounds::Kind::kRowid) last_.rowid = sqlite3_column_int64(row, 0);
    if (kind_ == SliceBounds::Kind::kKey) {
      last_.key.resize(static_cast<std::size_t>(key_columns_));
      for (int i = 0; i < key_columns_; ++i) last_.key[i] = ReadKeyValue(row, i);
    }
    return {};
  }

  Statement statement_;
  BatchBuilder builder_;
  const Table table_;
  const SliceBounds::Kind kind_;
  const int key_columns_;      // of the result, in front of the table's
  std::vector<int> columns_;   // of the table, that values are read for
  SlicePosition last_;
  bool is_done_ = false;
};

}  // namespace

Result<std::unique_ptr<SqlSlice>> SqlSlice::Open(Connection& connection,
                                                 const CatalogTable& catalog, const Table& table,
                                                 const SliceBounds& bounds,
                                                 const SlicePosition& after) {
  auto query = QueryOf(catalog, table, bounds, after);
  auto statement = TRY(connection.Prepare(query.sql));
  for (std::size_t i = 0; i < query.values.size(); ++i)
    TRY(BindKeyValue(statement, static_cast<int>(i) + 1, query.values[i]));
  auto builder = TRY(BatchBuilder::Make(table));
  int key_columns = 0;
  if (bounds.kind == SliceBounds::Kind::kRowid) key_columns = 1;
  if (bounds.kind == SliceBounds::Kind::kKey) key_columns = static_cast<int>(catalog.key.size());
  auto slice = std::make_unique<StatementSlice>(std::move(statement), std::move(builder), table,
                                                bounds.kind, key_columns);
  if (bounds.kind == SliceBounds::Kind::kAll) TRY(slice->SkipRows(after.rows));
  return slice;
}

}  // namespace tidemark::sqlite
