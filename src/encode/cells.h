#pragma once
#include <arrow/array/data.h>
#include <arrow/util/bit_util.h>

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "encode/text.h"
#include "model/table.h"

namespace tidemark {

// How the values of one column lie in Arrow's buffers; found out once per column.
struct CellType {
  enum class Kind : std::uint8_t {
    kNull,
    kBool,
    kInt8,
    kInt16,
    kInt32,
    kInt64,
    kUInt8,
    kUInt16,
    kUInt32,
    kUInt64,
    kFloat,
    kDouble,
    kDecimal,
    kDate,
    kTime32,
    kTime64,
    kTimestamp,
    kText,  // from here on: bytes of any length
    kLargeText,
    kBytes,
    kLargeBytes,
    kFixedBytes,
  };
  Kind kind = Kind::kNull;
  int width = 0;   // of fixed values, in bytes
  int digits = 0;  // a decimal's scale; of a second's fraction
  bool has_zone = false;

  bool is_text() const { return kind == Kind::kText || kind == Kind::kLargeText; }
  bool is_bytes() const { return kind >= Kind::kBytes; }
  bool is_integer() const { return kind >= Kind::kInt8 && kind <= Kind::kUInt64; }
  bool is_real() const { return kind == Kind::kFloat || kind == Kind::kDouble; }
  // Numbers and booleans: what is spelt without quotes where quotes mean text.
  bool is_bare() const { return kind <= Kind::kDouble; }
};
// kUnsupported: no text stands for values of this type.
Result<CellType> CellTypeOf(const arrow::DataType& type);

// One column of one batch, which must outlive it. Nothing is looked up per value but its kind.
class Cells {
 public:
  Cells(const CellType& type, const arrow::ArrayData& data);

  bool IsNull(std::int64_t row) const {
    return type_.kind == CellType::Kind::kNull ||
           (valid_ && !arrow::bit_util::GetBit(valid_, bit_ + row));
  }
  const CellType& type() const { return type_; }

  // A value that is neither text nor bytes, without quotes; room for text::kValueBytesMax.
  char* Put(char* out, std::int64_t row) const;
  // A text or bytes.
  std::string_view Bytes(std::int64_t row) const {
    switch (type_.kind) {
      case CellType::Kind::kText:
      case CellType::Kind::kBytes:
        return BytesBetween<std::int32_t>(row);
      case CellType::Kind::kLargeText:
      case CellType::Kind::kLargeBytes:
        return BytesBetween<std::int64_t>(row);
      default:
        return {values_ + row * type_.width, static_cast<std::size_t>(type_.width)};
    }
  }
  double Real(std::int64_t row) const {
    return type_.kind == CellType::Kind::kFloat ? At<float>(values_, row)
                                                : At<double>(values_, row);
  }

 private:
  template <class T>
  static T At(const char* values, std::int64_t row) {
    T value;
    std::memcpy(&value, values + row * static_cast<std::int64_t>(sizeof(T)), sizeof value);
    return value;
  }
  template <class Offset>
  std::string_view BytesBetween(std::int64_t row) const {
    const auto begin = At<Offset>(offsets_, row), end = At<Offset>(offsets_, row + 1);
    return {values_ + begin, static_cast<std::size_t>(end - begin)};
  }

  CellType type_;
  const std::uint8_t* valid_;  // null: all are
  std::int64_t bit_;           // of row 0, in valid_, and in the values of booleans
  const char *values_ = nullptr, *offsets_ = nullptr;  // row 0's
};

// A text that is put before each value of a column, in whole steps of 16 bytes so that copying it
// is a few moves of fixed width.
class Lead {
 public:
  explicit Lead(std::string_view text) : bytes_(text), size_(text.size()) {
    bytes_.resize((bytes_.size() + kStep - 1) / kStep * kStep);
  }
  // More room than it takes is needed: room().
  std::size_t room() const { return bytes_.size(); }
  char* Put(char* out) const {
    for (std::size_t at = 0; at < bytes_.size(); at += kStep)
      std::memcpy(out + at, bytes_.data() + at, kStep);
    return out + size_;
  }

 private:
  static constexpr std::size_t kStep = 16;
  std::string bytes_;
  std::size_t size_;
};

}  // namespace tidemark
