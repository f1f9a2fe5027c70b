#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunPlan(const Arguments& arguments) {
  StopOnSignal signals;
  auto asked = AskedOfRun(arguments);
  if (!asked) return EndWith(WrongWords(std::move(asked.error())), signals);
  asked->run.stop = signals.token();
  auto result = asked->pipeline.Plan(asked->run);
  if (!result) return EndWith(result.error(), signals);
  PrintProblems(*result);
  auto text = arguments.Has("--json") ? PlanJson(*result)
              : arguments.Has("--quiet")
                  ? std::string()
                  : PlanTable(*result, static_cast<ShowsIdle>(arguments.Has("--verbose")));
  if (!PrintResult(text)) return kSomeFailed;
  if (signals.exit_code() != 0) return signals.exit_code();
  return ExitCodeOf(*result);
}

}  // namespace tidemark::cli
