#include "encode/parquet/pages.h"

#include <fmt/format.h>

#include <limits>

#include "base/arrow_result.h"
#include "encode/codec.h"
#include "encode/parquet/thrift.h"

namespace tidemark::pq {
namespace {

constexpr std::size_t kHeaderBytesMax = 64;
constexpr std::size_t kBlockBytes = 256 << 10;
// A page beyond this becomes a block of its own, so that it is never copied.
constexpr std::size_t kOwnBlockBytes = 4 << 20;

// Reused by whatever page this thread compresses next; large pages do not go through it.
ByteBuffer& CompressedOfThread() {
  static thread_local ByteBuffer buffer;
  buffer.Clear();
  return buffer;
}

}  // namespace

struct ChunkPages::Header {
  bool is_dictionary = false;
  std::int64_t values = 0;
  Encoding encoding = Encoding::kPlain;

  void AppendTo(ByteBuffer& to, std::size_t raw_bytes, std::size_t bytes) const {
    constexpr int kDataPage = 0, kDictionaryPage = 2;
    ThriftOut out(to);
    out.StructElement([&] {
      out.I32(1, is_dictionary ? kDictionaryPage : kDataPage);
      out.I32(2, static_cast<std::int32_t>(raw_bytes));
      out.I32(3, static_cast<std::int32_t>(bytes));
      out.Struct(is_dictionary ? 7 : 5, [&] {
        out.I32(1, static_cast<std::int32_t>(values));
        out.I32(2, static_cast<int>(encoding));
        if (is_dictionary) return;
        out.I32(3, static_cast<int>(Encoding::kRle));
        out.I32(4, static_cast<int>(Encoding::kRle));
      });
    });
  }
};

Result<arrow::util::Codec*> ChunkPages::Compressor() {
  if (!compressor_ && codec_ != Codec::kNone) compressor_ = TRY(MakeCodec(codec_, level_));
  return compressor_.get();
}

Result<std::int64_t> ChunkPages::AddPage(const Header& header, ByteBuffer& body, std::size_t begin,
                                         std::vector<ByteBuffer>& to) {
  constexpr auto kPageBytesMax = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  arrow::util::Codec* const compressor = TRY(Compressor());
  // What is not compressed is taken as a whole.
  if (!compressor && begin > 0) body.DropFront(std::exchange(begin, 0));
  const std::size_t raw_bytes = body.size() - begin;
  const std::uint8_t* const raw = body.data() + begin;
  const std::size_t room = compressor ? static_cast<std::size_t>(compressor->MaxCompressedLen(
                                            static_cast<std::int64_t>(raw_bytes), raw))
                                      : raw_bytes;
  const bool is_large = raw_bytes > kOwnBlockBytes;
  ByteBuffer own;
  ByteBuffer* packed = &body;
  if (compressor) {
    packed = is_large ? &own : &CompressedOfThread();
    packed->Reserve(room);
    packed->Advance(static_cast<std::size_t>(
        TRY(compressor->Compress(static_cast<std::int64_t>(raw_bytes), raw,
                                 static_cast<std::int64_t>(room), packed->data()))));
  }
  if (std::max(raw_bytes, packed->size()) > kPageBytesMax) {
    return Fail(ErrorKind::kUnsupported, fmt::format("a page of {} bytes: parquet holds at most {}",
                                                     raw_bytes, kPageBytesMax));
  }
  ByteBuffer head;
  head.Reserve(kHeaderBytesMax);
  header.AppendTo(head, raw_bytes, packed->size());
  const std::size_t bytes = head.size() + packed->size();
  if (to.empty() || is_large || to.back().capacity() - to.back().size() < bytes) {
    to.emplace_back();
    to.back().Reserve(is_large ? head.size() : std::max(bytes, kBlockBytes));
  }
  to.back().Append(head.data(), head.size());
  if (is_large) {
    if (compressor) body.ClearAndTrim(0);
    packed->ShrinkToFit();
    to.push_back(std::move(*packed));
  } else {
    to.back().Append(packed->data(), packed->size());
  }
  entry_.raw_bytes += static_cast<std::int64_t>(head.size() + raw_bytes);
  held_bytes_ += static_cast<std::int64_t>(bytes);
  return static_cast<std::int64_t>(bytes);
}

void ChunkPages::CountEncoding(Encoding encoding) {
  for (EncodingCount& count : entry_.encodings) {
    if (count.encoding == encoding) {
      ++count.pages;
      return;
    }
  }
  entry_.encodings.push_back({encoding, 1});
}

Status ChunkPages::AddDataPage(const DataPage& page, ByteBuffer& body, std::size_t begin) {
  PageEntry entry;
  entry.offset = data_bytes_;
  entry.first_row = entry_.values;
  entry.nulls = page.nulls;
  entry.is_all_null = page.nulls == page.rows;
  if (page.bounds) entry.bounds = *page.bounds;
  if (!page.bounds && !entry.is_all_null) lacks_bounds_ = true;
  const std::int64_t bytes = TRY(AddPage({false, page.rows, page.encoding}, body, begin, blocks_));
  entry.bytes = static_cast<std::int32_t>(bytes);
  data_bytes_ += bytes;
  entry_.values += page.rows;
  entry_.nulls += page.nulls;
  entry_.pages.push_back(std::move(entry));
  CountEncoding(page.encoding);
  return {};
}

Status ChunkPages::AddDictionaryPage(std::size_t count, ByteBuffer& body) {
  dictionary_bytes_ = TRY(
      AddPage({true, static_cast<std::int64_t>(count), Encoding::kPlain}, body, 0, dictionary_));
  return {};
}

void ChunkPages::TakePages(ChunkPages& later) {
  TIDEMARK_CHECK(later.dictionary_.empty());
  for (PageEntry& page : later.entry_.pages) {
    page.offset += data_bytes_;
    page.first_row += entry_.values;
    entry_.pages.push_back(std::move(page));
  }
  for (ByteBuffer& block : later.blocks_) blocks_.push_back(std::move(block));
  later.blocks_.clear();
  const ChunkEntry taken = std::exchange(later.entry_, {});
  for (const EncodingCount& count : taken.encodings) {
    for (std::int32_t i = 0; i < count.pages; ++i) CountEncoding(count.encoding);
  }
  lacks_bounds_ |= taken.values > taken.nulls;
  entry_.values += taken.values;
  entry_.nulls += taken.nulls;
  entry_.raw_bytes += taken.raw_bytes;
  data_bytes_ += std::exchange(later.data_bytes_, 0);
  held_bytes_ += std::exchange(later.held_bytes_, 0);
}

Result<ChunkEntry> ChunkPages::WriteTo(ByteSink& sink, std::int64_t position) {
  for (std::vector<ByteBuffer>* blocks : {&dictionary_, &blocks_}) {
    for (ByteBuffer& block : *blocks) {
      TRY(sink.Write(std::as_bytes(std::span(block.data(), block.size()))));
      block = ByteBuffer();
    }
    blocks->clear();
  }
  ChunkEntry entry = std::exchange(entry_, {});
  entry.codec_id = ParquetCodecId(codec_);
  entry.bytes = dictionary_bytes_ + data_bytes_;
  entry.has_dictionary = dictionary_bytes_ != 0;
  entry.first_data_page = dictionary_bytes_;
  for (PageEntry& page : entry.pages) page.offset += dictionary_bytes_;
  entry.has_page_bounds = !std::exchange(lacks_bounds_, false);
  if (!entry.has_page_bounds) {
    entry.bounds.reset();
    for (PageEntry& page : entry.pages) page.bounds = {};
  }
  entry.PlaceAt(position);
  dictionary_bytes_ = data_bytes_ = held_bytes_ = 0;
  compressor_.reset();
  return entry;
}

}  // namespace tidemark::pq
