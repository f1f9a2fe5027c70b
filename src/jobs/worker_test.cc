#include "jobs/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <set>
#include <utility>

#include "tests/support/temp_folder.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kSecond = 1'000'000;

// Work that a test writes; what it leaves and what is taken away are noted.
class ToyTask final : public JobTask {
 public:
  std::function<Result<TaskEnd>(JobRun&)> work;

  Result<TaskEnd> Run(JobRun& run) override { return work(run); }
  Status Discard(const Job& job, const Checkpoint& checkpoint) override {
    std::lock_guard lock(mutex_);
    // Two that find it at once both do: it may be repeated.
    for (const auto& part : checkpoint.parts) discarded_.insert(job.spec.id + ":" + part.token);
    return {};
  }
  Status Remove(const Job& job) override {
    std::lock_guard lock(mutex_);
    removed_.insert(job.artifact->key);
    return {};
  }
  std::set<std::string> discarded() {
    std::lock_guard lock(mutex_);
    return discarded_;
  }
  std::set<std::string> removed() {
    std::lock_guard lock(mutex_);
    return removed_;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> discarded_, removed_;
};

// Lets a test and a task wait for each other.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

Result<TaskEnd> WaitUntilTold(JobRun& run) {
  SystemClock().Wait(3600 * kSecond, run.stop());
  return Fail(ErrorKind::kCancelled, "told to stop");
}

class WorkerTest : public testing::Test {
 protected:
  std::unique_ptr<JobStore> OpenStore() {
    auto store = OpenJobStore(folder_.path() + "/jobs.db", {});
    if (!store) ADD_FAILURE() << store.error().message;
    return std::move(store).value_or(nullptr);
  }
  void Add(const std::string& id, int max_attempts = 3) {
    JobSpec spec{.id = id, .kind = "toy"};
    spec.max_attempts = max_attempts;
    auto added = store_->Enqueue(spec, {});
    if (!added) ADD_FAILURE() << added.error().message;
  }
  std::unique_ptr<Worker> Start(const std::string& name = "w1",
                                std::int64_t lease_us = 2 * kSecond) {
    WorkerOptions options{
        .name = name, .slots = 2, .lease_us = lease_us, .upkeep_us = kSecond / 10};
    options.reap.grace_us = 0;
    auto worker = std::make_unique<Worker>(
        *store_, [this](std::string_view kind) { return kind == "toy" ? &task_ : nullptr; },
        options);
    worker->Start();
    return worker;
  }
  // Returns once the job is as wanted; the store tells when something changed.
  Job Await(const std::string& id, const std::function<bool(const Job&)>& is_wanted) {
    std::uint64_t seen = 0;
    while (true) {
      seen = store_->WaitForChange(seen, 0, {});
      auto job = store_->Get(id);
      if (!job) {
        ADD_FAILURE() << job.error().message;
        return {};
      }
      if (is_wanted(*job)) return *job;
      store_->WaitForChange(seen, kSecond / 10, {});
    }
  }
  Job AwaitEnd(const std::string& id) {
    return Await(id, [](const Job& job) { return IsFinal(job.state); });
  }

  test::TempFolder folder_;
  std::unique_ptr<JobStore> store_ = OpenStore();
  ToyTask task_;
};

TEST_F(WorkerTest, DoesAJobAndHandsOutItsArtifact) {
  task_.work = [](JobRun& run) -> Result<TaskEnd> {
    TRY(run.Save({.rows = 3, .phase = "exporting"}, {.body = "x", .parts = {{.number = 1}}}));
    return Artifact{.key = "k", .file_name = "dump.sql"};
  };
  auto worker = Start();
  Add("a");  // while it waits for work
  auto job = AwaitEnd("a");
  EXPECT_EQ(job.state, JobState::kSucceeded);
  EXPECT_EQ(job.artifact->file_name, "dump.sql");
  EXPECT_EQ(job.progress.rows, 3);
  EXPECT_THAT(task_.discarded(), IsEmpty());
}

TEST_F(WorkerTest, FailsAtOnceWhereTryingAgainIsOfNoUse) {
  task_.work = [](JobRun&) -> Result<TaskEnd> { return Fail(ErrorKind::kDenied, "no permission"); };
  Add("a");
  auto worker = Start();
  auto job = AwaitEnd("a");
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.attempt, 1);
  EXPECT_EQ(job.error->message, "no permission");
}

TEST_F(WorkerTest, TriesAgainWhatIsTransient) {
  task_.work = [](JobRun&) -> Result<TaskEnd> { return Fail(ErrorKind::kUnavailable, "busy"); };
  Add("a");
  auto worker = Start();
  auto job = Await("a", [](const Job& job) { return job.state == JobState::kRetryWait; });
  EXPECT_EQ(job.attempt, 1);
  EXPECT_GT(job.run_at_us, job.created_us);
}

TEST_F(WorkerTest, DropsWhatADeadJobHasStored) {
  task_.work = [](JobRun& run) -> Result<TaskEnd> {
    TRY(run.Save({}, {.body = "x", .parts = {{.number = 1, .token = "t1"}}}));
    TRY(run.Save({}, {.body = "y", .parts = {{.number = 2, .token = "t2"}}}));
    return Fail(ErrorKind::kCorrupt, "the source contradicts itself");
  };
  Add("a");
  auto worker = Start();
  Await("a", [](const Job& job) { return job.artifact_state == ArtifactState::kDeleted; });
  EXPECT_THAT(task_.discarded(), ElementsAre("a:t1", "a:t2"));
}

TEST_F(WorkerTest, CancelsARunningJob) {
  Gate running;
  task_.work = [&](JobRun& run) -> Result<TaskEnd> {
    TRY(run.Save({}, {.body = "x", .parts = {{.number = 1, .token = "t1"}}}));
    running.Open();
    return WaitUntilTold(run);
  };
  Add("a");
  auto worker = Start();
  running.Wait();
  EXPECT_TRUE(store_->RequestCancel("a"));
  EXPECT_EQ(AwaitEnd("a").state, JobState::kCancelled);
  Await("a", [](const Job& job) { return job.artifact_state == ArtifactState::kDeleted; });
  EXPECT_THAT(task_.discarded(), ElementsAre("a:t1"));
}

TEST_F(WorkerTest, PausesAtACheckpointAndGoesOnFromIt) {
  Gate running;
  std::atomic<int> attempts = 0;
  task_.work = [&](JobRun& run) -> Result<TaskEnd> {
    if (++attempts == 2) return Artifact{.key = run.checkpoint().body};
    TRY(run.Save({}, {.body = "half", .parts = {}}));
    running.Open();
    return WaitUntilTold(run);
  };
  Add("a");
  auto worker = Start();
  running.Wait();
  EXPECT_TRUE(store_->RequestPause("a"));
  Await("a", [](const Job& job) { return job.state == JobState::kPaused; });
  EXPECT_TRUE(store_->Resume("a"));
  auto job = AwaitEnd("a");
  EXPECT_EQ(job.artifact->key, "half");
  EXPECT_EQ(job.attempt, 1);  // the first was given back
}

TEST_F(WorkerTest, HandsJobsBackWhenItEnds) {
  Gate running;
  std::atomic<bool> is_first = true;
  task_.work = [&](JobRun& run) -> Result<TaskEnd> {
    if (!is_first.exchange(false)) return Artifact{.key = "k"};
    running.Open();
    return WaitUntilTold(run);
  };
  Add("a");
  auto worker = Start("w1");
  running.Wait();
  worker->Stop();
  auto job = store_->Get("a").value();
  EXPECT_EQ(job.state, JobState::kQueued);
  EXPECT_EQ(job.attempt, 0);
  worker = Start("w2");
  EXPECT_EQ(AwaitEnd("a").state, JobState::kSucceeded);
}

// A worker frozen past its lease, as by SIGSTOP, must not finish what another has taken over.
TEST_F(WorkerTest, LeavesAJobThatWasTakenOver) {
  Gate taken, thawed;
  std::atomic<int> attempts = 0;
  std::atomic<bool> is_refused = false;
  task_.work = [&](JobRun& run) -> Result<TaskEnd> {
    if (++attempts == 1) {
      taken.Wait();
      auto saved = run.Save({.rows = 666}, {.body = "late"});
      is_refused =
          !saved && saved.error().kind == ErrorKind::kConflict && run.stop().stop_requested();
      thawed.Open();
      return Artifact{.key = "late"};
    }
    return Artifact{.key = "second"};
  };
  Add("a");
  auto frozen = Start("frozen", 3600 * kSecond);  // its heart does not beat within this test
  auto first = Await("a", [](const Job& job) { return job.worker == "frozen"; });
  // Its lease is over by the store's clock: as if that time had passed.
  FakeClock later(first.lease_expires_us + 60 * kSecond);
  auto store = OpenJobStore(folder_.path() + "/jobs.db", {.clock = &later});
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->Reap({}).value().rescued, 1);
  auto job = Await("a", [](const Job& job) { return IsFinal(job.state); });
  EXPECT_EQ(job.artifact->key, "second");
  taken.Open();
  thawed.Wait();
  frozen->Stop();
  EXPECT_TRUE(is_refused);
  EXPECT_EQ(store_->Get("a")->artifact->key, "second");
  EXPECT_NE(store_->Get("a")->progress.rows, 666);
}

TEST_F(WorkerTest, SnoozesAndGoesOn) {
  std::atomic<int> attempts = 0;
  task_.work = [&](JobRun&) -> Result<TaskEnd> {
    if (++attempts < 4) return Snooze{.us = 1000};
    return Artifact{.key = "k"};
  };
  Add("a", 1);
  auto worker = Start();
  EXPECT_EQ(AwaitEnd("a").state, JobState::kSucceeded);
  EXPECT_EQ(attempts, 4);
}

TEST_F(WorkerTest, RefusesAKindItDoesNotKnow) {
  EXPECT_TRUE(store_->Enqueue({.id = "a", .kind = "other"}, {}));
  auto worker = Start();
  EXPECT_THAT(AwaitEnd("a").error->message, HasSubstr("no jobs of kind other"));
}

TEST_F(WorkerTest, RemovesArtifactsThatAreOverTheirTime) {
  task_.work = [](JobRun&) -> Result<TaskEnd> { return Artifact{.key = "k", .expires_at_us = 1}; };
  Add("a");
  auto worker = Start();
  Await("a", [](const Job& job) { return job.artifact_state == ArtifactState::kDeleted; });
  EXPECT_THAT(task_.removed(), ElementsAre("k"));
}

}  // namespace
}  // namespace tidemark
