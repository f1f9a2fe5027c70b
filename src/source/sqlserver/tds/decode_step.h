#pragma once
#include <cstdint>

#include "source/sqlserver/tds/column_buffers.h"
#include "source/sqlserver/tds/decode.h"
#include "source/sqlserver/tds/scalars.h"

namespace tidemark::tds {

struct Step;

// Takes one value that lies whole between `from` and `end` and gives where it ends. Null: it does
// not, or it is unusual in any way (a NULL in a key, a value that there is not, memory ran out):
// then nothing was written, and whoever called looks closer.
using DecodeValue = const std::uint8_t* (*)(const Step& step, const std::uint8_t* from,
                                            const std::uint8_t* end, std::int64_t row);

// The slowest conversions need this many bytes to be readable beyond a short value.
inline constexpr std::size_t kOverread = 32;

// How the characters of a column become UTF-8.
enum class Encoding : std::uint8_t { kNone, kUtf16, kUtf8, kPage };

// What is done for one result column in every row, decided once.
struct Step {
  DecodeValue decode = nullptr;
  ColumnBuffers* value = nullptr;    // null: nobody wants the column
  ColumnBuffers* digits = nullptr;   // k100ns, or null
  ColumnBuffers* minutes = nullptr;  // kOffsetMinutes, or null
  ColumnBuffers* base = nullptr;     // kBaseType, or null
  std::uint8_t length = 0;           // of the values that all have one length
  std::uint8_t scale = 0;
  Encoding encoding = Encoding::kNone;
  std::int64_t factor = 1;  // wire units to Arrow's
  Uint128 limit = 0;        // decimals: 10^precision
  std::uint32_t max_length = 0;
  std::int64_t column_bytes = 0;  // of DecodeLimits
  const CharacterSet* characters = nullptr;
  DecodeCounts* counts = nullptr;
  const ResultColumn* column = nullptr;
};

// The function for a column's type and what it is wanted as; null: no such conversion. Sets what it
// needs in the step. Skip: nobody wants the column.
DecodeValue ChooseScalar(const arrow::DataType& type, Step* step);
Result<DecodeValue> ChooseText(const arrow::DataType& type, Step* step);
DecodeValue ChooseSkip(Step* step);

// NULL in every output of the step; false: one of them is a key, or memory ran out.
bool PutNulls(const Step& step, std::int64_t row);

// Characters of a value in any piece of it.
inline Converted ConvertPiece(const Step& step, std::string_view from, char* to, bool is_last,
                              TextFaults* faults) {
  switch (step.encoding) {
    case Encoding::kUtf16:
      return ConvertUtf16(from, to, is_last, faults);
    case Encoding::kUtf8:
      return ConvertUtf8(from, to, is_last, faults);
    default:
      return step.characters->Convert(from, to, is_last, faults);
  }
}

}  // namespace tidemark::tds
