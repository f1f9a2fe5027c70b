#include "encode/codec.h"

#include <fmt/format.h>

#include <array>
#include <exception>
#include <utility>

#include "base/arrow_result.h"

namespace tidemark {
namespace {

struct CodecEntry {
  std::string_view name;
  Codec codec;
  arrow::Compression::type arrow_type;
  int parquet_id;  // CompressionCodec in parquet.thrift
};

constexpr std::array<CodecEntry, 6> kCodecs = {{
    {"zstd", Codec::kZstd, arrow::Compression::ZSTD, 6},
    {"snappy", Codec::kSnappy, arrow::Compression::SNAPPY, 1},
    {"gzip", Codec::kGzip, arrow::Compression::GZIP, 2},
    {"brotli", Codec::kBrotli, arrow::Compression::BROTLI, 4},
    // LZ4_RAW: the older LZ4 of Parquet is framed as Hadoop does, and readers disagree about it.
    {"lz4", Codec::kLz4, arrow::Compression::LZ4, 7},
    {"none", Codec::kNone, arrow::Compression::UNCOMPRESSED, 0},
}};

const CodecEntry& EntryOf(Codec codec) {
  for (const auto& entry : kCodecs) {
    if (entry.codec == codec) return entry;
  }
  TIDEMARK_CHECK(!"a codec is missing from the list");
  std::unreachable();
}

constexpr int kZstdLevelDefault = 1;

}  // namespace

Result<Codec> ParseCodec(std::string_view name) {
  std::string known;
  for (const auto& entry : kCodecs) {
    if (entry.name == name) return entry.codec;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  return Fail(ErrorKind::kInvalid, fmt::format("no compression is called \"{}\"", name),
              fmt::format("one of {}", known));
}

std::string_view Name(Codec codec) { return EntryOf(codec).name; }

int ParquetCodecId(Codec codec) { return EntryOf(codec).parquet_id; }

Status CheckLevel(Codec codec, int level) {
  if (level == -1) return {};
  const CodecEntry& entry = EntryOf(codec);
  if (!arrow::util::Codec::SupportsCompressionLevel(entry.arrow_type)) {
    return Fail(
        ErrorKind::kInvalid,
        fmt::format("compression {} has no levels, but level {} was asked for", entry.name, level),
        "leave the level out");
  }
  // zstd's library takes negative levels too; -1 is taken for "no level" here, so they are left
  // out.
  const int lowest = codec == Codec::kZstd
                         ? 1
                         : TRY(arrow::util::Codec::MinimumCompressionLevel(entry.arrow_type));
  const int highest = TRY(arrow::util::Codec::MaximumCompressionLevel(entry.arrow_type));
  if (level >= lowest && level <= highest) return {};
  return Fail(ErrorKind::kInvalid, fmt::format("compression {} has no level {}", entry.name, level),
              fmt::format("{} to {} are allowed", lowest, highest));
}

Result<std::unique_ptr<arrow::util::Codec>> MakeCodec(Codec codec, int level) {
  TRY(CheckLevel(codec, level));
  if (codec == Codec::kNone) return nullptr;
  if (level == -1 && codec == Codec::kZstd) level = kZstdLevelDefault;
  const auto type = EntryOf(codec).arrow_type;
  if (level == -1) return AsResult(arrow::util::Codec::Create(type));
  return AsResult(arrow::util::Codec::Create(type, level));
}

}  // namespace tidemark
