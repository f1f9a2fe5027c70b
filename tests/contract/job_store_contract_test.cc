// What every job store means by the same words. A new store joins with one line in StoreCases().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "jobs/job_store.h"
#include "tests/support/temp_folder.h"

namespace tidemark {
namespace {

using test::TempFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kSecond = 1'000'000, kMinute = 60 * kSecond, kLease = kMinute;
constexpr std::int64_t kStart = 1'795'000'000 * kSecond;

// What stores of one fleet share.
struct Ground {
  TempFolder folder;
  std::string location;
};

struct StoreCase {
  std::string name;
  std::string_view scheme;
  std::function<std::shared_ptr<Ground>()> make_empty;
};

std::vector<StoreCase> StoreCases() {
  return {{"Sqlite", "sqlite", [] {
             auto ground = std::make_shared<Ground>();
             ground->location = "sqlite:" + ground->folder.path() + "/state/jobs.db";
             return ground;
           }}};
}

template <class T>
T Must(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message;
  return result.value_or(T{});
}
void Must(const Status& status) {
  if (!status) ADD_FAILURE() << status.error().message;
}
template <class T>
ErrorKind KindOf(const Result<T>& result) {
  if (result) ADD_FAILURE() << "it worked";
  return result ? ErrorKind::kInternal : result.error().kind;
}

class JobStoreContract : public testing::TestWithParam<StoreCase> {
 protected:
  std::unique_ptr<JobStore> Open() {
    auto store = OpenJobStore(ground_->location, {.clock = &clock_, .random = &random_});
    if (!store) ADD_FAILURE() << store.error().message;
    return std::move(store).value_or(nullptr);
  }
  Job Add(const std::string& id, int priority = 100, const std::string& callback = "") {
    JobSpec spec{.id = id, .kind = "export", .source = "shop", .body = "{}"};
    spec.priority = priority;
    spec.callback_url = callback;
    spec.max_attempts = 3;
    return Must(store_->Enqueue(spec, {})).job;
  }
  ClaimedJob Claim(const std::string& worker = "w1") {
    auto claimed = Must(store_->Claim(worker, kLease));
    if (!claimed) ADD_FAILURE() << "nothing to claim";
    return claimed.value_or(ClaimedJob{});
  }
  void Pass(std::int64_t us) { clock_.Set(clock_.NowUs() + us); }
  JobState StateOf(const std::string& id) { return Must(store_->Get(id)).state; }
  std::vector<std::string> EventsOf(const std::string& id) {
    std::vector<std::string> types;
    for (const auto& event : Must(store_->Events(id, 0))) types.push_back(event.type);
    return types;
  }

  FakeClock clock_{kStart};
  SeededRandom random_{7};
  std::shared_ptr<Ground> ground_ = GetParam().make_empty();
  std::unique_ptr<JobStore> store_ = Open();
};

Outcome Retry(const std::string& why) {
  return {.kind = Outcome::Kind::kRetry, .error = JobError{ErrorKind::kUnavailable, why}};
}
Outcome Success() {
  return {.kind = Outcome::Kind::kSucceeded,
          .artifact = Artifact{.key = "exports/a/manifest.json",
                               .file_name = "dump.sql",
                               .content_type = "application/sql",
                               .sha256 = "ab",
                               .size_bytes = 12,
                               .expires_at_us = kStart + 60 * kMinute}};
}

TEST_P(JobStoreContract, KeepsWhatWasAsked) {
  JobSpec spec{.id = "export_1",
               .kind = "export",
               .source = "shop",
               .body = R"({"a":1})",
               .author = "me",
               .reference = "T-1",
               .purpose = "audit",
               .callback_url = "https://example.org/x",
               .priority = 5,
               .max_attempts = 2};
  Must(store_->Enqueue(spec, {}));
  auto job = Must(Open()->Get("export_1"));  // another process
  EXPECT_EQ(job.spec.body, spec.body);
  EXPECT_EQ(job.spec.author + job.spec.reference + job.spec.purpose, "meT-1audit");
  EXPECT_EQ(job.spec.callback_url, spec.callback_url);
  EXPECT_EQ(job.spec.max_attempts, 2);
  EXPECT_EQ(job.state, JobState::kQueued);
  EXPECT_EQ(job.created_us, kStart);
  EXPECT_EQ(KindOf(store_->Enqueue(spec, {})), ErrorKind::kConflict);
  EXPECT_EQ(KindOf(store_->Get("export_2")), ErrorKind::kNotFound);
}

TEST_P(JobStoreContract, ListsNewestFirst) {
  for (const auto* id : {"a", "b", "c"}) Add(id);
  std::vector<std::string> ids;
  for (const auto& job : Must(store_->List({}))) ids.push_back(job.spec.id);
  EXPECT_THAT(ids, ElementsAre("c", "b", "a"));
  EXPECT_THAT(Must(store_->List({.before = "c", .limit = 1})), SizeIs(1));
  Claim();
  EXPECT_THAT(Must(store_->List({.state = JobState::kQueued})), SizeIs(2));
  EXPECT_THAT(Must(store_->List({.source = "other"})), IsEmpty());
}

TEST_P(JobStoreContract, StartsOneJobForAKey) {
  IdempotencyKey key{.key = "k", .fingerprint = "f"};
  auto first = Must(store_->Enqueue({.id = "a", .kind = "export"}, key));
  auto again = Must(store_->Enqueue({.id = "b", .kind = "export"}, key));
  EXPECT_TRUE(first.is_new);
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.job.spec.id, "a");
  auto other = store_->Enqueue({.id = "c", .kind = "export"}, IdempotencyKey{"k", "other"});
  EXPECT_EQ(KindOf(other), ErrorKind::kInvalid);
  EXPECT_THAT(other.error().message, HasSubstr("\"k\""));
  EXPECT_EQ(KindOf(store_->Get("b")), ErrorKind::kNotFound);
  Pass(25 * 60 * kMinute);  // keys are kept for a day
  EXPECT_TRUE(Must(store_->Enqueue({.id = "d", .kind = "export"}, key)).is_new);
}

TEST_P(JobStoreContract, ClaimsByPriorityThenTime) {
  Add("late");
  Pass(1);
  Add("later");
  Add("urgent", 1);
  EXPECT_EQ(Claim().job.spec.id, "urgent");
  EXPECT_EQ(Claim().job.spec.id, "late");
  auto last = Claim("w2");
  EXPECT_EQ(last.job.spec.id, "later");
  EXPECT_EQ(last.job.state, JobState::kRunning);
  EXPECT_EQ(last.job.worker, "w2");
  EXPECT_EQ(last.job.attempt, 1);
  EXPECT_EQ(last.lease.epoch, 1);
  EXPECT_FALSE(Must(store_->Claim("w1", kLease)));
}

TEST_P(JobStoreContract, LeavesExpiredLeasesToReap) {
  Add("a");
  auto first = Claim();
  Pass(kLease + 1);
  EXPECT_FALSE(Must(store_->Claim("w2", kLease)));
  EXPECT_EQ(Must(store_->Reap({})).rescued, 0);  // within the grace
  Pass(5 * kSecond);
  EXPECT_EQ(Must(store_->Reap({})).rescued, 1);
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
  auto second = Claim("w2");
  EXPECT_GT(second.lease.epoch, first.lease.epoch);
  EXPECT_EQ(second.job.rescue_count, 1);
}

TEST_P(JobStoreContract, FencesWhoLostTheJob) {
  Add("a");
  auto lost = Claim("w1").lease;
  Pass(kLease + 6 * kSecond);
  Must(store_->Reap({}));
  auto held = Claim("w2");
  EXPECT_EQ(KindOf(store_->Heartbeat(lost, kLease)), ErrorKind::kConflict);
  EXPECT_EQ(KindOf(store_->Save(lost, {.rows = 9}, {.body = "x"})), ErrorKind::kConflict);
  EXPECT_EQ(KindOf(store_->Finish(lost, Success())), ErrorKind::kConflict);
  EXPECT_EQ(KindOf(store_->Release(lost, ReleaseReason::kShutdown, 0)), ErrorKind::kConflict);
  auto job = Must(store_->Get("a"));
  EXPECT_EQ(job.worker, "w2");
  EXPECT_EQ(job.progress.rows, 0);
  Must(store_->Finish(held.lease, Success()));
  EXPECT_EQ(KindOf(store_->Finish(held.lease, Success())), ErrorKind::kConflict);
}

TEST_P(JobStoreContract, KeepsALeaseThatBeats) {
  Add("a");
  auto lease = Claim().lease;
  for (int i = 0; i < 10; ++i) {
    Pass(kLease / 2);
    Must(store_->Heartbeat(lease, kLease));
    EXPECT_EQ(Must(store_->Reap({})).rescued, 0);
  }
  EXPECT_EQ(StateOf("a"), JobState::kRunning);
}

TEST_P(JobStoreContract, FailsAJobThatKillsItsWorkers) {
  Add("a");
  for (int i = 0; i < 5; ++i) {
    Claim();
    Pass(kLease + 6 * kSecond);
    Must(store_->Reap({}));
  }
  auto job = Must(store_->Get("a"));
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.error->message, HasSubstr("lost 5 times"));
}

TEST_P(JobStoreContract, GoesOnFromTheCheckpoint) {
  Add("a");
  auto lease = Claim().lease;
  StoredPart one{.number = 1, .size_bytes = 5, .sha256 = "aa", .token = "t1"};
  StoredPart two{.number = 2, .size_bytes = 5, .sha256 = "bb", .token = "t2"};
  Must(store_->Save(lease, {.rows = 10, .bytes = 5, .phase = "exporting"},
                    {.body = "after 1", .parts = {one}}));
  Must(store_->Save(lease, {.rows = 20, .bytes = 10, .phase = "exporting"},
                    {.body = "after 2", .parts = {two}}));
  Must(store_->Release(lease, ReleaseReason::kShutdown, 0));
  auto again = Claim("w2");
  EXPECT_EQ(again.checkpoint.body, "after 2");
  EXPECT_THAT(again.checkpoint.parts, ElementsAre(one, two));
  EXPECT_EQ(again.job.progress.rows, 20);
  EXPECT_EQ(again.job.attempt, 1);  // the one before was given back
}

TEST_P(JobStoreContract, RetriesUntilTheAttemptsAreUsed) {
  Add("a");
  for (int attempt = 1; attempt < 3; ++attempt) {
    auto claimed = Claim();
    EXPECT_EQ(claimed.job.attempt, attempt);
    Must(store_->Finish(claimed.lease, Retry("busy")));
    auto job = Must(store_->Get("a"));
    EXPECT_EQ(job.state, JobState::kRetryWait);
    EXPECT_EQ(job.error->message, "busy");
    EXPECT_FALSE(Must(store_->Claim("w1", kLease)));
    clock_.Set(job.run_at_us);
  }
  Must(store_->Finish(Claim().lease, Retry("busy still")));
  auto job = Must(store_->Get("a"));
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error->message, "busy still");
  EXPECT_EQ(job.error->kind, ErrorKind::kUnavailable);
  EXPECT_GT(job.finished_us, 0);
}

TEST_P(JobStoreContract, SnoozesWithoutAnAttempt) {
  EXPECT_FALSE(Must(store_->NextDueInUs()));
  Add("a");
  EXPECT_EQ(Must(store_->NextDueInUs()), 0);
  for (int i = 0; i < 10; ++i) {
    auto claimed = Claim();
    EXPECT_EQ(claimed.job.attempt, 1);
    Must(store_->Release(claimed.lease, ReleaseReason::kSnooze, 2 * kSecond));
    EXPECT_EQ(Must(store_->NextDueInUs()), 2 * kSecond);
    EXPECT_FALSE(Must(store_->Claim("w1", kLease)));
    Pass(2 * kSecond);
  }
}

TEST_P(JobStoreContract, CancelsWhatNobodyHoldsAtOnce) {
  Add("a");
  EXPECT_EQ(Must(store_->RequestCancel("a")).state, JobState::kCancelled);
  EXPECT_EQ(KindOf(store_->RequestCancel("a")), ErrorKind::kConflict);
  EXPECT_FALSE(Must(store_->Claim("w1", kLease)));
  EXPECT_EQ(KindOf(store_->RequestCancel("b")), ErrorKind::kNotFound);
}

TEST_P(JobStoreContract, AsksTheHolderToCancel) {
  Add("a");
  auto lease = Claim().lease;
  EXPECT_FALSE(Must(store_->Heartbeat(lease, kLease)).cancel);
  EXPECT_EQ(Must(store_->RequestCancel("a")).state, JobState::kRunning);
  EXPECT_TRUE(Must(store_->RequestCancel("a")).is_cancel_requested);  // twice is fine
  EXPECT_TRUE(Must(store_->Heartbeat(lease, kLease)).cancel);
  Must(store_->Finish(lease, {.kind = Outcome::Kind::kCancelled}));
  EXPECT_EQ(StateOf("a"), JobState::kCancelled);
  EXPECT_THAT(EventsOf("a"), ElementsAre("created", "claimed", "cancel_requested", "cancelled"));
}

TEST_P(JobStoreContract, CancelsALostJobThatWasToBeCancelled) {
  Add("a");
  Claim();
  Must(store_->RequestCancel("a"));
  Pass(kLease + 6 * kSecond);
  Must(store_->Reap({}));
  EXPECT_EQ(StateOf("a"), JobState::kCancelled);
}

TEST_P(JobStoreContract, SucceedsThoughACancelCameTooLate) {
  Add("a");
  auto lease = Claim().lease;
  Must(store_->RequestCancel("a"));
  Must(store_->Finish(lease, Success()));
  EXPECT_EQ(StateOf("a"), JobState::kSucceeded);
}

TEST_P(JobStoreContract, PausesAndResumes) {
  Add("a");
  EXPECT_EQ(Must(store_->RequestPause("a")).state, JobState::kPaused);
  EXPECT_FALSE(Must(store_->Claim("w1", kLease)));
  Pass(24 * 60 * kMinute);
  Must(store_->Reap({}));
  EXPECT_EQ(StateOf("a"), JobState::kPaused);  // exempt from the watch for progress
  Must(store_->Resume("a"));
  auto lease = Claim().lease;
  Must(store_->RequestPause("a"));
  EXPECT_TRUE(Must(store_->Heartbeat(lease, kLease)).pause);
  Must(store_->Release(lease, ReleaseReason::kPaused, 0));
  EXPECT_EQ(StateOf("a"), JobState::kPaused);
  EXPECT_EQ(Must(store_->RequestCancel("a")).state, JobState::kCancelled);
  EXPECT_EQ(KindOf(store_->Resume("a")), ErrorKind::kConflict);
}

TEST_P(JobStoreContract, ReleasesThenFailsWhatStandsStill) {
  Add("a");
  for (int i = 0; i < 2; ++i) {
    auto lease = Claim().lease;
    for (int beat = 0; beat < 11; ++beat) {
      Pass(kMinute);
      Must(store_->Reap({}));
      Must(store_->Save(lease, {.rows = beat}, {}));  // counters are no progress
      auto wishes = Must(store_->Heartbeat(lease, 2 * kMinute));
      EXPECT_EQ(wishes.is_stalled, beat >= 10) << beat;
    }
    Must(store_->Release(lease, ReleaseReason::kStalled, 0));
    EXPECT_EQ(StateOf("a"), i == 0 ? JobState::kQueued : JobState::kFailed);
  }
  EXPECT_THAT(Must(store_->Get("a")).error->message, HasSubstr("no progress for 10 minutes"));
}

TEST_P(JobStoreContract, TakesAStalledJobFromAHolderThatOnlyBeats) {
  Add("a");
  auto lease = Claim().lease;
  for (int beat = 0; beat < 14; ++beat) {
    Pass(kMinute);
    Must(store_->Reap({}));
    if (StateOf("a") != JobState::kRunning) break;
    Must(store_->Heartbeat(lease, 2 * kMinute));
  }
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
  EXPECT_EQ(KindOf(store_->Heartbeat(lease, kLease)), ErrorKind::kConflict);
}

TEST_P(JobStoreContract, ProgressEndsAStall) {
  Add("a");
  auto lease = Claim().lease;
  for (int i = 1; i <= 30; ++i) {
    Pass(9 * kMinute);
    Must(store_->Heartbeat(lease, 20 * kMinute));
    Must(store_->Save(lease, {}, {.body = "slice " + std::to_string(i)}));
    EXPECT_EQ(Must(store_->Reap({})).stalled, 0);
  }
}

TEST_P(JobStoreContract, TellsOfTheEndInTheSameStep) {
  Add("good", 1, "https://example.org/hook");
  Add("bad", 2, "https://example.org/hook");
  Add("cancelled", 3, "https://example.org/hook");
  Add("silent", 4);
  Must(store_->Finish(Claim().lease, Success()));
  Must(store_->Finish(Claim().lease, {.kind = Outcome::Kind::kFailed,
                                      .error = JobError{ErrorKind::kDenied, "no such \"key\""}}));
  Must(store_->RequestCancel("cancelled"));
  Must(store_->RequestCancel("silent"));
  auto body = [&](const std::string& id) { return Must(store_->Deliveries(id)).at(0).body; };
  EXPECT_EQ(body("good"), R"({"jobId":"good","status":"completed",)"
                          R"("downloadUrl":"/export/jobs/good/download"})");
  EXPECT_EQ(body("bad"), R"({"jobId":"bad","status":"failed","error_message":"no such \"key\""})");
  EXPECT_EQ(body("cancelled"),
            R"({"jobId":"cancelled","status":"failed","error_message":"cancelled"})");
  EXPECT_THAT(Must(store_->Deliveries("silent")), IsEmpty());
}

TEST_P(JobStoreContract, DeliversOnceOrGivesUp) {
  Add("a", 1, "https://example.org/hook");
  Must(store_->RequestCancel("a"));
  auto first = Must(store_->ClaimDelivery(kMinute)).value();
  EXPECT_EQ(first.attempt, 1);
  EXPECT_FALSE(Must(store_->ClaimDelivery(kMinute)));
  Pass(kMinute);  // its sender is lost
  auto second = Must(store_->ClaimDelivery(kMinute)).value();
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(KindOf(store_->FinishDelivery(first, {.is_delivered = true, .status = 200})),
            ErrorKind::kConflict);
  Must(store_->FinishDelivery(second, {.status = 503, .retry_in_us = kSecond}));
  EXPECT_FALSE(Must(store_->ClaimDelivery(kMinute)));
  Pass(kSecond);
  auto third = Must(store_->ClaimDelivery(kMinute)).value();
  Must(store_->FinishDelivery(third, {.status = 410, .error = "gone"}));
  auto dead = Must(store_->Deliveries("a")).at(0);
  EXPECT_EQ(dead.state, Delivery::State::kDead);
  EXPECT_EQ(dead.last_status, 410);
  EXPECT_EQ(dead.attempt, 3);
  EXPECT_EQ(Must(store_->Count()).deliveries_dead, 1);
}

TEST_P(JobStoreContract, ReplaysADeadJobAsANewOne) {
  Add("a");
  EXPECT_EQ(KindOf(store_->Replay("a")), ErrorKind::kConflict);
  Must(store_->RequestCancel("a"));
  auto again = Must(store_->Replay("a"));
  EXPECT_NE(again.spec.id, "a");
  EXPECT_EQ(again.spec.replay_of, "a");
  EXPECT_EQ(again.state, JobState::kQueued);
  EXPECT_EQ(StateOf("a"), JobState::kCancelled);
  EXPECT_EQ(Claim().job.spec.id, again.spec.id);
}

TEST_P(JobStoreContract, ExpiresArtifactsThenForgetsTheJob) {
  Add("a");
  Must(store_->Finish(Claim().lease, Success()));
  auto job = Must(store_->Get("a"));
  EXPECT_EQ(job.artifact_state, ArtifactState::kPublished);
  EXPECT_EQ(job.artifact->file_name, "dump.sql");
  EXPECT_EQ(job.artifact->size_bytes, 12);
  EXPECT_THAT(Must(store_->ListExpired(10)), IsEmpty());
  Pass(61 * kMinute);
  EXPECT_THAT(Must(store_->ListExpired(10)), SizeIs(1));
  Must(store_->SetArtifactState("a", ArtifactState::kPublished, ArtifactState::kExpired));
  EXPECT_EQ(
      KindOf(store_->SetArtifactState("a", ArtifactState::kPublished, ArtifactState::kExpired)),
      ErrorKind::kConflict);
  EXPECT_EQ(StateOf("a"), JobState::kSucceeded);
  EXPECT_EQ(Must(store_->Forget(clock_.NowUs(), 10)), 0);  // there may still be bytes
  Must(store_->SetArtifactState("a", ArtifactState::kExpired, ArtifactState::kDeleted));
  EXPECT_EQ(Must(store_->Forget(clock_.NowUs(), 10)), 1);
  EXPECT_EQ(KindOf(store_->Get("a")), ErrorKind::kNotFound);
}

TEST_P(JobStoreContract, Counts) {
  for (const auto* id : {"a", "b", "c"}) Add(id);
  Must(store_->RequestCancel("c"));
  auto lease = Claim().lease;
  Pass(kSecond);
  Must(store_->Finish(lease, Retry("busy")));
  auto counts = Must(store_->Count());
  EXPECT_EQ(counts.by_state.at(static_cast<std::size_t>(JobState::kQueued)), 1);
  EXPECT_EQ(counts.by_state.at(static_cast<std::size_t>(JobState::kRetryWait)), 1);
  EXPECT_EQ(counts.by_state.at(static_cast<std::size_t>(JobState::kCancelled)), 1);
  EXPECT_EQ(counts.oldest_due_us, kStart);
}

// Workers of several processes share a queue: every job is done once, none is left.
TEST_P(JobStoreContract, GivesEachJobToOneWorker) {
  constexpr int kJobs = 200, kWorkers = 4;
  for (int i = 0; i < kJobs; ++i) Add("job" + std::to_string(i));
  std::mutex mutex;
  std::multiset<std::string> done;
  auto work = [&](int number) {
    auto own = OpenJobStore(ground_->location, {});
    if (!own) return;
    auto name = "w" + std::to_string(number);
    while (true) {
      auto claimed = (*own)->Claim(name, kLease);
      if (!claimed || !*claimed) return;
      if (!(*own)->Finish((*claimed)->lease, Success())) return;
      std::lock_guard lock(mutex);
      done.insert((*claimed)->job.spec.id);
    }
  };
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) workers.emplace_back(work, i);
  for (auto& worker : workers) worker.join();
  EXPECT_THAT(done, SizeIs(kJobs));
  EXPECT_EQ(std::set<std::string>(done.begin(), done.end()).size(), std::size_t{kJobs});
}

TEST_P(JobStoreContract, WakesWhoWaitsForAnotherProcess) {
  auto own = Open();
  auto seen = own->WaitForChange(0, 0, {});
  std::stop_source stop;
  std::atomic<bool> is_awake = false;
  std::thread waiter([&] {
    own->WaitForChange(seen, 3600 * kSecond, stop.get_token());
    is_awake = !stop.stop_requested();
  });
  Add("a");
  waiter.join();
  EXPECT_TRUE(is_awake);
  stop.request_stop();
  own->WaitForChange(own->WaitForChange(0, 0, {}), 3600 * kSecond, stop.get_token());
}

// Random calls by workers that lose their leases: every step is one that jobs.md's table allows,
// and a lease that does not hold changes nothing.
TEST_P(JobStoreContract, OnlyMovesAsTheTableAllows) {
  std::map<std::string, JobState> states;
  std::vector<Lease> leases;
  int jobs = 0;
  for (int step = 0; step < 1500; ++step) {
    auto pick = [&](std::size_t size) { return random_.Next() % size; };
    auto id = "job" + std::to_string(pick(static_cast<std::size_t>(jobs) + 1));
    auto lease = leases.empty() ? Lease{"job0", 1} : leases[pick(leases.size())];
    switch (pick(12)) {
      case 0:
        Add("job" + std::to_string(jobs++));
        break;
      case 1:
      case 2:
        if (auto claimed = Must(store_->Claim("w", kLease))) leases.push_back(claimed->lease);
        break;
      case 3:
        (void)store_->Finish(lease, Success());
        break;
      case 4:
        (void)store_->Finish(lease, Retry("busy"));
        break;
      case 5:
        (void)store_->Release(lease, static_cast<ReleaseReason>(pick(4)), kSecond);
        break;
      case 6:
        (void)store_->RequestCancel(id);
        break;
      case 7:
        (void)store_->RequestPause(id);
        break;
      case 8:
        (void)store_->Resume(id);
        break;
      case 9:
        Pass(static_cast<std::int64_t>(pick(90)) * kSecond);
        break;
      case 10:
        Must(store_->Reap({}));
        break;
      default:
        (void)store_->Save(lease, {}, {.body = "x"});
        break;
    }
    for (const auto& job : Must(store_->List({.limit = 1000}))) {
      auto [known, is_new] = states.try_emplace(job.spec.id, JobState::kQueued);
      if (job.state != known->second) {
        EXPECT_TRUE(MayBecome(known->second, job.state))
            << Name(known->second) << " to " << Name(job.state);
      }
      known->second = job.state;
    }
  }
  EXPECT_GT(jobs, 50);
}

INSTANTIATE_TEST_SUITE_P(All, JobStoreContract, testing::ValuesIn(StoreCases()),
                         [](const auto& info) { return info.param.name; });

TEST(JobStoreRegistry, EveryKindHasACase) {
  std::set<std::string_view> tested;
  for (const auto& store_case : StoreCases()) tested.insert(store_case.scheme);
  for (const auto& kind : JobStoreKinds()) EXPECT_TRUE(tested.contains(kind.scheme)) << kind.scheme;
}

TEST(JobStoreRegistry, RefusesWhatIsNoStoreOfOurs) {
  EXPECT_EQ(KindOf(OpenJobStore("redis://x", {})), ErrorKind::kInvalid);
  TempFolder folder;
  auto open = OpenJobStore("sqlite:" + folder.path(), {});
  EXPECT_FALSE(open);
}

}  // namespace
}  // namespace tidemark
