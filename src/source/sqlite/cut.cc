#include "source/sqlite/cut.h"

#include <sys/stat.h>

#include <utility>

namespace tidemark::sqlite {
namespace {

// A deferred transaction sees nothing until it reads. This reads the first page and no more: the
// schema, which may be large, is left to those that need it.
Status BeginReading(Connection& connection) {
  TRY(connection.Execute("begin"));
  TRY(connection.QueryInt("pragma main.schema_version"));
  return {};
}

Status StopReading(Connection& connection) { return connection.Execute("rollback"); }

Result<Connection> OpenReader(const CutOptions& options, Access access) {
  auto connection =
      TRY(Connection::Open(options.path, access, options.lock_timeout_ms, options.stop));
  TRY(connection.Execute("pragma query_only = 1"));
  return connection;
}

// What tells whether anything was committed between two looks: the index of the log, or, where that
// cannot be had, what SQLite itself offers.
struct Look {
  std::int64_t data_version = 0;
  bool has_log_index = false;
  std::optional<LogIndex> log_index;
  bool operator==(const Look&) const = default;
};

Result<Look> LookAt(Connection& control) {
  Look look;
  look.data_version = TRY(control.QueryInt("pragma main.data_version")).value_or(0);
  auto index = ReadLogIndex(control);
  if (!index && index.error().kind != ErrorKind::kUnsupported)
    return Fail(std::move(index.error()));
  look.has_log_index = index.has_value();
  if (index) look.log_index = *index;
  return look;
}

}  // namespace

Cut::Lease::~Lease() {
  if (!cut_) return;
  std::lock_guard lock(cut_->mutex_);
  if (cut_->has_ended_) {
    cut_->readers_[index_] = Reader();
    return;
  }
  cut_->free_.push_back(index_);
  cut_->returned_.notify_one();
}

Status Cut::OpenReaders(const CutOptions& options, Access access) {
  for (int i = 0; i < options.readers; ++i) {
    readers_.push_back({.connection = TRY(OpenReader(options, access)), .pages = {}});
    free_.push_back(static_cast<std::size_t>(i));
  }
  return {};
}

Result<bool> Cut::TryToBegin() {
  auto before = TRY(LookAt(control_.connection));
  for (auto& reader : readers_) TRY(BeginReading(reader.connection));
  TRY(BeginReading(control_.connection));
  auto after = TRY(LookAt(control_.connection));
  knows_pages_ = after.has_log_index;
  log_index_ = after.log_index;
  return before == after;
}

// SQLite as distributed has no way to open a second connection on the state of a first one. But if
// nothing was committed while all of them began, all see the same.
Status Cut::BeginOnOneCut() {
  constexpr int kAttempts = 200;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (TRY(TryToBegin())) return {};
    for (auto& reader : readers_) TRY(StopReading(reader.connection));
    TRY(StopReading(control_.connection));
  }
  // Commits without a pause: the control connection is a cut by itself.
  readers_.clear();
  free_.clear();
  knows_pages_ = false;
  return BeginReading(control_.connection);
}

PageReader* Cut::PagesOf(Reader& reader) {
  if (!reader.has_tried_pages && knows_pages_) {
    auto pages = PageReader::Attach(reader.connection, log_index_);
    if (pages) reader.pages.emplace(std::move(*pages));
  }
  reader.has_tried_pages = true;
  return reader.pages ? &*reader.pages : nullptr;
}

Result<std::unique_ptr<Cut>> Cut::OpenLive(const CutOptions& options,
                                           std::optional<Connection> control) {
  std::unique_ptr<Cut> cut(new Cut());
  cut->stop_ = options.stop;
  cut->log_path_ = options.path + "-wal";
  if (control) TRY(control->Execute("pragma query_only = 1"));
  cut->control_.connection =
      control ? *std::move(control) : TRY(OpenReader(options, Access::kReadOnly));
  auto mode = TRY(cut->control_.connection.QueryText("pragma main.journal_mode"));
  cut->is_log_ = mode == "wal";
  if (!cut->is_log_) {
    cut->knows_pages_ = true;
    TRY(BeginReading(cut->control_.connection));
    return cut;
  }
  TRY(cut->OpenReaders(options, Access::kReadOnly));
  TRY(cut->BeginOnOneCut());
  return cut;
}

Result<std::unique_ptr<Cut>> Cut::OpenCopy(TemporaryFile file, const CutOptions& options) {
  std::unique_ptr<Cut> cut(new Cut());
  cut->stop_ = options.stop;
  cut->is_copy_ = cut->knows_pages_ = true;
  auto copy_options = options;
  copy_options.path = file.path();
  cut->control_.connection = TRY(OpenReader(copy_options, Access::kImmutable));
  TRY(cut->OpenReaders(copy_options, Access::kImmutable));
  TRY(BeginReading(cut->control_.connection));
  for (auto& reader : cut->readers_) TRY(BeginReading(reader.connection));
  return cut;
}

Result<std::optional<Cut::Lease>> Cut::Borrow() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, stop_, [&] { return has_ended_ || !free_.empty(); });
  if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (has_ended_) return std::optional<Lease>();
  auto index = free_.back();
  free_.pop_back();
  return std::optional<Lease>(Lease(this, index));
}

std::int64_t Cut::LogBytes() const {
  struct stat info{};
  // Not through a descriptor: closing one would drop SQLite's locks.
  return ::stat(log_path_.c_str(), &info) == 0 ? info.st_size : 0;
}

bool Cut::has_ended() {
  std::lock_guard lock(mutex_);
  return has_ended_;
}

void Cut::EndReading() {
  std::lock_guard lock(mutex_);
  has_ended_ = true;
  for (auto index : free_) readers_[index] = Reader();
  free_.clear();
  control_ = Reader();
  returned_.notify_all();
}

}  // namespace tidemark::sqlite
