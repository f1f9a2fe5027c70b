#pragma once
#include <arrow/util/compression.h>

#include <memory>
#include <string_view>

#include "encode/encoder.h"

namespace tidemark {

std::string_view Name(Codec codec);

// CompressionCodec as Parquet's footer numbers it.
int ParquetCodecId(Codec codec);

// kInvalid, with the allowed range as hint, when the codec has no such level. -1 is always fine.
Status CheckLevel(Codec codec, int level);

// A compressor for one thread; null for Codec::kNone.
Result<std::unique_ptr<arrow::util::Codec>> MakeCodec(Codec codec, int level);

}  // namespace tidemark
