#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cli/metrics.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {
namespace {

// Where metrics are wanted: how the run ended, and what the destination says of its tables.
void NoteMetrics(const Arguments& arguments, const RunMetrics& run) {
  auto path = arguments.Text("--metrics");
  if (!path) return;
  std::vector<StatusTable> tables;
  auto to = arguments.Text("--to");
  auto dest = to ? Result<std::string>(*to) : DestinationOf(arguments);
  if (dest)
    if (auto store = OpenStore(*dest, {.is_read_only = true}))
      if (auto status = ReadStatus(**store)) tables = std::move(*status);
  if (auto written = WriteMetrics(*path, tables, &run); !written) PrintError(written.error());
}

// When a service that runs every so often runs next: so long after the last one began, or at once
// where that has passed; and a little later, so that many of them do not all come together.
std::int64_t NextRunUs(std::int64_t began_us, std::int64_t now_us, std::int64_t every_us) {
  auto jitter_us = static_cast<std::uint64_t>(every_us / 10);
  auto later_us = static_cast<std::int64_t>(SystemRandom().Next() % (jitter_us + 1));
  return std::max(began_us + every_us, now_us) + later_us;
}

int SyncOnce(const Arguments& arguments, const StopOnSignal& signals) {
  auto began_us = SystemClock().MonotonicUs();
  RunMetrics metrics{.started_us = SystemClock().NowUs()};
  auto end = [&](const SyncReport* report) {
    metrics.duration_us = SystemClock().MonotonicUs() - began_us;
    metrics.report = report;
    metrics.is_success = report && report->failed() == 0;
    NoteMetrics(arguments, metrics);
  };
  auto progress = ProgressFor(arguments);
  auto run = OpenRun(arguments, Access::kWrite, signals.token(), progress.get());
  if (!run) {
    progress.reset();
    end(nullptr);
    return EndWith(run.error(), signals);
  }
  auto report = SyncAll(*run);
  progress.reset();
  end(report ? &*report : nullptr);
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

// One run after the other, each opening everything anew: what was missing may be there by then.
int SyncEvery(const Arguments& arguments, std::int64_t every_us, const StopOnSignal& signals) {
  auto& clock = SystemClock();
  for (bool is_first = true;; is_first = false) {
    auto began_us = clock.NowUs();
    int exit_code = SyncOnce(arguments, signals);
    if (signals.exit_code() != 0) return signals.exit_code();
    // Words that are wrong now are wrong for ever.
    if (is_first && exit_code == kWrongUsage) return exit_code;
    auto now_us = clock.NowUs();
    auto next_us = NextRunUs(began_us, now_us, every_us);
    auto note = "next run at " + FormatUtcSeconds(next_us);
    if (arguments.Has("--json") || arguments.Has("--quiet"))
      Log(LogLevel::kInfo, note);
    else if (!PrintResult(note + "\n"))
      return kSomeFailed;
    clock.Wait(next_us - now_us, signals.token());
    // Nothing is at work: to be told to stop is how a service ends.
    if (signals.exit_code() != 0) return kAllDone;
  }
}

}  // namespace

int RunSync(const Arguments& arguments) {
  StopOnSignal signals;
  auto every_ms = arguments.Milliseconds("--every");
  if (!every_ms) return EndWith(every_ms.error(), signals);
  if (!*every_ms) return SyncOnce(arguments, signals);
  if (**every_ms <= 0)
    return EndWith(Error{ErrorKind::kInvalid, "--every 0 leaves no time between runs",
                         "give a time, as 30s, 5m or 1h"},
                   signals);
  return SyncEvery(arguments, **every_ms * 1000, signals);
}

}  // namespace tidemark::cli
