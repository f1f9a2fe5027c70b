#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {
namespace {

// Where nothing at all could be done, and for one reason, that reason is the exit code. A disk that
// filled in mid-run is a failure like any other: it is no fault of how the run was started.
int ExitCodeOf(const SyncReport& report) {
  if (report.failed() == 0) return kAllDone;
  for (const auto& table : report.tables) {
    bool is_unusable = table.error && (table.error->kind == ErrorKind::kCorrupt ||
                                       table.error->kind == ErrorKind::kDenied);
    if (table.outcome == TableOutcome::kOk || !is_unusable) return kSomeFailed;
  }
  return kUnusable;
}

}  // namespace

int RunSync(const Arguments& arguments) {
  StopOnSignal signals;
  auto run = OpenRun(arguments, Writes::kYes, signals.token());
  if (!run) return EndWith(run.error(), signals);
  auto progress = ProgressFor(arguments);
  run->options.progress = progress.get();
  auto report = Sync(*run->source, *run->store, run->options);
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
