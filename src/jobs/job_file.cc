#include "jobs/job_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace tidemark {
namespace {

constexpr std::int64_t kLockTimeoutMs = 30'000;
constexpr int kSchemaVersion = 1;
constexpr int kApplicationId = 0x746d6a6f;  // "tmjo"

// `sequence` orders jobs of one microsecond. Checkpoints and parts stand apart, so that the row
// that queues look at stays narrow.
constexpr const char* kSchema = R"sql(
CREATE TABLE job (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL,
  author TEXT NOT NULL, reference TEXT NOT NULL, purpose TEXT NOT NULL,
  callback_url TEXT NOT NULL, priority INTEGER NOT NULL, max_attempts INTEGER NOT NULL,
  replay_of TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('queued', 'retry_wait', 'running', 'paused', 'succeeded', 'failed', 'cancelled')),
  artifact_state TEXT NOT NULL DEFAULT 'none' CHECK (artifact_state IN
    ('none', 'staged', 'published', 'expired', 'deleted')),
  rows INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
  rows_estimated INTEGER NOT NULL DEFAULT 0, bytes_estimated INTEGER NOT NULL DEFAULT 0,
  tables_done INTEGER NOT NULL DEFAULT 0, tables_total INTEGER NOT NULL DEFAULT 0,
  phase TEXT NOT NULL DEFAULT '',
  attempt INTEGER NOT NULL DEFAULT 0, rescue_count INTEGER NOT NULL DEFAULT 0,
  stall_count INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '',
  is_cancel_requested INTEGER NOT NULL DEFAULT 0, is_pause_requested INTEGER NOT NULL DEFAULT 0,
  stalled_us INTEGER NOT NULL DEFAULT 0,
  error_kind INTEGER, error TEXT,
  artifact_key TEXT, file_name TEXT, content_type TEXT, sha256 TEXT, size_bytes INTEGER,
  expires_us INTEGER NOT NULL DEFAULT 0,
  created_us INTEGER NOT NULL, run_at_us INTEGER NOT NULL,
  started_us INTEGER NOT NULL DEFAULT 0, progress_us INTEGER NOT NULL DEFAULT 0,
  watch_us INTEGER NOT NULL DEFAULT 0, finished_us INTEGER NOT NULL DEFAULT 0,
  lease_expires_us INTEGER NOT NULL DEFAULT 0, heartbeat_us INTEGER NOT NULL DEFAULT 0,
  CHECK ((finished_us <> 0) = (state IN ('succeeded', 'failed', 'cancelled'))),
  CHECK ((state = 'running') = (worker <> ''))
);
CREATE INDEX job_due ON job (priority, run_at_us, sequence) WHERE state IN ('queued', 'retry_wait');
CREATE INDEX job_next ON job (run_at_us) WHERE state IN ('queued', 'retry_wait');
CREATE INDEX job_running ON job (lease_expires_us) WHERE state = 'running';
CREATE INDEX job_expiry ON job (expires_us) WHERE artifact_state IN ('published', 'expired')
  AND expires_us > 0;
CREATE INDEX job_staged ON job (state) WHERE artifact_state = 'staged';
CREATE INDEX job_ended ON job (finished_us) WHERE finished_us > 0;
CREATE INDEX job_state ON job (state, sequence);
CREATE TABLE checkpoint (job TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE part (
  job TEXT NOT NULL, number INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL, token TEXT NOT NULL, PRIMARY KEY (job, number)) WITHOUT ROWID;
CREATE TABLE event (
  job TEXT NOT NULL, sequence INTEGER NOT NULL, at_us INTEGER NOT NULL,
  actor TEXT NOT NULL, type TEXT NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (job, sequence)) WITHOUT ROWID;
CREATE TABLE idempotency (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, job TEXT NOT NULL,
  created_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE delivery (
  id TEXT PRIMARY KEY, job TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
  attempt INTEGER NOT NULL DEFAULT 0, created_us INTEGER NOT NULL, next_us INTEGER NOT NULL,
  last_status INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '',
  epoch INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (next_us) WHERE state = 'waiting';
CREATE INDEX delivery_job ON delivery (job);
)sql";

// SQLite opens only what is there; the folder and an empty file are made first.
Status MakeFile(const std::string& path) {
  std::error_code error;
  auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    return Fail(ErrorKind::kUnavailable,
                fmt::format("job store {}: cannot make its folder: {}", path, error.message()));
  }
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    auto kind = errno == EACCES || errno == EROFS ? ErrorKind::kDenied : ErrorKind::kUnavailable;
    return Fail(kind, fmt::format("job store {}: cannot be opened: {}", path, std::strerror(errno)),
                "name another file in jobs.store");
  }
  ::close(file);
  return {};
}

Status CheckSchema(sqlite::Connection& file) {
  auto version = TRY(file.QueryInt("PRAGMA user_version")).value_or(0);
  auto application = TRY(file.QueryInt("PRAGMA application_id")).value_or(0);
  if (version == 0 && application == 0) {
    auto tables = TRY(file.QueryInt("SELECT count(*) FROM sqlite_schema")).value_or(0);
    if (tables == 0) {
      TRY(file.Execute(kSchema));
      TRY(file.Execute(fmt::format("PRAGMA application_id = {}", kApplicationId)));
      return file.Execute(fmt::format("PRAGMA user_version = {}", kSchemaVersion));
    }
  }
  if (application != kApplicationId) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("job store {}: the file is another program's database", file.path()),
                "name a file of its own in jobs.store");
  }
  if (version > kSchemaVersion) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("job store {}: made by a newer tidemark (schema {}, known {})",
                            file.path(), version, kSchemaVersion),
                "use that version");
  }
  return {};
}

std::string TextOr(const sqlite::Statement& row, int column) {
  return row.IsNull(column) ? std::string() : row.Text(column);
}

}  // namespace

Result<JobFile> JobFile::Open(const std::string& path) {
  TRY(MakeFile(path));
  auto connection = TRY(sqlite::Connection::Open(path, sqlite::Access::kReadWrite, kLockTimeoutMs));
  TRY(connection.Execute("PRAGMA journal_mode = WAL"));
  // Several processes may come first at once.
  TRY(connection.Execute("BEGIN IMMEDIATE"));
  auto checked = CheckSchema(connection);
  TRY(connection.Execute(checked ? "COMMIT" : "ROLLBACK"));
  if (!checked) return Fail(checked.error());
  return JobFile(std::move(connection));
}

Result<sqlite::Statement*> JobFile::Prepared(std::string_view sql) {
  auto found = prepared_.find(sql);
  if (found == prepared_.end()) {
    found = prepared_.emplace(sql, TRY(connection_.Prepare(sql))).first;
  }
  found->second.Reset();
  return &found->second;
}

int JobFile::Changes() const { return sqlite3_changes(connection_.raw()); }

Result<JobTransaction> JobTransaction::Begin(JobFile& file, bool is_durable) {
  TRY(file.connection_.Execute(is_durable ? "PRAGMA synchronous = FULL"
                                          : "PRAGMA synchronous = NORMAL"));
  TRY(file.Run("BEGIN IMMEDIATE"));
  return JobTransaction(file);
}

JobTransaction::~JobTransaction() {
  if (file_ != nullptr) static_cast<void>(file_->Run("ROLLBACK"));
}

Status JobTransaction::Commit() {
  TRY(file_->Run("COMMIT"));
  file_ = nullptr;
  return {};
}

const char* const kJobColumns =
    "id, kind, source, body, author, reference, purpose, callback_url, priority, max_attempts, "
    "replay_of, state, artifact_state, rows, bytes, rows_estimated, bytes_estimated, tables_done, "
    "tables_total, phase, attempt, rescue_count, epoch, worker, is_cancel_requested, "
    "is_pause_requested, stalled_us, error_kind, error, artifact_key, file_name, content_type, "
    "sha256, "
    "size_bytes, expires_us, created_us, run_at_us, started_us, progress_us, finished_us, "
    "lease_expires_us, heartbeat_us";

Job ReadJob(const sqlite::Statement& row) {
  int next = 0;
  auto text = [&] { return TextOr(row, next++); };
  auto number = [&] { return row.Int(next++); };
  auto small = [&] { return static_cast<int>(row.Int(next++)); };
  Job job;
  // Members are filled in the order of kJobColumns.
  for (auto* member :
       {&job.spec.id, &job.spec.kind, &job.spec.source, &job.spec.body, &job.spec.author,
        &job.spec.reference, &job.spec.purpose, &job.spec.callback_url}) {
    *member = text();
  }
  job.spec.priority = small();
  job.spec.max_attempts = small();
  job.spec.replay_of = text();
  job.state = ParseJobState(text()).value_or(JobState::kFailed);
  auto artifact_state = text();
  for (auto state : {ArtifactState::kStaged, ArtifactState::kPublished, ArtifactState::kExpired,
                     ArtifactState::kDeleted}) {
    if (artifact_state == Name(state)) job.artifact_state = state;
  }
  for (auto* member : {&job.progress.rows, &job.progress.bytes, &job.progress.rows_estimated,
                       &job.progress.bytes_estimated}) {
    *member = number();
  }
  job.progress.tables_done = small();
  job.progress.tables_total = small();
  job.progress.phase = text();
  job.attempt = small();
  job.rescue_count = small();
  job.epoch = number();
  job.worker = text();
  job.is_cancel_requested = number() != 0;
  job.is_pause_requested = number() != 0;
  job.is_stalled = number() != 0;
  if (!row.IsNull(next)) {
    job.error = JobError{static_cast<ErrorKind>(row.Int(next)), TextOr(row, next + 1)};
  }
  next += 2;
  bool has_artifact = !row.IsNull(next);
  Artifact artifact{.key = text(),
                    .file_name = text(),
                    .content_type = text(),
                    .sha256 = text(),
                    .size_bytes = number(),
                    .expires_at_us = number()};
  if (has_artifact) job.artifact = std::move(artifact);
  for (auto* member : {&job.created_us, &job.run_at_us, &job.started_us, &job.progress_us,
                       &job.finished_us, &job.lease_expires_us, &job.heartbeat_us}) {
    *member = number();
  }
  return job;
}

}  // namespace tidemark
