#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunSync(const Arguments& arguments) {
  StopOnSignal signals;
  auto progress = ProgressFor(arguments);
  auto run = OpenRun(arguments, Access::kWrite, signals.token(), progress.get());
  if (!run) {
    progress.reset();
    return EndWith(run.error(), signals);
  }
  auto report = SyncAll(*run);
  progress.reset();
  if (!report) return EndWith(report.error(), signals);
  PrintProblems(*report);
  auto text = arguments.Has("--json") ? SyncJson(*report)
              : arguments.Has("--quiet")
                  ? std::string()
                  : SyncTable(*report, static_cast<ShowsIdle>(arguments.Has("--verbose")));
  if (!PrintResult(text)) return kSomeFailed;
  if (signals.exit_code() != 0) return signals.exit_code();
  return ExitCodeOf(*report);
}

}  // namespace tidemark::cli
