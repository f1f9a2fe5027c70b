#include "jobs/worker.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <utility>

#include "base/log.h"

namespace tidemark {
namespace {

// Why an attempt was told to stop; a greater one outweighs a smaller one.
enum class StopReason : std::uint8_t { kNone, kShutdown, kPause, kStalled, kCancel, kLost };

Outcome Failure(const Error& error) {
  auto kind =
      error.kind == ErrorKind::kUnavailable ? Outcome::Kind::kRetry : Outcome::Kind::kFailed;
  return {.kind = kind, .error = JobError{.kind = error.kind, .message = error.message}};
}

}  // namespace

class Worker::Attempt final : public JobRun {
 public:
  Attempt(JobStore& store, ClaimedJob claimed)
      : store_(store), claimed_(std::move(claimed)), progress_(claimed_.job.progress) {
    confirmed_us_ = SystemClock().MonotonicUs();
  }
  const Job& job() const override { return claimed_.job; }
  const Checkpoint& checkpoint() const override { return claimed_.checkpoint; }
  const Lease& lease() const { return claimed_.lease; }
  std::stop_token stop() const override { return stop_.get_token(); }

  Status Save(const Progress& progress, const Checkpoint& checkpoint) override {
    {
      std::lock_guard lock(mutex_);
      progress_ = progress;
      is_reported_ = false;
      for (const auto& part : checkpoint.parts) stored_.parts.push_back(part);
      stored_.body = checkpoint.body;
    }
    auto saved = store_.Save(lease(), progress, checkpoint);
    if (!saved && saved.error().kind == ErrorKind::kConflict) Stop(StopReason::kLost);
    return saved;
  }
  void Report(const Progress& progress) override {
    std::lock_guard lock(mutex_);
    progress_ = progress;
    is_reported_ = true;
  }

  void Stop(StopReason reason) {
    {
      std::lock_guard lock(mutex_);
      reason_ = std::max(reason_, reason);
    }
    stop_.request_stop();
  }
  StopReason reason() {
    std::lock_guard lock(mutex_);
    return reason_;
  }
  // All that was stored for the job, by this attempt and those before.
  Checkpoint Everything() {
    std::lock_guard lock(mutex_);
    auto all = claimed_.checkpoint;
    if (!stored_.body.empty()) all.body = stored_.body;
    all.parts.insert(all.parts.end(), stored_.parts.begin(), stored_.parts.end());
    return all;
  }

  // Renews the lease and hears what is wished. Without an answer for three quarters of it, the job
  // must be taken for another's, even if the store cannot say so.
  void Beat(std::int64_t lease_us) {
    auto now = SystemClock().MonotonicUs();
    auto wishes = store_.Heartbeat(lease(), lease_us);
    if (wishes) {
      confirmed_us_ = now;
      if (wishes->pause) Stop(StopReason::kPause);
      if (wishes->is_stalled) Stop(StopReason::kStalled);
      if (wishes->cancel) Stop(StopReason::kCancel);
    } else if (wishes.error().kind == ErrorKind::kConflict) {
      Stop(StopReason::kLost);
    } else {
      Log(LogLevel::kWarning,
          fmt::format("job {}: no heartbeat: {}", lease().job, wishes.error().message));
      if (SystemClock().MonotonicUs() - confirmed_us_ > lease_us / 4 * 3) Stop(StopReason::kLost);
    }
    WriteReport();
  }

 private:
  void WriteReport() {
    Progress progress;
    {
      std::lock_guard lock(mutex_);
      if (!std::exchange(is_reported_, false)) return;
      progress = progress_;
    }
    // Only for people: the next one comes.
    static_cast<void>(store_.Save(lease(), progress, {}));
  }

  JobStore& store_;
  ClaimedJob claimed_;
  std::stop_source stop_;
  std::mutex mutex_;
  Checkpoint stored_;
  Progress progress_;
  bool is_reported_ = false;
  StopReason reason_ = StopReason::kNone;
  std::int64_t confirmed_us_;  // of the heartbeats' thread
};

Worker::Worker(JobStore& store, TaskOf task_of, WorkerOptions options)
    : store_(store), task_of_(std::move(task_of)), options_(std::move(options)) {}

Worker::~Worker() { Stop(); }

void Worker::Start() {
  heartbeats_ = std::jthread([this](const std::stop_token& stop) { RunHeartbeats(stop); });
  upkeep_ = std::jthread([this](const std::stop_token& stop) { RunUpkeep(stop); });
  for (int i = 0; i < options_.slots; ++i) {
    slots_.emplace_back([this](const std::stop_token& stop) { RunSlot(stop); });
  }
}

void Worker::Stop() {
  for (auto& slot : slots_) slot.request_stop();
  {
    std::lock_guard lock(mutex_);
    for (auto* attempt : attempts_) attempt->Stop(StopReason::kShutdown);
  }
  slots_.clear();  // waits for them; heartbeats go on until then
  upkeep_ = {};
  heartbeats_ = {};
}

std::int64_t Worker::Jittered(std::int64_t us) {
  auto random = SystemRandom().Next() % 1000;
  return us / 1000 * static_cast<std::int64_t>(750 + random / 2);
}

void Worker::RunSlot(const std::stop_token& stop) {
  std::uint64_t seen = 0;
  while (!stop.stop_requested()) {
    // Looked at before the queue: what comes in between wakes the wait below.
    seen = store_.WaitForChange(seen, 0, stop);
    auto claimed = store_.Claim(options_.name, options_.lease_us);
    if (claimed && *claimed) {
      RunJob(**std::move(claimed), stop);
      continue;
    }
    if (!claimed) Log(LogLevel::kWarning, "job store: " + claimed.error().message);
    auto wait_us = Jittered(options_.poll_us);
    if (auto due = store_.NextDueInUs(); due && *due) wait_us = std::min(wait_us, **due + 1000);
    // A store that fails is not asked again at once, whatever else changes in it.
    if (!claimed) {
      SystemClock().Wait(std::min<std::int64_t>(wait_us, 1'000'000), stop);
    } else {
      store_.WaitForChange(seen, wait_us, stop);
    }
  }
}

void Worker::RunJob(ClaimedJob claimed, const std::stop_token& stop) {
  Attempt attempt(store_, std::move(claimed));
  {
    std::lock_guard lock(mutex_);
    attempts_.insert(&attempt);
  }
  if (stop.stop_requested()) attempt.Stop(StopReason::kShutdown);
  auto* task = task_of_(attempt.job().spec.kind);
  auto end =
      task != nullptr
          ? task->Run(attempt)
          : Result<TaskEnd>(Fail(ErrorKind::kUnsupported,
                                 "this worker knows no jobs of kind " + attempt.job().spec.kind));
  {
    std::lock_guard lock(mutex_);
    attempts_.erase(&attempt);
  }
  Settle(attempt, std::move(end));
}

void Worker::Settle(Attempt& attempt, Result<TaskEnd> end) {
  auto reason = attempt.reason();
  const auto& lease = attempt.lease();
  Status told;
  if (reason == StopReason::kLost) {
    Log(LogLevel::kWarning, fmt::format("job {}: lost to another worker", lease.job));
    return;
  }
  if (end && std::holds_alternative<Artifact>(*end)) {
    told = store_.Finish(lease, {.kind = Outcome::Kind::kSucceeded,
                                 .artifact = std::get<Artifact>(*std::move(end))});
  } else if (reason == StopReason::kCancel) {
    told = store_.Finish(lease, {.kind = Outcome::Kind::kCancelled});
  } else if (reason == StopReason::kPause) {
    told = store_.Release(lease, ReleaseReason::kPaused, 0);
  } else if (reason == StopReason::kStalled) {
    told = store_.Release(lease, ReleaseReason::kStalled, 0);
  } else if (end) {
    told = store_.Release(lease, ReleaseReason::kSnooze, std::get<Snooze>(*end).us);
  } else if (reason == StopReason::kShutdown && end.error().kind == ErrorKind::kCancelled) {
    told = store_.Release(lease, ReleaseReason::kShutdown, 0);
  } else {
    Log(LogLevel::kWarning, fmt::format("job {}: {}", lease.job, end.error().message));
    told = store_.Finish(lease, Failure(end.error()));
  }
  if (!told) {
    Log(LogLevel::kWarning, fmt::format("job {}: {}", lease.job, told.error().message));
  }
  DiscardDead();
}

void Worker::DiscardDead() {
  auto dead = store_.ListDead(100);
  if (!dead) return;
  for (const auto& [job, checkpoint] : *dead) {
    auto* task = task_of_(job.spec.kind);
    if (task == nullptr) continue;
    if (auto discarded = task->Discard(job, checkpoint); !discarded) {
      Log(LogLevel::kWarning, fmt::format("job {}: its parts cannot be removed: {}", job.spec.id,
                                          discarded.error().message));
      continue;
    }
    // Refused when another worker was faster, which is as good.
    static_cast<void>(
        store_.SetArtifactState(job.spec.id, ArtifactState::kStaged, ArtifactState::kDeleted));
  }
}

void Worker::RunHeartbeats(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    SystemClock().Wait(options_.lease_us / 4, stop);
    // Held while they beat: an attempt that ends waits for that, and no longer.
    std::lock_guard lock(mutex_);
    for (auto* attempt : attempts_) attempt->Beat(options_.lease_us);
  }
}

void Worker::ExpireArtifacts() {
  auto expired = store_.ListExpired(100);
  if (!expired) return;
  for (const auto& job : *expired) {
    const auto& id = job.spec.id;
    // Said before it is done: whoever asks for it then hears that it expired.
    static_cast<void>(
        store_.SetArtifactState(id, ArtifactState::kPublished, ArtifactState::kExpired));
    auto* task = task_of_(job.spec.kind);
    if (task == nullptr) continue;
    if (auto removed = task->Remove(job); !removed) {
      Log(LogLevel::kWarning,
          fmt::format("job {}: its artifact cannot be removed: {}", id, removed.error().message));
      continue;
    }
    static_cast<void>(
        store_.SetArtifactState(id, ArtifactState::kExpired, ArtifactState::kDeleted));
  }
}

void Worker::RunUpkeep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto reaped = store_.Reap(options_.reap);
    if (reaped && reaped->rescued + reaped->failed > 0) {
      Log(LogLevel::kWarning, fmt::format("{} jobs taken back from lost workers, {} of them failed",
                                          reaped->rescued + reaped->failed, reaped->failed));
    }
    DiscardDead();
    ExpireArtifacts();
    static_cast<void>(store_.Forget(SystemClock().NowUs() - options_.keep_us, 1000));
    SystemClock().Wait(Jittered(options_.upkeep_us), stop);
  }
}

std::string NewWorkerName(Random& random) {
  char host[256] = "host";
  static_cast<void>(::gethostname(host, sizeof(host) - 1));
  return fmt::format("{}-{}-{}", host, ::getpid(), RandomHex16(random));
}

}  // namespace tidemark
