#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fold/key_spelling.h"
#include "fold/landed_reader.h"

namespace tidemark {

// The columns that rows' bytes are made of, in that order: the key's first.
class RowOrder {
 public:
  // `columns`: of the table; `key`: names among them. `has_rest`: the other columns follow; without
  // a key they always do. kInvalid: a name of the key is no column; kUnsupported: values of a
  // column's type have no bytes.
  static Result<RowOrder> Make(const Table& table, const std::vector<std::string>& key,
                               bool has_rest);
  RowOrder() = default;

  const std::vector<int>& all() const { return order_; }  // positions in schema()
  std::span<const int> key() const { return std::span(order_).first(key_columns_); }
  int key_columns() const { return static_cast<int>(key_columns_); }
  KeySpelling key_spelling() const;
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }  // RowSchema(table)

  // Reads a landed file's columns in this order, then those of `more`. kCorrupt: the file has no
  // key column; kInvalid: its key is of another class; kUnsupported: values have no bytes.
  Result<std::unique_ptr<LandedReader>> Open(ObjectStore& store, const LandedFile& file,
                                             const LandedState& state, std::int64_t memory_bytes,
                                             std::span<const char* const> more = {}) const;

 private:
  Status Check(const LandedReader& reader, const LandedFile& file) const;

  std::vector<Column> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> order_;
  std::size_t key_columns_ = 0;
};

}  // namespace tidemark
