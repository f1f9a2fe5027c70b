#pragma once
#include <memory>

#include "encode/encoder.h"

namespace tidemark {

// kUnsupported names a column whose type Parquet files of ours do not hold.
Result<std::unique_ptr<Encoder>> OpenParquet(std::shared_ptr<arrow::Schema> schema,
                                             const FormatOptions& options, ByteSink& sink);

}  // namespace tidemark
