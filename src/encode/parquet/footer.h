#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "encode/parquet/byte_buffer.h"
#include "model/table.h"

namespace arrow {
class Field;
}

namespace tidemark::pq {

// The numbers are those of parquet.thrift.
enum class Physical {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kFloat = 4,
  kDouble = 5,
  kBytes = 6,
  kFixed = 7
};
enum class Encoding { kPlain = 0, kRle = 3, kDelta = 5, kRleDictionary = 8 };

// A column as the file declares it.
struct Leaf {
  std::string name;
  std::shared_ptr<arrow::DataType> type;
  Physical physical = Physical::kBoolean;
  int fixed_bytes = 0;  // kFixed only
  bool is_nullable = true;
  // The struct it is a member of, which may be null by its declaration and never is; empty: none.
  // Members of one struct stand side by side.
  std::string group;

  // The definition level of a value; of a null where nulls are allowed, one less.
  int level_max() const { return (is_nullable ? 1 : 0) + (group.empty() ? 0 : 1); }
  std::int32_t field_id = 0;  // 0: none; from the field's metadata, where Arrow keeps it too
};
// kUnsupported names the column and its type.
Result<Leaf> LeafOf(const arrow::Field& field);

// The smallest and largest value as statistics spell them.
struct Bounds {
  std::string min, max;
};

struct PageEntry {
  std::int64_t offset = 0;  // in its column chunk, then in the file
  std::int32_t bytes = 0;   // with its header
  std::int64_t first_row = 0;
  std::int64_t nulls = 0;
  bool is_all_null = false;
  Bounds bounds;
};

struct EncodingCount {
  Encoding encoding;
  std::int32_t pages = 0;
};

// A column chunk as the footer describes it. Offsets count from the chunk's begin until PlaceAt().
struct ChunkEntry {
  int codec_id = 0;
  std::int64_t values = 0, nulls = 0;
  std::int64_t raw_bytes = 0, bytes = 0;  // with headers
  bool has_dictionary = false;
  std::int64_t first_data_page = 0;
  std::int64_t begin = 0;
  std::vector<EncodingCount> encodings;  // of data pages
  std::optional<Bounds> bounds;          // nothing: unknown, or all values are null
  bool has_page_bounds = false;          // every page of values has bounds
  std::vector<PageEntry> pages;

  void PlaceAt(std::int64_t position);
};

struct RowGroupEntry {
  std::int64_t rows = 0;
  std::vector<ChunkEntry> chunks;
};

// All that stands between the last row group and the end of the file, for a file whose row groups
// end at `position`.
ByteBuffer FooterOf(const std::vector<Leaf>& leaves, const std::vector<RowGroupEntry>& groups,
                    std::int64_t position);

}  // namespace tidemark::pq
