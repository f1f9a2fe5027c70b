#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace arrow {
class DataType;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace tidemark {

struct TableName {
  std::string database, schema, name;
  auto operator<=>(const TableName&) const = default;
};

// What texts may differ in and still be one key to their database.
enum class Spelling : std::uint8_t {
  kExact,           // in nothing
  kTrailingBlanks,  // "a" and "a "
  kCase,            // "a", "a " and "A"
};

struct Column {
  std::string name;
  std::shared_ptr<arrow::DataType> type;  // what batches and files carry
  std::string source_type;                // as the database spells it, lower case
  std::optional<std::int64_t> id;         // survives a rename, where the source has such a thing
  // Set: not a column of the table but the storage class ("integer", "real", "text", "blob") of the
  // value in the column named here, which stands just before (reference: widened columns).
  std::string storage_class_of;
  // Set: it holds what the column named here has beside its value, and is landed where that one is.
  std::string beside = {};
  Spelling spelling = Spelling::kExact;  // of a key's column
  std::int64_t field_id = 0;  // in Parquet files, for as long as there is the column; 0: none yet
  // It has no default and is not computed: added to a table, it is NULL in the rows that are there.
  bool starts_null = false;

  // Whether it holds the storage classes of `values`. A column may have no name at all.
  bool IsClassOf(const Column& values) const {
    return !storage_class_of.empty() && storage_class_of == values.name;
  }
};

struct Table {
  TableName name;
  std::vector<Column> columns;
  std::vector<std::string> key;  // in key order; empty: none, changes cannot be followed
  std::string where;             // only rows for which this holds, in the source's SQL; empty: all
  std::int64_t estimated_rows = 0;
  std::string fingerprint;            // of all that, when it changes, means schema_changed
  std::vector<std::string> warnings;  // sentences for people
};

// How far a table was read. Versions of one incarnation are ordered; a table that was re-created
// has another incarnation; a database that was restored has another nonce at the same version.
struct Position {
  std::int64_t version = 0;
  std::string incarnation;
  std::string nonce;
  bool operator==(const Position&) const = default;
};

// A finite sequence of batches of one schema: the table's columns in order. One thread at a time.
class BatchStream {
 public:
  virtual ~BatchStream() = default;
  // Null: no more. kMisfit: see Snapshot::Refit.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

// The schema of a table's batches. Key columns are not marked; every column may be null.
std::shared_ptr<arrow::Schema> RowSchema(const Table& table);

// The columns a row carries beside the table's own, always the first three of a file.
inline constexpr const char* kVersionColumn = "SYS_CHANGE_VERSION";                   // int64
inline constexpr const char* kCreationVersionColumn = "SYS_CHANGE_CREATION_VERSION";  // int64
inline constexpr const char* kOperationColumn = "SYS_CHANGE_OPERATION";  // utf8: I U D; L: load

// Parquet's field ids: the three have the first ones, a table's own columns those after.
inline constexpr std::int64_t kLastLeadFieldId = 3;

// The schema of change batches and of per_table files: the three, then the table's columns.
std::shared_ptr<arrow::Schema> ChangeSchema(const Table& table);

// "main.orders": as messages and options spell it.
std::string Display(const TableName& name);

}  // namespace tidemark
