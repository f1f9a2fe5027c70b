#include "tidemark/tidemark.h"

#include <algorithm>
#include <filesystem>

#include "commit/state.h"
#include "library/opened.h"
#include "library/results.h"
#include "library/status.h"

namespace tidemark {

struct Pipeline::Inside {
  Setup setup;
};

namespace {

// Opens the pipeline as `run` wants it and does `work` with it.
template <class Work>
auto Run(const Setup& configured, Access access, const RunOptions& run, Work work)
    -> std::expected<decltype(ResultOf(*work(std::declval<Opened&>()))), Failure> {
  auto setup = configured;
  ProgressCalls progress(run.progress);
  if (auto added = AddRun(run, &progress, setup); !added) return Failed(std::move(added.error()));
  auto opened = Open(std::move(setup), access);
  if (!opened) return Failed(std::move(opened.error().error), opened.error().about);
  auto report = work(*opened);
  if (!report) return Failed(std::move(report.error()));
  return ResultOf(*report);
}

// The landing that a folder without one lies in, as landing/data does; empty: none is known.
std::string LandingAbove(const std::string& location) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(location, ignored)) return {};
  for (auto folder = std::filesystem::path(location); folder.has_relative_path();) {
    folder = folder.parent_path();
    if (std::filesystem::is_directory(folder / kStatePrefix, ignored)) return folder.string();
  }
  return {};
}

// When a run that began then is followed by the next one: so long after, or at once where that has
// passed; and a little later.
std::int64_t NextRunUs(std::int64_t began_us, std::int64_t every_us) {
  auto jitter_us = static_cast<std::uint64_t>(every_us / 10);
  auto later_us = static_cast<std::int64_t>(SystemRandom().Next() % (jitter_us + 1));
  return std::max(began_us + every_us, SystemClock().NowUs()) + later_us;
}

}  // namespace

std::expected<Pipeline, Failure> Pipeline::FromFile(const std::string& file) {
  auto options = PipelineOptions::FromFile(file);
  if (!options) return std::unexpected(std::move(options.error()));
  return FromOptions(*options);
}

std::expected<Pipeline, Failure> Pipeline::FromOptions(const PipelineOptions& options) {
  auto setup = SetupOf(options);
  if (!setup) return Failed(std::move(setup.error()));
  return Pipeline(std::make_shared<const Inside>(Inside{std::move(*setup)}));
}

std::expected<SyncResult, Failure> Pipeline::Sync(const RunOptions& run) const {
  return Run(inside_->setup, Access::kWrite, run, SyncAll);
}

void Pipeline::SyncEvery(std::int64_t every_us, const RunOptions& run,
                         const std::function<bool(const ServiceRun&)>& ended) const {
  auto& clock = SystemClock();
  while (!run.stop.stop_requested()) {
    ServiceRun one{.result = {}, .started_us = clock.NowUs()};
    auto began_us = clock.MonotonicUs();
    one.result = Sync(run);
    one.duration_us = clock.MonotonicUs() - began_us;
    one.next_us = NextRunUs(one.started_us, every_us);
    if (!ended(one)) return;
    clock.Wait(one.next_us - clock.NowUs(), run.stop);
  }
}

std::expected<SyncResult, Failure> Pipeline::Plan(const RunOptions& run) const {
  return Run(inside_->setup, Access::kReadOrNothing, run, PlanAll);
}

std::expected<VerifyResult, Failure> Pipeline::Verify(const RunOptions& run) const {
  return Run(inside_->setup, Access::kRead, run, VerifyAll);
}

std::expected<CompactResult, Failure> Pipeline::Compact(const RunOptions& run) const {
  auto setup = inside_->setup;
  ProgressCalls progress(run.progress);
  if (auto added = AddRun(run, &progress, setup); !added) return Failed(std::move(added.error()));
  // Read-only first: a mistyped name must not become a folder.
  auto store = OpenDestination(setup, Access::kRead);
  if (store) store = OpenDestination(setup, Access::kWrite);
  if (!store) return Failed(std::move(store.error()), setup.to);
  auto report = ::tidemark::Compact(**store, setup.options, run.prunes);
  if (!report) return Failed(std::move(report.error()));
  return ResultOf(*report);
}

std::expected<StatusResult, Failure> Pipeline::Status(const RunOptions& run) const {
  auto setup = inside_->setup;
  if (auto added = AddRun(run, nullptr, setup); !added) return Failed(std::move(added.error()));
  auto store = OpenDestination(setup, Access::kRead);
  if (!store) return Failed(std::move(store.error()), setup.to);
  auto status = StatusOf(**store, setup);
  if (!status) return Failed(std::move(status.error()));
  if (status->tables.empty() && status->others.empty()) {
    auto location = (*store)->Location();
    if (auto above = LandingAbove(location); !above.empty())
      status->warnings.push_back("nothing was landed in " + location + "; it lies in the landing " +
                                 above + ", whose tables `tidemark status " + above + "` lists");
  }
  if (run.asks_sources)
    if (auto asked = AskSources(setup, *status); !asked) return Failed(std::move(asked.error()));
  return std::move(*status);
}

}  // namespace tidemark
