#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "source/sqlserver/tds/values.h"

namespace arrow {
class DataType;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace tidemark::tds {

struct Decoding;

// What of a result column an output column holds.
enum class Part : std::uint8_t {
  kValue,
  k100ns,  // int8: the seventh digit of datetime2(7) and datetimeoffset(7), which the value lacks
  kOffsetMinutes,  // int16: of datetimeoffset, of which the value is UTC
  kBaseType,       // utf8: of sql_variant
};

struct OutputColumn {
  int result_column = 0;
  Part part = Part::kValue;
  // Of kValue, one of:
  //   bit: bool. tinyint: int16, uint8. smallint, int, bigint: int16, int32, int64.
  //   real, float: float32, float64. decimal, money, smallmoney: decimal128 of the same scale.
  //   date: date32. time: utf8, time64[us], time64[ns].
  //   smalldatetime, datetime, datetime2, datetimeoffset: timestamp[us] with or without a zone; the
  //     latter two also int64 (100 ns since 1970).
  //   date, datetime2, datetimeoffset, datetime, smalldatetime, decimal: utf8 as values.h has it.
  //   uniqueidentifier: utf8, fixed_size_binary(16) in RFC 4122's order.
  //   binary, varbinary, image, UDT: binary, large_binary. binary(n): also fixed_size_binary(n).
  //   rowversion (binary(8)): also decimal128(20,0), utf8 in decimal.
  //   characters, xml, json, sql_variant: utf8, large_utf8.
  //   vector: list<float32>, utf8 as JSON.
  std::shared_ptr<arrow::DataType> type;
  bool is_key = false;  // then NULL is kCorrupt
};

// A batch ends after the row that reaches one of them.
struct DecodeLimits {
  std::int64_t rows = std::int64_t{64} << 10;
  std::int64_t bytes = std::int64_t{16} << 20;
  // Of one value, and of one column whose ends have 32 bits. Less only in tests.
  std::int64_t column_bytes = INT32_MAX;
};

// Named policies, counted for each output column since Make: nothing is altered silently.
struct DecodeCounts {
  std::int64_t lone_surrogates = 0;    // U+FFFD instead
  std::int64_t undecodable_bytes = 0;  // U+FFFD instead of each
  std::int64_t cut_100ns = 0;          // values that lost a seventh digit which was not 0
};

// Rows of one result, straight into Arrow's buffers. What each column takes is decided once: a
// value costs one call through a pointer and no allocation. One thread. After an error it may only
// be destroyed.
class RowDecoder {
 public:
  // kUnsupported: no conversion from one type to the other, both named; kInvalid: columns that do
  // not go together.
  static Result<RowDecoder> Make(std::vector<ResultColumn> columns,
                                 std::vector<OutputColumn> outputs,
                                 std::shared_ptr<arrow::Schema> schema, DecodeLimits limits);
  RowDecoder(RowDecoder&&) noexcept;
  RowDecoder& operator=(RowDecoder&&) noexcept;
  ~RowDecoder();

  // Takes ROW and NBCROW tokens as long as they come and the limits allow. True: full, call Finish
  // and then this again; false: another token stands next. kCorrupt: no SQL Server has such a
  // value, the column is named; kUnsupported: a value of 2 GiB or more; kUnavailable: the
  // connection ended, or memory ran out.
  Result<bool> Decode(Input& input);

  // The rows so far; null: none. A row that did not fit beside the others is in the next batch.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

  // In the order of the output columns.
  const std::vector<DecodeCounts>& counts() const;

 private:
  explicit RowDecoder(std::unique_ptr<Decoding> decoding);

  std::unique_ptr<Decoding> decoding_;
};

}  // namespace tidemark::tds
