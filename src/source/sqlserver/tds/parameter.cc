#include "source/sqlserver/tds/parameter.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "source/sqlserver/tds/text.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

constexpr std::size_t kShortMax = 8000;
constexpr std::uint16_t kNullShort = 0xFFFF;

std::string OneByte(std::uint8_t type, std::uint8_t length) {
  return {static_cast<char>(type), static_cast<char>(length)};
}

// PLP in one piece.
std::string InPieces(std::string_view bytes) {
  std::string value;
  Store(std::uint64_t{bytes.size()}, &value);
  if (!bytes.empty()) {
    Store(static_cast<std::uint32_t>(bytes.size()), &value);
    value += bytes;
  }
  Store(std::uint32_t{0}, &value);
  return value;
}

std::string WithShortLength(std::string_view bytes) {
  std::string value;
  Store(static_cast<std::uint16_t>(bytes.size()), &value);
  value += bytes;
  return value;
}

std::string ShortType(std::uint8_t type, std::uint16_t length) {
  std::string info(1, static_cast<char>(type));
  Store(length, &info);
  return info;
}

// Of a UDT: names only, as a request has it.
std::string UdtType(const TypeInfo& type) {
  std::string info(1, static_cast<char>(kTypeUdt));
  std::string_view left = type.udt_name;
  for (int i = 0; i < 3; ++i) {
    auto part = ToUtf16(left.substr(0, left.find('.')));
    left.remove_prefix(
        std::min(left.size(), left.find('.') == left.npos ? left.size() : left.find('.') + 1));
    // A system type belongs to no database of ours.
    if (i == 0) part.clear();
    info.push_back(static_cast<char>(part.size() / 2));
    info += part;
  }
  return info;
}

// The type that may be NULL and has the same values.
std::string NullableType(const TypeInfo& type) {
  switch (type.type) {
    case kTypeTinyInt:
    case kTypeSmallInt:
    case kTypeInt:
    case kTypeBigInt:
      return OneByte(kTypeIntN, static_cast<std::uint8_t>(type.max_length));
    case kTypeBit:
      return OneByte(kTypeBitN, 1);
    case kTypeReal:
    case kTypeFloat:
      return OneByte(kTypeFloatN, static_cast<std::uint8_t>(type.max_length));
    case kTypeMoney:
    case kTypeSmallMoney:
      return OneByte(kTypeMoneyN, static_cast<std::uint8_t>(type.max_length));
    case kTypeDateTime:
    case kTypeSmallDateTime:
      return OneByte(kTypeDateTimeN, static_cast<std::uint8_t>(type.max_length));
    case kTypeUdt:
      return UdtType(type);
    default:
      return type.bytes;
  }
}

Result<std::string> ValueOf(const TypeInfo& type, const std::optional<std::string>& cell) {
  std::string value;
  switch (type.framing()) {
    case Framing::kFixed:
    case Framing::kByte:
      value.push_back(static_cast<char>(cell ? cell->size() : 0));
      return value + cell.value_or("");
    case Framing::kShort:
      if (cell) return WithShortLength(*cell);
      Store(kNullShort, &value);
      return value;
    case Framing::kPieces:
      if (cell) return InPieces(*cell);
      Store(UINT64_MAX, &value);
      return value;
    case Framing::kVariant:
      Store(static_cast<std::uint32_t>(cell ? cell->size() : 0), &value);
      return value + cell.value_or("");
    case Framing::kTextPointer:
      break;
  }
  return Fail(ErrorKind::kUnsupported,
              fmt::format("a value of type {} cannot be a parameter", Declaration(type)));
}

}  // namespace

Parameter IntParameter(std::string name, std::int64_t value) {
  Parameter parameter{std::move(name), "bigint", OneByte(kTypeIntN, 8), std::string(1, '\x08')};
  Store(value, &parameter.value);
  return parameter;
}

Parameter NullParameter(std::string name) {
  return {std::move(name), "bigint", OneByte(kTypeIntN, 8), std::string(1, '\0')};
}

Parameter TextParameter(std::string name, std::string_view utf8) {
  // Any collation does: the declaration gives the parameter its own.
  constexpr std::string_view kCollation("\x09\x04\xD0\x00\x34", 5);
  auto units = ToUtf16(utf8);
  if (units.size() <= kShortMax)
    return {std::move(name), "nvarchar(4000)",
            ShortType(kTypeNVarChar, kShortMax).append(kCollation), WithShortLength(units)};
  return {std::move(name), "nvarchar(max)", ShortType(kTypeNVarChar, 0xFFFF).append(kCollation),
          InPieces(units)};
}

Parameter BinaryParameter(std::string name, std::string_view bytes) {
  if (bytes.size() <= kShortMax)
    return {std::move(name), "varbinary(8000)", ShortType(kTypeVarBinary, kShortMax),
            WithShortLength(bytes)};
  return {std::move(name), "varbinary(max)", ShortType(kTypeVarBinary, 0xFFFF), InPieces(bytes)};
}

Result<std::vector<Parameter>> ReadRowAsParameters(Input& input,
                                                   std::span<const ResultColumn> columns,
                                                   bool is_nbc) {
  auto cells = TRY(ReadCells(input, columns, is_nbc));
  std::vector<Parameter> parameters;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& type = columns[i].type;
    parameters.push_back(
        {fmt::format("@p{}", i + 1), Declaration(type), NullableType(type),
         TRY_WHILE("column \"" + columns[i].name + "\"", ValueOf(type, cells[i]))});
  }
  return parameters;
}

std::string Serialize(const Parameter& parameter) {
  std::string serialized;
  for (const auto* part :
       {&parameter.name, &parameter.declaration, &parameter.type_info, &parameter.value}) {
    Store(static_cast<std::uint32_t>(part->size()), &serialized);
    serialized += *part;
  }
  return serialized;
}

Result<Parameter> ParseParameter(std::string_view serialized) {
  Parameter parameter;
  for (auto* part :
       {&parameter.name, &parameter.declaration, &parameter.type_info, &parameter.value}) {
    const auto size = serialized.size() >= 4 ? Load<std::uint32_t>(serialized.data()) : UINT32_MAX;
    if (serialized.size() < 4 || size > serialized.size() - 4)
      return Fail(ErrorKind::kInvalid, "a kept parameter is cut short");
    *part = serialized.substr(4, size);
    serialized.remove_prefix(4 + size);
  }
  if (!serialized.empty()) return Fail(ErrorKind::kInvalid, "a kept parameter is too long");
  return parameter;
}

}  // namespace tidemark::tds
