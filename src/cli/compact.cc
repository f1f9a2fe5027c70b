#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunCompact(const Arguments& arguments) {
  StopOnSignal signals;
  auto asked = AskedOfDestination(arguments);
  if (!asked) return EndWith(WrongWords(std::move(asked.error())), signals);
  Progress progress(arguments);
  asked->run.stop = signals.token();
  asked->run.progress = progress.Call();
  auto result = asked->pipeline.Compact(asked->run);
  progress.End();
  if (!result) return EndWith(result.error(), signals);
  PrintProblems(*result);
  auto text = arguments.Has("--json") ? CompactJson(*result)
              : arguments.Has("--quiet")
                  ? std::string()
                  : CompactTable(*result, static_cast<ShowsIdle>(arguments.Has("--verbose")));
  if (!PrintResult(text)) return kSomeFailed;
  if (signals.exit_code() != 0) return signals.exit_code();
  return result->failed > 0 ? kSomeFailed : kAllDone;
}

}  // namespace tidemark::cli
