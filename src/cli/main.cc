#include <csignal>
#include <utility>

#include "base/log.h"
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
  return tidemark::cli::Main({argv + 1, argv + argc});
}
