#pragma once
#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "source/sqlite/changes.h"
#include "source/sqlite/column_types.h"
#include "source/sqlite/tracking.h"

// What the tests of change tracking share.
namespace tidemark::sqlite::testing {

// A folder that is gone at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tidemark-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Change {
  std::int64_t version = 0;
  std::optional<std::int64_t> creation_version;
  char operation = '?';
  std::vector<std::string> values;  // as text; "null"
  bool operator==(const Change&) const = default;
};

// Reals that are whole are written as integers are: columns of one type hold them alike.
inline std::string TextOfValue(const arrow::Array& array, std::int64_t row) {
  if (array.IsNull(row)) return "null";
  if (array.type_id() == arrow::Type::DOUBLE) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g",
                  static_cast<const arrow::DoubleArray&>(array).Value(row));
    return text;
  }
  if (array.type_id() == arrow::Type::BINARY)
    return static_cast<const arrow::BinaryArray&>(array).GetString(row);
  return array.GetScalar(row).ValueOrDie()->ToString();
}

inline void AppendChanges(const arrow::RecordBatch& batch, std::vector<Change>* changes) {
  auto& versions = static_cast<const arrow::Int64Array&>(*batch.column(0));
  auto& creations = static_cast<const arrow::Int64Array&>(*batch.column(1));
  auto& operations = static_cast<const arrow::StringArray&>(*batch.column(2));
  for (std::int64_t row = 0; row < batch.num_rows(); ++row) {
    Change change{.version = versions.Value(row), .operation = operations.GetView(row)[0]};
    if (!creations.IsNull(row)) change.creation_version = creations.Value(row);
    for (int i = 3; i < batch.num_columns(); ++i)
      change.values.push_back(TextOfValue(*batch.column(i), row));
    changes->push_back(std::move(change));
  }
}

inline Result<std::vector<Change>> ReadChanges(Connection& connection, const CatalogTable& catalog,
                                               const Table& table, std::int64_t since,
                                               ChangeLimits limits = {}) {
  auto tracking = TRY(ReadTracking(connection));
  const auto* tracked = tracking ? tracking->Find(catalog.name) : nullptr;
  if (!tracked) return Fail(ErrorKind::kNotFound, "not tracked");
  auto stream = TRY(OpenChanges(connection, catalog, table, *tracked, since, limits, {}));
  std::vector<Change> changes;
  while (auto batch = TRY(stream->Next())) {
    auto valid = batch->ValidateFull();
    if (!valid.ok()) return Fail(ErrorKind::kInternal, valid.ToString());
    if (!batch->schema()->Equals(*ChangeSchema(table)))
      return Fail(ErrorKind::kInternal, "another schema");
    AppendChanges(*batch, &changes);
  }
  return changes;
}

template <class T>
T Value(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  return *std::move(result);
}

// As its declarations promise; columns without any hold reals.
inline Table TableOf(const CatalogTable& catalog) {
  Table table;
  table.name = {"x", "main", catalog.name};
  for (auto& column : catalog.columns) {
    auto type =
        column.declared_type.empty() ? arrow::float64() : PromisedType(column.declared_type);
    table.columns.push_back({.name = column.name, .type = type});
  }
  for (int key : catalog.key) table.key.push_back(catalog.columns[key].name);
  return table;
}

inline void Do(Status status) { ASSERT_TRUE(status) << status.error().message; }

}  // namespace tidemark::sqlite::testing
