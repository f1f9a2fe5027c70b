#include "cli/output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/log.h"

namespace tidemark::cli {
namespace {

ErrorKind KindOf(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid:
      return ErrorKind::kInvalid;
    case FailureKind::kNotFound:
      return ErrorKind::kNotFound;
    case FailureKind::kConflict:
      return ErrorKind::kConflict;
    case FailureKind::kDenied:
      return ErrorKind::kDenied;
    case FailureKind::kUnavailable:
      return ErrorKind::kUnavailable;
    case FailureKind::kCorrupt:
      return ErrorKind::kCorrupt;
    case FailureKind::kUnsupported:
      return ErrorKind::kUnsupported;
    case FailureKind::kCancelled:
      return ErrorKind::kCancelled;
    case FailureKind::kInternal:
      return ErrorKind::kInternal;
  }
  return ErrorKind::kInternal;
}

}  // namespace

Error ErrorOf(const Failure& failure) {
  return {KindOf(failure.kind), failure.message, failure.hint};
}

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

void PrintError(const Failure& failure) { PrintError(ErrorOf(failure)); }

void PrintWarning(std::string_view message) { Log(LogLevel::kWarning, Printable(message)); }

std::string Display(const TableId& table) { return table.schema + "." + table.name; }

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
