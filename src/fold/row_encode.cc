#include <arrow/api.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/decimal.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/arrow_result.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

// A run ends here, so that what is held beside a batch does not grow with it; one row may be
// larger.
constexpr std::uint64_t kRunBytes = 512 << 10;
// What a run leaves allocated for the next ones.
constexpr std::size_t kKeptBytes = 4 << 20;

char* Put(char* out, ValueClass value_class) {
  *out = static_cast<char>(value_class);
  return out + 1;
}
template <class T>
char* Put(char* out, T value) {
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}

// The accessors below give the bytes of values that are not null: Size(i) and Write(out, i), i
// counted from the array's own first value.

struct BoolValues {
  const std::uint8_t* bits;
  std::int64_t offset;
  std::size_t Size(std::int64_t) const { return 1; }
  char* Write(char* out, std::int64_t i) const {
    return Put(out,
               arrow::bit_util::GetBit(bits, offset + i) ? ValueClass::kTrue : ValueClass::kFalse);
  }
};

template <class T>
struct IntegerValues {
  const T* values;
  std::size_t Size(std::int64_t) const { return 9; }
  char* Write(char* out, std::int64_t i) const {
    if constexpr (std::is_same_v<T, std::uint64_t>)
      if (values[i] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return Put(Put(out, ValueClass::kUnsigned), values[i]);
    return Put(Put(out, ValueClass::kInteger), static_cast<std::int64_t>(values[i]));
  }
};

template <class T>
struct RealValues {
  const T* values;
  std::size_t Size(std::int64_t) const { return 9; }
  char* Write(char* out, std::int64_t i) const {
    double value = values[i];
    if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
    return Put(Put(out, ValueClass::kReal), value);
  }
};

template <class Offset>
struct VariableValues {
  ValueClass value_class;
  const Offset* offsets;
  const char* bytes;
  std::size_t Size(std::int64_t i) const {
    return 5 + static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
  }
  char* Write(char* out, std::int64_t i) const {
    auto size = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
    out = Put(Put(out, value_class), static_cast<std::uint32_t>(size));
    if (size != 0) std::memcpy(out, bytes + offsets[i], size);
    return out + size;
  }
};

struct FixedSizeValues {
  const char* bytes;
  std::size_t width;
  std::size_t Size(std::int64_t) const { return 5 + width; }
  char* Write(char* out, std::int64_t i) const {
    out = Put(Put(out, ValueClass::kBytes), static_cast<std::uint32_t>(width));
    std::memcpy(out, bytes + static_cast<std::size_t>(i) * width, width);
    return out + width;
  }
};

struct DecimalValues {
  const char* bytes;
  std::size_t width;
  std::int8_t scale;

  void Widen(std::int64_t i, char (&wide)[32]) const {
    const char* value = bytes + static_cast<std::size_t>(i) * width;
    std::memset(wide, value[width - 1] < 0 ? -1 : 0, sizeof wide);
    std::memcpy(wide, value, width);
  }
  static bool IsWide(const char (&wide)[32]) {
    char sign = wide[15] < 0 ? -1 : 0;
    for (int k = 16; k < 32; ++k)
      if (wide[k] != sign) return true;
    return false;
  }
  std::size_t Size(std::int64_t i) const {
    if (width <= 16) return 18;
    char wide[32];
    Widen(i, wide);
    return IsWide(wide) ? 34 : 18;
  }
  char* Write(char* out, std::int64_t i) const {
    char wide[32];
    Widen(i, wide);
    bool is_wide = IsWide(wide);
    out = Put(Put(out, is_wide ? ValueClass::kDecimalWide : ValueClass::kDecimal), scale);
    std::memcpy(out, wide, is_wide ? 32 : 16);
    return out + (is_wide ? 32 : 16);
  }
};

// Dates and times of day: a count times what one of it is in days or nanoseconds.
template <class T>
struct CountValues {
  ValueClass value_class;
  const T* values;
  std::int64_t times;
  std::int64_t per;
  std::size_t Size(std::int64_t) const { return 9; }
  char* Write(char* out, std::int64_t i) const {
    return Put(Put(out, value_class), static_cast<std::int64_t>(values[i]) * times / per);
  }
};

// Timestamps and durations: seconds and nanoseconds, as nanoseconds alone would end in 2262.
template <std::int64_t per_second>
struct InstantValues {
  ValueClass value_class;
  const std::int64_t* values;
  std::size_t Size(std::int64_t) const { return 13; }
  char* Write(char* out, std::int64_t i) const {
    std::int64_t seconds = values[i] / per_second, rest = values[i] % per_second;
    if (rest < 0) rest += per_second, --seconds;
    out = Put(Put(out, value_class), seconds);
    return Put(out, static_cast<std::uint32_t>(rest * (1'000'000'000 / per_second)));
  }
};

// Index and null are looked up per value: dictionaries are small and rare here.
template <class Values>
struct DictionaryValues {
  const arrow::ArrayData* dictionary;
  Values values;
  const char* indices;
  int index_bytes;

  std::int64_t Index(std::int64_t i) const {
    std::int64_t index = 0;
    std::memcpy(&index, indices + i * index_bytes, static_cast<std::size_t>(index_bytes));
    return index;
  }
  bool IsNull(std::int64_t index) const {
    return dictionary->buffers[0] &&
           !arrow::bit_util::GetBit(dictionary->buffers[0]->data(), dictionary->offset + index);
  }
  std::size_t Size(std::int64_t i) const { return IsNull(Index(i)) ? 1 : values.Size(Index(i)); }
  char* Write(char* out, std::int64_t i) const {
    return IsNull(Index(i)) ? Put(out, ValueClass::kNull) : values.Write(out, Index(i));
  }
};

template <class T>
const T* ValuesOf(const arrow::ArrayData& data) {
  return data.GetValues<T>(1);
}

const char* BytesOf(const arrow::ArrayData& data, int buffer) {
  return data.buffers[static_cast<std::size_t>(buffer)]
             ? reinterpret_cast<const char*>(data.buffers[static_cast<std::size_t>(buffer)]->data())
             : nullptr;
}

Status NoBytes(const arrow::DataType& type) {
  return Fail(ErrorKind::kUnsupported, "values of type " + type.ToString() + " cannot be compared");
}

template <class F>
Status VisitVariable(const arrow::ArrayData& data, const F& f) {
  using arrow::Type;
  auto visit = [&]<class Offset>(ValueClass value_class, const Offset* offsets) -> Status {
    f(VariableValues<Offset>{value_class, offsets, BytesOf(data, 2)});
    return {};
  };
  switch (data.type->id()) {
    case Type::STRING:
      return visit(ValueClass::kText, ValuesOf<std::int32_t>(data));
    case Type::LARGE_STRING:
      return visit(ValueClass::kText, ValuesOf<std::int64_t>(data));
    case Type::BINARY:
      return visit(ValueClass::kBytes, ValuesOf<std::int32_t>(data));
    case Type::LARGE_BINARY:
      return visit(ValueClass::kBytes, ValuesOf<std::int64_t>(data));
    default:
      return NoBytes(*data.type);
  }
}

// Of text and bytes only; in a function of its own, as dictionaries of dictionaries would not end.
template <class F>
Status VisitDictionary(const arrow::ArrayData& data, const F& f) {
  int width = static_cast<const arrow::DictionaryType&>(*data.type).index_type()->byte_width();
  const char* indices = BytesOf(data, 1) + data.offset * width;
  return VisitVariable(*data.dictionary, [&]<class Values>(const Values& values) {
    f(DictionaryValues<Values>{data.dictionary.get(), values, indices, width});
  });
}

template <class F>
void VisitInstants(const arrow::ArrayData& data, ValueClass value_class, arrow::TimeUnit::type unit,
                   const F& f) {
  auto values = ValuesOf<std::int64_t>(data);
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return f(InstantValues<1>{value_class, values});
    case arrow::TimeUnit::MILLI:
      return f(InstantValues<1'000>{value_class, values});
    case arrow::TimeUnit::MICRO:
      return f(InstantValues<1'000'000>{value_class, values});
    case arrow::TimeUnit::NANO:
      return f(InstantValues<1'000'000'000>{value_class, values});
  }
}

template <class F>
Status VisitTimes(const arrow::ArrayData& data, const F& f) {
  using arrow::TimeUnit;
  using arrow::Type;
  const auto& type = *data.type;
  switch (type.id()) {
    case Type::DATE32:
      f(CountValues<std::int32_t>{ValueClass::kDate, ValuesOf<std::int32_t>(data), 1, 1});
      return {};
    case Type::DATE64:
      f(CountValues<std::int64_t>{ValueClass::kDate, ValuesOf<std::int64_t>(data), 1, 86'400'000});
      return {};
    case Type::TIME32: {
      bool is_milli = static_cast<const arrow::TimeType&>(type).unit() == TimeUnit::MILLI;
      f(CountValues<std::int32_t>{ValueClass::kTime, ValuesOf<std::int32_t>(data),
                                  is_milli ? 1'000'000 : 1'000'000'000, 1});
      return {};
    }
    case Type::TIME64: {
      bool is_micro = static_cast<const arrow::TimeType&>(type).unit() == TimeUnit::MICRO;
      f(CountValues<std::int64_t>{ValueClass::kTime, ValuesOf<std::int64_t>(data),
                                  is_micro ? 1'000 : 1, 1});
      return {};
    }
    case Type::TIMESTAMP:
      VisitInstants(data, ValueClass::kTimestamp,
                    static_cast<const arrow::TimestampType&>(type).unit(), f);
      return {};
    case Type::DURATION:
      VisitInstants(data, ValueClass::kDuration,
                    static_cast<const arrow::DurationType&>(type).unit(), f);
      return {};
    default:
      return VisitVariable(data, f);
  }
}

template <class F>
Status VisitFixed(const arrow::ArrayData& data, const F& f) {
  const auto& type = static_cast<const arrow::FixedSizeBinaryType&>(*data.type);
  auto width = static_cast<std::size_t>(type.byte_width());
  const char* bytes = BytesOf(data, 1) + static_cast<std::size_t>(data.offset) * width;
  if (type.id() == arrow::Type::FIXED_SIZE_BINARY) {
    f(FixedSizeValues{bytes, width});
  } else {
    auto scale = static_cast<const arrow::DecimalType&>(*data.type).scale();
    f(DecimalValues{bytes, width, static_cast<std::int8_t>(scale)});
  }
  return {};
}

// Calls f with the accessor of the column: one dispatch per column and run, none per value.
template <class F>
Status VisitColumn(const arrow::ArrayData& data, const F& f) {
  using arrow::Type;
  auto integers = [&]<class T>(const T* values) -> Status {
    f(IntegerValues<T>{values});
    return {};
  };
  switch (data.type->id()) {
    case Type::BOOL:
      f(BoolValues{data.buffers[1] ? data.buffers[1]->data() : nullptr, data.offset});
      return {};
    case Type::INT8:
      return integers(ValuesOf<std::int8_t>(data));
    case Type::INT16:
      return integers(ValuesOf<std::int16_t>(data));
    case Type::INT32:
      return integers(ValuesOf<std::int32_t>(data));
    case Type::INT64:
      return integers(ValuesOf<std::int64_t>(data));
    case Type::UINT8:
      return integers(ValuesOf<std::uint8_t>(data));
    case Type::UINT16:
      return integers(ValuesOf<std::uint16_t>(data));
    case Type::UINT32:
      return integers(ValuesOf<std::uint32_t>(data));
    case Type::UINT64:
      return integers(ValuesOf<std::uint64_t>(data));
    case Type::FLOAT:
      f(RealValues<float>{ValuesOf<float>(data)});
      return {};
    case Type::DOUBLE:
      f(RealValues<double>{ValuesOf<double>(data)});
      return {};
    case Type::FIXED_SIZE_BINARY:
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return VisitFixed(data, f);
    case Type::DICTIONARY:
      return VisitDictionary(data, f);
    default:
      return VisitTimes(data, f);
  }
}

// The class that tells types apart; the two booleans and the two of decimals stand for one.
ValueClass ClassOf(const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
    case Type::BOOL:
      return ValueClass::kTrue;
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64:
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
    case Type::UINT64:
      return ValueClass::kInteger;
    case Type::FLOAT:
    case Type::DOUBLE:
      return ValueClass::kReal;
    case Type::STRING:
    case Type::LARGE_STRING:
      return ValueClass::kText;
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
      return ValueClass::kBytes;
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return ValueClass::kDecimal;
    case Type::DATE32:
    case Type::DATE64:
      return ValueClass::kDate;
    case Type::TIME32:
    case Type::TIME64:
      return ValueClass::kTime;
    case Type::TIMESTAMP:
      return ValueClass::kTimestamp;
    case Type::DURATION:
      return ValueClass::kDuration;
    case Type::DICTIONARY: {
      auto value_class = ClassOf(*static_cast<const arrow::DictionaryType&>(type).value_type());
      bool has_bytes = value_class == ValueClass::kText || value_class == ValueClass::kBytes;
      return has_bytes ? value_class : ValueClass::kNull;
    }
    default:
      return ValueClass::kNull;
  }
}

// The validity bits of an array that has nulls; null: it has none.
const std::uint8_t* Validity(const arrow::ArrayData& data) {
  return data.GetNullCount() != 0 && data.buffers[0] ? data.buffers[0]->data() : nullptr;
}

bool IsAllNull(const arrow::ArrayData* data) {
  return !data || data->type->id() == arrow::Type::NA;
}

Status AddSizes(const arrow::ArrayData* data, std::vector<std::uint64_t>& sizes) {
  if (IsAllNull(data)) {
    for (auto& size : sizes) ++size;
    return {};
  }
  auto validity = Validity(*data);
  auto rows = static_cast<std::int64_t>(sizes.size());
  return VisitColumn(*data, [&](const auto& values) {
    for (std::int64_t i = 0; i < rows; ++i) {
      bool is_null = validity && !arrow::bit_util::GetBit(validity, data->offset + i);
      sizes[static_cast<std::size_t>(i)] += is_null ? 1 : values.Size(i);
    }
  });
}

// SQL has one zero, so to every reader -0.0 and 0.0 are the same key.
void UniteZeros(char* real) {
  constexpr double kZero = 0.0;
  double value;
  std::memcpy(&value, real, sizeof value);
  if (value == 0.0) std::memcpy(real, &kZero, sizeof kZero);
}

// Writes rows [begin, begin + ends.size()) where `ends` says, and moves `ends` on.
Status WriteColumn(const arrow::ArrayData* data, bool is_key, std::int64_t begin, char* bytes,
                   std::vector<std::uint64_t>& ends) {
  if (IsAllNull(data)) {
    for (auto& end : ends) bytes[end++] = static_cast<char>(ValueClass::kNull);
    return {};
  }
  auto validity = Validity(*data);
  auto rows = static_cast<std::int64_t>(ends.size());
  bool is_real_key = is_key && ClassOf(*data->type) == ValueClass::kReal;
  return VisitColumn(*data, [&](const auto& values) {
    for (std::int64_t i = 0; i < rows; ++i) {
      auto& end = ends[static_cast<std::size_t>(i)];
      char* out = bytes + end;
      bool is_null = validity && !arrow::bit_util::GetBit(validity, data->offset + begin + i);
      out = is_null ? Put(out, ValueClass::kNull) : values.Write(out, begin + i);
      if (is_real_key && !is_null) UniteZeros(out - sizeof(double));
      end = static_cast<std::uint64_t>(out - bytes);
    }
  });
}

}  // namespace

Status CheckHasBytes(const arrow::DataType& type) {
  bool has_bytes = type.id() == arrow::Type::NA || ClassOf(type) != ValueClass::kNull;
  return has_bytes ? Status() : NoBytes(type);
}

bool HasSameClass(const arrow::DataType& a, const arrow::DataType& b) {
  return ClassOf(a) == ClassOf(b);
}

Status RowEncoder::Start(const arrow::RecordBatch& rows, std::span<const int> columns,
                         int key_columns) {
  columns_.clear();
  for (int column : columns)
    columns_.push_back(column < 0 ? nullptr : rows.column_data(column).get());
  key_columns_ = key_columns;
  batch_rows_ = rows.num_rows();
  begin_ = end_ = 0;
  if (bytes_.size() > kKeptBytes) std::vector<char>().swap(bytes_);
  sizes_.assign(static_cast<std::size_t>(batch_rows_), 0);
  for (auto column : columns_) TRY(AddSizes(column, sizes_));
  return {};
}

Result<bool> RowEncoder::Next() {
  begin_ = end_;
  if (begin_ == batch_rows_) return false;
  ends_.clear();
  std::uint64_t total = 0;
  while (end_ < batch_rows_) {
    auto size = sizes_[Index(end_)];
    if (size > std::numeric_limits<std::uint32_t>::max())
      return Fail(ErrorKind::kUnsupported,
                  "a row of " + std::to_string(size) + " bytes cannot be compared");
    if (end_ > begin_ && total + size > kRunBytes) break;
    ends_.push_back(total);
    total += size;
    ++end_;
  }
  if (bytes_.size() < total) bytes_.resize(total);
  key_ends_ = ends_;
  for (std::size_t k = 0; k < columns_.size(); ++k) {
    bool is_key = static_cast<int>(k) < key_columns_;
    TRY(WriteColumn(columns_[k], is_key, begin_, bytes_.data(), ends_));
    if (static_cast<int>(k) + 1 == key_columns_) key_ends_ = ends_;
  }
  return true;
}

}  // namespace tidemark
