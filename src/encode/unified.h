#pragma once
#include <memory>

#include "encode/encoder.h"

namespace tidemark {

// Parquet files that have the same columns for every table (compat.md, section A). `schema`: a
// ChangeSchema; its first three columns become `operation` and `cursor`, the others `data`, as
// unified/row_json.h spells them. kUnsupported names a column whose type JSON does not hold;
// kInvalid of Write: a text that is not UTF-8.
Result<std::unique_ptr<Encoder>> OpenUnified(std::shared_ptr<arrow::Schema> schema,
                                             const FormatOptions& options, ByteSink& sink);

// Names in such files.
inline constexpr const char* kDataColumn = "data";
inline constexpr const char* kCursorColumn = "cursor";  // a struct
inline constexpr const char* kSequenceMember = "seqNum";
inline constexpr const char* kUnifiedOperationColumn = "operation";

}  // namespace tidemark
