#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "cli/metrics.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {
namespace {

using Ended = std::expected<SyncResult, Failure>;

// Where metrics are wanted: how the run ended, and what the destination says of its tables.
// `pipeline` null: nothing could be asked of one.
void NoteMetrics(const Arguments& arguments, const Pipeline* pipeline, const RunMetrics& run) {
  auto path = arguments.Text("--metrics");
  if (!path) return;
  std::vector<TableStanding> tables;
  if (pipeline)
    if (auto status = pipeline->Status()) tables = std::move(status->tables);
  if (auto written = WriteMetrics(*path, tables, &run); !written) PrintError(written.error());
}

// The exit code of the run.
int Report(const Arguments& arguments, const Ended& result, const StopOnSignal& signals) {
  if (!result) return EndWith(result.error(), signals);
  if (result->is_stopped) {
    if (arguments.Has("--json") && !PrintResult(SyncJson(*result))) return kSomeFailed;
    return EndWith({.kind = FailureKind::kCancelled, .message = "stopped", .hint = {}, .about = {}},
                   signals);
  }
  PrintProblems(*result);
  auto text = arguments.Has("--json") ? SyncJson(*result)
              : arguments.Has("--quiet")
                  ? std::string()
                  : SyncTable(*result, static_cast<ShowsIdle>(arguments.Has("--verbose")));
  if (!PrintResult(text)) return kSomeFailed;
  return signals.exit_code() != 0 ? signals.exit_code() : ExitCodeOf(*result);
}

// False: it could not be told.
bool TellNext(const Arguments& arguments, std::int64_t next_us) {
  auto note = "next run at " + FormatUtcSeconds(next_us);
  if (!arguments.Has("--json") && !arguments.Has("--quiet")) return PrintResult(note + "\n");
  Log(LogLevel::kInfo, note);
  return true;
}

int RunOnce(const Arguments& arguments, const Asked& asked, Progress& progress,
            const StopOnSignal& signals) {
  auto& clock = SystemClock();
  RunMetrics metrics{.started_us = clock.NowUs()};
  auto began_us = clock.MonotonicUs();
  auto result = asked.pipeline.Sync(asked.run);
  progress.End();
  metrics.duration_us = clock.MonotonicUs() - began_us;
  metrics.result = result && !result->is_stopped ? &*result : nullptr;
  NoteMetrics(arguments, &asked.pipeline, metrics);
  return Report(arguments, result, signals);
}

int RunEvery(const Arguments& arguments, const Asked& asked, Progress& progress,
             const StopOnSignal& signals, std::int64_t every_us) {
  int exit_code = kAllDone;
  bool is_first = true;
  asked.pipeline.SyncEvery(every_us, asked.run, [&](const ServiceRun& run) {
    progress.End();
    NoteMetrics(arguments, &asked.pipeline,
                {.started_us = run.started_us,
                 .duration_us = run.duration_us,
                 .result = run.result && !run.result->is_stopped ? &*run.result : nullptr});
    exit_code = Report(arguments, run.result, signals);
    // Words that are wrong now are wrong for ever.
    bool is_hopeless = std::exchange(is_first, false) && exit_code == kWrongUsage;
    if (is_hopeless || signals.exit_code() != 0) return false;
    // Nothing is at work from now on: to be told to stop is how a service ends.
    exit_code = TellNext(arguments, run.next_us) ? kAllDone : kSomeFailed;
    return exit_code == kAllDone;
  });
  return exit_code;
}

}  // namespace

int RunSync(const Arguments& arguments) {
  StopOnSignal signals;
  auto every_ms = arguments.Milliseconds("--every");
  if (!every_ms) return EndWith(WrongWords(std::move(every_ms.error())), signals);
  if (*every_ms && **every_ms <= 0)
    return EndWith(WrongWords({ErrorKind::kInvalid, "--every 0 leaves no time between runs",
                               "give a time, as 30s, 5m or 1h"}),
                   signals);
  auto asked = AskedOfRun(arguments);
  if (!asked) {
    NoteMetrics(arguments, nullptr, {.started_us = SystemClock().NowUs()});
    return EndWith(WrongWords(std::move(asked.error())), signals);
  }
  Progress progress(arguments);
  asked->run.stop = signals.token();
  asked->run.progress = progress.Call();
  return *every_ms ? RunEvery(arguments, *asked, progress, signals, **every_ms * 1000)
                   : RunOnce(arguments, *asked, progress, signals);
}

}  // namespace tidemark::cli
