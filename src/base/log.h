#pragma once
#include <string_view>

namespace tidemark {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Once, before threads start. Everything goes to stderr; without a call warnings and errors as
// text.
void ConfigureLog(LogLevel lowest, bool is_json);

// One line. Thread-safe. Never a secret, never a value of a user's table.
void Log(LogLevel level, std::string_view message);

// What ended a run. In text the hint has a line of its own, so that neither has to be found in the
// other; in JSON "kind" and "hint" (null: none) are members, as in the errors of a report.
void LogError(std::string_view kind, std::string_view message, std::string_view hint);

}  // namespace tidemark
