#pragma once
#include <string_view>

namespace tidemark {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Once, before threads start. Everything goes to stderr; without a call warnings and errors as
// text.
void ConfigureLog(LogLevel lowest, bool is_json);

// One line. Thread-safe. Never a secret, never a value of a user's table.
void Log(LogLevel level, std::string_view message);

}  // namespace tidemark
