// For tests, the fuzzer and the benchmark: every column of a result as the type that is default for
// it, with all that stands beside it.
#pragma once
#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "source/sqlserver/tds/decode.h"

namespace tidemark::tds {

inline std::shared_ptr<arrow::DataType> DefaultType(const ResultColumn& column) {
  const auto& type = column.type;
  switch (type.kind()) {
    case Kind::kBit:
      return arrow::boolean();
    case Kind::kTinyInt:
    case Kind::kSmallInt:
      return arrow::int16();
    case Kind::kInt:
      return arrow::int32();
    case Kind::kBigInt:
      return arrow::int64();
    case Kind::kReal:
      return arrow::float32();
    case Kind::kFloat:
      return arrow::float64();
    case Kind::kMoney:
      return arrow::decimal128(19, 4);
    case Kind::kSmallMoney:
      return arrow::decimal128(10, 4);
    case Kind::kDecimal:
      return arrow::decimal128(type.precision, type.scale);
    case Kind::kDate:
      return arrow::date32();
    case Kind::kDateTime2:
    case Kind::kDateTime:
    case Kind::kSmallDateTime:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case Kind::kDateTimeOffset:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case Kind::kBinary:
      if (column.user_type == kUserTypeRowVersion) return arrow::fixed_size_binary(8);
      return type.framing() == Framing::kShort ? arrow::binary() : arrow::large_binary();
    case Kind::kUdt:
      return arrow::large_binary();
    case Kind::kVector:
      return arrow::list(arrow::float32());
    default:
      return type.framing() == Framing::kPieces || type.framing() == Framing::kTextPointer
                 ? arrow::large_utf8()
                 : arrow::utf8();
  }
}

struct DefaultColumns {
  std::vector<OutputColumn> outputs;
  std::shared_ptr<arrow::Schema> schema;
};

inline DefaultColumns MakeDefaultColumns(const std::vector<ResultColumn>& columns) {
  DefaultColumns made;
  arrow::FieldVector fields;
  auto add = [&](int column, Part part, const std::string& name,
                 const std::shared_ptr<arrow::DataType>& type) {
    made.outputs.push_back({column, part, type, false});
    fields.push_back(arrow::field(name, type));
  };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& column = columns[i];
    const auto kind = column.type.kind();
    const int index = static_cast<int>(i);
    if (kind == Kind::kNull) continue;
    add(index, Part::kValue, column.name, DefaultType(column));
    if (column.type.scale == 7 && (kind == Kind::kDateTime2 || kind == Kind::kDateTimeOffset))
      add(index, Part::k100ns, column.name + "__100ns", arrow::int8());
    if (kind == Kind::kDateTimeOffset)
      add(index, Part::kOffsetMinutes, column.name + "__offset_min", arrow::int16());
    if (kind == Kind::kVariant)
      add(index, Part::kBaseType, column.name + "__basetype", arrow::utf8());
  }
  made.schema = arrow::schema(fields);
  return made;
}

}  // namespace tidemark::tds
