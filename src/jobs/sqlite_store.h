#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "jobs/change_watch.h"
#include "jobs/job_file.h"
#include "jobs/job_store.h"

namespace tidemark {

// Jobs in one SQLite file (WAL), for any number of processes of one machine: its clock is the
// store's. The queue's decisions are single transactions that take the file for writing first.
class SqliteJobStore final : public JobStore {
 public:
  static Result<std::unique_ptr<JobStore>> Open(const std::string& path,
                                                const JobStoreOptions& options);

  Result<Enqueued> Enqueue(const JobSpec& spec, const std::optional<IdempotencyKey>& key) override;
  Result<std::optional<ClaimedJob>> Claim(std::string_view worker, std::int64_t lease_us) override;
  Result<std::optional<std::int64_t>> NextDueInUs() override;
  Result<Wishes> Heartbeat(const Lease& lease, std::int64_t lease_us) override;
  Status Save(const Lease& lease, const Progress& progress, const Checkpoint& checkpoint) override;
  Status Finish(const Lease& lease, const Outcome& outcome) override;
  Status Release(const Lease& lease, ReleaseReason reason, std::int64_t run_in_us) override;
  Result<Job> RequestCancel(std::string_view id) override;
  Result<Job> RequestPause(std::string_view id) override;
  Result<Job> Resume(std::string_view id) override;
  Result<Job> Replay(std::string_view id) override;
  Result<Job> Get(std::string_view id) override;
  Result<std::vector<Job>> List(const JobFilter& filter) override;
  Result<std::vector<JobEvent>> Events(std::string_view id, std::int64_t after) override;
  Result<JobCounts> Count() override;
  Result<Reaped> Reap(const ReapLimits& limits) override;
  Result<std::vector<Job>> ListExpired(int limit) override;
  Result<std::vector<DeadJob>> ListDead(int limit) override;
  Status SetArtifactState(std::string_view id, ArtifactState from, ArtifactState to) override;
  Result<int> Forget(std::int64_t ended_before_us, int limit) override;
  Result<std::optional<Delivery>> ClaimDelivery(std::int64_t lease_us) override;
  Status FinishDelivery(const Delivery& delivery, const DeliveryOutcome& outcome) override;
  Result<std::vector<Delivery>> Deliveries(std::string_view job) override;
  std::uint64_t WaitForChange(std::uint64_t seen, std::int64_t at_most_us,
                              const std::stop_token& stop) override;

 private:
  SqliteJobStore(JobFile file, const JobStoreOptions& options)
      : file_(std::move(file)), options_(options), watch_(file_.path()) {}

  // A wish: `change` in a transaction, with the mutex held, and the job as it is then.
  Result<Job> Change(std::string_view id, const std::function<Status(const Job&)>& change);

  // All below: with the mutex held and, but for reading, inside a transaction.
  std::int64_t Now() { return options_.clock->NowUs(); }
  Result<Job> Read(std::string_view id);
  Result<std::vector<Job>> ReadAll(sqlite::Statement& rows);
  Result<Job> Insert(const JobSpec& spec);
  // The job of a lease that still holds; kConflict.
  Result<Job> Held(const Lease& lease);
  Result<Checkpoint> ReadCheckpoint(std::string_view id);
  // Moves a job on: nobody holds it afterwards.
  Status MoveTo(const Job& job, JobState state, std::int64_t run_at_us);
  // Moves it to its end, with what is told of it.
  Status End(Job job, JobState state, const std::optional<JobError>& error,
             const std::optional<Artifact>& artifact);
  Status Note(std::string_view job, std::string_view actor, std::string_view type,
              std::string_view detail);
  Status ReapLost(const ReapLimits& limits, Reaped* reaped);
  // A job that stands still goes back once; the second time without a checkpoint between: it
  // failed, and true.
  Result<bool> TakeStalled(const Job& job);

  std::mutex mutex_;
  JobFile file_;
  JobStoreOptions options_;
  ChangeWatch watch_;
};

}  // namespace tidemark
