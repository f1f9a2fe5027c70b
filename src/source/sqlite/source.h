#pragma once
#include <memory>
#include <string>

#include "source/source.h"

namespace tidemark::sqlite {

// A database file. kNotFound, kDenied, kInvalid (a folder), kCorrupt (not a database, encrypted),
// kUnavailable (locked for longer than the time-out), each told with the path and a way out.
Result<std::unique_ptr<Source>> OpenSqliteSource(const std::string& location,
                                                 const SourceOptions& options);

}  // namespace tidemark::sqlite
