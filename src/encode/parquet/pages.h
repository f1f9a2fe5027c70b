#pragma once
#include <arrow/util/compression.h>

#include <memory>
#include <vector>

#include "base/byte_sink.h"
#include "encode/encoder.h"
#include "encode/parquet/footer.h"

namespace tidemark::pq {

struct DataPage {
  std::int64_t rows = 0, nulls = 0;
  Encoding encoding = Encoding::kPlain;
  std::optional<Bounds> bounds;  // nothing: unknown, or all values are null
};

// The pages of one column chunk, compressed as they come and held until the chunk is written. One
// thread at a time.
class ChunkPages {
 public:
  ChunkPages(Codec codec, int level) : codec_(codec), level_(level) {}

  // Takes what `body` holds from `begin` on: levels and values. kUnsupported: beyond the 2 GiB of a
  // page.
  Status AddDataPage(const DataPage& page, ByteBuffer& body, std::size_t begin = 0);
  Status AddDictionaryPage(std::size_t count, ByteBuffer& body);
  std::int64_t held_bytes() const { return held_bytes_; }
  std::int64_t rows() const { return entry_.values; }
  // Takes the data pages of another chunk without a dictionary, which is empty afterwards. Bounds
  // are dropped.
  void TakePages(ChunkPages& later);

  // Writes the chunk and gives back its memory as it goes; empty again afterwards.
  Result<ChunkEntry> WriteTo(ByteSink& sink, std::int64_t position);
  // The bounds of the chunk are the column's to merge, as it knows their order.
  std::optional<Bounds>& bounds() { return entry_.bounds; }

 private:
  struct Header;
  // Returns the bytes added.
  Result<std::int64_t> AddPage(const Header& header, ByteBuffer& body, std::size_t begin,
                               std::vector<ByteBuffer>& to);
  Result<arrow::util::Codec*> Compressor();
  void CountEncoding(Encoding encoding);

  const Codec codec_;
  const int level_;
  std::unique_ptr<arrow::util::Codec> compressor_;
  std::vector<ByteBuffer> dictionary_, blocks_;
  std::int64_t dictionary_bytes_ = 0, data_bytes_ = 0, held_bytes_ = 0;
  bool lacks_bounds_ = false;
  ChunkEntry entry_;
};

}  // namespace tidemark::pq
