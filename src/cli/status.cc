#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "cli/metrics.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/run.h"

namespace tidemark::cli {

int RunStatus(const Arguments& arguments) {
  StopOnSignal signals;
  auto to = DestinationOf(arguments);
  if (!to) return EndWith(Refusal{std::move(to.error()), kWrongUsage}, signals);
  auto store = OpenStore(*to, {.is_read_only = true});
  if (!store) return EndWith(Opening(*to, std::move(store.error())), signals);
  auto tables = ReadStatus(**store);
  if (!tables) return EndWith(tables.error(), signals);
  PrintProblems(*tables);
  bool is_broken =
      std::ranges::any_of(*tables, [](const StatusTable& t) { return t.error.has_value(); });
  if (auto path = arguments.Text("--metrics"))
    if (auto written = WriteMetrics(*path, *tables, nullptr); !written)
      return EndWith(written.error(), signals);
  auto now_us = SystemClock().NowUs();
  auto text = arguments.Has("--json")    ? StatusJson(*tables, now_us)
              : arguments.Has("--quiet") ? std::string()
                                         : StatusTableText(*tables, now_us);
  if (!PrintResult(text)) return kSomeFailed;
  return is_broken ? kSomeFailed : kAllDone;
}

}  // namespace tidemark::cli
