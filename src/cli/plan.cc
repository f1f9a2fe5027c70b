#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunPlan(const Arguments& arguments) {
  StopOnSignal signals;
  auto run = OpenRun(arguments, Access::kReadOrNothing, signals.token(), nullptr);
  if (!run) return EndWith(run.error(), signals);
  auto report = PlanAll(*run);
  if (!report) return EndWith(report.error(), signals);
  PrintProblems(*report);
  auto text = arguments.Has("--json") ? PlanJson(*report)
              : arguments.Has("--quiet")
                  ? std::string()
                  : PlanTable(*report, static_cast<ShowsIdle>(arguments.Has("--verbose")));
  if (!PrintResult(text)) return kSomeFailed;
  if (signals.exit_code() != 0) return signals.exit_code();
  return ExitCodeOf(*report);
}

}  // namespace tidemark::cli
