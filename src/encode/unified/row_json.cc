#include "encode/unified/row_json.h"

#include <arrow/api.h>
#include <arrow/util/bit_util.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "encode/unified/json_values.h"

namespace tidemark {

enum class RowJson::Kind : std::uint8_t {
  kNull,
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat,
  kDouble,
  kText,
  kLargeText,
  kBytes,
  kLargeBytes,
  kFixedBytes,
  kDecimal,
  kDate,
  kTime32,
  kTime64,
  kTimestamp,
};

namespace {

constexpr std::size_t kLeadStep = 16;
constexpr std::size_t kRowBytesMax = std::numeric_limits<std::int32_t>::max();

int DigitsOf(arrow::TimeUnit::type unit) { return 3 * static_cast<int>(unit); }
static_assert(arrow::TimeUnit::SECOND == 0 && arrow::TimeUnit::MILLI == 1 &&
              arrow::TimeUnit::MICRO == 2 && arrow::TimeUnit::NANO == 3);

template <class T>
T At(const char* values, std::int64_t row) {
  T value;
  std::memcpy(&value, values + row * static_cast<std::int64_t>(sizeof(T)), sizeof value);
  return value;
}

template <class Offset>
std::string_view TextAt(const char* offsets, const char* bytes, std::int64_t row) {
  const auto begin = At<Offset>(offsets, row), end = At<Offset>(offsets, row + 1);
  return {bytes + begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

// Where a column's values are in one batch.
struct RowJson::View {
  const Column* column;
  const std::uint8_t* valid;     // null: all are
  std::int64_t bit;              // of row 0, in `valid`, and in the values of booleans
  const char *values, *offsets;  // row 0's

  View(const Column& of, const arrow::ArrayData& data) : column(&of), bit(data.offset) {
    valid = data.MayHaveNulls() ? data.buffers[0]->data() : nullptr;
    auto bytes = [&](std::size_t buffer) {
      const bool is_there = data.buffers.size() > buffer && data.buffers[buffer];
      return is_there ? reinterpret_cast<const char*>(data.buffers[buffer]->data()) : nullptr;
    };
    values = offsets = nullptr;
    switch (of.kind) {
      case Kind::kNull:
        return;
      case Kind::kBool:
        values = bytes(1);
        return;
      case Kind::kText:
      case Kind::kBytes:
        offsets = bytes(1) + data.offset * 4;
        values = bytes(2);
        return;
      case Kind::kLargeText:
      case Kind::kLargeBytes:
        offsets = bytes(1) + data.offset * 8;
        values = bytes(2);
        return;
      default:
        values = bytes(1) + data.offset * of.width;
    }
  }

  bool IsNull(std::int64_t row) const {
    return column->kind == Kind::kNull || (valid && !arrow::bit_util::GetBit(valid, bit + row));
  }

  // A value other than text and bytes.
  char* Put(char* out, std::int64_t row) const {
    switch (column->kind) {
      case Kind::kInt64:
        return json::PutInteger(out, At<std::int64_t>(values, row));
      case Kind::kInt32:
        return json::PutInteger(out, At<std::int32_t>(values, row));
      case Kind::kInt16:
        return json::PutInteger(out, At<std::int16_t>(values, row));
      case Kind::kInt8:
        return json::PutInteger(out, At<std::int8_t>(values, row));
      case Kind::kUInt64:
        return json::PutUnsigned(out, At<std::uint64_t>(values, row));
      case Kind::kUInt32:
        return json::PutUnsigned(out, At<std::uint32_t>(values, row));
      case Kind::kUInt16:
        return json::PutUnsigned(out, At<std::uint16_t>(values, row));
      case Kind::kUInt8:
        return json::PutUnsigned(out, At<std::uint8_t>(values, row));
      case Kind::kDouble:
        return json::PutReal(out, At<double>(values, row));
      case Kind::kFloat:
        return json::PutReal(out, At<float>(values, row));
      case Kind::kDecimal:
        return json::PutDecimal(out, At<__int128>(values, row), column->digits);
      case Kind::kDate:
        return json::PutDate(out, At<std::int32_t>(values, row));
      case Kind::kTime32:
        return json::PutTime(out, At<std::int32_t>(values, row), column->digits);
      case Kind::kTime64:
        return json::PutTime(out, At<std::int64_t>(values, row), column->digits);
      case Kind::kTimestamp:
        return json::PutTimestamp(out, At<std::int64_t>(values, row), column->digits,
                                  column->has_zone);
      default: {
        const bool is_set =
            arrow::bit_util::GetBit(reinterpret_cast<const std::uint8_t*>(values), bit + row);
        const std::string_view word = is_set ? "true" : "false";
        std::memcpy(out, word.data(), word.size());
        return out + word.size();
      }
    }
  }

  // With what stands before it. False: a text is not UTF-8.
  bool Append(std::int64_t row, json::Output& out) const {
    char* to = out.Room(column->lead.size() + json::kValueBytesMax);
    for (std::size_t at = 0; at < column->lead.size(); at += kLeadStep)
      std::memcpy(to + at, column->lead.data() + at, kLeadStep);
    to += column->lead_bytes;
    if (IsNull(row)) {
      out.MoveTo(std::ranges::copy(std::string_view("null"), to).out);
      return true;
    }
    switch (column->kind) {
      case Kind::kText:
        out.MoveTo(to);
        return json::AppendText(TextAt<std::int32_t>(offsets, values, row), out);
      case Kind::kLargeText:
        out.MoveTo(to);
        return json::AppendText(TextAt<std::int64_t>(offsets, values, row), out);
      case Kind::kBytes:
        out.MoveTo(to);
        json::AppendBase64(TextAt<std::int32_t>(offsets, values, row), out);
        return true;
      case Kind::kLargeBytes:
        out.MoveTo(to);
        json::AppendBase64(TextAt<std::int64_t>(offsets, values, row), out);
        return true;
      case Kind::kFixedBytes: {
        out.MoveTo(to);
        const auto width = static_cast<std::size_t>(column->width);
        json::AppendBase64({values + row * column->width, width}, out);
        return true;
      }
      default:
        out.MoveTo(Put(to, row));
        return true;
    }
  }
};

Result<RowJson::Column> RowJson::ColumnOf(const arrow::DataType& type) {
  using arrow::Type;
  static constexpr std::pair<Type::type, Kind> kKinds[] = {
      {Type::NA, Kind::kNull},
      {Type::BOOL, Kind::kBool},
      {Type::INT8, Kind::kInt8},
      {Type::INT16, Kind::kInt16},
      {Type::INT32, Kind::kInt32},
      {Type::INT64, Kind::kInt64},
      {Type::UINT8, Kind::kUInt8},
      {Type::UINT16, Kind::kUInt16},
      {Type::UINT32, Kind::kUInt32},
      {Type::UINT64, Kind::kUInt64},
      {Type::FLOAT, Kind::kFloat},
      {Type::DOUBLE, Kind::kDouble},
      {Type::STRING, Kind::kText},
      {Type::LARGE_STRING, Kind::kLargeText},
      {Type::BINARY, Kind::kBytes},
      {Type::LARGE_BINARY, Kind::kLargeBytes},
      {Type::FIXED_SIZE_BINARY, Kind::kFixedBytes},
      {Type::DECIMAL128, Kind::kDecimal},
      {Type::DATE32, Kind::kDate},
      {Type::TIME32, Kind::kTime32},
      {Type::TIME64, Kind::kTime64},
      {Type::TIMESTAMP, Kind::kTimestamp},
  };
  const auto* found = std::ranges::find(kKinds, type.id(), &std::pair<Type::type, Kind>::first);
  if (found == std::end(kKinds))
    return Fail(ErrorKind::kUnsupported, fmt::format("no JSON stands for {}", type.ToString()));
  Column column;
  column.kind = found->second;
  column.width = std::max(0, type.byte_width());
  switch (type.id()) {
    case Type::DECIMAL128:
      column.digits = static_cast<const arrow::DecimalType&>(type).scale();
      break;
    case Type::TIME32:
    case Type::TIME64:
      column.digits = DigitsOf(static_cast<const arrow::TimeType&>(type).unit());
      break;
    case Type::TIMESTAMP:
      column.digits = DigitsOf(static_cast<const arrow::TimestampType&>(type).unit());
      column.has_zone = !static_cast<const arrow::TimestampType&>(type).timezone().empty();
      break;
    default:
      break;
  }
  return column;
}

Result<RowJson> RowJson::Make(const arrow::Schema& schema, int first_column) {
  RowJson rows;
  for (int i = first_column; i < schema.num_fields(); ++i) {
    const auto& field = *schema.field(i);
    Column column = TRY_WHILE(fmt::format("column \"{}\"", field.name()), ColumnOf(*field.type()));
    column.position = i;
    column.name = field.name();
    column.lead = (i == first_column ? '{' : ',') + json::Quoted(field.name()) + ':';
    column.lead_bytes = static_cast<std::uint32_t>(column.lead.size());
    column.lead.resize((column.lead.size() + kLeadStep - 1) / kLeadStep * kLeadStep);
    rows.columns_.push_back(std::move(column));
  }
  if (rows.columns_.empty())
    return Fail(ErrorKind::kUnsupported, "a table without columns has no rows to write");
  return rows;
}

Result<std::int64_t> RowJson::Append(const arrow::RecordBatch& rows, std::int64_t row,
                                     std::int64_t end, std::size_t bytes_max,
                                     pq::ByteBuffer& buffer) const {
  std::vector<View> views;
  views.reserve(columns_.size());
  for (const Column& column : columns_)
    views.emplace_back(column, *rows.column_data(column.position));
  json::Output out(buffer);
  do {
    const std::size_t begin = out.size();
    out.MoveTo(out.Room(4) + 4);
    for (const View& view : views) {
      const bool is_text = view.Append(row, out);
      if (!is_text || out.size() - begin > kRowBytesMax) [[unlikely]]
        return is_text ? Fail(ErrorKind::kUnsupported,
                              fmt::format("column \"{}\": a row of more than {} bytes as JSON",
                                          view.column->name, kRowBytesMax))
                       : Fail(ErrorKind::kInvalid,
                              fmt::format("column \"{}\" holds text that is not UTF-8",
                                          view.column->name));
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
