#include "encode/text_columns.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace tidemark {

Result<std::vector<TextColumn>> TextColumnsOf(const Table& read, const Table& promised) {
  std::vector<TextColumn> columns;
  for (std::size_t i = 0; i < read.columns.size(); ++i) {
    const Column& column = read.columns[i];
    const bool is_class =
        !column.storage_class_of.empty() || (i > 0 && column.IsClassOf(read.columns[i - 1]));
    if (is_class) continue;
    if (columns.size() >= promised.columns.size())
      return Fail(ErrorKind::kInternal, "more columns were read than promised");
    const auto type =
        TRY_WHILE(fmt::format("column \"{}\"", column.name), CellTypeOf(*column.type));
    const Column& promise = promised.columns[columns.size()];
    const bool has_classes = i + 1 < read.columns.size() && read.columns[i + 1].IsClassOf(column);
    columns.push_back({.name = column.name,
                       .position = static_cast<int>(i),
                       .class_position = has_classes ? static_cast<int>(i) + 1 : -1,
                       .type = type,
                       .expects_bytes = arrow::is_base_binary_like(promise.type->id()) &&
                                        !arrow::is_string(promise.type->id())});
  }
  if (columns.empty())
    return Fail(ErrorKind::kUnsupported, "a table without columns has no rows to write");
  return columns;
}

TextCells::TextCells(const TextColumn& column, const arrow::RecordBatch& rows)
    : cells_(column.type, *rows.column_data(column.position)) {
  if (column.class_position >= 0)
    classes_.emplace(CellType{.kind = CellType::Kind::kText},
                     *rows.column_data(column.class_position));
}

std::vector<TextCells> CellsOf(const std::vector<TextColumn>& columns,
                               const arrow::RecordBatch& rows) {
  std::vector<TextCells> cells;
  cells.reserve(columns.size());
  for (const TextColumn& column : columns) cells.emplace_back(column, rows);
  return cells;
}

double RealOf(std::string_view text) {
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void WarnOfCount(const TextColumn& column, std::int64_t count, std::string_view what,
                 std::vector<std::string>& warnings) {
  if (count > 0) warnings.push_back(fmt::format("column \"{}\": {} {}", column.name, count, what));
}

}  // namespace tidemark
