#include "fold/json_rows.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/arrow_result.h"
#include "base/utf8.h"
#include "fold/json_text.h"

namespace tidemark {
namespace {

enum class Kind : std::uint8_t {
  kNull,
  kBool,
  kInteger,
  kUnsigned,
  kReal,
  kFloat,
  kText,
  kBytes,
  kDecimal,
  kDate,
  kTime32,
  kTime64,
  kTimestamp,
};

struct Shape {
  Kind kind;
  std::shared_ptr<arrow::DataType> type;  // of the column that is built
  int digits = 0;                         // of a second's fraction
};

Result<Shape> ShapeOf(const std::shared_ptr<arrow::DataType>& type) {
  using arrow::Type;
  auto digits = [](arrow::TimeUnit::type unit) { return 3 * static_cast<int>(unit); };
  switch (type->id()) {
    case Type::NA:
      return Shape{Kind::kNull, type};
    case Type::BOOL:
      return Shape{Kind::kBool, type};
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64:
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
      return Shape{Kind::kInteger, arrow::int64()};
    case Type::UINT64:
      return Shape{Kind::kUnsigned, type};
    case Type::DOUBLE:
      return Shape{Kind::kReal, type};
    case Type::FLOAT:
      return Shape{Kind::kFloat, arrow::float64()};
    case Type::STRING:
    case Type::LARGE_STRING:
      return Shape{Kind::kText, arrow::utf8()};
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
      return Shape{Kind::kBytes, arrow::binary()};
    case Type::DECIMAL128:
      return Shape{Kind::kDecimal, type};
    case Type::DATE32:
      return Shape{Kind::kDate, type};
    case Type::TIME32:
      return Shape{Kind::kTime32, type, digits(static_cast<const arrow::TimeType&>(*type).unit())};
    case Type::TIME64:
      return Shape{Kind::kTime64, type, digits(static_cast<const arrow::TimeType&>(*type).unit())};
    case Type::TIMESTAMP:
      return Shape{Kind::kTimestamp, type,
                   digits(static_cast<const arrow::TimestampType&>(*type).unit())};
    default:
      return Fail(ErrorKind::kUnsupported, "no JSON stands for " + type->ToString());
  }
}

// One column in the making.
class ColumnRows {
 public:
  ColumnRows(JsonRows::Member member, Shape shape, std::unique_ptr<arrow::ArrayBuilder> builder)
      : member_(std::move(member)), shape_(std::move(shape)), builder_(std::move(builder)) {}

  const JsonRows::Member& member() const { return member_; }
  std::shared_ptr<arrow::Field> field() const { return arrow::field(member_.name, shape_.type); }
  std::int64_t length() const { return builder_->length(); }
  arrow::Status AppendNull() { return builder_->AppendNull(); }
  arrow::Result<std::shared_ptr<arrow::Array>> Finish() { return builder_->Finish(); }

  // False: no value of this column's kind.
  Result<bool> Append(json::Text& text, std::string& scratch) {
    if (text.Take("null")) {
      TRY(builder_->AppendNull());
      return true;
    }
    switch (shape_.kind) {
      case Kind::kNull:
        return false;
      case Kind::kBool: {
        const bool is_set = text.Take("true");
        if (!is_set && !text.Take("false")) return false;
        return Put<arrow::BooleanBuilder>(is_set);
      }
      case Kind::kInteger: {
        std::int64_t value = 0;
        return text.TakeInteger(value) ? Put<arrow::Int64Builder>(value) : false;
      }
      case Kind::kUnsigned: {
        std::uint64_t value = 0;
        return text.TakeUnsigned(value) ? Put<arrow::UInt64Builder>(value) : false;
      }
      case Kind::kReal:
      case Kind::kFloat:
        return AppendReal(text, scratch);
      default: {
        std::string_view value;
        return text.TakeText(scratch, value) ? AppendText(value) : false;
      }
    }
  }

 private:
  template <class Builder, class Value>
  Result<bool> Put(const Value& value) {
    TRY(static_cast<Builder&>(*builder_).Append(value));
    return true;
  }
  template <class Builder>
  Result<bool> PutIf(const std::optional<std::int64_t>& value, bool is_whole) {
    using Value = typename Builder::value_type;
    if (!value || !is_whole || *value > std::numeric_limits<Value>::max() ||
        *value < std::numeric_limits<Value>::min())
      return false;
    return Put<Builder>(static_cast<Value>(*value));
  }

  Result<bool> AppendReal(json::Text& text, std::string& scratch) {
    double value = 0;
    float narrow = 0;
    if (text.IsAtText()) {
      std::string_view word;
      if (!text.TakeText(scratch, word)) return false;
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      if (word != "NaN" && word != "Infinity" && word != "-Infinity") return false;
      value = word == "NaN" ? std::nan("") : word == "Infinity" ? kInfinity : -kInfinity;
    } else if (shape_.kind == Kind::kReal) {
      if (!text.TakeReal(value)) return false;
    } else {
      if (!text.TakeFloat(narrow)) return false;
      value = narrow;
    }
    return Put<arrow::DoubleBuilder>(value);
  }

  Result<bool> AppendText(std::string_view value) {
    switch (shape_.kind) {
      case Kind::kText:
        return Put<arrow::StringBuilder>(value);
      case Kind::kBytes:
        return json::DecodeBase64(value, bytes_) ? Put<arrow::BinaryBuilder>(bytes_) : false;
      case Kind::kDecimal:
        return AppendDecimal(value);
      case Kind::kDate: {
        const auto day = json::ParseDay(value);
        return PutIf<arrow::Date32Builder>(day, value.empty());
      }
      case Kind::kTime32: {
        const auto time = json::ParseTimeOfDay(value, shape_.digits);
        return PutIf<arrow::Time32Builder>(time, value.empty());
      }
      case Kind::kTime64: {
        const auto time = json::ParseTimeOfDay(value, shape_.digits);
        return PutIf<arrow::Time64Builder>(time, value.empty());
      }
      default:
        return PutIf<arrow::TimestampBuilder>(json::ParseTimestamp(value, shape_.digits), true);
    }
  }

  Result<bool> AppendDecimal(std::string_view value) {
    arrow::Decimal128 decimal;
    std::int32_t precision = 0, scale = 0;
    const auto& type = static_cast<const arrow::DecimalType&>(*shape_.type);
    if (!arrow::Decimal128::FromString(value, &decimal, &precision, &scale).ok()) return false;
    auto fitting = decimal.Rescale(scale, type.scale());
    if (!fitting.ok() || !fitting->FitsInPrecision(type.precision())) return false;
    return Put<arrow::Decimal128Builder>(*fitting);
  }

  JsonRows::Member member_;
  Shape shape_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
  std::string bytes_;
};

class JsonRowsInOrder final : public JsonRows {
 public:
  Status Start(const std::vector<Member>& members) {
    arrow::FieldVector fields;
    for (const Member& member : members) {
      auto shape = TRY_WHILE("column \"" + member.name + "\"", ShapeOf(member.type));
      auto builder = TRY(arrow::MakeBuilder(shape.type));
      // As the encoder had to spell it.
      by_name_.emplace(LossyUtf8(member.name), static_cast<int>(columns_.size()));
      columns_.emplace_back(member, std::move(shape), std::move(builder));
      fields.push_back(columns_.back().field());
    }
    schema_ = arrow::schema(std::move(fields));
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Status Append(std::string_view object) override {
    json::Text text(object);
    text.SkipSpace();
    if (!text.Take('{')) return NotWhatWeWrote("");
    text.SkipSpace();
    bool is_over = text.Take('}');
    for (std::size_t place = 0; !is_over; ++place) {
      const int column = TRY(TakeName(text, place));
      TRY(TakeValue(text, column));
      text.SkipSpace();
      is_over = text.Take('}');
      if (!is_over && !text.Take(',')) return NotWhatWeWrote("");
      if (!is_over) text.SkipSpace();
    }
    text.SkipSpace();
    if (!text.IsAtEnd()) return NotWhatWeWrote("");
    return EndRow();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Finish() override {
    arrow::ArrayVector arrays;
    for (ColumnRows& column : columns_) arrays.push_back(TRY(column.Finish()));
    return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(arrays));
  }

 private:
  static std::unexpected<Error> NotWhatWeWrote(std::string_view name) {
    std::string what = name.empty() ? "a row" : "\"" + std::string(name) + "\" of a row";
    return Fail(ErrorKind::kCorrupt, what + " is not JSON of the table's columns");
  }

  // The column that the next member is for; -1: none. Rows of one file have their members in one
  // order, so a comparison of bytes is nearly always enough.
  Result<int> TakeName(json::Text& text, std::size_t place) {
    if (place < expected_.size() && text.Take(expected_[place].text))
      return expected_[place].column;
    const char* const begin = text.at();
    std::string_view name;
    if (!text.TakeText(scratch_, name)) return NotWhatWeWrote("");
    text.SkipSpace();
    if (!text.Take(':')) return NotWhatWeWrote(name);
    auto found = by_name_.find(std::string(name));
    const int column = found == by_name_.end() ? -1 : found->second;
    if (place >= expected_.size()) expected_.resize(place + 1);
    expected_[place] = {{begin, text.at()}, column};
    return column;
  }

  Status TakeValue(json::Text& text, int column) {
    text.SkipSpace();
    if (column < 0) return text.SkipValue() ? Status() : NotWhatWeWrote("");
    ColumnRows& rows = columns_[static_cast<std::size_t>(column)];
    const bool is_again = rows.length() > rows_;
    if (is_again || !TRY(rows.Append(text, scratch_))) return NotWhatWeWrote(rows.member().name);
    return {};
  }

  Status EndRow() {
    for (ColumnRows& column : columns_) {
      if (column.length() > rows_) continue;
      if (column.member().is_required) return NotWhatWeWrote(column.member().name);
      TRY(column.AppendNull());
    }
    ++rows_;
    return {};
  }

  struct Expected {
    std::string text;  // the name with what is around it, colon included
    int column = -1;
  };
  std::vector<ColumnRows> columns_;
  std::unordered_map<std::string, int> by_name_;
  std::vector<Expected> expected_;  // by place in the object
  std::shared_ptr<arrow::Schema> schema_;
  std::string scratch_;
  std::int64_t rows_ = 0;
};

}  // namespace

Result<std::unique_ptr<JsonRows>> JsonRows::Make(const std::vector<Member>& members) {
  auto rows = std::make_unique<JsonRowsInOrder>();
  TRY(rows->Start(members));
  return rows;
}

}  // namespace tidemark
