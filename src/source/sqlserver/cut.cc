#include "source/sqlserver/cut.h"

#include <algorithm>
#include <variant>

#include "base/log.h"

namespace tidemark::sqlserver {
namespace {

// Fresh snapshots until one begins between two equal versions (rules.md 32); then what is committed
// in between is delivered twice.
constexpr int kAttempts = 3;

Status BeginSnapshot(tds::Connection& connection, const std::optional<TableRef>& touch) {
  TRY(connection.Execute(SnapshotIsolationText()));
  TRY(connection.Execute(BeginText()));
  if (!touch) return {};
  auto touched = connection.Execute(TouchText(*touch));
  // Dropped, or taken away from us, since it was listed.
  bool is_gone = !touched && (touched.error().kind == ErrorKind::kNotFound ||
                              touched.error().kind == ErrorKind::kDenied);
  if (is_gone) touched.error().kind = ErrorKind::kUnavailable;
  return touched;
}

Status EndSnapshot(tds::Connection& connection) {
  TRY(connection.Execute(RollbackText()));
  return connection.Execute(ReadCommittedText());
}

}  // namespace

Result<std::optional<std::int64_t>> ReadVersion(tds::Connection& connection) {
  auto rows = TRY(connection.Query(VersionText()));
  if (rows.size() != 1 || rows.front().size() != 1)
    return Fail(ErrorKind::kCorrupt, "the server gives no version of its changes");
  const auto* version = std::get_if<std::int64_t>(&rows.front().front());
  return version ? std::optional(*version) : std::nullopt;
}

Cut::Lease::~Lease() {
  if (!cut_) return;
  // What was not read to its end is stopped; a session that cannot be is not usable afterwards.
  if (auto& session = cut_->sessions_[index_]; session && session->usable())
    static_cast<void>(session->Cancel().has_value());
  std::lock_guard lock(cut_->mutex_);
  // A session that lost its transaction would show another state.
  if (cut_->IsGood(index_))
    cut_->free_.push_back(index_);
  else
    cut_->sessions_[index_].reset();
  cut_->returned_.notify_all();
}

bool Cut::IsGood(std::size_t index) const {
  const auto& session = sessions_[index];
  return session && session->usable() && (!is_snapshot_ || session->in_transaction());
}

Result<Cut::Lease> Cut::Borrow(bool only_first) {
  std::unique_lock lock(mutex_);
  auto first = [&] { return std::ranges::find(free_, std::size_t{0}); };
  auto is_lost = [&] {
    return only_first ? !sessions_.front() : std::ranges::all_of(sessions_, std::logical_not());
  };
  returned_.wait(lock, stop_, [&] {
    return is_lost() || (only_first ? first() != free_.end() : !free_.empty());
  });
  if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (is_lost())
    return Fail(ErrorKind::kUnavailable,
                "the connection to the server was lost, and with it the state that was read from");
  // The first is kept for those that can use no other, as long as there is a choice.
  auto found = only_first ? first() : std::ranges::max_element(free_);
  auto index = *found;
  free_.erase(found);
  return Lease(this, index);
}

Status Cut::OpenMore(const Connector& connector, int readers) {
  while (std::ssize(sessions_) < readers) {
    if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    auto session = connector.Open();
    if (!session) {
      // The server has no more to give: what is open will do.
      Log(LogLevel::kInfo, "the database is read by " + std::to_string(sessions_.size()) +
                               " connections: " + session.error().message);
      return {};
    }
    sessions_.push_back(std::move(*session));
  }
  return {};
}

// No session can be opened on the state of another one. But if the version was the same before the
// first view began and after the last one had, no tracked table changed in between. The first
// session asks while its own transaction has not begun: within it, time may stand still.
Result<bool> Cut::TryToBegin(const CutOptions& options) {
  auto& first = *sessions_.front();
  auto before = TRY(ReadVersion(first));
  for (std::size_t i = 1; i < sessions_.size(); ++i)
    TRY(BeginSnapshot(*sessions_[i], options.touch));
  auto between = sessions_.size() > 1 ? TRY(ReadVersion(first)) : before;
  TRY(BeginSnapshot(first, options.touch));
  auto within = TRY(ReadVersion(first));
  version_ = before && within ? std::optional(std::min(*before, *within)) : std::nullopt;
  return before == between && before == within;
}

Status Cut::EndAll() {
  for (auto& session : sessions_) TRY(EndSnapshot(*session));
  return {};
}

Status Cut::BeginOnOneVersion(const CutOptions& options) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) TRY(EndAll());
    if (TRY(TryToBegin(options))) return {};
  }
  if (sessions_.size() == 1) return {};
  // Commits without a pause: the first session is a cut by itself.
  TRY(EndAll());
  sessions_.resize(1);
  return BeginOnOneVersion(options);
}

Result<std::unique_ptr<Cut>> Cut::Open(const Connector& connector,
                                       std::unique_ptr<tds::Connection> first,
                                       const CutOptions& options) {
  std::unique_ptr<Cut> cut(new Cut());
  cut->stop_ = options.stop;
  cut->sessions_.push_back(std::move(first));
  TRY(cut->OpenMore(connector, options.readers));
  if (options.uses_snapshot)
    TRY(cut->BeginOnOneVersion(options));
  else
    cut->version_ = TRY(ReadVersion(*cut->sessions_.front()));
  cut->is_snapshot_ = options.uses_snapshot;
  for (std::size_t i = 0; i < cut->sessions_.size(); ++i) cut->free_.push_back(i);
  return cut;
}

}  // namespace tidemark::sqlserver
