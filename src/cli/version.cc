#include <arrow/config.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run.h"

namespace tidemark::cli {
namespace {

int Ended(const Status& status) {
  if (status) return kAllDone;
  PrintError(status.error());
  return kWrongUsage;
}

}  // namespace

int RunVersion(const Arguments& arguments) {
  if (auto expected = arguments.ExpectOperands(0, 0); !expected) return Ended(expected);
  auto text = fmt::format("tidemark {} (Arrow {}, SQLite {})\n", TIDEMARK_VERSION,
                          arrow::GetBuildInfo().version_string, sqlite3_libversion());
  return PrintResult(text) ? kAllDone : kSomeFailed;
}

int RunHelp(const Arguments& arguments) {
  if (auto expected = arguments.ExpectOperands(0, 1); !expected) return Ended(expected);
  if (arguments.operands().empty()) return PrintResult(HelpText()) ? kAllDone : kSomeFailed;
  const auto& name = arguments.operands().front();
  const auto* command = FindCommand(name);
  if (!command)
    return Ended(Fail(ErrorKind::kInvalid, fmt::format("there is no command \"{}\"", name),
                      "tidemark help lists them"));
  return PrintResult(HelpText(*command)) ? kAllDone : kSomeFailed;
}

int RunCompletion(const Arguments& arguments) {
  if (auto expected = arguments.ExpectOperands(1, 1); !expected) return Ended(expected);
  auto script = CompletionScript(arguments.operands().front());
  if (script.empty())
    return Ended(
        Fail(ErrorKind::kInvalid,
             fmt::format("there is no completion for \"{}\"", arguments.operands().front()),
             "allowed: bash, zsh, fish"));
  return PrintResult(script) ? kAllDone : kSomeFailed;
}

}  // namespace tidemark::cli
