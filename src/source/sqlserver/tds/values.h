#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "source/sqlserver/tds/types.h"

namespace tidemark::tds {

// Small results read whole: catalogs, versions, return values. Rows of tables go through decode.h.

struct ResultColumn {
  std::string name;
  TypeInfo type;
  std::uint32_t user_type = 0;
  std::uint16_t flags = 0;  // 1: may be NULL
};

// NULL; bit and integers; real and float; everything else as text in UTF-8 (decimals and money in
// decimal, moments as ISO 8601 with the digits of their scale, uniqueidentifier in lower case), or
// the bytes themselves of binary types, UDTs and vectors. A sql_variant is what its value is.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Value>;

// One value of a small result larger than this is kCorrupt.
inline constexpr std::size_t kSmallValueMax = std::size_t{64} << 20;

// Each reads what follows the token's byte. kCorrupt: no SQL Server has such a value; the column is
// named.
Result<Row> ReadRow(Input& input, std::span<const ResultColumn> columns);
Result<Row> ReadNbcRow(Input& input, std::span<const ResultColumn> columns);
Result<Value> ReadValue(Input& input, const TypeInfo& type);

// The bytes of one value, without its lengths; nothing: NULL.
Result<std::optional<std::string>> ReadCell(Input& input, const TypeInfo& type);
// Cells of a row after its token's byte; `is_nbc`: a bitmap of those that are NULL comes first.
Result<std::vector<std::optional<std::string>>> ReadCells(Input& input,
                                                          std::span<const ResultColumn> columns,
                                                          bool is_nbc);
Result<Value> ToValue(const TypeInfo& type, std::string_view bytes);

}  // namespace tidemark::tds
