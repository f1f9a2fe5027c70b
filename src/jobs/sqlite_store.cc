#include "jobs/sqlite_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

constexpr std::int64_t kIdempotencyUs = 24LL * 3600 * 1'000'000;

const std::string kSelectJob = fmt::format("SELECT {} FROM job ", kJobColumns);
const std::string kSelectById = kSelectJob + "WHERE id = ?1";
const std::string kSelectList =
    kSelectJob +
    "WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR source = ?2) AND (?3 = '' OR kind = ?3) AND "
    "(?4 = '' OR sequence < (SELECT sequence FROM job WHERE id = ?4)) ORDER BY sequence DESC LIMIT "
    "?5";
const std::string kSelectExpired =
    kSelectJob +
    "WHERE artifact_state IN ('published', 'expired') AND expires_us > 0 AND expires_us <= ?1 "
    "ORDER BY expires_us LIMIT ?2";
const std::string kSelectDead =
    kSelectJob + "WHERE artifact_state = 'staged' AND state IN ('failed', 'cancelled') LIMIT ?1";

Status CheckNotOver(const Job& job) {
  if (!IsFinal(job.state)) return {};
  return Fail(ErrorKind::kConflict,
              fmt::format("job {} is over: {}", job.spec.id, Name(job.state)));
}

}  // namespace

Result<std::unique_ptr<JobStore>> SqliteJobStore::Open(const std::string& path,
                                                       const JobStoreOptions& options) {
  auto file = TRY(JobFile::Open(path));
  return std::unique_ptr<JobStore>(new SqliteJobStore(std::move(file), options));
}

Result<Job> SqliteJobStore::Read(std::string_view id) {
  auto* row = TRY(file_.Start(kSelectById, id));
  if (!TRY(row->Step())) {
    return Fail(ErrorKind::kNotFound, fmt::format("there is no job \"{}\"", id));
  }
  auto job = ReadJob(*row);
  row->Reset();
  return job;
}

Result<std::vector<Job>> SqliteJobStore::ReadAll(sqlite::Statement& rows) {
  std::vector<Job> jobs;
  while (TRY(rows.Step())) jobs.push_back(ReadJob(rows));
  rows.Reset();
  return jobs;
}

Status SqliteJobStore::Note(std::string_view job, std::string_view actor, std::string_view type,
                            std::string_view detail) {
  TRY(
      file_.Run("INSERT INTO event (job, sequence, at_us, actor, type, detail) SELECT ?1, "
                "coalesce((SELECT max(sequence) FROM event WHERE job = ?1), 0) + 1, ?2, ?3, ?4, ?5",
                job, Now(), actor, type, detail));
  return {};
}

Result<Job> SqliteJobStore::Insert(const JobSpec& spec) {
  auto now = Now();
  auto inserted = TRY(file_.Run(
      "INSERT INTO job (id, kind, source, body, author, reference, purpose, callback_url, "
      "priority, "
      "max_attempts, replay_of, state, created_us, run_at_us) VALUES "
      "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'queued', ?12, ?12) ON CONFLICT (id) DO "
      "NOTHING",
      spec.id, spec.kind, spec.source, spec.body, spec.author, spec.reference, spec.purpose,
      spec.callback_url, spec.priority, spec.max_attempts, spec.replay_of, now));
  if (inserted == 0) {
    return Fail(ErrorKind::kConflict, fmt::format("there is a job \"{}\" already", spec.id));
  }
  TRY(Note(spec.id, "api", "created", spec.replay_of));
  return Read(spec.id);
}

Result<Enqueued> SqliteJobStore::Enqueue(const JobSpec& spec,
                                         const std::optional<IdempotencyKey>& key) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, true));
  if (key) {
    TRY(file_.Run("DELETE FROM idempotency WHERE key = ?1 AND created_us < ?2", key->key,
                  Now() - kIdempotencyUs));
    auto* row =
        TRY(file_.Start("SELECT fingerprint, job FROM idempotency WHERE key = ?1", key->key));
    if (TRY(row->Step())) {
      auto fingerprint = row->Text(0), id = row->Text(1);
      row->Reset();
      if (fingerprint != key->fingerprint) {
        return Fail(
            ErrorKind::kInvalid,
            fmt::format("the idempotency key \"{}\" was used for another request", key->key),
            "use a new key for a new request");
      }
      return Enqueued{.job = TRY(Read(id)), .is_new = false};
    }
    TRY(file_.Run(
        "INSERT INTO idempotency (key, fingerprint, job, created_us) VALUES (?1, ?2, ?3, ?4)",
        key->key, key->fingerprint, spec.id, Now()));
  }
  auto job = TRY(Insert(spec));
  TRY(transaction.Commit());
  return Enqueued{.job = std::move(job), .is_new = true};
}

Result<Job> SqliteJobStore::Change(std::string_view id,
                                   const std::function<Status(const Job&)>& change) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, true));
  TRY(change(TRY(Read(id))));
  auto changed = TRY(Read(id));
  TRY(transaction.Commit());
  return changed;
}

Result<Job> SqliteJobStore::RequestCancel(std::string_view id) {
  return Change(id, [&](const Job& job) -> Status {
    TRY(CheckNotOver(job));
    if (job.state != JobState::kRunning)
      return End(job, JobState::kCancelled, std::nullopt, std::nullopt);
    TRY(file_.Run("UPDATE job SET is_cancel_requested = 1 WHERE id = ?1", id));
    if (job.is_cancel_requested) return {};
    return Note(id, "api", "cancel_requested", "");
  });
}

Result<Job> SqliteJobStore::RequestPause(std::string_view id) {
  return Change(id, [&](const Job& job) -> Status {
    TRY(CheckNotOver(job));
    if (job.state == JobState::kPaused) return {};
    if (job.state != JobState::kRunning) {
      TRY(MoveTo(job, JobState::kPaused, job.run_at_us));
      return Note(id, "api", "paused", "");
    }
    TRY(file_.Run("UPDATE job SET is_pause_requested = 1 WHERE id = ?1", id));
    if (job.is_pause_requested) return {};
    return Note(id, "api", "pause_requested", "");
  });
}

Result<Job> SqliteJobStore::Resume(std::string_view id) {
  return Change(id, [&](const Job& job) -> Status {
    if (job.state == JobState::kPaused) {
      TRY(MoveTo(job, JobState::kQueued, Now()));
    } else if (job.state == JobState::kRunning && job.is_pause_requested) {
      TRY(file_.Run("UPDATE job SET is_pause_requested = 0 WHERE id = ?1", id));
    } else {
      return Fail(ErrorKind::kConflict,
                  fmt::format("job {} is not paused: {}", id, Name(job.state)));
    }
    return Note(id, "api", "resumed", "");
  });
}

Result<Job> SqliteJobStore::Replay(std::string_view id) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, true));
  auto dead = TRY(Read(id));
  if (dead.state != JobState::kFailed && dead.state != JobState::kCancelled) {
    return Fail(ErrorKind::kConflict,
                fmt::format("job {} cannot be run again: {}", id, Name(dead.state)),
                "only failed and cancelled jobs can");
  }
  auto spec = dead.spec;
  spec.replay_of = dead.spec.id;
  spec.id = NewJobId(spec.kind, Now(), options_.random->Next());
  auto job = TRY(Insert(spec));
  TRY(Note(id, "api", "replayed", spec.id));
  TRY(transaction.Commit());
  return job;
}

Result<Job> SqliteJobStore::Get(std::string_view id) {
  std::lock_guard lock(mutex_);
  return Read(id);
}

Result<std::vector<Job>> SqliteJobStore::List(const JobFilter& filter) {
  std::lock_guard lock(mutex_);
  auto state = filter.state ? Name(*filter.state) : std::string_view("");  // null would bind NULL
  auto* rows = TRY(file_.Start(kSelectList, state, filter.source, filter.kind, filter.before,
                               std::clamp(filter.limit, 1, 1000)));
  return ReadAll(*rows);
}

Result<std::vector<JobEvent>> SqliteJobStore::Events(std::string_view id, std::int64_t after) {
  std::lock_guard lock(mutex_);
  auto* rows =
      TRY(file_.Start("SELECT sequence, at_us, actor, type, detail FROM event "
                      "WHERE job = ?1 AND sequence > ?2 ORDER BY sequence",
                      id, after));
  std::vector<JobEvent> events;
  while (TRY(rows->Step())) {
    events.push_back({.sequence = rows->Int(0),
                      .at_us = rows->Int(1),
                      .actor = rows->Text(2),
                      .type = rows->Text(3),
                      .detail = rows->Text(4)});
  }
  rows->Reset();
  return events;
}

Result<JobCounts> SqliteJobStore::Count() {
  std::lock_guard lock(mutex_);
  JobCounts counts;
  auto* rows = TRY(file_.Start("SELECT state, count(*) FROM job GROUP BY state"));
  while (TRY(rows->Step())) {
    auto state = TRY(ParseJobState(rows->Text(0)));
    counts.by_state.at(static_cast<std::size_t>(state)) = rows->Int(1);
  }
  auto* sums = TRY(file_.Start(
      "SELECT (SELECT min(run_at_us) FROM job WHERE state IN ('queued', 'retry_wait') AND "
      "run_at_us <= ?1), (SELECT sum(max(attempt - 1, 0)) FROM job), (SELECT sum(rescue_count) "
      "FROM "
      "job), (SELECT count(*) FROM delivery WHERE state = 'waiting'), "
      "(SELECT count(*) FROM delivery WHERE state = 'delivered'), "
      "(SELECT count(*) FROM delivery WHERE state = 'dead')",
      Now()));
  if (TRY(sums->Step())) {
    counts.oldest_due_us = sums->Int(0);
    counts.retries = sums->Int(1);
    counts.rescues = sums->Int(2);
    counts.deliveries_waiting = sums->Int(3);
    counts.deliveries_done = sums->Int(4);
    counts.deliveries_dead = sums->Int(5);
  }
  sums->Reset();
  return counts;
}

Result<std::vector<Job>> SqliteJobStore::ListExpired(int limit) {
  std::lock_guard lock(mutex_);
  return ReadAll(*TRY(file_.Start(kSelectExpired, Now(), limit)));
}

Result<std::vector<DeadJob>> SqliteJobStore::ListDead(int limit) {
  std::lock_guard lock(mutex_);
  std::vector<DeadJob> dead;
  for (auto& job : TRY(ReadAll(*TRY(file_.Start(kSelectDead, limit))))) {
    auto checkpoint = TRY(ReadCheckpoint(job.spec.id));
    dead.push_back({.job = std::move(job), .checkpoint = std::move(checkpoint)});
  }
  return dead;
}

Status SqliteJobStore::SetArtifactState(std::string_view id, ArtifactState from, ArtifactState to) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, true));
  auto job = TRY(Read(id));
  if (job.artifact_state != from) {
    return Fail(ErrorKind::kConflict, fmt::format("the artifact of job {} is {}, not {}", id,
                                                  Name(job.artifact_state), Name(from)));
  }
  TRY(file_.Run("UPDATE job SET artifact_state = ?2 WHERE id = ?1", id, Name(to)));
  TRY(Note(id, "store", "artifact_" + std::string(Name(to)), ""));
  return transaction.Commit();
}

Result<int> SqliteJobStore::Forget(std::int64_t ended_before_us, int limit) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  auto* rows = TRY(file_.Start(
      "SELECT id FROM job WHERE finished_us > 0 AND finished_us < ?1 AND artifact_state IN "
      "('none', "
      "'deleted') AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.job = job.id AND "
      "delivery.state = 'waiting') ORDER BY finished_us LIMIT ?2",
      ended_before_us, limit));
  std::vector<std::string> ids;
  while (TRY(rows->Step())) ids.push_back(rows->Text(0));
  rows->Reset();
  for (const auto& id : ids) {
    TRY(file_.Run("DELETE FROM part WHERE job = ?1", id));
    TRY(file_.Run("DELETE FROM checkpoint WHERE job = ?1", id));
    TRY(file_.Run("DELETE FROM event WHERE job = ?1", id));
    TRY(file_.Run("DELETE FROM delivery WHERE job = ?1", id));
    TRY(file_.Run("DELETE FROM job WHERE id = ?1", id));
  }
  TRY(file_.Run("DELETE FROM idempotency WHERE created_us < ?1", Now() - kIdempotencyUs));
  TRY(transaction.Commit());
  return static_cast<int>(ids.size());
}

std::uint64_t SqliteJobStore::WaitForChange(std::uint64_t seen, std::int64_t at_most_us,
                                            const std::stop_token& stop) {
  return watch_.Wait(seen, at_most_us, stop);
}

}  // namespace tidemark
