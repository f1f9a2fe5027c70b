#pragma once
#include <memory>
#include <optional>
#include <string>

#include "source/source.h"
#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// The state of the database file `path` as it is now. `options.temp_dir` is a folder that exists.
// `control`: as Cut::OpenLive takes it. kUnavailable: locked for longer than the time-out.
Result<std::unique_ptr<Snapshot>> OpenSqliteSnapshot(const std::string& path,
                                                     const std::string& database,
                                                     const SourceOptions& options,
                                                     std::optional<Connection> control);

}  // namespace tidemark::sqlite
