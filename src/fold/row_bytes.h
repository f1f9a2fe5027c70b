#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace arrow {
class ArrayBuilder;
class ArrayData;
class DataType;
class RecordBatch;
class RecordBatchBuilder;
class Schema;
}  // namespace arrow

namespace tidemark {

// A row as bytes: per column one byte for the class of the value, then the value. Equal rows have
// equal bytes and different rows different ones, whatever width, offset size or dictionary an Arrow
// reader chose. -0.0 and 0.0 differ; all NaNs are one.
enum class ValueClass : std::uint8_t {
  kNull = 0,
  kFalse,
  kTrue,
  kInteger,      // int64
  kUnsigned,     // uint64 beyond int64
  kReal,         // double
  kText,         // uint32 size, bytes
  kBytes,        // uint32 size, bytes
  kDecimal,      // scale as one byte, 16 bytes
  kDecimalWide,  // scale as one byte, 32 bytes: what 16 do not hold
  kDate,         // days as int64
  kTime,         // nanoseconds as int64
  kTimestamp,    // seconds as int64, nanoseconds as uint32; zones are not told apart
  kDuration,     // as kTimestamp
};

// Ok, or kUnsupported: values of the type have no bytes.
Status CheckHasBytes(const arrow::DataType& type);

// Whether values of both types get the same classes, so that equal ones are equal as bytes.
bool HasSameClass(const arrow::DataType& a, const arrow::DataType& b);

// Rows of batches as bytes, column by column, in runs of bounded size. One thread at a time.
class RowEncoder {
 public:
  // `columns`: of the batch, in the order of the bytes; -1: all null. The first `key_columns` are
  // the key. The batch must outlive the runs. kUnsupported: a column's type.
  Status Start(const arrow::RecordBatch& rows, std::span<const int> columns, int key_columns);
  // Encodes the next run; false: no more. kUnsupported: a value of 4 GiB or more.
  Result<bool> Next();

  std::int64_t first_row() const { return begin_; }  // of the run, in the batch
  std::int64_t rows() const { return end_ - begin_; }
  // Of row `i` of the run.
  std::string_view Key(std::int64_t i) const {
    return {bytes_.data() + Begin(i), static_cast<std::size_t>(key_ends_[Index(i)] - Begin(i))};
  }
  std::string_view Rest(std::int64_t i) const {
    auto key_end = key_ends_[Index(i)];
    return {bytes_.data() + key_end, static_cast<std::size_t>(ends_[Index(i)] - key_end)};
  }
  std::string_view Whole(std::int64_t i) const {
    return {bytes_.data() + Begin(i), static_cast<std::size_t>(ends_[Index(i)] - Begin(i))};
  }

 private:
  static std::size_t Index(std::int64_t i) { return static_cast<std::size_t>(i); }
  std::uint64_t Begin(std::int64_t i) const { return i == 0 ? 0 : ends_[Index(i - 1)]; }

  std::vector<const arrow::ArrayData*> columns_;  // null: all null
  int key_columns_ = 0;
  std::int64_t batch_rows_ = 0, begin_ = 0, end_ = 0;
  std::vector<std::uint64_t> sizes_;            // of all rows of the batch
  std::vector<std::uint64_t> ends_, key_ends_;  // of the run, in bytes_
  std::vector<char> bytes_;
};

// The way back. One thread at a time.
class RowDecoder {
 public:
  // `columns`: positions in `schema`, in the order of the bytes; the rest of the schema becomes
  // null.
  static Result<RowDecoder> Make(std::shared_ptr<arrow::Schema> schema, std::vector<int> columns);
  RowDecoder(RowDecoder&&) noexcept;
  RowDecoder& operator=(RowDecoder&&) noexcept;
  ~RowDecoder();

  // Bytes that end early (a key alone) leave the later columns null. kInvalid: a value's class does
  // not fit the column.
  Status Append(std::string_view bytes);
  std::int64_t rows() const { return rows_; }
  std::int64_t bytes() const { return bytes_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();  // empty again afterwards

 private:
  RowDecoder();
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> columns_;
  std::unique_ptr<arrow::RecordBatchBuilder> builder_;
  std::int64_t rows_ = 0, bytes_ = 0;
};

// "id=42, name=a": a key for people, cut where it gets long.
Result<std::string> KeyText(const arrow::Schema& schema, std::span<const int> columns,
                            std::string_view bytes);

}  // namespace tidemark
