#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "tidemark/tidemark.h"

namespace tidemark::cli {

// What the program ends with.
enum ExitCode : int {
  kAllDone = 0,
  kSomeFailed = 1,
  kWrongUsage = 2,
  kUnusable = 3,
  kLocked = 4,
};

// A failure of the library's as the command line tells its own.
Error ErrorOf(const Failure& failure);

// When nothing could be done for `error`.
ExitCode ExitCodeOf(const Error& error);

// Everything a command prints on stdout, in one go. False: it could not be written, which is said.
bool PrintResult(std::string_view text);

// To stderr: `tidemark: error: …` and `hint: …`.
void PrintError(const Error& error);
void PrintError(const Failure& failure);
void PrintWarning(std::string_view message);

// "main.orders"
std::string Display(const TableId& table);

// Text of a user's data as a terminal may show it: control characters are spelled \xNN.
std::string Printable(std::string_view text);

}  // namespace tidemark::cli
