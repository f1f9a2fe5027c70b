#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/byte_sink.h"
#include "model/table.h"

namespace tidemark {

class WorkerPool;

// Turns rows into the bytes of one file, which has one schema. One thread at a time; inside it may
// use the pool.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  // Writes what ends the file; the sink stays open. A file of no rows is valid. Once.
  virtual Status Finish() = 0;
  // Bytes held for rows not yet written out.
  virtual std::int64_t buffered_bytes() const = 0;
};

enum class Codec { kNone, kSnappy, kGzip, kBrotli, kLz4, kZstd };
// By its name in configuration: zstd snappy gzip brotli lz4 none. kInvalid lists them.
Result<Codec> ParseCodec(std::string_view name);

// What a file says of its table on every row, in formats that do.
struct TableFacts {
  TableName name;
  std::string catalog, catalog_schema;  // empty: the database's and the schema's own names
  std::int64_t schema_version = 0;      // as schema.json has it
  std::int64_t extracted_ms = 0;        // since 1970: when the rows were read
};

// How formats whose values are text spell what their readers disagree about. Recorded with what was
// written.
struct TextOptions {
  enum class Int64 { kNumber, kString } int64 = Int64::kNumber;  // JSON: beyond 2^53 readers err
  enum class Blob { kBase64, kHex } blob = Blob::kBase64;
  enum class CsvNull { kEmpty, kBackslashN } csv_null = CsvNull::kEmpty;
  // CSV: a text that a spreadsheet would run, as it begins with = + - @ tab or return, gets a '.
  bool guards_formulas = false;
};
enum class TextEncoding { kUtf8, kUtf16Le, kUtf16Be };

struct FormatOptions {
  Codec codec = Codec::kZstd;
  int level = -1;  // -1: zstd 1, else the codec's own default. kInvalid when out of its range
  std::int64_t row_group_rows = 500'000;
  std::int64_t row_group_bytes = 32 << 20;  // a row group ends at whichever comes first
  WorkerPool* pool = nullptr;  // columns are encoded on it; null: on the caller's thread
  TableFacts facts;
  TextOptions text;
};

// One entry per format in encode/registry.cc.
struct Format {
  std::string_view name;       // as written in configuration
  std::string_view extension;  // ".parquet"
  Result<std::unique_ptr<Encoder>> (*open)(std::shared_ptr<arrow::Schema>, const FormatOptions&,
                                           ByteSink&);
};
std::span<const Format> Formats();
Result<const Format*> FindFormat(std::string_view name);  // kInvalid lists them

}  // namespace tidemark
