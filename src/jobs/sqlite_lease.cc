// What the holder of a job does with it, and what becomes of a job whose holder is lost.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "jobs/callback.h"
#include "jobs/sqlite_store.h"

namespace tidemark {
namespace {

const std::string kClaim = fmt::format(
    "UPDATE job SET state = 'running', epoch = epoch + 1, attempt = attempt + 1, worker = ?2, "
    "lease_expires_us = ?1 + ?3, heartbeat_us = ?1, watch_us = ?1, stalled_us = 0, "
    "started_us = iif(started_us = 0, ?1, started_us) WHERE sequence = (SELECT sequence FROM job "
    "WHERE state IN ('queued', 'retry_wait') AND run_at_us <= ?1 "
    "ORDER BY priority, run_at_us, sequence LIMIT 1) RETURNING {}",
    kJobColumns);
const std::string kSelectLost = fmt::format(
    "SELECT {} FROM job WHERE state = 'running' AND (lease_expires_us < ?1 OR "
    "(stalled_us > 0 AND stalled_us < ?2))",
    kJobColumns);

JobError Stalled() {
  return {.kind = ErrorKind::kUnavailable, .message = "no progress for 10 minutes"};
}

}  // namespace

Result<Job> SqliteJobStore::Held(const Lease& lease) {
  auto job = TRY(Read(lease.job));
  if (job.state != JobState::kRunning || job.epoch != lease.epoch) {
    return Fail(ErrorKind::kConflict,
                fmt::format("job {}: another worker has it, or it is over", lease.job));
  }
  return job;
}

Result<Checkpoint> SqliteJobStore::ReadCheckpoint(std::string_view id) {
  Checkpoint checkpoint;
  auto* body = TRY(file_.Start("SELECT body FROM checkpoint WHERE job = ?1", id));
  if (TRY(body->Step())) checkpoint.body = body->Text(0);
  body->Reset();
  auto* parts = TRY(file_.Start(
      "SELECT number, size_bytes, sha256, token FROM part WHERE job = ?1 ORDER BY number", id));
  while (TRY(parts->Step())) {
    checkpoint.parts.push_back({.number = static_cast<int>(parts->Int(0)),
                                .size_bytes = parts->Int(1),
                                .sha256 = parts->Text(2),
                                .token = parts->Text(3)});
  }
  parts->Reset();
  return checkpoint;
}

Result<std::optional<ClaimedJob>> SqliteJobStore::Claim(std::string_view worker,
                                                        std::int64_t lease_us) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  auto* row = TRY(file_.Start(kClaim, Now(), worker, lease_us));
  if (!TRY(row->Step())) {
    row->Reset();
    return std::optional<ClaimedJob>();
  }
  ClaimedJob claimed{.lease = {}, .job = ReadJob(*row), .checkpoint = {}};
  row->Reset();
  claimed.lease = {.job = claimed.job.spec.id, .epoch = claimed.job.epoch};
  claimed.checkpoint = TRY(ReadCheckpoint(claimed.job.spec.id));
  TRY(Note(claimed.job.spec.id, worker, "claimed", fmt::format("attempt {}", claimed.job.attempt)));
  TRY(transaction.Commit());
  return std::optional(std::move(claimed));
}

Result<std::optional<std::int64_t>> SqliteJobStore::NextDueInUs() {
  std::lock_guard lock(mutex_);
  auto* row =
      TRY(file_.Start("SELECT run_at_us FROM job WHERE state IN ('queued', 'retry_wait') "
                      "ORDER BY run_at_us LIMIT 1"));
  std::optional<std::int64_t> in_us;
  if (TRY(row->Step())) in_us = std::max<std::int64_t>(row->Int(0) - Now(), 0);
  row->Reset();
  return in_us;
}

Result<Wishes> SqliteJobStore::Heartbeat(const Lease& lease, std::int64_t lease_us) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  auto job = TRY(Held(lease));
  auto now = Now();
  TRY(file_.Run("UPDATE job SET lease_expires_us = ?2, heartbeat_us = ?3 WHERE id = ?1", lease.job,
                now + lease_us, now));
  TRY(transaction.Commit());
  return Wishes{.cancel = job.is_cancel_requested,
                .pause = job.is_pause_requested,
                .is_stalled = job.is_stalled};
}

Status SqliteJobStore::Save(const Lease& lease, const Progress& progress,
                            const Checkpoint& checkpoint) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  TRY(Held(lease));
  // Standing still means: no checkpoint. Counters alone may move for ever.
  bool is_progress = !checkpoint.body.empty() || !checkpoint.parts.empty();
  TRY(file_.Run(
      "UPDATE job SET rows = ?2, bytes = ?3, rows_estimated = ?4, bytes_estimated = ?5, "
      "tables_done = ?6, tables_total = ?7, phase = ?8 WHERE id = ?1",
      lease.job, progress.rows, progress.bytes, progress.rows_estimated, progress.bytes_estimated,
      progress.tables_done, progress.tables_total, progress.phase));
  if (is_progress) {
    TRY(file_.Run(
        "UPDATE job SET progress_us = ?2, watch_us = ?2, stall_count = 0, stalled_us = 0, "
        "artifact_state = 'staged' WHERE id = ?1",
        lease.job, Now()));
    TRY(
        file_.Run("INSERT INTO checkpoint (job, body) VALUES (?1, ?2) "
                  "ON CONFLICT (job) DO UPDATE SET body = excluded.body",
                  lease.job, checkpoint.body));
  }
  for (const auto& part : checkpoint.parts) {
    TRY(
        file_.Run("INSERT INTO part (job, number, size_bytes, sha256, token) VALUES "
                  "(?1, ?2, ?3, ?4, ?5)",
                  lease.job, part.number, part.size_bytes, part.sha256, part.token));
  }
  return transaction.Commit();
}

Status SqliteJobStore::MoveTo(const Job& job, JobState state, std::int64_t run_at_us) {
  TIDEMARK_CHECK(MayBecome(job.state, state));
  TRY(
      file_.Run("UPDATE job SET state = ?2, run_at_us = ?3, worker = '', lease_expires_us = 0, "
                "stalled_us = 0, is_pause_requested = 0 WHERE id = ?1",
                job.spec.id, Name(state), run_at_us));
  return {};
}

Status SqliteJobStore::End(Job job, JobState state, const std::optional<JobError>& error,
                           const std::optional<Artifact>& artifact) {
  TIDEMARK_CHECK(MayBecome(job.state, state) && IsFinal(state));
  auto now = Now();
  const auto& id = job.spec.id;
  TRY(
      file_.Run("UPDATE job SET state = ?2, finished_us = ?3, worker = '', lease_expires_us = 0, "
                "stalled_us = 0 WHERE id = ?1",
                id, Name(state), now));
  if (error) {
    TRY(file_.Run("UPDATE job SET error_kind = ?2, error = ?3 WHERE id = ?1", id,
                  static_cast<std::int64_t>(error->kind), error->message));
  } else {
    TRY(file_.Run("UPDATE job SET error_kind = NULL, error = NULL WHERE id = ?1", id));
  }
  if (artifact) {
    TRY(
        file_.Run("UPDATE job SET artifact_state = 'published', artifact_key = ?2, file_name = ?3, "
                  "content_type = ?4, sha256 = ?5, size_bytes = ?6, expires_us = ?7 WHERE id = ?1",
                  id, artifact->key, artifact->file_name, artifact->content_type, artifact->sha256,
                  artifact->size_bytes, artifact->expires_at_us));
  }
  TRY(Note(id, job.worker.empty() ? "store" : job.worker, Name(state),
           error ? error->message : ""));
  if (job.spec.callback_url.empty()) return {};
  job.state = state;
  job.error = error;
  TRY(file_.Run(
      "INSERT INTO delivery (id, job, url, body, created_us, next_us) VALUES "
      "(?1, ?2, ?3, ?4, ?5, ?5)",
      "msg_" + RandomHex16(*options_.random), id, job.spec.callback_url, CallbackBody(job), now));
  return {};
}

Status SqliteJobStore::Finish(const Lease& lease, const Outcome& outcome) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  auto job = TRY(Held(lease));
  using Kind = Outcome::Kind;
  auto kind = outcome.kind;
  if (kind == Kind::kRetry && job.is_cancel_requested) kind = Kind::kCancelled;
  if (kind == Kind::kRetry && job.attempt >= job.spec.max_attempts) kind = Kind::kFailed;
  switch (kind) {
    case Kind::kSucceeded:
      TRY(End(job, JobState::kSucceeded, std::nullopt, outcome.artifact));
      break;
    case Kind::kCancelled:
      TRY(End(job, JobState::kCancelled, std::nullopt, std::nullopt));
      break;
    case Kind::kFailed:
      TRY(End(job, JobState::kFailed, outcome.error, std::nullopt));
      break;
    case Kind::kRetry: {
      auto delay_us = RetryDelayUs(job.attempt, options_.random->Next());
      auto error = outcome.error.value_or(JobError{});
      TRY(MoveTo(job, JobState::kRetryWait, Now() + delay_us));
      TRY(file_.Run("UPDATE job SET error_kind = ?2, error = ?3 WHERE id = ?1", lease.job,
                    static_cast<std::int64_t>(error.kind), error.message));
      TRY(Note(lease.job, job.worker, "retry",
               fmt::format("in {:.1f} s: {}", static_cast<double>(delay_us) / 1e6, error.message)));
      break;
    }
  }
  return transaction.Commit();
}

Result<bool> SqliteJobStore::TakeStalled(const Job& job) {
  const auto& id = job.spec.id;
  TRY(file_.Run("UPDATE job SET stall_count = stall_count + 1 WHERE id = ?1", id));
  auto* row = TRY(file_.Start("SELECT stall_count FROM job WHERE id = ?1", id));
  bool is_second = TRY(row->Step()) && row->Int(0) >= 2;
  row->Reset();
  TRY(Note(id, job.worker, "stalled", Stalled().message));
  if (is_second) {
    TRY(End(job, JobState::kFailed, Stalled(), std::nullopt));
  } else {
    TRY(MoveTo(job, JobState::kQueued, Now()));
  }
  return is_second;
}

Status SqliteJobStore::Release(const Lease& lease, ReleaseReason reason, std::int64_t run_in_us) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  auto job = TRY(Held(lease));
  auto id = lease.job;
  if (reason == ReleaseReason::kStalled) {
    TRY(TakeStalled(job));
    return transaction.Commit();
  }
  // Given back on purpose: not an attempt.
  TRY(file_.Run("UPDATE job SET attempt = max(attempt - 1, 0) WHERE id = ?1", id));
  switch (reason) {
    case ReleaseReason::kPaused:
      TRY(MoveTo(job, JobState::kPaused, job.run_at_us));
      TRY(Note(id, job.worker, "paused", ""));
      break;
    case ReleaseReason::kSnooze:
      TRY(MoveTo(job, JobState::kRetryWait, Now() + run_in_us));
      TRY(Note(id, job.worker, "snoozed",
               fmt::format("for {:.1f} s", static_cast<double>(run_in_us) / 1e6)));
      break;
    default:
      TRY(MoveTo(job, JobState::kQueued, Now()));
      TRY(Note(id, job.worker, "released", ""));
  }
  return transaction.Commit();
}

Status SqliteJobStore::ReapLost(const ReapLimits& limits, Reaped* reaped) {
  auto now = Now();
  auto* rows = TRY(file_.Start(kSelectLost, now - limits.grace_us, now - limits.stall_us / 10));
  auto lost = TRY(ReadAll(*rows));
  for (const auto& job : lost) {
    const auto& id = job.spec.id;
    if (job.is_stalled && !job.is_cancel_requested) {
      ++(TRY(TakeStalled(job)) ? reaped->failed : reaped->rescued);
      continue;
    }
    TRY(file_.Run("UPDATE job SET rescue_count = rescue_count + 1 WHERE id = ?1", id));
    TRY(Note(id, "store", "rescued", "its worker is lost: " + job.worker));
    if (job.is_cancel_requested) {
      TRY(End(job, JobState::kCancelled, std::nullopt, std::nullopt));
    } else if (job.rescue_count + 1 >= limits.max_rescues) {
      JobError error{.kind = ErrorKind::kInternal,
                     .message = fmt::format("its worker was lost {} times, last {}",
                                            job.rescue_count + 1, job.worker)};
      TRY(End(job, JobState::kFailed, error, std::nullopt));
      ++reaped->failed;
      continue;
    } else if (job.is_pause_requested) {
      TRY(MoveTo(job, JobState::kPaused, job.run_at_us));
    } else {
      TRY(MoveTo(job, JobState::kQueued, job.run_at_us));  // its place in the queue stays
    }
    ++reaped->rescued;
  }
  return {};
}

Result<Reaped> SqliteJobStore::Reap(const ReapLimits& limits) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  Reaped reaped;
  TRY(ReapLost(limits, &reaped));
  auto now = Now();
  reaped.stalled = TRY(file_.Run(
      "UPDATE job SET stalled_us = ?1 WHERE state = 'running' AND stalled_us = 0 AND watch_us < ?2",
      now, now - limits.stall_us));
  TRY(transaction.Commit());
  return reaped;
}

}  // namespace tidemark
