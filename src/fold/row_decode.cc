#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <cstring>
#include <limits>
#include <utility>

#include "base/arrow_result.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

// Reads what RowEncoder wrote. Bytes come from our own encoder, so running out of them is a bug.
struct Bytes {
  const char* at;
  const char* end;

  template <class T>
  T Take() {
    T value;
    TIDEMARK_CHECK(static_cast<std::size_t>(end - at) >= sizeof value);
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return value;
  }
  std::string_view TakeBytes(std::size_t size) {
    TIDEMARK_CHECK(static_cast<std::size_t>(end - at) >= size);
    std::string_view bytes(at, size);
    at += size;
    return bytes;
  }
};

Status DoesNotFit(const arrow::DataType& type) {
  return Fail(ErrorKind::kInvalid,
              "a landed value does not fit a column of type " + type.ToString());
}

template <class Type>
Status AppendInteger(arrow::ArrayBuilder& builder, std::int64_t value) {
  using T = typename Type::c_type;
  if (!std::in_range<T>(value)) return DoesNotFit(*builder.type());
  return AsResult(static_cast<typename arrow::TypeTraits<Type>::BuilderType&>(builder).Append(
      static_cast<T>(value)));
}

Status AppendIntegerTo(arrow::ArrayBuilder& builder, std::int64_t value) {
  using arrow::Type;
  switch (builder.type()->id()) {
    case Type::INT8:
      return AppendInteger<arrow::Int8Type>(builder, value);
    case Type::INT16:
      return AppendInteger<arrow::Int16Type>(builder, value);
    case Type::INT32:
      return AppendInteger<arrow::Int32Type>(builder, value);
    case Type::INT64:
      return AppendInteger<arrow::Int64Type>(builder, value);
    case Type::UINT8:
      return AppendInteger<arrow::UInt8Type>(builder, value);
    case Type::UINT16:
      return AppendInteger<arrow::UInt16Type>(builder, value);
    case Type::UINT32:
      return AppendInteger<arrow::UInt32Type>(builder, value);
    case Type::UINT64:
      return AppendInteger<arrow::UInt64Type>(builder, value);
    default:
      return DoesNotFit(*builder.type());
  }
}

Status AppendReal(arrow::ArrayBuilder& builder, double value) {
  using arrow::Type;
  switch (builder.type()->id()) {
    case Type::FLOAT:
      return AsResult(static_cast<arrow::FloatBuilder&>(builder).Append(static_cast<float>(value)));
    case Type::DOUBLE:
      return AsResult(static_cast<arrow::DoubleBuilder&>(builder).Append(value));
    default:
      return DoesNotFit(*builder.type());
  }
}

Status AppendVariable(arrow::ArrayBuilder& builder, ValueClass value_class,
                      std::string_view value) {
  using arrow::Type;
  if (value_class == ValueClass::kText) {
    switch (builder.type()->id()) {
      case Type::STRING:
        return AsResult(static_cast<arrow::StringBuilder&>(builder).Append(value));
      case Type::LARGE_STRING:
        return AsResult(static_cast<arrow::LargeStringBuilder&>(builder).Append(value));
      default:
        return DoesNotFit(*builder.type());
    }
  }
  switch (builder.type()->id()) {
    case Type::BINARY:
      return AsResult(static_cast<arrow::BinaryBuilder&>(builder).Append(value));
    case Type::LARGE_BINARY:
      return AsResult(static_cast<arrow::LargeBinaryBuilder&>(builder).Append(value));
    case Type::FIXED_SIZE_BINARY: {
      auto& fixed = static_cast<arrow::FixedSizeBinaryBuilder&>(builder);
      if (static_cast<std::size_t>(fixed.byte_width()) != value.size())
        return DoesNotFit(*builder.type());
      return AsResult(fixed.Append(value.data()));
    }
    default:
      return DoesNotFit(*builder.type());
  }
}

Status AppendDecimal(arrow::ArrayBuilder& builder, int scale, std::string_view value) {
  using arrow::Type;
  auto id = builder.type()->id();
  if (id != Type::DECIMAL32 && id != Type::DECIMAL64 && id != Type::DECIMAL128 &&
      id != Type::DECIMAL256)
    return DoesNotFit(*builder.type());
  const auto& type = static_cast<const arrow::DecimalType&>(*builder.type());
  auto width = static_cast<std::size_t>(type.byte_width());
  char sign = value.back() < 0 ? -1 : 0;
  if (type.scale() != scale) return DoesNotFit(type);
  for (std::size_t k = width; k < value.size(); ++k)
    if (value[k] != sign) return DoesNotFit(type);
  if (width < value.size() && (value[width - 1] < 0 ? -1 : 0) != sign) return DoesNotFit(type);
  char wide[32];
  std::memset(wide, sign, sizeof wide);
  std::memcpy(wide, value.data(), value.size());
  // Builders of decimals store the value's bytes as FixedSizeBinary does.
  return AsResult(static_cast<arrow::FixedSizeBinaryBuilder&>(builder).Append(wide));
}

std::int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    case arrow::TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 1;
}

Status AppendInstant(arrow::ArrayBuilder& builder, ValueClass value_class, std::int64_t seconds,
                     std::uint32_t nanoseconds) {
  bool is_timestamp = value_class == ValueClass::kTimestamp;
  const auto& type = *builder.type();
  if (type.id() != (is_timestamp ? arrow::Type::TIMESTAMP : arrow::Type::DURATION))
    return DoesNotFit(type);
  auto per_second = PerSecond(is_timestamp ? static_cast<const arrow::TimestampType&>(type).unit()
                                           : static_cast<const arrow::DurationType&>(type).unit());
  auto value =
      static_cast<__int128>(seconds) * per_second + nanoseconds / (1'000'000'000 / per_second);
  if (nanoseconds % (1'000'000'000 / per_second) != 0 || value != static_cast<std::int64_t>(value))
    return DoesNotFit(type);
  auto count = static_cast<std::int64_t>(value);
  if (is_timestamp) return AsResult(static_cast<arrow::TimestampBuilder&>(builder).Append(count));
  return AsResult(static_cast<arrow::DurationBuilder&>(builder).Append(count));
}

Status AppendDateOrTime(arrow::ArrayBuilder& builder, ValueClass value_class, std::int64_t value) {
  using arrow::Type;
  auto id = builder.type()->id();
  if (value_class == ValueClass::kDate) {
    if (id == Type::DATE32)
      return AsResult(
          static_cast<arrow::Date32Builder&>(builder).Append(static_cast<std::int32_t>(value)));
    if (id == Type::DATE64)
      return AsResult(static_cast<arrow::Date64Builder&>(builder).Append(value * 86'400'000));
    return DoesNotFit(*builder.type());
  }
  if (id != Type::TIME32 && id != Type::TIME64) return DoesNotFit(*builder.type());
  auto per = 1'000'000'000 / PerSecond(static_cast<const arrow::TimeType&>(*builder.type()).unit());
  if (value % per != 0) return DoesNotFit(*builder.type());
  if (id == Type::TIME32)
    return AsResult(
        static_cast<arrow::Time32Builder&>(builder).Append(static_cast<std::int32_t>(value / per)));
  return AsResult(static_cast<arrow::Time64Builder&>(builder).Append(value / per));
}

Status AppendBool(arrow::ArrayBuilder& builder, bool value) {
  if (builder.type()->id() != arrow::Type::BOOL) return DoesNotFit(*builder.type());
  return AsResult(static_cast<arrow::BooleanBuilder&>(builder).Append(value));
}

Status AppendValue(arrow::ArrayBuilder& builder, Bytes& bytes) {
  auto value_class = bytes.Take<ValueClass>();
  switch (value_class) {
    case ValueClass::kNull:
      return AsResult(builder.AppendNull());
    case ValueClass::kFalse:
    case ValueClass::kTrue:
      return AppendBool(builder, value_class == ValueClass::kTrue);
    case ValueClass::kInteger:
      return AppendIntegerTo(builder, bytes.Take<std::int64_t>());
    case ValueClass::kUnsigned:
      if (builder.type()->id() != arrow::Type::UINT64) return DoesNotFit(*builder.type());
      return AsResult(
          static_cast<arrow::UInt64Builder&>(builder).Append(bytes.Take<std::uint64_t>()));
    case ValueClass::kReal:
      return AppendReal(builder, bytes.Take<double>());
    case ValueClass::kText:
    case ValueClass::kBytes:
      return AppendVariable(builder, value_class, bytes.TakeBytes(bytes.Take<std::uint32_t>()));
    case ValueClass::kDecimal:
    case ValueClass::kDecimalWide: {
      int scale = bytes.Take<std::int8_t>();
      return AppendDecimal(builder, scale,
                           bytes.TakeBytes(value_class == ValueClass::kDecimal ? 16 : 32));
    }
    case ValueClass::kDate:
    case ValueClass::kTime:
      return AppendDateOrTime(builder, value_class, bytes.Take<std::int64_t>());
    case ValueClass::kTimestamp:
    case ValueClass::kDuration: {
      auto seconds = bytes.Take<std::int64_t>();
      return AppendInstant(builder, value_class, seconds, bytes.Take<std::uint32_t>());
    }
  }
  return Fail(ErrorKind::kInternal, "a row's bytes hold no known class");
}

// A value as one line of at most kTextMax bytes, whatever is in it.
std::string Shown(const arrow::Scalar& value) {
  constexpr std::size_t kTextMax = 64;
  std::string shown;
  auto text = value.ToString();
  for (unsigned char c : text) {
    if (shown.size() >= kTextMax && (c & 0xC0) != 0x80) return shown + "...";
    bool is_plain = c >= 0x20 && c != 0x7F;
    shown.push_back(is_plain ? static_cast<char>(c) : '?');
  }
  return shown;
}

}  // namespace

RowDecoder::RowDecoder() = default;
RowDecoder::RowDecoder(RowDecoder&&) noexcept = default;
RowDecoder& RowDecoder::operator=(RowDecoder&&) noexcept = default;
RowDecoder::~RowDecoder() = default;

Result<RowDecoder> RowDecoder::Make(std::shared_ptr<arrow::Schema> schema,
                                    std::vector<int> columns) {
  RowDecoder decoder;
  decoder.schema_ = std::move(schema);
  decoder.columns_ = std::move(columns);
  decoder.builder_ =
      TRY(arrow::RecordBatchBuilder::Make(decoder.schema_, arrow::default_memory_pool()));
  return decoder;
}

Status RowDecoder::Append(std::string_view bytes) {
  Bytes rest{bytes.data(), bytes.data() + bytes.size()};
  for (int column : columns_) {
    if (rest.at == rest.end) break;
    TRY_WHILE("column \"" + schema_->field(column)->name() + "\"",
              AppendValue(*builder_->GetField(column), rest));
  }
  TIDEMARK_CHECK(rest.at == rest.end);
  ++rows_;
  bytes_ += static_cast<std::int64_t>(bytes.size());
  for (int column = 0; column < builder_->num_fields(); ++column) {
    auto& field = *builder_->GetField(column);
    if (field.length() < rows_) TRY(field.AppendNull());
  }
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> RowDecoder::Finish() {
  rows_ = bytes_ = 0;
  return TRY(builder_->Flush());
}

Result<std::string> KeyText(const arrow::Schema& schema, std::span<const int> columns,
                            std::string_view bytes) {
  arrow::FieldVector fields;
  std::vector<int> positions;
  for (int column : columns) {
    positions.push_back(static_cast<int>(fields.size()));
    fields.push_back(schema.field(column));
  }
  auto decoder = TRY(RowDecoder::Make(arrow::schema(fields), positions));
  TRY(decoder.Append(bytes));
  auto row = TRY(decoder.Finish());
  std::string text;
  for (int column = 0; column < row->num_columns(); ++column) {
    auto value = TRY(row->column(column)->GetScalar(0));
    text += (column ? ", " : "") + fields[static_cast<std::size_t>(column)]->name() + "=" +
            Shown(*value);
  }
  return text;
}

}  // namespace tidemark
