#pragma once
#include <cstdint>
#include <string>

#include "source/sqlserver/tds/collation.h"
#include "source/sqlserver/tds/input.h"

namespace tidemark::tds {

// The first byte of TYPE_INFO. N: may be NULL, the length of the value stands before it.
enum TypeByte : std::uint8_t {
  kTypeNull = 0x1F,
  kTypeImage = 0x22,
  kTypeText = 0x23,
  kTypeGuid = 0x24,
  kTypeIntN = 0x26,
  kTypeDate = 0x28,
  kTypeTime = 0x29,
  kTypeDateTime2 = 0x2A,
  kTypeDateTimeOffset = 0x2B,
  kTypeTinyInt = 0x30,
  kTypeBit = 0x32,
  kTypeSmallInt = 0x34,
  kTypeDecimalOld = 0x37,
  kTypeInt = 0x38,
  kTypeSmallDateTime = 0x3A,
  kTypeReal = 0x3B,
  kTypeMoney = 0x3C,
  kTypeDateTime = 0x3D,
  kTypeFloat = 0x3E,
  kTypeNumericOld = 0x3F,
  kTypeVariant = 0x62,
  kTypeNText = 0x63,
  kTypeBitN = 0x68,
  kTypeDecimal = 0x6A,
  kTypeNumeric = 0x6C,
  kTypeFloatN = 0x6D,
  kTypeMoneyN = 0x6E,
  kTypeDateTimeN = 0x6F,
  kTypeSmallMoney = 0x7A,
  kTypeBigInt = 0x7F,
  kTypeVarBinary = 0xA5,
  kTypeVarChar = 0xA7,
  kTypeBinary = 0xAD,
  kTypeChar = 0xAF,
  kTypeNVarChar = 0xE7,
  kTypeNChar = 0xEF,
  kTypeUdt = 0xF0,
  kTypeXml = 0xF1,
  kTypeJson = 0xF4,
  kTypeVector = 0xF5,
};

// The user type of rowversion, which is binary(8) otherwise.
inline constexpr std::uint32_t kUserTypeRowVersion = 80;

// What a type is, however the wire spells it: INTN of 4 bytes and INT4 are both kInt.
enum class Kind : std::uint8_t {
  kNull,
  kBit,
  kTinyInt,
  kSmallInt,
  kInt,
  kBigInt,
  kReal,
  kFloat,
  kMoney,
  kSmallMoney,
  kDecimal,
  kDate,
  kTime,
  kDateTime2,
  kDateTimeOffset,
  kDateTime,
  kSmallDateTime,
  kGuid,
  kBinary,    // binary, varbinary, image
  kCodePage,  // char, varchar, text
  kUtf16,     // nchar, nvarchar, ntext
  kUdt,
  kXml,
  kJson,
  kVector,
  kVariant,
};

// How a value says its length and that it is NULL.
enum class Framing : std::uint8_t {
  kFixed,        // neither
  kByte,         // 0: NULL
  kShort,        // 0xFFFF: NULL
  kPieces,       // PLP: 8 bytes of length, pieces, 0
  kTextPointer,  // a pointer first, of length 0 for NULL
  kVariant,      // 4 bytes, 0: NULL
};

struct TypeInfo {
  std::uint8_t type = kTypeNull;
  std::uint32_t max_length = 0;  // in bytes, as announced; 0xFFFF for (max)
  std::uint8_t precision = 0;
  std::uint8_t scale = 0;  // of vector: what its elements are (0: float32, 1: float16)
  Collation collation;
  bool is_plp = false;
  std::string udt_name;  // database.schema.type
  std::string bytes;     // TYPE_INFO as the wire had it

  Kind kind() const;
  Framing framing() const;
};

// A UDT is described less where a client sends it.
enum class TypePlace : std::uint8_t { kResult, kRequest };

// kUnsupported: no type that we know begins so; kCorrupt: its numbers are impossible.
Result<TypeInfo> ReadTypeInfo(Input& input, TypePlace place = TypePlace::kResult);

// As T-SQL declares it: "decimal(10,2)", "nvarchar(max)", "datetime2(7)", "geography".
std::string Declaration(const TypeInfo& type);

// Bytes of every value of the type, where all have as many; 0: they have not. `scale`: of times.
std::uint32_t FixedLength(std::uint8_t type, std::uint8_t scale);

// Bytes of a time of this scale (0 to 7) on the wire.
constexpr std::size_t TimeBytes(std::uint8_t scale) { return scale <= 2 ? 3 : scale <= 4 ? 4 : 5; }

}  // namespace tidemark::tds
