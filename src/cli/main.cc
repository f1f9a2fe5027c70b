#include <csignal>
#include <utility>

#include "base/log.h"
#include "base/worker_pool.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/run.h"

namespace tidemark::cli {
namespace {

constexpr std::pair<std::string_view, int (*)(const Arguments&)> kCommands[] = {
    {"sync", RunSync},       {"plan", RunPlan},   {"status", RunStatus},
    {"verify", RunVerify},   {"track", RunTrack}, {"completion", RunCompletion},
    {"version", RunVersion}, {"help", RunHelp},
};

int Main(const std::vector<std::string>& words) {
  auto arguments = Arguments::Parse(words);
  if (!arguments) {
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
