#pragma once
#include <cstdint>

#include "base/result.h"
#include "source/sqlserver/tds/tokens.h"

namespace tidemark::tds {

// What a server's error means for the caller, with the server's own words: "server message 1205
// (level 13, state 51, line 1): …", and our hint where we know a way out.
Error ToError(const ServerMessage& message);

// The same may succeed a moment later, on a new connection or a new snapshot.
bool IsTransient(std::int32_t number);
// The snapshot that was read from cannot be read any more: begin a new one.
bool NeedsNewSnapshot(std::int32_t number);

}  // namespace tidemark::tds
