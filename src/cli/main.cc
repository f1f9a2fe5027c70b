#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/worker_pool.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/run.h"

namespace tidemark::cli {
namespace {

constexpr std::pair<std::string_view, int (*)(const Arguments&)> kCommands[] = {
    {"sync", RunSync},       {"plan", RunPlan},
    {"status", RunStatus},   {"verify", RunVerify},
    {"compact", RunCompact}, {"schema", RunSchema},
    {"track", RunTrack},     {"completion", RunCompletion},
    {"version", RunVersion}, {"help", RunHelp},
};

constexpr std::string_view kJsonLog[] = {"--log-format", "json"};

// Batches and pages come and go in large pieces, and threads that hold on to what they freed make
// the peak grow with the number of batches. So large pieces go back to the system at once: a load
// of 20 M rows peaks at 50 MiB instead of 79, in the same time. The environment still wins.
void ReturnMemoryAtOnce() {
  setenv("ARROW_DEFAULT_MEMORY_POOL", "system", /*overwrite=*/0);
  if (!std::getenv("MALLOC_MMAP_THRESHOLD_")) mallopt(M_MMAP_THRESHOLD, 128 << 10);
  if (!std::getenv("MALLOC_TRIM_THRESHOLD_")) mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

int Main(const std::vector<std::string>& words) {
  auto arguments = Arguments::Parse(words);
  if (!arguments) {
    // What was asked for is not known yet; a program that reads the log asked for it all the same.
    bool wants_json = std::ranges::find(words, "--log-format=json") != words.end() ||
                      !std::ranges::search(words, kJsonLog).empty();
    ConfigureLog(LogLevel::kWarning, wants_json);
    PrintError(arguments.error());
    return kWrongUsage;
  }
  auto lowest = arguments->Has("--verbose") ? LogLevel::kDebug : LogLevel::kWarning;
  ConfigureLog(lowest, arguments->Text("--log-format") == "json");
  int exit_code = kWrongUsage;
  for (const auto& [name, run] : kCommands)
    if (name == arguments->command().name) exit_code = run(*arguments);
  return exit_code;
}

}  // namespace
}  // namespace tidemark::cli

int main(int argc, char** argv) {
  tidemark::cli::ReturnMemoryAtOnce();
  // A reader that went away is a failed write like any other.
  std::signal(SIGPIPE, SIG_IGN);
  // So is a file that may not grow.
  std::signal(SIGXFSZ, SIG_IGN);
  int exit_code = tidemark::cli::kUnusable;
  auto done = tidemark::CatchAll([&]() -> tidemark::Status {
    exit_code = tidemark::cli::Main({argv + 1, argv + argc});
    return {};
  });
  if (!done) tidemark::cli::PrintError(done.error());
  return exit_code;
}
