#include "source/sqlite/read_rows.h"

#include <algorithm>
#include <utility>

#include "base/failpoint.h"

namespace tidemark::sqlite {
namespace {

int Bind(sqlite3_stmt* statement, int index, const KeyValue& value) {
  if (auto* integer = std::get_if<std::int64_t>(&value))
    return sqlite3_bind_int64(statement, index, *integer);
  if (auto* real = std::get_if<double>(&value)) return sqlite3_bind_double(statement, index, *real);
  if (auto* text = std::get_if<std::string>(&value))
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  const auto& bytes = std::get<Blob>(value).bytes;
  return sqlite3_bind_blob64(statement, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                             SQLITE_TRANSIENT);
}

KeyValue ValueOf(sqlite3_stmt* statement, int column) {
  auto bytes = [&] {
    auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
    auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return data ? std::string(data, size) : std::string();
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(statement, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return bytes();
    default:
      return Blob{bytes()};
  }
}

std::string Joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// The statement of a request and what its result columns are.
struct Query {
  std::string sql;
  std::vector<KeyValue> bindings;
  std::vector<int> columns;  // index in Table::columns of each result column
  int position_columns = 0;  // behind those: the rowid, or the key
};

// Row values compare with the collations of their left side, which are the table's own.
void AddKeyRange(const KeyRange& range, const std::vector<std::string>& key,
                 std::vector<std::string>* conditions, Query* query) {
  for (bool is_lower : {true, false}) {
    const auto& bound = is_lower ? range.after : range.up_to;
    if (bound.empty()) continue;
    std::string marks;
    for (std::size_t i = 0; i < key.size(); ++i) marks += i == 0 ? "?" : ",?";
    conditions->push_back("(" + Joined(key, ",") + ")" + (is_lower ? ">" : "<=") + "(" + marks +
                          ")");
    query->bindings.insert(query->bindings.end(), bound.begin(), bound.end());
  }
}

Result<Query> BuildQuery(const RowRequest& request) {
  const auto& catalog = *request.catalog;
  Query query;
  std::vector<std::string> results, conditions, key;
  for (std::size_t i = 0; i < request.table->columns.size(); ++i) {
    const auto& column = request.table->columns[i];
    if (!column.storage_class_of.empty()) continue;
    query.columns.push_back(static_cast<int>(i));
    results.push_back(QuoteIdentifier(column.name));
  }
  bool has_keys = catalog.is_without_rowid;
  if (has_keys)
    for (int column : catalog.key)
      key.push_back(QuoteIdentifier(catalog.columns[static_cast<std::size_t>(column)].name));
  else if (!catalog.rowid_name.empty())
    key.push_back(catalog.rowid_name);
  query.position_columns = static_cast<int>(key.size());
  results.insert(results.end(), key.begin(), key.end());
  if (auto* rowids = std::get_if<RowidRange>(&request.range); rowids && *rowids != RowidRange()) {
    if (has_keys || key.empty())
      return Fail(ErrorKind::kInvalid,
                  "table " + catalog.name + " has no rowids to read a range of");
    conditions.push_back(key[0] + " between ? and ?");
    query.bindings = {rowids->first, rowids->last};
  }
  if (auto* keys = std::get_if<KeyRange>(&request.range)) {
    bool fits = has_keys && (keys->after.empty() || keys->after.size() == key.size()) &&
                (keys->up_to.empty() || keys->up_to.size() == key.size());
    if (!fits) return Fail(ErrorKind::kInvalid, "table " + catalog.name + " has no such key");
    AddKeyRange(*keys, key, &conditions, &query);
  }
  if (!request.table->where.empty()) conditions.push_back("(" + request.table->where + "\n)");
  // An index that covers the columns would give another order.
  query.sql = "select " + Joined(results, ",") + " from main." + QuoteIdentifier(catalog.name);
  if (key.empty() && catalog.kind == CatalogTable::Kind::kOrdinary) query.sql += " not indexed";
  if (!conditions.empty()) query.sql += " where " + Joined(conditions, " and ");
  if (!key.empty() && catalog.kind == CatalogTable::Kind::kOrdinary)
    query.sql += " order by " + Joined(key, ",");
  return query;
}

class SqlRowStream final : public RowStream {
 public:
  SqlRowStream(Statement statement, Query query, const RowRequest& request, BatchBuilder builder)
      : statement_(std::move(statement)),
        query_(std::move(query)),
        has_rowids_(!request.catalog->is_without_rowid),
        table_(*request.table),
        limits_(request.limits),
        stop_(request.stop),
        builder_(std::move(builder)) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (stop_.stop_requested())
      return Fail(ErrorKind::kCancelled, "reading of " + Display(table_.name) + " was stopped");
    FAILPOINT(read_batch);
    if (is_done_) return nullptr;
    auto* statement = statement_.raw();
    while (builder_.rows() < limits_.rows && builder_.bytes() < limits_.bytes) {
      if (!TRY(statement_.Step())) {
        is_done_ = true;
        break;
      }
      for (std::size_t i = 0; i < query_.columns.size(); ++i)
        if (!builder_.AppendStatement(query_.columns[i], statement, static_cast<int>(i)))
          return Fail(Misfit(table_, query_.columns[i]));
      builder_.EndRow();
      if (has_rowids_ && query_.position_columns > 0)
        position_.rowid = sqlite3_column_int64(statement, static_cast<int>(query_.columns.size()));
    }
    if (builder_.rows() == 0) return nullptr;
    if (!has_rowids_ && !is_done_) {
      position_.key.clear();
      for (int i = 0; i < query_.position_columns; ++i)
        position_.key.push_back(ValueOf(statement, static_cast<int>(query_.columns.size()) + i));
    }
    return builder_.Finish();
  }

  const RowPosition& position() const override { return position_; }

 private:
  Statement statement_;
  Query query_;
  bool has_rowids_;
  Table table_;
  BatchLimits limits_;
  std::stop_token stop_;
  BatchBuilder builder_;
  RowPosition position_;
  bool is_done_ = false;
};

}  // namespace

std::optional<RowRange> RangeBehind(const RowRange& range, const RowPosition& position) {
  if (position.rowid) {
    RowidRange rest;
    if (auto* rowids = std::get_if<RowidRange>(&range)) rest = *rowids;
    if (*position.rowid >= rest.last) return std::nullopt;
    rest.first = *position.rowid + 1;
    return rest;
  }
  if (position.key.empty()) return range;
  KeyRange rest;
  if (auto* keys = std::get_if<KeyRange>(&range)) rest = *keys;
  rest.after = position.key;
  return rest;
}

Result<std::unique_ptr<RowStream>> OpenSqlRows(Connection& connection, const RowRequest& request) {
  auto query = TRY(BuildQuery(request));
  auto statement = TRY(connection.Prepare(query.sql));
  for (std::size_t i = 0; i < query.bindings.size(); ++i) {
    int code = Bind(statement.raw(), static_cast<int>(i) + 1, query.bindings[i]);
    if (code != SQLITE_OK) return Fail(ErrorOf(connection.raw(), code));
  }
  auto builder = TRY(BatchBuilder::Make(*request.table));
  return std::make_unique<SqlRowStream>(std::move(statement), std::move(query), request,
                                        std::move(builder));
}

}  // namespace tidemark::sqlite
