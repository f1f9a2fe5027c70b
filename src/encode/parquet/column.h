#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "encode/parquet/footer.h"
#include "encode/parquet/pages.h"

namespace arrow {
struct ArrayData;
}

namespace tidemark::pq {

// Rows of one array, which outlives the slice.
struct ColumnSlice {
  const arrow::ArrayData* array = nullptr;
  std::int64_t from = 0;  // beyond the array's own offset
  std::int64_t rows = 0;
  bool is_repeated = false;  // the value at `from` stands for all rows; text and integers only
};

// The bytes of values in a slice, before any encoding; of a repeated one once.
std::int64_t RawBytes(const Leaf& leaf, const ColumnSlice& slice);

// Turns one column's values into pages. How they are encoded is decided by the first page of every
// column chunk, from a sample of its values. One thread at a time.
class ColumnEncoder {
 public:
  // The leaf outlives the encoder.
  static std::unique_ptr<ColumnEncoder> Make(const Leaf& leaf, Codec codec, int level);
  virtual ~ColumnEncoder() = default;

  // `group_rows`: how many rows the row group is expected to hold.
  Status Append(std::span<const ColumnSlice> slices, std::int64_t group_rows);
  // Nothing more comes for this column chunk.
  virtual Status EndChunk() { return {}; }
  std::int64_t held_bytes() const { return pages_.held_bytes(); }
  Result<ChunkEntry> WriteTo(ByteSink& sink, std::int64_t position) {
    return pages_.WriteTo(sink, position);
  }

 protected:
  ColumnEncoder(const Leaf& leaf, Codec codec, int level) : leaf_(leaf), pages_(codec, level) {}

  struct PageRows {
    std::span<const ColumnSlice> slices;
    std::int64_t rows = 0, nulls = 0;
    std::int64_t group_rows = 0;
  };
  // Appends levels to the empty `body`, then the values, and says how and in which bounds.
  virtual Status EncodeValues(const PageRows& rows, ByteBuffer& body, DataPage& page) = 0;
  // In the order of the column's type, both as statistics spell them.
  virtual bool IsLess(std::string_view a, std::string_view b) const = 0;

  // What stands for all values of a page; null: there is no such thing.
  static const ColumnSlice* OnlyValue(const PageRows& rows);

  // As the chunk's page of its own, if it holds anything; empties it.
  template <class Dictionary>
  Status AddDictionary(Dictionary& dictionary) {
    if (dictionary.count() == 0) return {};
    ByteBuffer body;
    dictionary.AppendPlain(body);
    const std::size_t count = dictionary.count();
    dictionary.Clear();
    return pages_.AddDictionaryPage(count, body);
  }

  const Leaf& leaf_;
  ChunkPages pages_;

 private:
  Status AddPage(std::span<const ColumnSlice> slices, std::int64_t group_rows);
};

}  // namespace tidemark::pq
