#include "source/sqlserver/tds/types.h"

#include <fmt/format.h>

#include <algorithm>

#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

constexpr std::uint32_t kMax = 0xFFFF;

std::unexpected<Error> Impossible(const TypeInfo& type) {
  return Fail(ErrorKind::kCorrupt,
              fmt::format("the server describes a type 0x{:02x} of length {}, precision {} and "
                          "scale {}, which there is not",
                          type.type, type.max_length, type.precision, type.scale));
}

Status ReadDecimal(Fields& fields, TypeInfo* type) {
  type->max_length = TRY(fields.Read<std::uint8_t>());
  type->precision = TRY(fields.Read<std::uint8_t>());
  type->scale = TRY(fields.Read<std::uint8_t>());
  if (type->precision == 0 || type->precision > 38 || type->scale > type->precision)
    return Impossible(*type);
  return {};
}

Status ReadTimeScale(Fields& fields, TypeInfo* type) {
  type->scale = TRY(fields.Read<std::uint8_t>());
  if (type->scale > 7) return Impossible(*type);
  type->max_length = FixedLength(type->type, type->scale);
  return {};
}

Status ReadCollation(Fields& fields, TypeInfo* type) {
  type->collation.bytes = TRY(fields.Read<std::array<std::uint8_t, 5>>());
  return {};
}

Status ReadUdt(Fields& fields, TypePlace place, TypeInfo* type) {
  type->is_plp = true;
  type->max_length = kMax;
  if (place == TypePlace::kResult) type->max_length = TRY(fields.Read<std::uint16_t>());
  auto database = TRY(fields.ReadShortText());
  auto schema = TRY(fields.ReadShortText());
  auto name = TRY(fields.ReadShortText());
  type->udt_name = database + "." + schema + "." + name;
  if (place == TypePlace::kResult) TRY(fields.ReadLongText());  // the assembly
  return {};
}

Status ReadXml(Fields& fields, TypeInfo* type) {
  type->is_plp = true;
  if (TRY(fields.Read<std::uint8_t>()) == 0) return {};
  TRY(fields.ReadShortText());  // the database, schema and name of the collection of schemas
  TRY(fields.ReadShortText());
  TRY(fields.ReadLongText());
  return {};
}

Status ReadShortLength(Fields& fields, TypeInfo* type) {
  type->max_length = TRY(fields.Read<std::uint16_t>());
  type->is_plp = type->max_length == kMax;
  return {};
}

Status ReadRest(Fields& fields, TypePlace place, TypeInfo* type) {
  switch (type->type) {
    case kTypeNull:
    case kTypeTinyInt:
    case kTypeBit:
    case kTypeSmallInt:
    case kTypeInt:
    case kTypeSmallDateTime:
    case kTypeReal:
    case kTypeSmallMoney:
    case kTypeMoney:
    case kTypeDateTime:
    case kTypeFloat:
    case kTypeBigInt:
    case kTypeDate:
      type->max_length = FixedLength(type->type, 0);
      return {};
    case kTypeTime:
    case kTypeDateTime2:
    case kTypeDateTimeOffset:
      return ReadTimeScale(fields, type);
    case kTypeGuid:
    case kTypeIntN:
    case kTypeBitN:
    case kTypeFloatN:
    case kTypeMoneyN:
    case kTypeDateTimeN:
      type->max_length = TRY(fields.Read<std::uint8_t>());
      if (type->kind() == Kind::kNull) return Impossible(*type);
      return {};
    case kTypeDecimal:
    case kTypeNumeric:
    case kTypeDecimalOld:
    case kTypeNumericOld:
      return ReadDecimal(fields, type);
    case kTypeVarBinary:
    case kTypeBinary:
      return ReadShortLength(fields, type);
    case kTypeVarChar:
    case kTypeChar:
    case kTypeNVarChar:
    case kTypeNChar:
      TRY(ReadShortLength(fields, type));
      return ReadCollation(fields, type);
    case kTypeVector:
      type->max_length = TRY(fields.Read<std::uint16_t>());
      type->scale = TRY(fields.Read<std::uint8_t>());
      return {};
    case kTypeText:
    case kTypeNText:
      type->max_length = TRY(fields.Read<std::uint32_t>());
      return ReadCollation(fields, type);
    case kTypeImage:
    case kTypeVariant:
      type->max_length = TRY(fields.Read<std::uint32_t>());
      return {};
    case kTypeUdt:
      return ReadUdt(fields, place, type);
    case kTypeXml:
      return ReadXml(fields, type);
    case kTypeJson:
      type->is_plp = true;
      return {};
    default:
      return Fail(ErrorKind::kUnsupported,
                  fmt::format("the server sends a type 0x{:02x}, which is not known", type->type));
  }
}

}  // namespace

std::uint32_t FixedLength(std::uint8_t type, std::uint8_t scale) {
  const auto time_bytes = static_cast<std::uint32_t>(TimeBytes(scale));
  switch (type) {
    case kTypeTinyInt:
    case kTypeBit:
      return 1;
    case kTypeSmallInt:
      return 2;
    case kTypeDate:
      return 3;
    case kTypeInt:
    case kTypeSmallDateTime:
    case kTypeReal:
    case kTypeSmallMoney:
      return 4;
    case kTypeMoney:
    case kTypeDateTime:
    case kTypeFloat:
    case kTypeBigInt:
      return 8;
    case kTypeGuid:
      return 16;
    case kTypeTime:
      return time_bytes;
    case kTypeDateTime2:
      return time_bytes + 3;
    case kTypeDateTimeOffset:
      return time_bytes + 5;
    default:
      return 0;
  }
}

Result<TypeInfo> ReadTypeInfo(Input& input, TypePlace place) {
  TypeInfo type;
  Fields fields(&input, &type.bytes);
  type.type = TRY(fields.Read<std::uint8_t>());
  TRY(ReadRest(fields, place, &type));
  if (type.is_plp &&
      (type.type == kTypeBinary || type.type == kTypeChar || type.type == kTypeNChar))
    return Impossible(type);
  return type;
}

namespace {

Kind OfLength(std::uint32_t length, std::uint32_t first, Kind of_first, std::uint32_t second,
              Kind of_second) {
  return length == first ? of_first : length == second ? of_second : Kind::kNull;
}

// kNull: none of this length.
Kind NullableKind(std::uint8_t type, std::uint32_t length) {
  switch (type) {
    case kTypeGuid:
      return length == 16 ? Kind::kGuid : Kind::kNull;
    case kTypeIntN:
      if (length <= 2) return OfLength(length, 1, Kind::kTinyInt, 2, Kind::kSmallInt);
      return OfLength(length, 4, Kind::kInt, 8, Kind::kBigInt);
    case kTypeBitN:
      return length == 1 ? Kind::kBit : Kind::kNull;
    case kTypeFloatN:
      return OfLength(length, 4, Kind::kReal, 8, Kind::kFloat);
    case kTypeMoneyN:
      return OfLength(length, 4, Kind::kSmallMoney, 8, Kind::kMoney);
    default:
      return OfLength(length, 4, Kind::kSmallDateTime, 8, Kind::kDateTime);
  }
}

}  // namespace

Kind TypeInfo::kind() const {
  switch (type) {
    case kTypeTinyInt:
      return Kind::kTinyInt;
    case kTypeBit:
      return Kind::kBit;
    case kTypeSmallInt:
      return Kind::kSmallInt;
    case kTypeInt:
      return Kind::kInt;
    case kTypeSmallDateTime:
      return Kind::kSmallDateTime;
    case kTypeReal:
      return Kind::kReal;
    case kTypeSmallMoney:
      return Kind::kSmallMoney;
    case kTypeMoney:
      return Kind::kMoney;
    case kTypeDateTime:
      return Kind::kDateTime;
    case kTypeFloat:
      return Kind::kFloat;
    case kTypeBigInt:
      return Kind::kBigInt;
    case kTypeDate:
      return Kind::kDate;
    case kTypeTime:
      return Kind::kTime;
    case kTypeDateTime2:
      return Kind::kDateTime2;
    case kTypeDateTimeOffset:
      return Kind::kDateTimeOffset;
    case kTypeGuid:
    case kTypeIntN:
    case kTypeBitN:
    case kTypeFloatN:
    case kTypeMoneyN:
    case kTypeDateTimeN:
      return NullableKind(type, max_length);
    case kTypeDecimal:
    case kTypeNumeric:
    case kTypeDecimalOld:
    case kTypeNumericOld:
      return Kind::kDecimal;
    case kTypeVarBinary:
    case kTypeBinary:
    case kTypeImage:
      return Kind::kBinary;
    case kTypeVarChar:
    case kTypeChar:
    case kTypeText:
      return Kind::kCodePage;
    case kTypeNVarChar:
    case kTypeNChar:
    case kTypeNText:
      return Kind::kUtf16;
    case kTypeVector:
      return Kind::kVector;
    case kTypeVariant:
      return Kind::kVariant;
    case kTypeUdt:
      return Kind::kUdt;
    case kTypeXml:
      return Kind::kXml;
    case kTypeJson:
      return Kind::kJson;
    default:
      return Kind::kNull;
  }
}

Framing TypeInfo::framing() const {
  if (is_plp) return Framing::kPieces;
  switch (type) {
    case kTypeNull:
    case kTypeTinyInt:
    case kTypeBit:
    case kTypeSmallInt:
    case kTypeInt:
    case kTypeSmallDateTime:
    case kTypeReal:
    case kTypeSmallMoney:
    case kTypeMoney:
    case kTypeDateTime:
    case kTypeFloat:
    case kTypeBigInt:
      return Framing::kFixed;
    case kTypeVarBinary:
    case kTypeBinary:
    case kTypeVarChar:
    case kTypeChar:
    case kTypeNVarChar:
    case kTypeNChar:
    case kTypeVector:
      return Framing::kShort;
    case kTypeText:
    case kTypeNText:
    case kTypeImage:
      return Framing::kTextPointer;
    case kTypeVariant:
      return Framing::kVariant;
    default:
      return Framing::kByte;
  }
}

namespace {

std::string WithLength(const char* name, const TypeInfo& type, std::uint32_t unit) {
  if (type.is_plp) return fmt::format("{}(max)", name);
  return fmt::format("{}({})", name, std::max(type.max_length / unit, 1U));
}

// The types of which the first byte says more than the kind does.
std::string StringDeclaration(const TypeInfo& type) {
  switch (type.type) {
    case kTypeVarBinary:
      return WithLength("varbinary", type, 1);
    case kTypeBinary:
      return WithLength("binary", type, 1);
    case kTypeVarChar:
      return WithLength("varchar", type, 1);
    case kTypeChar:
      return WithLength("char", type, 1);
    case kTypeNVarChar:
      return WithLength("nvarchar", type, 2);
    case kTypeNChar:
      return WithLength("nchar", type, 2);
    case kTypeImage:
      return "image";
    case kTypeText:
      return "text";
    default:
      return "ntext";
  }
}

}  // namespace

std::string Declaration(const TypeInfo& type) {
  constexpr const char* kNames[] = {"null",
                                    "bit",
                                    "tinyint",
                                    "smallint",
                                    "int",
                                    "bigint",
                                    "real",
                                    "float",
                                    "money",
                                    "smallmoney",
                                    "decimal",
                                    "date",
                                    "time",
                                    "datetime2",
                                    "datetimeoffset",
                                    "datetime",
                                    "smalldatetime",
                                    "uniqueidentifier",
                                    "",
                                    "",
                                    "",
                                    "",
                                    "xml",
                                    "json",
                                    "vector",
                                    "sql_variant"};
  const auto* name = kNames[static_cast<std::size_t>(type.kind())];
  switch (type.kind()) {
    case Kind::kDecimal:
      return fmt::format(
          "{}({},{})", type.type == kTypeNumeric || type.type == kTypeNumericOld ? "numeric" : name,
          type.precision, type.scale);
    case Kind::kTime:
    case Kind::kDateTime2:
    case Kind::kDateTimeOffset:
      return fmt::format("{}({})", name, type.scale);
    case Kind::kBinary:
    case Kind::kCodePage:
    case Kind::kUtf16:
      return StringDeclaration(type);
    case Kind::kUdt:
      return type.udt_name.substr(type.udt_name.rfind('.') + 1);
    case Kind::kVector:
      return fmt::format(
          "vector({}{})",
          (type.max_length - std::min(type.max_length, 8U)) / (type.scale == 1 ? 2 : 4),
          type.scale == 1 ? ", float16" : "");
    default:
      return name;
  }
}

}  // namespace tidemark::tds
