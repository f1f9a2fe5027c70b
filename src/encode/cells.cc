#include "encode/cells.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

int DigitsOf(arrow::TimeUnit::type unit) { return 3 * static_cast<int>(unit); }
static_assert(arrow::TimeUnit::SECOND == 0 && arrow::TimeUnit::MILLI == 1 &&
              arrow::TimeUnit::MICRO == 2 && arrow::TimeUnit::NANO == 3);

}  // namespace

Result<CellType> CellTypeOf(const arrow::DataType& type) {
  using arrow::Type;
  using Kind = CellType::Kind;
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
    return Fail(ErrorKind::kUnsupported, fmt::format("no text stands for {}", type.ToString()));
  CellType cell{.kind = found->second, .width = std::max(0, type.byte_width())};
  switch (type.id()) {
    case Type::DECIMAL128:
      cell.digits = static_cast<const arrow::DecimalType&>(type).scale();
      break;
    case Type::TIME32:
    case Type::TIME64:
      cell.digits = DigitsOf(static_cast<const arrow::TimeType&>(type).unit());
      break;
    case Type::TIMESTAMP:
      cell.digits = DigitsOf(static_cast<const arrow::TimestampType&>(type).unit());
      cell.has_zone = !static_cast<const arrow::TimestampType&>(type).timezone().empty();
      break;
    default:
      break;
  }
  return cell;
}

Cells::Cells(const CellType& type, const arrow::ArrayData& data)
    : type_(type),
      valid_(data.MayHaveNulls() ? data.buffers[0]->data() : nullptr),
      bit_(data.offset) {
  auto bytes = [&](std::size_t buffer) {
    const bool is_there = data.buffers.size() > buffer && data.buffers[buffer];
    return is_there ? reinterpret_cast<const char*>(data.buffers[buffer]->data()) : nullptr;
  };
  using Kind = CellType::Kind;
  switch (type.kind) {
    case Kind::kNull:
      return;
    case Kind::kBool:
      values_ = bytes(1);
      return;
    case Kind::kText:
    case Kind::kBytes:
      offsets_ = bytes(1) + data.offset * 4;
      values_ = bytes(2);
      return;
    case Kind::kLargeText:
    case Kind::kLargeBytes:
      offsets_ = bytes(1) + data.offset * 8;
      values_ = bytes(2);
      return;
    default:
      values_ = bytes(1) + data.offset * type.width;
  }
}

char* Cells::Put(char* out, std::int64_t row) const {
  using Kind = CellType::Kind;
  switch (type_.kind) {
    case Kind::kInt64:
      return text::PutInteger(out, At<std::int64_t>(values_, row));
    case Kind::kInt32:
      return text::PutInteger(out, At<std::int32_t>(values_, row));
    case Kind::kInt16:
      return text::PutInteger(out, At<std::int16_t>(values_, row));
    case Kind::kInt8:
      return text::PutInteger(out, At<std::int8_t>(values_, row));
    case Kind::kUInt64:
      return text::PutUnsigned(out, At<std::uint64_t>(values_, row));
    case Kind::kUInt32:
      return text::PutUnsigned(out, At<std::uint32_t>(values_, row));
    case Kind::kUInt16:
      return text::PutUnsigned(out, At<std::uint16_t>(values_, row));
    case Kind::kUInt8:
      return text::PutUnsigned(out, At<std::uint8_t>(values_, row));
    case Kind::kDouble:
      return text::PutReal(out, At<double>(values_, row));
    case Kind::kFloat:
      return text::PutReal(out, At<float>(values_, row));
    case Kind::kDecimal:
      return text::PutDecimal(out, At<__int128>(values_, row), type_.digits);
    case Kind::kDate:
      return text::PutDate(out, At<std::int32_t>(values_, row));
    case Kind::kTime32:
      return text::PutTime(out, At<std::int32_t>(values_, row), type_.digits);
    case Kind::kTime64:
      return text::PutTime(out, At<std::int64_t>(values_, row), type_.digits);
    case Kind::kTimestamp:
      return text::PutTimestamp(out, At<std::int64_t>(values_, row), type_.digits, type_.has_zone);
    default: {
      const bool is_set =
          arrow::bit_util::GetBit(reinterpret_cast<const std::uint8_t*>(values_), bit_ + row);
      const std::string_view word = is_set ? "true" : "false";
      std::memcpy(out, word.data(), word.size());
      return out + word.size();
    }
  }
}

}  // namespace tidemark
