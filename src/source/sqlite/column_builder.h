#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "model/table.h"
#include "source/sqlite/column_types.h"

namespace arrow {
class Buffer;
class ResizableBuffer;
struct ArrayData;
}  // namespace arrow

namespace tidemark::sqlite {

// Columns of one table, filled row by row: every real column once, then EndRow. Columns that hold
// the storage class of another one fill themselves. One thread at a time. After a misfit the
// builder may only be destroyed.
class BatchBuilder {
 public:
  // kUnsupported: a column of a type that no SQLite column is read as.
  static Result<BatchBuilder> Make(const Table& table);
  BatchBuilder(BatchBuilder&&) noexcept;
  BatchBuilder& operator=(BatchBuilder&&) noexcept;
  ~BatchBuilder();

  // `column`: index in Table::columns. False: the value does not fit the column's type (Misfit
  // below); a NULL does not fit a column of the table's key.
  bool AppendNull(int column);
  bool AppendInt(int column, std::int64_t value) {
    auto& buffers = columns_[static_cast<std::size_t>(column)];
    if (buffers.kind != Kind::kInt) return AppendIntSlowly(column, value);
    SetFixed(buffers, value);
    return true;
  }
  bool AppendReal(int column, double value) {
    auto& buffers = columns_[static_cast<std::size_t>(column)];
    if (buffers.kind != Kind::kReal) return AppendRealSlowly(column, value);
    SetFixed(buffers, value);
    return true;
  }
  bool AppendText(int column, std::string_view value);
  bool AppendBlob(int column, std::string_view value);
  // By the storage class of a statement's result column.
  bool AppendStatement(int column, sqlite3_stmt* statement, int result_column);
  void EndRow() {
    if (++rows_ == capacity_) GrowRows(2 * capacity_);
  }

  std::int64_t rows() const { return rows_; }
  // What the rows so far occupy, close enough to end a batch by; below 1 GiB when a batch is ended.
  std::int64_t bytes() const { return variable_bytes_ + rows_ * fixed_bytes_per_row_; }
  // The rows so far; the builder is empty again. kUnavailable: memory ran out.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  enum class Kind : std::uint8_t {
    kBool,
    kInt,
    kReal,
    kDate,
    kTimestamp,
    kUtf8,
    kBinary,
    kAnyAsUtf8,    // a storage class column follows
    kAnyAsBinary,  // likewise
    kStorageClass,
  };
  struct ColumnBuffers {
    Kind kind;
    bool is_key = false;
    std::uint8_t* validity = nullptr;  // a bit per row; null as long as no value was
    char* values = nullptr;            // fixed width values; for text and blobs their ends
    char* bytes = nullptr;             // of text and blobs
    std::int64_t bytes_size = 0, bytes_capacity = 0, null_count = 0;
    std::shared_ptr<arrow::ResizableBuffer> validity_buffer, values_buffer, bytes_buffer;
  };

  BatchBuilder() = default;
  static int WidthOf(Kind kind);
  static bool HasBytes(Kind kind) { return kind >= Kind::kUtf8 && kind <= Kind::kAnyAsBinary; }
  static bool IsAny(Kind kind) { return kind == Kind::kAnyAsUtf8 || kind == Kind::kAnyAsBinary; }
  bool AppendIntSlowly(int column, std::int64_t value);
  bool AppendRealSlowly(int column, double value);
  void SetNull(ColumnBuffers& column);
  bool SetAny(int column, std::uint8_t storage_class, std::string_view value);
  bool GrowBytes(ColumnBuffers& column, std::int64_t size);
  void GrowRows(std::int64_t capacity);
  void RunOutOfMemory();
  Result<std::shared_ptr<arrow::ArrayData>> FinishColumn(
      ColumnBuffers& column, const std::shared_ptr<arrow::DataType>& type);
  Status FinishClasses(const ColumnBuffers& column,
                       std::vector<std::shared_ptr<arrow::Buffer>>* buffers);
  template <class T>
  void SetFixed(ColumnBuffers& column, T value) {
    std::memcpy(column.values + rows_ * static_cast<std::int64_t>(sizeof(T)), &value, sizeof(T));
  }
  void SetBytes(ColumnBuffers& column, std::string_view value) {
    auto size = static_cast<std::int64_t>(value.size());
    if (size > column.bytes_capacity - column.bytes_size && !GrowBytes(column, size)) return;
    if (size > 0) std::memcpy(column.bytes + column.bytes_size, value.data(), value.size());
    column.bytes_size += size;
    variable_bytes_ += size;
    SetFixed(column, static_cast<std::int32_t>(column.bytes_size));
  }

  friend class RecordDecoder;  // switches on the kinds itself, once per value

  std::vector<ColumnBuffers> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  std::int64_t rows_ = 0, capacity_ = 0;
  std::int64_t fixed_bytes_per_row_ = 0, variable_bytes_ = 0;
  bool is_out_of_memory_ = false;  // then rows go nowhere and Finish fails
};

// The kMisfit error that names the column.
Error Misfit(const Table& table, int column);

}  // namespace tidemark::sqlite
