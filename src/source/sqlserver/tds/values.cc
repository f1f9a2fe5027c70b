#include "source/sqlserver/tds/values.h"

#include <fmt/format.h>

#include <utility>

#include "source/sqlserver/tds/scalars.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

using Cell = std::optional<std::string>;

Status CheckSize(std::uint64_t bytes) {
  if (bytes <= kSmallValueMax) return {};
  return Fail(ErrorKind::kCorrupt,
              fmt::format("the server announces a value of {} bytes in a small result", bytes));
}

Result<Cell> ReadPieces(Fields& fields) {
  constexpr std::uint64_t kNull = UINT64_MAX, kUnknown = UINT64_MAX - 1;
  auto total = TRY(fields.Read<std::uint64_t>());
  if (total == kNull) return Cell();
  if (total != kUnknown) TRY(CheckSize(total));
  std::string value;
  while (true) {
    auto piece = TRY(fields.Read<std::uint32_t>());
    if (piece == 0) break;
    TRY(CheckSize(std::uint64_t{value.size()} + piece));
    value += TRY(fields.ReadBytes(piece));
  }
  if (total != kUnknown && total != value.size())
    return Fail(
        ErrorKind::kCorrupt,
        fmt::format("the server announces a value of {} bytes and sends {}", total, value.size()));
  return Cell(std::move(value));
}

Result<Cell> ReadTextPointer(Fields& fields) {
  auto pointer = TRY(fields.Read<std::uint8_t>());
  if (pointer == 0) return Cell();
  TRY(fields.ReadBytes(pointer + std::size_t{8}));  // a time stamp follows it
  auto bytes = TRY(fields.Read<std::uint32_t>());
  TRY(CheckSize(bytes));
  return Cell(TRY(fields.ReadBytes(bytes)));
}

}  // namespace

Result<Cell> ReadCell(Input& input, const TypeInfo& type) {
  Fields fields(&input);
  switch (type.framing()) {
    case Framing::kFixed:
      if (type.type == kTypeNull) return Cell();
      return Cell(TRY(fields.ReadBytes(type.max_length)));
    case Framing::kByte: {
      auto bytes = TRY(fields.Read<std::uint8_t>());
      if (bytes == 0) return Cell();
      return Cell(TRY(fields.ReadBytes(bytes)));
    }
    case Framing::kShort: {
      auto bytes = TRY(fields.Read<std::uint16_t>());
      if (bytes == 0xFFFF) return Cell();
      return Cell(TRY(fields.ReadBytes(bytes)));
    }
    case Framing::kPieces:
      return ReadPieces(fields);
    case Framing::kTextPointer:
      return ReadTextPointer(fields);
    case Framing::kVariant: {
      auto bytes = TRY(fields.Read<std::uint32_t>());
      if (bytes == 0) return Cell();
      TRY(CheckSize(bytes));
      return Cell(TRY(fields.ReadBytes(bytes)));
    }
  }
  std::unreachable();
}

Result<Value> ToValue(const TypeInfo& type, std::string_view bytes) {
  auto impossible = [&] {
    return Fail(ErrorKind::kCorrupt, fmt::format("the server sends {} bytes that are no {}",
                                                 bytes.size(), Declaration(type)));
  };
  if (!HasLengthOf(type, bytes.size())) return impossible();
  const auto* p = AsBytes(bytes);
  switch (type.kind()) {
    case Kind::kBit:
      return Value(std::int64_t{*p != 0});
    case Kind::kTinyInt:
      return Value(std::int64_t{*p});
    case Kind::kSmallInt:
      return Value(std::int64_t{Load<std::int16_t>(p)});
    case Kind::kInt:
      return Value(std::int64_t{Load<std::int32_t>(p)});
    case Kind::kBigInt:
      return Value(Load<std::int64_t>(p));
    case Kind::kReal:
      return Value(double{Load<float>(p)});
    case Kind::kFloat:
      return Value(Load<double>(p));
    case Kind::kBinary:
    case Kind::kUdt:
    case Kind::kVector:
      return Value(std::string(bytes));
    case Kind::kVariant: {
      VariantValue inner;
      if (!ParseVariant(bytes, &inner)) return impossible();
      return ToValue(inner.type, inner.bytes);
    }
    case Kind::kCodePage:
      // Apart from bytes that are no text: a collation that is not known is nobody's lie.
      TRY(type.collation.CodePage());
      [[fallthrough]];
    default: {
      std::string text;
      TextFaults faults;
      if (!AppendAsText(type, bytes, &faults, &text)) return impossible();
      return Value(std::move(text));
    }
  }
}

Result<Value> ReadValue(Input& input, const TypeInfo& type) {
  auto cell = TRY(ReadCell(input, type));
  if (!cell) return Value();
  return ToValue(type, *cell);
}

Result<std::vector<Cell>> ReadCells(Input& input, std::span<const ResultColumn> columns,
                                    bool is_nbc) {
  std::string nulls;
  if (is_nbc) nulls = TRY(Fields(&input).ReadBytes((columns.size() + 7) / 8));
  std::vector<Cell> cells(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (is_nbc && (static_cast<unsigned char>(nulls[i / 8]) >> (i % 8) & 1) != 0) continue;
    cells[i] = TRY_WHILE("column \"" + columns[i].name + "\"", ReadCell(input, columns[i].type));
  }
  return cells;
}

namespace {

Result<Row> ReadValues(Input& input, std::span<const ResultColumn> columns, bool is_nbc) {
  auto cells = TRY(ReadCells(input, columns, is_nbc));
  Row row(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (cells[i])
      row[i] = TRY_WHILE("column \"" + columns[i].name + "\"", ToValue(columns[i].type, *cells[i]));
  return row;
}

}  // namespace

Result<Row> ReadRow(Input& input, std::span<const ResultColumn> columns) {
  return ReadValues(input, columns, /*is_nbc=*/false);
}

Result<Row> ReadNbcRow(Input& input, std::span<const ResultColumn> columns) {
  return ReadValues(input, columns, /*is_nbc=*/true);
}

}  // namespace tidemark::tds
