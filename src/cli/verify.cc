#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunVerify(const Arguments& arguments) {
  StopOnSignal signals;
  auto run = OpenRun(arguments, Writes::kNo, signals.token());
  if (!run) return EndWith(run.error(), signals);
  auto progress = ProgressFor(arguments);
  run->options.progress = progress.get();
  auto report = Verify(*run->source, *run->store, run->options);
  progress.reset();
  if (!report) return EndWith(report.error(), signals);
  PrintProblems(*report);
  auto text = arguments.Has("--json")    ? VerifyJson(*report)
              : arguments.Has("--quiet") ? std::string()
                                         : VerifyTableText(*report);
  if (!PrintResult(text)) return kSomeFailed;
  if (signals.exit_code() != 0) return signals.exit_code();
  return report->failed() > 0 ? kSomeFailed : kAllDone;
}

}  // namespace tidemark::cli
