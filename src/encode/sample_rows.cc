#include "encode/sample_rows.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace tidemark {
namespace {

template <class T>
using Values = std::function<std::optional<T>(std::int64_t row)>;

template <class T>
struct Way {
  std::string name;
  Values<T> values;
};

// The same number for the same row, whatever was asked before.
std::uint64_t At(std::uint64_t seed, std::int64_t row) {
  std::uint64_t bits = (seed << 40) + static_cast<std::uint64_t>(row) + 1;
  for (const std::uint64_t odd : {0xBF58476D1CE4E5B9U, 0x94D049BB133111EBU}) {
    bits = (bits ^ bits >> 31) * odd;
  }
  return bits ^ bits >> 29;
}

template <class T>
Way<T> Edges(std::vector<T> edges) {
  return {"edge", [edges](std::int64_t row) -> std::optional<T> {
            if (row % 13 == 3) return {};
            return edges[static_cast<std::size_t>(row) % edges.size()];
          }};
}

template <class T>
std::vector<Way<T>> WithCommonWays(std::vector<Way<T>> ways, const Values<T>& many) {
  ways.push_back({"many", many});
  ways.push_back({"few", [many](std::int64_t row) { return many(row * row % 5); }});
  ways.push_back({"runs", [many](std::int64_t row) { return many(row / 1000 % 3); }});
  ways.push_back({"null", [](std::int64_t) { return std::optional<T>(); }});
  ways.push_back({"sparse", [many](std::int64_t row) {
                    return row % 997 == 5 ? many(row) : std::optional<T>();
                  }});
  ways.push_back({"late", [many](std::int64_t row) {  // few values at first, then only new ones
                    return many(row < 3000 ? row % 4 : row);
                  }});
  return ways;
}

std::vector<Way<std::int64_t>> IntegerWays(std::uint64_t seed, std::int64_t low,
                                           std::int64_t high) {
  const Values<std::int64_t> many = [=](std::int64_t row) -> std::optional<std::int64_t> {
    const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t value = At(seed, row);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) +
                                     (range == UINT64_MAX ? value : value % (range + 1)));
  };
  auto ways = WithCommonWays<std::int64_t>(
      {Edges<std::int64_t>({0, 1, -1, low, high, low + 1, high - 1})}, many);
  ways.push_back({"sorted", [=](std::int64_t row) -> std::optional<std::int64_t> {
                    return std::min(high, row * 3 + static_cast<std::int64_t>(At(seed, row) % 3));
                  }});
  return ways;
}

std::vector<Way<double>> RealWays(std::uint64_t seed) {
  using Limits = std::numeric_limits<float>;  // so that they survive as float, too
  const Values<double> many = [=](std::int64_t row) -> std::optional<double> {
    return static_cast<double>(
        static_cast<float>(static_cast<double>(At(seed, row) % 2'000'000) / 16) - 40'000.0F);
  };
  auto ways = WithCommonWays<double>(
      {Edges<double>({0.0, -0.0, 1.5, -1.5, HUGE_VAL, -HUGE_VAL, Limits::max(), Limits::lowest(),
                      Limits::denorm_min()})},
      many);
  ways.push_back({"nan", [=](std::int64_t row) -> std::optional<double> {
                    return row % 5 == 0 ? std::nan("") : many(row);
                  }});
  ways.push_back({"zero", [](std::int64_t row) -> std::optional<double> {
                    return row % 2 == 0 ? 0.0 : -0.0;
                  }});
  ways.push_back({"sorted", [](std::int64_t row) -> std::optional<double> {
                    return static_cast<double>(row) / 4;
                  }});
  return ways;
}

std::vector<Way<std::string>> TextWays(std::uint64_t seed, bool is_utf8) {
  const Values<std::string> many = [=](std::int64_t row) -> std::optional<std::string> {
    const std::uint64_t value = At(seed, row);
    std::string text = "order " + std::to_string(value % 100'000'000);
    text.append(value % 40, 'x');
    return text;
  };
  std::vector<std::string> edges = {"",
                                    "a",
                                    "ab",
                                    "abcdefgh",
                                    "abcdefghi",
                                    std::string("a\0b", 3),
                                    "\xC3\xA9",
                                    "\xF0\x9F\x8C\x8A",
                                    std::string(128, 'z'),
                                    "\x7F"};
  if (!is_utf8) edges.insert(edges.end(), {"\xFF", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "\x80"});
  auto ways = WithCommonWays<std::string>({Edges<std::string>(edges)}, many);
  ways.push_back({"long", [=](std::int64_t row) -> std::optional<std::string> {
                    if (row % 3 == 1) return {};
                    return std::string(At(seed, row) % 3000, static_cast<char>('a' + row % 26));
                  }});
  ways.push_back({"sorted", [](std::int64_t row) -> std::optional<std::string> {
                    const std::string digits = std::to_string(row);
                    return "key-" + std::string(9 - std::min<std::size_t>(9, digits.size()), '0') +
                           digits;
                  }});
  return ways;
}

class TableMaker {
 public:
  TableMaker(std::int64_t rows, std::uint64_t seed) : rows_(rows), seed_(seed) {}

  template <class Builder, class T, class F>
  void Add(const std::string& type_name, const std::shared_ptr<arrow::DataType>& type,
           const std::vector<Way<T>>& ways, F&& append) {
    for (const auto& way : ways) {
      Builder builder(type, arrow::default_memory_pool());
      for (std::int64_t row = 0; row < rows_; ++row) {
        const std::optional<T> value = way.values(row);
        const arrow::Status status = value ? append(builder, *value) : builder.AppendNull();
        TIDEMARK_CHECK(status.ok());
      }
      fields_.push_back(arrow::field(type_name + "_" + way.name, type));
      columns_.push_back(std::make_shared<arrow::ChunkedArray>(builder.Finish().ValueOrDie()));
    }
  }

  template <class Builder>
  void AddIntegers(const std::string& name, const std::shared_ptr<arrow::DataType>& type,
                   std::int64_t low, std::int64_t high) {
    Add<Builder>(name, type, IntegerWays(++seed_, low, high), [](Builder& to, std::int64_t value) {
      return to.Append(static_cast<typename Builder::value_type>(value));
    });
  }

  void AddDecimals(int precision, int scale, std::int64_t high) {
    using Builder = arrow::Decimal128Builder;
    Add<Builder>("decimal" + std::to_string(precision), arrow::decimal128(precision, scale),
                 IntegerWays(++seed_, -high, high), [precision](Builder& to, std::int64_t value) {
                   arrow::Decimal128 wide(value);
                   if (precision > 19) wide *= arrow::Decimal128(1'000'000'007);
                   return to.Append(wide);
                 });
  }

  template <class Builder>
  void AddTexts(const std::string& name, const std::shared_ptr<arrow::DataType>& type,
                bool is_utf8) {
    Add<Builder>(name, type, TextWays(++seed_, is_utf8),
                 [](Builder& to, const std::string& value) { return to.Append(value); });
  }

  void AddReals() {
    Add<arrow::DoubleBuilder>(
        "double", arrow::float64(), RealWays(++seed_),
        [](arrow::DoubleBuilder& to, double value) { return to.Append(value); });
    Add<arrow::FloatBuilder>(
        "float", arrow::float32(), RealWays(++seed_),
        [](arrow::FloatBuilder& to, double value) { return to.Append(static_cast<float>(value)); });
  }

  void AddBooleans() {
    Add<arrow::BooleanBuilder>(
        "bool", arrow::boolean(), IntegerWays(++seed_, 0, 1),
        [](arrow::BooleanBuilder& to, std::int64_t value) { return to.Append(value == 1); });
  }

  void AddFixed() {
    Add<arrow::FixedSizeBinaryBuilder>("fixed16", arrow::fixed_size_binary(16),
                                       TextWays(++seed_, false),
                                       [](arrow::FixedSizeBinaryBuilder& to, std::string value) {
                                         value.resize(16, '\xFE');
                                         return to.Append(value);
                                       });
  }

  std::shared_ptr<arrow::Table> Finish() {
    return arrow::Table::Make(arrow::schema(fields_), columns_, rows_);
  }

 private:
  const std::int64_t rows_;
  std::uint64_t seed_;
  arrow::FieldVector fields_;
  arrow::ChunkedArrayVector columns_;
};

}  // namespace

std::shared_ptr<arrow::Table> SampleRows(std::int64_t rows, std::uint64_t seed) {
  constexpr std::int64_t kDaysMax = 2'932'896;  // 9999-12-31
  constexpr std::int64_t kDaysMin = -719'162;   // 0001-01-01
  constexpr std::int64_t kDayUs = 86'400'000'000;
  TableMaker maker(rows, seed * 1000);
  maker.AddBooleans();
  maker.AddIntegers<arrow::Int8Builder>("int8", arrow::int8(), INT8_MIN, INT8_MAX);
  maker.AddIntegers<arrow::Int16Builder>("int16", arrow::int16(), INT16_MIN, INT16_MAX);
  maker.AddIntegers<arrow::Int32Builder>("int32", arrow::int32(), INT32_MIN, INT32_MAX);
  maker.AddIntegers<arrow::Int64Builder>("int64", arrow::int64(), INT64_MIN, INT64_MAX);
  maker.AddIntegers<arrow::Int64Builder>("id", arrow::int64(), 0, 200'000);
  maker.AddIntegers<arrow::Date32Builder>("date", arrow::date32(), kDaysMin, kDaysMax);
  maker.AddIntegers<arrow::TimestampBuilder>("timestamp", arrow::timestamp(arrow::TimeUnit::MICRO),
                                             kDaysMin * kDayUs, kDaysMax * kDayUs);
  maker.AddReals();
  maker.AddDecimals(7, 2, 9'999'999);
  maker.AddDecimals(18, 3, 999'999'999'999'999'999);
  maker.AddDecimals(38, 10, 999'999'999'999'999'999);
  maker.AddTexts<arrow::StringBuilder>("text", arrow::utf8(), true);
  maker.AddTexts<arrow::LargeStringBuilder>("large", arrow::large_utf8(), true);
  maker.AddTexts<arrow::BinaryBuilder>("binary", arrow::binary(), false);
  maker.AddFixed();
  return maker.Finish();
}

}  // namespace tidemark
