#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

// Few, and the last three are for good. Wishes (cancel, pause) are marks on a job, not states: only
// who holds the job carries them out.
enum class JobState : std::uint8_t {
  kQueued,
  kRetryWait,  // queued, after a failure or on purpose, until `run_at`
  kRunning,
  kPaused,
  kSucceeded,
  kFailed,
  kCancelled,
};
// "queued", "retry_wait", ...: as stores and reports spell it.
std::string_view Name(JobState state);
Result<JobState> ParseJobState(std::string_view name);  // kInvalid lists them
inline bool IsFinal(JobState state) { return state >= JobState::kSucceeded; }

// What became of the file a job handed out; apart from the job's state, which stays a fact.
enum class ArtifactState : std::uint8_t { kNone, kStaged, kPublished, kExpired, kDeleted };
std::string_view Name(ArtifactState state);

// What a job is asked to do. Never changes.
struct JobSpec {
  std::string id;                          // letters, digits, '_' and '-'
  std::string kind;                        // which task does it: "export"
  std::string source;                      // as the configuration calls it
  std::string body;                        // JSON, the task's own
  std::string author, reference, purpose;  // who asked, and what for; may be empty
  std::string callback_url;                // empty: nobody is told
  int priority = 100;                      // smaller first
  int max_attempts = 8;
  std::string replay_of;  // the dead job that this one does again; empty: none
};

// The right to run one job. `epoch` grows with every claim, so that a worker that lost its lease
// can be told from the one that took over.
struct Lease {
  std::string job;
  std::int64_t epoch = 0;
};

struct Progress {
  std::int64_t rows = 0, bytes = 0;
  std::int64_t rows_estimated = 0, bytes_estimated = 0;  // 0: unknown
  int tables_done = 0, tables_total = 0;
  std::string phase;  // for people: "planning", "exporting", "publishing"
};

// A part of the artifact that its store has acknowledged.
struct StoredPart {
  int number = 0;  // from 1
  std::int64_t size_bytes = 0;
  std::string sha256;  // hex
  std::string token;   // the store's own
  bool operator==(const StoredPart&) const = default;
};

// From here another attempt goes on.
struct Checkpoint {
  std::string body;               // the task's own; empty: none yet
  std::vector<StoredPart> parts;  // saving: those since the last one; claiming: all, in order
};

struct JobError {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
};

// What a finished job hands out.
struct Artifact {
  std::string key;  // of its manifest in the artifacts' store
  std::string file_name, content_type;
  std::string sha256;
  std::int64_t size_bytes = 0;
  std::int64_t expires_at_us = 0;  // 0: never
};

struct Job {
  JobSpec spec;
  JobState state = JobState::kQueued;
  ArtifactState artifact_state = ArtifactState::kNone;
  Progress progress;
  int attempt = 0;       // how often it was claimed, without those given back
  int rescue_count = 0;  // how often its holder was lost
  std::int64_t epoch = 0;
  std::string worker;  // empty: nobody holds it
  bool is_cancel_requested = false, is_pause_requested = false, is_stalled = false;
  std::optional<JobError> error;  // of the last attempt
  std::optional<Artifact> artifact;
  // Microseconds since 1970, by the store's clock; 0: not yet.
  std::int64_t created_us = 0, run_at_us = 0, started_us = 0, progress_us = 0, finished_us = 0;
  std::int64_t lease_expires_us = 0, heartbeat_us = 0;
};

struct JobEvent {
  std::int64_t sequence = 0;
  std::int64_t at_us = 0;
  std::string actor;  // a worker, "api", "store"
  std::string type;   // "created", "claimed", ...
  std::string detail;
};

// Whether a job may go from one state to the other; the table of jobs.md, without side effects.
bool MayBecome(JobState from, JobState to);

// How long until the next attempt: doubles from two seconds, a tenth of jitter either way, at most
// an hour. `random` is any number.
std::int64_t RetryDelayUs(int attempt, std::uint64_t random);

// "export_20261121-112805_k3x9qa": unique, and names the second of its creation (UTC).
std::string NewJobId(std::string_view kind, std::int64_t now_us, std::uint64_t random);

}  // namespace tidemark
