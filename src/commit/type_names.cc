#include <arrow/type.h>

#include <charconv>

#include "base/arrow_result.h"
#include "commit/state.h"

namespace tidemark {
namespace {

struct PlainName {
  std::string_view name;
  std::shared_ptr<arrow::DataType> (*make)();
};

template <auto F>
std::shared_ptr<arrow::DataType> Make() {
  return F();
}

// The same words as Arrow's own, except for the texts, whose words differ between its languages.
constexpr PlainName kPlain[] = {
    {"null", Make<arrow::null>},     {"bool", Make<arrow::boolean>},
    {"int8", Make<arrow::int8>},     {"int16", Make<arrow::int16>},
    {"int32", Make<arrow::int32>},   {"int64", Make<arrow::int64>},
    {"uint8", Make<arrow::uint8>},   {"uint16", Make<arrow::uint16>},
    {"uint32", Make<arrow::uint32>}, {"uint64", Make<arrow::uint64>},
    {"float", Make<arrow::float32>}, {"double", Make<arrow::float64>},
    {"utf8", Make<arrow::utf8>},     {"large_utf8", Make<arrow::large_utf8>},
    {"binary", Make<arrow::binary>}, {"large_binary", Make<arrow::large_binary>},
    {"date32", Make<arrow::date32>}, {"date64", Make<arrow::date64>},
};

constexpr std::pair<std::string_view, arrow::TimeUnit::type> kUnits[] = {
    {"s", arrow::TimeUnit::SECOND},
    {"ms", arrow::TimeUnit::MILLI},
    {"us", arrow::TimeUnit::MICRO},
    {"ns", arrow::TimeUnit::NANO},
};

std::string UnitName(arrow::TimeUnit::type unit) {
  for (const auto& [name, value] : kUnits)
    if (value == unit) return std::string(name);
  return "us";
}

// "name[inner]" -> inner, or nothing.
std::optional<std::string_view> Inside(std::string_view text, std::string_view open, char close) {
  if (!text.starts_with(open) || !text.ends_with(close)) return std::nullopt;
  return text.substr(open.size(), text.size() - open.size() - 1);
}

std::optional<int> Number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  int value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::shared_ptr<arrow::DataType> TimeType(std::string_view name) {
  if (auto inner = Inside(name, "timestamp[", ']')) {
    auto comma = inner->find(", tz=");
    auto zone = comma == inner->npos ? std::string() : std::string(inner->substr(comma + 5));
    for (const auto& [unit, value] : kUnits)
      if (unit == inner->substr(0, comma)) return arrow::timestamp(value, zone);
  }
  if (name == "time32[s]") return arrow::time32(arrow::TimeUnit::SECOND);
  if (name == "time32[ms]") return arrow::time32(arrow::TimeUnit::MILLI);
  if (name == "time64[us]") return arrow::time64(arrow::TimeUnit::MICRO);
  if (name == "time64[ns]") return arrow::time64(arrow::TimeUnit::NANO);
  return nullptr;
}

Result<std::shared_ptr<arrow::DataType>> SizedType(std::string_view name) {
  for (bool is_wide : {false, true}) {
    auto inner = Inside(name, is_wide ? "decimal256(" : "decimal128(", ')');
    if (!inner) continue;
    auto comma = std::min(inner->find(','), inner->size() - 1);
    auto precision = Number(inner->substr(0, comma)), scale = Number(inner->substr(comma + 1));
    if (!precision || !scale) continue;
    if (is_wide) return AsResult(arrow::Decimal256Type::Make(*precision, *scale));
    return AsResult(arrow::Decimal128Type::Make(*precision, *scale));
  }
  if (auto inner = Inside(name, "fixed_size_binary[", ']'))
    if (auto width = Number(*inner); width && *width >= 0) return arrow::fixed_size_binary(*width);
  return nullptr;
}

}  // namespace

std::string TypeName(const arrow::DataType& type) {
  for (const auto& plain : kPlain)
    if (plain.make()->id() == type.id()) return std::string(plain.name);
  switch (type.id()) {
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      auto zone = timestamp.timezone().empty() ? "" : ", tz=" + timestamp.timezone();
      return "timestamp[" + UnitName(timestamp.unit()) + zone + "]";
    }
    case arrow::Type::TIME32:
      return "time32[" + UnitName(static_cast<const arrow::Time32Type&>(type).unit()) + "]";
    case arrow::Type::TIME64:
      return "time64[" + UnitName(static_cast<const arrow::Time64Type&>(type).unit()) + "]";
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return std::string(type.id() == arrow::Type::DECIMAL128 ? "decimal128(" : "decimal256(") +
             std::to_string(decimal.precision()) + ", " + std::to_string(decimal.scale()) + ")";
    }
    case arrow::Type::FIXED_SIZE_BINARY:
      return "fixed_size_binary[" +
             std::to_string(static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width()) +
             "]";
    default:
      return type.ToString();
  }
}

Result<std::shared_ptr<arrow::DataType>> TypeFromName(std::string_view name) {
  for (const auto& plain : kPlain)
    if (plain.name == name) return plain.make();
  auto type = TimeType(name);
  if (!type) type = TRY(SizedType(name));
  if (type) return type;
  return Fail(ErrorKind::kCorrupt, "\"" + std::string(name) + "\" is no column type");
}

}  // namespace tidemark
