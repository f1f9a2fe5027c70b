#pragma once
#include <memory>
#include <optional>
#include <string>

#include "source/source.h"
#include "source/sqlite/database.h"

namespace tidemark::sqlite {

struct DatabaseFile {
  std::string path;
  std::string database;  // as tables are named
  std::string temp_dir;  // a folder that exists, for copies of it
};

// What tables are filed under: SQLite itself has no schemas.
std::string SchemaName(const SourceOptions& options);

// The file's state as it is now. `control`: as Cut::OpenLive takes it. kUnavailable: locked for
// longer than the time-out.
Result<std::unique_ptr<Snapshot>> OpenSqliteSnapshot(const DatabaseFile& file,
                                                     const SourceOptions& options,
                                                     std::optional<Connection> control);

}  // namespace tidemark::sqlite
