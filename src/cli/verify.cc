#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunVerify(const Arguments& arguments) {
  StopOnSignal signals;
  auto asked = AskedOfRun(arguments);
  if (!asked) return EndWith(WrongWords(std::move(asked.error())), signals);
  Progress progress(arguments);
  asked->run.stop = signals.token();
  asked->run.progress = progress.Call();
  auto result = asked->pipeline.Verify(asked->run);
  progress.End();
  if (!result) return EndWith(result.error(), signals);
  PrintProblems(*result);
  auto text = arguments.Has("--json")    ? VerifyJson(*result)
              : arguments.Has("--quiet") ? std::string()
                                         : VerifyTable(*result);
  if (!PrintResult(text)) return kSomeFailed;
  if (signals.exit_code() != 0) return signals.exit_code();
  return ExitCodeOf(*result);
}

}  // namespace tidemark::cli
