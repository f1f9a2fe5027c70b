#include "source/sqlite/changes.h"

#include <arrow/api.h>

#include <algorithm>
#include <cstring>

#include "base/arrow_result.h"
#include "base/text.h"
#include "source/sqlite/column_builder.h"
#include "source/sqlite/tracking_triggers.h"

namespace tidemark::sqlite {
namespace {

// Result columns of the folded log, before the key's.
enum FoldColumn { kVersion, kExistedBefore, kCreationVersion, kFirstKey };

bool IsNumber(int storage_class) {
  return storage_class == SQLITE_INTEGER || storage_class == SQLITE_FLOAT;
}

std::string_view BytesOf(sqlite3_stmt* row, int column) {
  // Text is asked for before its size: that is what fixes the encoding.
  auto* bytes = sqlite3_column_type(row, column) == SQLITE_TEXT
                    ? reinterpret_cast<const char*>(sqlite3_column_text(row, column))
                    : static_cast<const char*>(sqlite3_column_blob(row, column));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}

// Same storage class and same bytes.
bool IsSameValue(sqlite3_stmt* a, int column_a, sqlite3_stmt* b, int column_b) {
  int storage_class = sqlite3_column_type(a, column_a);
  if (storage_class != sqlite3_column_type(b, column_b)) return false;
  switch (storage_class) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(a, column_a) == sqlite3_column_int64(b, column_b);
    case SQLITE_FLOAT:
      return sqlite3_column_double(a, column_a) == sqlite3_column_double(b, column_b);
    case SQLITE_NULL:
      return true;
    default:
      return BytesOf(a, column_a) == BytesOf(b, column_b);
  }
}

struct KeyColumn {
  int row_column;  // in the row's statement
  bool is_number;  // 1 and 1.0 are one value in a column of its type
};

class ChangeStream final : public BatchStream {
 public:
  ChangeStream(const Table& table, const ChangeLimits& limits, std::stop_token stop)
      : table_(table), limits_(limits), stop_(std::move(stop)) {}
  Status Prepare(Connection& connection, const CatalogTable& catalog, const TrackedTable& tracked,
                 std::int64_t since_version);
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override;

 private:
  Status FindColumns(const CatalogTable& catalog);
  Status PrepareFold(Connection& connection, const std::string& log, std::int64_t since_version);
  Status PrepareRow(Connection& connection, const CatalogTable& catalog);
  Status MakeProbe();
  Status AppendChange();
  Result<bool> AppendPresent(bool* is_other_spelling);
  Status AppendGone();
  Result<bool> KeyFits();
  Status AppendLead(const char* operation);
  Result<std::shared_ptr<arrow::RecordBatch>> FinishBatch();

  Table table_;
  ChangeLimits limits_;
  std::stop_token stop_;
  std::vector<KeyColumn> key_;
  std::vector<int> columns_;           // of Table::columns: those that the row's statement reads
  std::vector<int> key_at_;            // beside columns_: which column of the key it is; -1: none
  Table key_table_;                    // the key alone, in key order
  std::optional<BatchBuilder> probe_;  // tells which keys the columns can hold
  // Log and row are read by two statements: each may have as many columns as SQLite allows.
  Statement fold_, row_;
  std::optional<BatchBuilder> rows_;
  std::unique_ptr<arrow::Int64Builder> versions_, creation_versions_;
  std::unique_ptr<arrow::StringBuilder> operations_;
  bool is_done_ = false;
};

Status ChangeStream::FindColumns(const CatalogTable& catalog) {
  for (int i = 0; i < static_cast<int>(table_.columns.size()); ++i)
    if (table_.columns[i].storage_class_of.empty()) columns_.push_back(i);
  key_at_.assign(columns_.size(), -1);
  key_table_.name = table_.name;
  for (int index : catalog.key) {
    auto& name = catalog.columns[index].name;
    auto found = std::find_if(columns_.begin(), columns_.end(), [&](int column) {
      return EqualsNoCase(table_.columns[column].name, name);
    });
    if (found == columns_.end())
      return Fail(ErrorKind::kInvalid,
                  "table " + Display(table_.name) + ": its key column " + name + " is not read");
    auto& column = table_.columns[*found];
    auto type = column.type->id();
    // A widened column is followed by the storage classes of its values.
    auto next = static_cast<std::size_t>(*found) + 1;
    bool has_class = next < table_.columns.size() && !table_.columns[next].storage_class_of.empty();
    key_at_[found - columns_.begin()] = static_cast<int>(key_.size());
    key_.push_back({.row_column = static_cast<int>(found - columns_.begin()),
                    .is_number = has_class || type == arrow::Type::INT64 ||
                                 type == arrow::Type::DOUBLE || type == arrow::Type::BOOL});
    key_table_.columns.push_back(column);
    key_table_.key.push_back(column.name);
    if (has_class) key_table_.columns.push_back(table_.columns[next]);
  }
  return {};
}

// The notes of each key as one row. Grouped by storage class too, since 1 and 1.0 are equal to
// SQLite. Sorting spills to temporary files, so memory stays flat.
Status ChangeStream::PrepareFold(Connection& connection, const std::string& log,
                                 std::int64_t since_version) {
  std::string keys, groups;
  for (std::size_t i = 1; i <= key_.size(); ++i) {
    auto name = "k" + std::to_string(i);
    keys += "," + name;
    groups += (i > 1 ? "," : "") + name + ",typeof(" + name + ")";
  }
  fold_ = TRY(connection.Prepare(
      "select max(version), min(version * 2 + existed) & 1, "
      "max(case existed when 0 then version end)" +
      keys + " from main." + log + " where version > ?1 group by " + groups + " order by 1"));
  return fold_.Bind(1, since_version);
}

// By the collation of the key's index, so that it is one look-up whatever the size of the table;
// which of the rows found is meant is decided by bytes.
Status ChangeStream::PrepareRow(Connection& connection, const CatalogTable& catalog) {
  std::string columns, condition;
  for (int column : columns_)
    columns += (columns.empty() ? "" : ",") + QuoteIdentifier(table_.columns[column].name);
  auto collations = KeyCollations(catalog);
  for (std::size_t i = 0; i < key_.size(); ++i) {
    condition += i > 0 ? " and " : "";
    condition += QuoteIdentifier(catalog.columns[catalog.key[i]].name) + " collate " +
                 QuoteIdentifier(collations[i]) + " is ?" + std::to_string(i + 1);
  }
  // A row that does not match is not found, so it counts as gone.
  if (!table_.where.empty()) condition += " and (" + table_.where + "\n)";
  row_ = TRY(connection.Prepare("select " + columns + " from main." +
                                QuoteIdentifier(catalog.name) + " where " + condition));
  return {};
}

Status ChangeStream::MakeProbe() {
  probe_.emplace(TRY(BatchBuilder::Make(key_table_)));
  return {};
}

Status ChangeStream::Prepare(Connection& connection, const CatalogTable& catalog,
                             const TrackedTable& tracked, std::int64_t since_version) {
  TRY(FindColumns(catalog));
  // In pages. One row here and one there of a table of any size: a page comes back at once or not
  // at all, and memory that was used just now is faster than more of it.
  TRY(connection.Execute("pragma cache_size = 64"));
  TRY(PrepareFold(connection, LogName(tracked.id), since_version));
  TRY(PrepareRow(connection, catalog));
  TRY(MakeProbe());
  rows_.emplace(TRY(BatchBuilder::Make(table_)));
  auto* pool = arrow::default_memory_pool();
  versions_ = std::make_unique<arrow::Int64Builder>(pool);
  creation_versions_ = std::make_unique<arrow::Int64Builder>(pool);
  operations_ = std::make_unique<arrow::StringBuilder>(pool);
  return {};
}

Status ChangeStream::AppendLead(const char* operation) {
  TRY(versions_->Append(fold_.Int(kVersion)));
  if (*operation == 'D' || fold_.IsNull(kCreationVersion))
    TRY(creation_versions_->AppendNull());
  else
    TRY(creation_versions_->Append(fold_.Int(kCreationVersion)));
  TRY(operations_->Append(operation, 1));
  return {};
}

// False: no row has this very key. `is_other_spelling`: one is there whose key is another to
// SQLite's storage, but the same in columns of these types.
Result<bool> ChangeStream::AppendPresent(bool* is_other_spelling) {
  while (TRY(row_.Step())) {
    bool is_same = true, is_equal = true;
    for (std::size_t i = 0; i < key_.size(); ++i) {
      int fold_column = kFirstKey + static_cast<int>(i), row_column = key_[i].row_column;
      if (IsSameValue(fold_.raw(), fold_column, row_.raw(), row_column)) continue;
      is_same = false;
      is_equal = is_equal && key_[i].is_number &&
                 IsNumber(sqlite3_column_type(fold_.raw(), fold_column)) &&
                 IsNumber(sqlite3_column_type(row_.raw(), row_column));
    }
    if (!is_same) {
      *is_other_spelling = *is_other_spelling || is_equal;
      continue;
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!rows_->AppendStatement(columns_[i], row_.raw(), static_cast<int>(i)))
        return Fail(Misfit(table_, columns_[i]));
    }
    rows_->EndRow();
    TRY(AppendLead(fold_.Int(kExistedBefore) ? "U" : "I"));
    return true;
  }
  return false;
}

Result<bool> ChangeStream::KeyFits() {
  constexpr std::int64_t kRowsPerProbe = 4'096;
  int column = 0;
  for (std::size_t i = 0; i < key_.size(); ++i) {
    while (!key_table_.columns[column].storage_class_of.empty()) ++column;
    if (!probe_->AppendStatement(column++, fold_.raw(), kFirstKey + static_cast<int>(i))) {
      TRY(MakeProbe());
      return false;
    }
  }
  probe_->EndRow();
  if (probe_->rows() >= kRowsPerProbe) TRY(MakeProbe());
  return true;
}

Status ChangeStream::AppendGone() {
  if (!TRY(KeyFits())) return {};
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int column = columns_[i];
    bool fits = key_at_[i] < 0
                    ? rows_->AppendNull(column)
                    : rows_->AppendStatement(column, fold_.raw(), kFirstKey + key_at_[i]);
    if (!fits) return Fail(Misfit(table_, column));
  }
  rows_->EndRow();
  return AppendLead("D");
}

Status ChangeStream::AppendChange() {
  row_.Reset();
  for (std::size_t i = 0; i < key_.size(); ++i) {
    int index = static_cast<int>(i);
    int code = sqlite3_bind_value(row_.raw(), index + 1,
                                  sqlite3_column_value(fold_.raw(), kFirstKey + index));
    if (code != SQLITE_OK) return Fail(ErrorOf(sqlite3_db_handle(row_.raw()), code));
  }
  bool is_other_spelling = false;
  bool is_present = TRY(AppendPresent(&is_other_spelling));
  row_.Reset();
  // The row under the other spelling is in the log as well: a D would remove it from what was
  // landed.
  if (is_present || is_other_spelling) return {};
  return AppendGone();
}

Result<std::shared_ptr<arrow::RecordBatch>> ChangeStream::FinishBatch() {
  auto count = rows_->rows();
  auto rows = TRY(rows_->Finish());
  arrow::ArrayVector arrays = {TRY(versions_->Finish()), TRY(creation_versions_->Finish()),
                               TRY(operations_->Finish())};
  for (auto& array : rows->columns()) arrays.push_back(array);
  return arrow::RecordBatch::Make(ChangeSchema(table_), count, std::move(arrays));
}

Result<std::shared_ptr<arrow::RecordBatch>> ChangeStream::Next() {
  while (!is_done_ && rows_->rows() < limits_.rows && rows_->bytes() < limits_.bytes) {
    if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "asked to stop");
    if (TRY(fold_.Step()))
      TRY(AppendChange());
    else
      is_done_ = true;
  }
  if (rows_->rows() == 0) return nullptr;
  return FinishBatch();
}

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenChanges(Connection& connection,
                                                 const CatalogTable& catalog, const Table& table,
                                                 const TrackedTable& tracked,
                                                 std::int64_t since_version,
                                                 const ChangeLimits& limits, std::stop_token stop) {
  if (catalog.key.empty())
    return Fail(ErrorKind::kInvalid, "table " + Display(table.name) + " has no key to follow");
  if (since_version < tracked.cleaned_version)
    return Fail(ErrorKind::kInvalid, "table " + Display(table.name) + ": changes after version " +
                                         std::to_string(since_version) +
                                         " are no longer kept, the oldest are after " +
                                         std::to_string(tracked.cleaned_version));
  auto stream = std::make_unique<ChangeStream>(table, limits, std::move(stop));
  TRY(stream->Prepare(connection, catalog, tracked, since_version));
  return std::unique_ptr<BatchStream>(std::move(stream));
}

}  // namespace tidemark::sqlite
