#pragma once
#include <stop_token>
#include <string>

#include "base/result.h"
#include "cli/arguments.h"

namespace tidemark::cli {

// `track` of a SQL Server database: the text of the result. Statements are run only with --apply.
Result<std::string> TrackServer(const Arguments& arguments, const std::stop_token& stop);

}  // namespace tidemark::cli
