#pragma once
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "jobs/job.h"

namespace tidemark {

// Under which a request may be sent again. Kept for a day.
struct IdempotencyKey {
  std::string key;          // the client's
  std::string fingerprint;  // of the request; the same key with another one is a mistake
};
struct Enqueued {
  Job job;
  bool is_new = true;  // false: this key has started that job before
};

struct ClaimedJob {
  Lease lease;
  Job job;
  Checkpoint checkpoint;
};

struct DeadJob {
  Job job;
  Checkpoint checkpoint;
};

// What the holder of a job is asked to do.
struct Wishes {
  bool cancel = false, pause = false;
  bool is_stalled = false;  // no progress for too long: interrupt the source, release the job
};

// How an attempt ended.
struct Outcome {
  enum class Kind { kSucceeded, kRetry, kFailed, kCancelled } kind = Kind::kSucceeded;
  std::optional<JobError> error;     // of kRetry and kFailed
  std::optional<Artifact> artifact;  // of kSucceeded
};

// How a job is handed back before its end; none of these costs an attempt, but a stalled one.
enum class ReleaseReason : std::uint8_t { kShutdown, kSnooze, kPaused, kStalled };

struct JobFilter {
  std::optional<JobState> state;
  std::string source, kind;  // empty: any
  std::string before;        // only jobs that were created before this one
  int limit = 50;
};

// What Reap takes back.
struct ReapLimits {
  std::int64_t grace_us = 5'000'000;    // beyond the end of a lease
  std::int64_t stall_us = 600'000'000;  // without progress
  int max_rescues = 5;                  // lost so often: failed
};
struct Reaped {
  int rescued = 0, failed = 0, stalled = 0;
};

struct JobCounts {
  std::array<std::int64_t, 7> by_state{};  // by JobState
  std::int64_t oldest_due_us = 0;          // when the first that waits was due; 0: none waits
  std::int64_t retries = 0, rescues = 0;   // of jobs that are kept
  std::int64_t deliveries_waiting = 0, deliveries_done = 0, deliveries_dead = 0;
};

// One notification of a job's end, as long as it has to be tried.
struct Delivery {
  std::string id;  // "msg_…": the same in every attempt
  std::string job, url, body;
  enum class State : std::uint8_t { kWaiting, kDelivered, kDead } state = State::kWaiting;
  int attempt = 0;
  std::int64_t created_us = 0, next_us = 0;
  int last_status = 0;  // of HTTP; 0: there was no answer
  std::string last_error;
  std::int64_t epoch = 0;
};
struct DeliveryOutcome {
  bool is_delivered = false;
  int status = 0;
  std::string error;
  std::optional<std::int64_t> retry_in_us;  // nothing: given up
};

// A durable queue of jobs, and what is told of them. Time is the store's own clock. Thread-safe.
// Every write of a holder carries its lease: kConflict, and nothing is changed, once another has
// the job or it is over. kNotFound: no such job.
class JobStore {
 public:
  virtual ~JobStore() = default;

  // kConflict: the id is taken. kInvalid: the key was used for another request.
  virtual Result<Enqueued> Enqueue(const JobSpec& spec,
                                   const std::optional<IdempotencyKey>& key) = 0;
  // The next job that is due, by priority and then time; nullopt when there is none. Never takes a
  // job that is leased, however old the lease is: that is Reap's.
  virtual Result<std::optional<ClaimedJob>> Claim(std::string_view worker,
                                                  std::int64_t lease_us) = 0;
  // How long until a waiting job is due; nullopt: none waits.
  virtual Result<std::optional<std::int64_t>> NextDueInUs() = 0;
  // Extends the lease.
  virtual Result<Wishes> Heartbeat(const Lease& lease, std::int64_t lease_us) = 0;
  virtual Status Save(const Lease& lease, const Progress& progress,
                      const Checkpoint& checkpoint) = 0;
  // The end of an attempt; with the job's end, its notification is written in the same transaction.
  // kRetry becomes a failure once the attempts are used up.
  virtual Status Finish(const Lease& lease, const Outcome& outcome) = 0;
  // `run_in_us`: of kSnooze, until when it waits.
  virtual Status Release(const Lease& lease, ReleaseReason reason, std::int64_t run_in_us) = 0;

  // Wishes. One that nobody holds is changed at once. kConflict: it is over already.
  virtual Result<Job> RequestCancel(std::string_view id) = 0;
  virtual Result<Job> RequestPause(std::string_view id) = 0;
  virtual Result<Job> Resume(std::string_view id) = 0;  // kConflict: it is neither paused nor to be
  // A new job that does a dead one again; kConflict: it is not failed nor cancelled.
  virtual Result<Job> Replay(std::string_view id) = 0;

  virtual Result<Job> Get(std::string_view id) = 0;
  virtual Result<std::vector<Job>> List(const JobFilter& filter) = 0;  // newest first
  virtual Result<std::vector<JobEvent>> Events(std::string_view id, std::int64_t after) = 0;
  virtual Result<JobCounts> Count() = 0;

  // Jobs whose holder is lost go back into the queue, those that stand still are marked.
  virtual Result<Reaped> Reap(const ReapLimits& limits) = 0;
  // Jobs whose artifact is over its time and not removed yet, oldest first.
  virtual Result<std::vector<Job>> ListExpired(int limit) = 0;
  // Jobs that failed or were cancelled, with stored parts that nobody needs.
  virtual Result<std::vector<DeadJob>> ListDead(int limit) = 0;
  virtual Status SetArtifactState(std::string_view id, ArtifactState from, ArtifactState to) = 0;
  // Forgets jobs that ended so long ago and whose artifact is gone. How many.
  virtual Result<int> Forget(std::int64_t ended_before_us, int limit) = 0;

  // Notifications: claimed, tried and told of as jobs are.
  virtual Result<std::optional<Delivery>> ClaimDelivery(std::int64_t lease_us) = 0;
  virtual Status FinishDelivery(const Delivery& delivery, const DeliveryOutcome& outcome) = 0;
  virtual Result<std::vector<Delivery>> Deliveries(std::string_view job) = 0;

  // Returns once something may have changed, by whatever process, since the call that returned
  // `seen` (0: never called), or after that time, or when told to stop. A hint: it may return for
  // nothing.
  virtual std::uint64_t WaitForChange(std::uint64_t seen, std::int64_t at_most_us,
                                      const std::stop_token& stop) = 0;
};

struct JobStoreOptions {
  Clock* clock = &SystemClock();
  Random* random = &SystemRandom();
};

// One entry per kind of store in jobs/registry.cc: `location` is what follows `scheme:`.
struct JobStoreKind {
  std::string_view scheme;
  Result<std::unique_ptr<JobStore>> (*open)(const std::string& location, const JobStoreOptions&);
};
std::span<const JobStoreKind> JobStoreKinds();
// `text`: sqlite:PATH or a PATH. kInvalid: no such scheme.
Result<std::unique_ptr<JobStore>> OpenJobStore(const std::string& text,
                                               const JobStoreOptions& options);

}  // namespace tidemark
