#pragma once
#include "fold/landed_reader.h"

namespace tidemark {

// The rows of a unified file: `data` taken apart into columns of the types that the state has for
// them. Columns that the state does not have are not there; members of `data` that were not asked
// for are skipped; a member that a row lacks is null, but for the key's, without which the file is
// not what we landed. As LandedReader::Open otherwise.
Result<std::unique_ptr<LandedReader>> OpenUnifiedRows(ObjectStore& store, const LandedFile& file,
                                                      const LandedState& state,
                                                      std::span<const std::string> columns,
                                                      std::int64_t memory_bytes);

}  // namespace tidemark
