#pragma once
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/byte_sink.h"
#include "encode/parquet/footer.h"

namespace tidemark::pq {

// What a file consists of, one after the other: begin, the chunks of each row group, footer. One
// thread at a time.
class FileParts {
 public:
  explicit FileParts(ByteSink& sink) : sink_(&sink) {}

  // Before anything else; may be repeated.
  Status Begin() {
    constexpr std::string_view kMagic = "PAR1";
    if (position_ > 0) return {};
    TRY(sink_->Write(std::as_bytes(std::span(kMagic))));
    position_ = kMagic.size();
    return {};
  }
  void BeginRowGroup(std::int64_t rows) { groups_.emplace_back().rows = rows; }
  // `chunk`: has Result<ChunkEntry> WriteTo(ByteSink&, std::int64_t position).
  template <class Chunk>
  Status AddChunk(Chunk& chunk) {
    groups_.back().chunks.push_back(TRY(chunk.WriteTo(*sink_, position_)));
    position_ += groups_.back().chunks.back().bytes;
    return {};
  }
  Status End(const std::vector<Leaf>& leaves) {
    TRY(Begin());
    const ByteBuffer footer = FooterOf(leaves, groups_, position_);
    return sink_->Write(std::as_bytes(std::span(footer.data(), footer.size())));
  }

 private:
  ByteSink* sink_;
  std::int64_t position_ = 0;
  std::vector<RowGroupEntry> groups_;
};

}  // namespace tidemark::pq
