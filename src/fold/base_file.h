#pragma once
#include "fold/landed_reader.h"

namespace tidemark {

// The rows of a base's file: live ones are L, closed versions and deleted rows D, all of the
// version that the base stands for. As LandedReader::Open otherwise.
Result<std::unique_ptr<LandedReader>> OpenBaseFile(ObjectStore& store, const LandedFile& file,
                                                   std::span<const std::string> columns,
                                                   std::int64_t memory_bytes);

}  // namespace tidemark
