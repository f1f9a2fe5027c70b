#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunCompact(const Arguments& arguments) {
  StopOnSignal signals;
  auto to = DestinationOf(arguments);
  if (!to) return EndWith(Refusal{std::move(to.error()), kWrongUsage}, signals);
  auto options = OptionsOfDestination(arguments);
  if (!options) return EndWith(Refusal{std::move(options.error()), kWrongUsage}, signals);
  // Read-only first: a mistyped name must not become a folder.
  auto store = OpenStore(*to, {.is_read_only = true});
  if (store) store = OpenStore(*to, {});
  if (!store) return EndWith(Opening(*to, std::move(store.error())), signals);
  options->stop = signals.token();
  auto progress = ProgressFor(arguments);
  options->progress = progress.get();
  auto report = Compact(**store, *options, arguments.Has("--prune"));
  progress.reset();
  if (!report) return EndWith(report.error(), signals);
  PrintProblems(*report);
  auto text = arguments.Has("--json") ? CompactJson(*report)
              : arguments.Has("--quiet")
                  ? std::string()
                  : CompactTableText(*report, static_cast<ShowsIdle>(arguments.Has("--verbose")));
  if (!PrintResult(text)) return kSomeFailed;
  if (signals.exit_code() != 0) return signals.exit_code();
  return report->failed() > 0 ? kSomeFailed : kAllDone;
}

}  // namespace tidemark::cli
