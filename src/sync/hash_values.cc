#include "sync/hash_values.h"

#include <arrow/api.h>

#include <bit>
#include <charconv>
#include <cmath>

#include "base/arrow_result.h"

namespace tidemark {
namespace {

// One value as it goes into the hash: its letter and its bytes.
struct Canonical {
  char letter = 0;
  std::string_view bytes;
};

// Holds the bytes of a number until the next one.
class Numbers {
 public:
  Canonical Of(std::int64_t value) {
    auto [end, code] = std::to_chars(text_, text_ + sizeof text_, value);
    return {'i', {text_, static_cast<std::size_t>(end - text_)}};
  }
  Canonical Of(double value) {
    constexpr double kBeyond = 9223372036854775808.0;  // 2^63
    if (value >= -kBeyond && value < kBeyond && value == std::trunc(value))
      return Of(static_cast<std::int64_t>(value));
    auto bits = std::bit_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i) text_[i] = static_cast<char>(bits >> (56 - 8 * i));
    return {'r', {text_, 8}};
  }
  // An exact number in decimal: as a text.
  Canonical OfText(std::string text) {
    decimal_ = std::move(text);
    return {'t', decimal_};
  }

 private:
  std::string decimal_;
  char text_[24];
};

std::string_view BytesAt(const arrow::Array& values, std::int64_t row) {
  return values.type_id() == arrow::Type::STRING
             ? static_cast<const arrow::StringArray&>(values).GetView(row)
             : static_cast<const arrow::BinaryArray&>(values).GetView(row);
}

bool HasForm(const arrow::Array& values) {
  switch (values.type_id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT16:
    case arrow::Type::INT64:
    case arrow::Type::DOUBLE:
    case arrow::Type::DECIMAL128:
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return true;
    default:
      return false;
  }
}

Canonical ValueAt(const arrow::Array& values, std::int64_t row, Numbers& numbers) {
  switch (values.type_id()) {
    case arrow::Type::BOOL: {
      bool value = static_cast<const arrow::BooleanArray&>(values).Value(row);
      return numbers.Of(std::int64_t{value});
    }
    case arrow::Type::INT16:
      return numbers.Of(std::int64_t{static_cast<const arrow::Int16Array&>(values).Value(row)});
    case arrow::Type::DECIMAL128:
      return numbers.OfText(static_cast<const arrow::Decimal128Array&>(values).FormatValue(row));
    case arrow::Type::INT64:
      return numbers.Of(static_cast<const arrow::Int64Array&>(values).Value(row));
    case arrow::Type::DOUBLE:
      return numbers.Of(static_cast<const arrow::DoubleArray&>(values).Value(row));
    default:
      return {values.type_id() == arrow::Type::STRING ? 't' : 'b', BytesAt(values, row)};
  }
}

// A value that stands there as text beside its storage class.
Canonical StoredAt(const arrow::Array& texts, std::string_view storage_class, std::int64_t row,
                   Numbers& numbers) {
  auto text = BytesAt(texts, row);
  if (storage_class == "integer") return {'i', text};
  if (storage_class == "real") {
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return numbers.Of(value);
  }
  return {storage_class == "text" ? 't' : 'b', text};
}

}  // namespace

Result<std::shared_ptr<arrow::Array>> ValueHash::Of(const arrow::Array& values,
                                                    const arrow::Array* classes) {
  bool is_text = values.type_id() == arrow::Type::STRING || values.type_id() == arrow::Type::BINARY;
  if (!HasForm(values) || (classes && !is_text))
    return Fail(ErrorKind::kUnsupported,
                "values of type " + values.type()->ToString() + " cannot be hashed");
  arrow::StringBuilder hashes;
  TRY(hashes.Reserve(values.length()));
  TRY(hashes.ReserveData((values.length() - values.null_count()) * 64));
  Numbers numbers;
  std::array<char, 64> hex;
  for (std::int64_t row = 0; row < values.length(); ++row) {
    if (values.IsNull(row)) {
      hashes.UnsafeAppendNull();
      continue;
    }
    auto value = classes ? StoredAt(values, BytesAt(*classes, row), row, numbers)
                         : ValueAt(values, row, numbers);
    const std::string_view message[] = {{&value.letter, 1}, value.bytes};
    hmac_.HexOf(message, hex);
    hashes.UnsafeAppend(hex.data(), hex.size());
  }
  return TRY(hashes.Finish());
}

}  // namespace tidemark
