#pragma once
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace tidemark::tds {

struct ShellCommand {
  std::string text;  // run by /bin/sh, its input empty, its errors shown where ours are
  std::int64_t timeout_ms = 60'000;
  std::size_t output_bytes_max = 64 * 1024;
  std::stop_token stop;
};

// What the command prints. It is ended when time runs out or somebody asks to stop. kInvalid: it
// fails, or prints too much; kUnavailable: it takes too long. Output never stands in an error.
Result<std::string> RunShellCommand(const ShellCommand& command);

}  // namespace tidemark::tds
