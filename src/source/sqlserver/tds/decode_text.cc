#include <arrow/type.h>

#include <charconv>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "source/sqlserver/tds/decode_step.h"

namespace tidemark::tds {
namespace {

using arrow::Type;

constexpr std::uint16_t kNullShort = 0xFFFF;
constexpr std::uint64_t kNullPieces = UINT64_MAX;
constexpr std::uint64_t kUnknownLength = UINT64_MAX - 1;
// Larger ones go piece by piece, where limits are kept.
constexpr std::size_t kWholeMax = 64 << 10;

const std::uint8_t* PutNullThen(const Step& step, std::int64_t row, const std::uint8_t* next) {
  return PutNulls(step, row) ? next : nullptr;
}

void Count(const TextFaults& faults, const Step& step) {
  step.counts->lone_surrogates += faults.lone_surrogates;
  step.counts->undecodable_bytes += faults.undecodable_bytes;
}

// ---- characters

#ifdef __SSE2__
__m128i LoadBlock(const std::uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
#endif

// ASCII at the front of a value: whole blocks, and a shorter rest where a block may be read. How
// many bytes were taken; the rest is left to the converters.
inline std::size_t TakeAscii16(const std::uint8_t* from, std::size_t length,
                               const std::uint8_t* end, char** to) {
  std::size_t taken = 0;
#ifdef __SSE2__
  const __m128i not_ascii = _mm_set1_epi16(static_cast<short>(0xFF80));
  auto is_ascii = [&](__m128i units) {
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_cmpeq_epi16(_mm_and_si128(units, not_ascii), _mm_setzero_si128())));
  };
  for (; length - taken >= 32; taken += 32, *to += 16) {
    const auto first = LoadBlock(from + taken), second = LoadBlock(from + taken + 16);
    if (is_ascii(_mm_or_si128(first, second)) != 0xFFFF) return taken;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(*to), _mm_packus_epi16(first, second));
  }
  while (taken < length && end - from >= static_cast<std::ptrdiff_t>(taken + 16)) {
    const std::size_t block = std::min<std::size_t>(length - taken, 16);
    const auto units = LoadBlock(from + taken);
    if (((is_ascii(units) | (0xFFFFU << block)) & 0xFFFF) != 0xFFFF) return taken;
    _mm_storel_epi64(reinterpret_cast<__m128i*>(*to), _mm_packus_epi16(units, units));
    *to += block / 2;
    taken += block;
  }
#endif
  return taken;
}

inline std::size_t TakeAscii8(const std::uint8_t* from, std::size_t length, const std::uint8_t* end,
                              char** to) {
  std::size_t taken = 0;
#ifdef __SSE2__
  while (taken < length && end - from >= static_cast<std::ptrdiff_t>(taken + 16)) {
    const std::size_t block = std::min<std::size_t>(length - taken, 16);
    const auto bytes = LoadBlock(from + taken);
    if ((static_cast<unsigned>(_mm_movemask_epi8(bytes)) & ~(0xFFFFU << block)) != 0) return taken;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(*to), bytes);
    *to += block;
    taken += block;
  }
#endif
  return taken;
}

template <Encoding kEncoding>
[[gnu::noinline]] char* ConvertRest(const Step& step, std::string_view rest, char* to) {
  TextFaults faults;
  Converted converted;
  if constexpr (kEncoding == Encoding::kUtf16)
    converted = ConvertUtf16(rest, to, /*is_last=*/true, &faults);
  else if constexpr (kEncoding == Encoding::kUtf8)
    converted = ConvertUtf8(rest, to, /*is_last=*/true, &faults);
  else
    converted = step.characters->Convert(rest, to, /*is_last=*/true, &faults);
  Count(faults, step);
  return to + converted.written;
}

template <Encoding kEncoding, class End>
const std::uint8_t* DecodeText(const Step& step, const std::uint8_t* from, const std::uint8_t* end,
                               std::int64_t row) {
  if (end - from < 2) return nullptr;
  const std::size_t length = Load<std::uint16_t>(from);
  from += 2;
  if (length == kNullShort) return PutNullThen(step, row, from);
  if (static_cast<std::size_t>(end - from) < length) return nullptr;
  if (kEncoding == Encoding::kUtf16 && length % 2 != 0) return nullptr;
  char* room = step.value->Room(static_cast<std::int64_t>(length * kUtf8PerByte));
  if (room == nullptr) return nullptr;
  char* to = room;
  const auto taken = kEncoding == Encoding::kUtf16 ? TakeAscii16(from, length, end, &to)
                                                   : TakeAscii8(from, length, end, &to);
  if (taken < length) to = ConvertRest<kEncoding>(step, AsText(from + taken, length - taken), to);
  step.value->PutEnd<End>(row, to - room);
  return from + length;
}

// ---- bytes

template <class End>
const std::uint8_t* DecodeBinary(const Step& step, const std::uint8_t* from,
                                 const std::uint8_t* end, std::int64_t row) {
  if (end - from < 2) return nullptr;
  const std::size_t length = Load<std::uint16_t>(from);
  from += 2;
  if (length == kNullShort) return PutNullThen(step, row, from);
  if (static_cast<std::size_t>(end - from) < length) return nullptr;
  char* room = step.value->Room(static_cast<std::int64_t>(length));
  if (room == nullptr) return nullptr;
  std::memcpy(room, from, length);
  step.value->PutEnd<End>(row, static_cast<std::int64_t>(length));
  return from + length;
}

// binary(n) as as many bytes.
const std::uint8_t* DecodeFixedBinary(const Step& step, const std::uint8_t* from,
                                      const std::uint8_t* end, std::int64_t row) {
  if (end - from < 2) return nullptr;
  const std::size_t length = Load<std::uint16_t>(from);
  from += 2;
  if (length == kNullShort) return PutNullThen(step, row, from);
  if (length != step.max_length || static_cast<std::size_t>(end - from) < length) return nullptr;
  step.value->PutBytes(row, from);
  return from + length;
}

// rowversion as the number it is.
template <bool kIsText>
const std::uint8_t* DecodeRowVersion(const Step& step, const std::uint8_t* from,
                                     const std::uint8_t* end, std::int64_t row) {
  if (end - from < 2) return nullptr;
  const std::size_t length = Load<std::uint16_t>(from);
  from += 2;
  if (length == kNullShort) return PutNullThen(step, row, from);
  if (length != 8 || end - from < 8) return nullptr;
  const std::uint64_t number = __builtin_bswap64(Load<std::uint64_t>(from));
  if constexpr (kIsText) {
    char* room = step.value->Room(20);
    if (room == nullptr) return nullptr;
    step.value->EndValue(row, std::to_chars(room, room + 20, number).ptr - room);
  } else {
    step.value->Put(row, static_cast<Int128>(number));
  }
  return from + 8;
}

// ---- values of any length that came whole

bool PutWhole(const Step& step, std::string_view bytes, std::int64_t row) {
  if (step.value == nullptr) return true;
  const auto factor = step.encoding == Encoding::kNone ? 1 : kUtf8PerByte;
  const auto most = static_cast<std::int64_t>(bytes.size() * factor);
  if (step.value->bytes_size() + most > step.column_bytes) return false;
  char* room = step.value->Room(most);
  if (room == nullptr) return false;
  if (step.encoding == Encoding::kNone) {
    std::memcpy(room, bytes.data(), bytes.size());
    step.value->EndValue(row, static_cast<std::int64_t>(bytes.size()));
    return true;
  }
  if (step.encoding == Encoding::kUtf16 && bytes.size() % 2 != 0) return false;
  TextFaults faults;
  const auto converted = ConvertPiece(step, bytes, room, /*is_last=*/true, &faults);
  Count(faults, step);
  step.value->EndValue(row, static_cast<std::int64_t>(converted.written));
  return true;
}

const std::uint8_t* DecodePieces(const Step& step, const std::uint8_t* from,
                                 const std::uint8_t* end, std::int64_t row) {
  if (end - from < 8) return nullptr;
  const auto total = Load<std::uint64_t>(from);
  if (total == kNullPieces) return PutNullThen(step, row, from + 8);
  if (end - from < 12) return nullptr;
  const std::size_t piece = Load<std::uint32_t>(from + 8);
  if ((total != piece && total != kUnknownLength) || piece > kWholeMax) return nullptr;
  from += 12;
  if (piece == 0) return PutWhole(step, AsText(from, 0), row) ? from : nullptr;
  if (static_cast<std::size_t>(end - from) < piece + 4) return nullptr;
  if (Load<std::uint32_t>(from + piece) != 0) return nullptr;
  return PutWhole(step, AsText(from, piece), row) ? from + piece + 4 : nullptr;
}

const std::uint8_t* DecodeTextPointer(const Step& step, const std::uint8_t* from,
                                      const std::uint8_t* end, std::int64_t row) {
  if (from == end) return nullptr;
  if (*from == 0) return PutNullThen(step, row, from + 1);
  const std::size_t before = 1 + std::size_t{*from} + 8;
  if (static_cast<std::size_t>(end - from) < before + 4) return nullptr;
  const std::size_t length = Load<std::uint32_t>(from + before);
  from += before + 4;
  if (length > kWholeMax || static_cast<std::size_t>(end - from) < length) return nullptr;
  return PutWhole(step, AsText(from, length), row) ? from + length : nullptr;
}

// ---- sql_variant and vector

bool PutBaseType(const Step& step, std::uint8_t type, std::int64_t row) {
  if (step.base == nullptr) return true;
  const std::string_view name = BaseTypeName(type);
  char* room = step.base->Room(static_cast<std::int64_t>(name.size()));
  if (room == nullptr) return false;
  std::memcpy(room, name.data(), name.size());
  step.base->EndValue(row, static_cast<std::int64_t>(name.size()));
  return true;
}

const std::uint8_t* DecodeVariant(const Step& step, const std::uint8_t* from,
                                  const std::uint8_t* end, std::int64_t row) {
  if (end - from < 4) return nullptr;
  const std::size_t length = Load<std::uint32_t>(from);
  from += 4;
  if (length == 0) return PutNullThen(step, row, from);
  if (static_cast<std::size_t>(end - from) < length) return nullptr;
  // Kept between values for its memory.
  thread_local VariantValue value;
  thread_local std::string text;
  text.clear();
  TextFaults faults;
  if (!ParseVariant(AsText(from, length), &value) ||
      !AppendAsText(value.type, value.bytes, &faults, &text))
    return nullptr;
  char* room = step.value->Room(static_cast<std::int64_t>(text.size()));
  if (room == nullptr) return nullptr;
  text.copy(room, text.size());
  if (!PutBaseType(step, value.type.type, row)) return nullptr;
  Count(faults, step);
  step.value->EndValue(row, static_cast<std::int64_t>(text.size()));
  return from + length;
}

template <bool kIsText>
const std::uint8_t* DecodeVector(const Step& step, const std::uint8_t* from,
                                 const std::uint8_t* end, std::int64_t row) {
  if (end - from < 2) return nullptr;
  const std::size_t length = Load<std::uint16_t>(from);
  from += 2;
  if (length == kNullShort) return PutNullThen(step, row, from);
  if (static_cast<std::size_t>(end - from) < length) return nullptr;
  VectorValue vector;
  if (!ParseVector(AsText(from, length), &vector)) return nullptr;
  // The longest float in decimal is below 16 characters.
  const auto most = static_cast<std::int64_t>(vector.count * (kIsText ? 17 : 4) + 2);
  char* room = step.value->Room(most);
  if (room == nullptr) return nullptr;
  char* to = room;
  if constexpr (kIsText) *to++ = '[';
  if (!kIsText && !vector.is_half) {
    std::memcpy(to, vector.elements, vector.count * 4);
    to += vector.count * 4;
    vector.count = 0;
  }
  for (std::size_t i = 0; i < vector.count; ++i) {
    const float element = vector.At(i);
    if constexpr (kIsText) {
      if (i > 0) *to++ = ',';
      to = std::to_chars(to, to + 16, element).ptr;
    } else {
      std::memcpy(to, &element, 4);
      to += 4;
    }
  }
  if constexpr (kIsText) *to++ = ']';
  step.value->EndValue(row, to - room);
  return from + length;
}

// ---- columns that nobody wants

const std::uint8_t* SkipFixed(const Step& step, const std::uint8_t* from, const std::uint8_t* end,
                              std::int64_t) {
  return end - from < step.length ? nullptr : from + step.length;
}

template <class Length, Length kNull>
const std::uint8_t* SkipCounted(const Step&, const std::uint8_t* from, const std::uint8_t* end,
                                std::int64_t) {
  constexpr std::ptrdiff_t kBefore = sizeof(Length);
  if (end - from < kBefore) return nullptr;
  std::size_t length = Load<Length>(from);
  if (length == kNull) length = 0;
  return static_cast<std::size_t>(end - from) - kBefore < length ? nullptr
                                                                 : from + kBefore + length;
}

// ---- which of them

template <Encoding kEncoding>
DecodeValue TextOf(bool is_large) {
  return is_large ? DecodeText<kEncoding, std::int64_t> : DecodeText<kEncoding, std::int32_t>;
}

Result<Encoding> EncodingOf(const TypeInfo& type, const CharacterSet** characters) {
  if (type.kind() == Kind::kUtf16 || type.kind() == Kind::kXml) return Encoding::kUtf16;
  if (type.kind() == Kind::kJson) return Encoding::kUtf8;
  const int page = TRY(type.collation.CodePage());
  if (page == kUtf8CodePage) return Encoding::kUtf8;
  *characters = TRY(CharacterSet::Find(page));
  return Encoding::kPage;
}

Result<DecodeValue> CharactersOf(const arrow::DataType& type, Step* step) {
  const bool is_large = type.id() == Type::LARGE_STRING;
  if (!is_large && type.id() != Type::STRING) return nullptr;
  step->encoding = TRY(EncodingOf(step->column->type, &step->characters));
  const auto framing = step->column->type.framing();
  if (framing == Framing::kPieces) return DecodePieces;
  if (framing == Framing::kTextPointer) return DecodeTextPointer;
  if (step->encoding == Encoding::kUtf16) return TextOf<Encoding::kUtf16>(is_large);
  if (step->encoding == Encoding::kUtf8) return TextOf<Encoding::kUtf8>(is_large);
  return TextOf<Encoding::kPage>(is_large);
}

DecodeValue BinaryOf(const arrow::DataType& type, Step* step) {
  const auto& wire = step->column->type;
  const auto framing = wire.framing();
  const bool is_large = type.id() == Type::LARGE_BINARY;
  if (is_large || type.id() == Type::BINARY) {
    if (framing == Framing::kPieces) return DecodePieces;
    if (framing == Framing::kTextPointer) return DecodeTextPointer;
    return is_large ? DecodeBinary<std::int64_t> : DecodeBinary<std::int32_t>;
  }
  if (wire.type != kTypeBinary) return nullptr;
  step->max_length = wire.max_length;
  if (type.id() == Type::FIXED_SIZE_BINARY &&
      type.bit_width() == static_cast<int>(wire.max_length) * 8)
    return DecodeFixedBinary;
  if (wire.max_length != 8) return nullptr;
  if (type.id() == Type::STRING || type.id() == Type::LARGE_STRING) return DecodeRowVersion<true>;
  const bool is_number = type.id() == Type::DECIMAL128 &&
                         static_cast<const arrow::Decimal128Type&>(type).scale() == 0 &&
                         static_cast<const arrow::Decimal128Type&>(type).precision() >= 20;
  return is_number ? DecodeRowVersion<false> : nullptr;
}

DecodeValue VectorOf(const arrow::DataType& type) {
  if (type.id() == Type::STRING || type.id() == Type::LARGE_STRING) return DecodeVector<true>;
  const bool is_floats = type.id() == Type::LIST && type.field(0)->type()->id() == Type::FLOAT;
  return is_floats ? DecodeVector<false> : nullptr;
}

}  // namespace

bool PutNulls(const Step& step, std::int64_t row) {
  for (auto* buffers : {step.value, step.digits, step.minutes, step.base})
    if (buffers != nullptr && !buffers->PutNull(row)) return false;
  return true;
}

Result<DecodeValue> ChooseText(const arrow::DataType& type, Step* step) {
  switch (step->column->type.kind()) {
    case Kind::kBinary:
    case Kind::kUdt:
      return BinaryOf(type, step);
    case Kind::kCodePage:
    case Kind::kUtf16:
    case Kind::kXml:
    case Kind::kJson:
      return CharactersOf(type, step);
    case Kind::kVariant:
      if (type.id() != Type::STRING && type.id() != Type::LARGE_STRING) return nullptr;
      return DecodeVariant;
    case Kind::kVector:
      return VectorOf(type);
    default:
      return nullptr;
  }
}

DecodeValue ChooseSkip(Step* step) {
  const auto& type = step->column->type;
  switch (type.framing()) {
    case Framing::kFixed:
      step->length = static_cast<std::uint8_t>(type.max_length);
      return SkipFixed;
    case Framing::kByte:
      return SkipCounted<std::uint8_t, 0>;
    case Framing::kShort:
      return SkipCounted<std::uint16_t, kNullShort>;
    case Framing::kPieces:
      return DecodePieces;
    case Framing::kTextPointer:
      return DecodeTextPointer;
    case Framing::kVariant:
      return SkipCounted<std::uint32_t, 0>;
  }
  return nullptr;
}

}  // namespace tidemark::tds
