#include "cli/output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/log.h"

namespace tidemark::cli {

ExitCode ExitCodeOf(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
      return kWrongUsage;
    case ErrorKind::kConflict:
      return kLocked;
    case ErrorKind::kNotFound:
    case ErrorKind::kDenied:
    case ErrorKind::kUnavailable:
    case ErrorKind::kCorrupt:
      return kUnusable;
    case ErrorKind::kCancelled:
    case ErrorKind::kMisfit:
    case ErrorKind::kInternal:
      return kSomeFailed;
  }
  return kSomeFailed;
}

bool PrintResult(std::string_view text) {
  auto written = std::fwrite(text.data(), 1, text.size(), stdout);
  if (written == text.size() && std::fflush(stdout) == 0) return true;
  PrintError({ErrorKind::kUnavailable,
              fmt::format("the result could not be written to stdout: {}", std::strerror(errno)),
              {}});
  return false;
}

void PrintError(const Error& error) {
  LogError(Name(error.kind), Printable(error.message), Printable(error.hint));
}

void PrintWarning(std::string_view message) { Log(LogLevel::kWarning, Printable(message)); }

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      printable += fmt::format("\\x{:02x}", byte);
    else
      printable += c;
  }
  return printable;
}

}  // namespace tidemark::cli
