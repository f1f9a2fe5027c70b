#include "encode/unified/row_json.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "encode/json_cell.h"

namespace tidemark {
namespace {

constexpr std::size_t kRowBytesMax = std::numeric_limits<std::int32_t>::max();

}  // namespace

Result<RowJson> RowJson::Make(const arrow::Schema& schema, int first_column) {
  RowJson rows;
  for (int i = first_column; i < schema.num_fields(); ++i) {
    const auto& field = *schema.field(i);
    const auto type =
        TRY_WHILE(fmt::format("column \"{}\"", field.name()), CellTypeOf(*field.type()));
    rows.columns_.push_back(
        {.position = i,
         .type = type,
         .lead = Lead((i == first_column ? '{' : ',') + text::JsonQuoted(field.name()) + ':'),
         .name = field.name()});
  }
  if (rows.columns_.empty())
    return Fail(ErrorKind::kUnsupported, "a table without columns has no rows to write");
  return rows;
}

Result<std::int64_t> RowJson::Append(const arrow::RecordBatch& rows, std::int64_t row,
                                     std::int64_t end, std::size_t bytes_max,
                                     pq::ByteBuffer& buffer) const {
  std::vector<Cells> cells;
  cells.reserve(columns_.size());
  for (const Column& column : columns_)
    cells.emplace_back(column.type, *rows.column_data(column.position));
  text::Output out(buffer);
  do {
    const std::size_t begin = out.size();
    out.MoveTo(out.Room(4) + 4);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Column& column = columns_[i];
      char* const to = column.lead.Put(out.Room(column.lead.room() + 4));
      const bool is_null = cells[i].IsNull(row);
      out.MoveTo(is_null ? std::ranges::copy(std::string_view("null"), to).out : to);
      const bool is_text = is_null || AppendJsonCell(cells[i], row, out);
      if (!is_text || out.size() - begin > kRowBytesMax) [[unlikely]]
        return is_text
                   ? Fail(ErrorKind::kUnsupported,
                          fmt::format("column \"{}\": a row of more than {} bytes as JSON",
                                      column.name, kRowBytesMax))
                   : Fail(ErrorKind::kInvalid,
                          fmt::format("column \"{}\" holds text that is not UTF-8", column.name));
    }
    *out.Room(1) = '}';
    out.MoveTo(out.Room(1) + 1);
    const auto bytes = static_cast<std::uint32_t>(out.size() - begin - 4);
    std::memcpy(out.begin() + begin, &bytes, 4);
    ++row;
  } while (row < end && out.size() < bytes_max);
  out.Sync();
  return row;
}

}  // namespace tidemark
