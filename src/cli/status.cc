#include <algorithm>

#include "base/clock.h"
#include "cli/metrics.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunStatus(const Arguments& arguments) {
  StopOnSignal signals;
  auto asked = AskedOfDestination(arguments);
  if (!asked) return EndWith(WrongWords(std::move(asked.error())), signals);
  asked->run.stop = signals.token();
  asked->run.asks_sources = arguments.Has("--config");
  auto result = asked->pipeline.Status(asked->run);
  if (!result) return EndWith(result.error(), signals);
  PrintProblems(*result);
  if (auto path = arguments.Text("--metrics"))
    if (auto written = WriteMetrics(*path, result->tables, nullptr); !written)
      return EndWith(Opening(*path, std::move(written.error())), signals);
  auto now_us = SystemClock().NowUs();
  auto text = arguments.Has("--json")    ? StatusJson(*result, now_us)
              : arguments.Has("--quiet") ? std::string()
                                         : StatusTable(*result, now_us);
  if (!PrintResult(text)) return kSomeFailed;
  bool is_broken = std::ranges::any_of(result->tables,
                                       [](const auto& table) { return table.failure.has_value(); });
  return is_broken ? kSomeFailed : kAllDone;
}

}  // namespace tidemark::cli
