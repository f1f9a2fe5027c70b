#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "source/sqlserver/connector.h"
#include "source/sqlserver/statements.h"

namespace tidemark::sqlserver {

struct CutOptions {
  bool uses_snapshot = false;     // SNAPSHOT isolation is allowed
  std::optional<TableRef> touch;  // a table that may be read: it makes a transaction's view begin
  int readers = 1;                // connections at most
  std::stop_token stop;
};

// Sessions that read one state of a database, each in a SNAPSHOT transaction of its own; or, where
// that is not allowed, sessions that read what is committed. Thread-safe; what it lends must come
// back before it is destroyed.
class Cut {
 public:
  // `first`: a session that is open already. There are several only if all of them were proven to
  // see the same changes: the version did not move while their views began.
  // kUnavailable, kDenied: as Connection.
  static Result<std::unique_ptr<Cut>> Open(const Connector& connector,
                                           std::unique_ptr<tds::Connection> first,
                                           const CutOptions& options);

  // A session for one use, given back on destruction.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : cut_(std::exchange(other.cut_, nullptr)), index_(other.index_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(cut_, other.cut_);
      std::swap(index_, other.index_);
      return *this;
    }
    ~Lease();
    tds::Connection& operator*() const { return *cut_->sessions_[index_]; }
    tds::Connection* operator->() const { return cut_->sessions_[index_].get(); }

   private:
    friend class Cut;
    Lease(Cut* cut, std::size_t index) : cut_(cut), index_(index) {}
    Cut* cut_;
    std::size_t index_;
  };
  // Waits until one is free. kCancelled; kUnavailable: all were lost, and the state with them.
  Result<Lease> Borrow() { return Borrow(/*only_first=*/false); }
  // Always the same session, for tables whose changes move no version: several could see them in
  // several states.
  Result<Lease> BorrowFirst() { return Borrow(/*only_first=*/true); }

  // Up to where everything that changed is seen; nothing: changes are not tracked.
  std::optional<std::int64_t> version() const { return version_; }
  bool is_snapshot() const { return is_snapshot_; }

 private:
  Cut() = default;
  Status OpenMore(const Connector& connector, int readers);
  Status BeginOnOneVersion(const CutOptions& options);
  Result<bool> TryToBegin(const CutOptions& options);
  Status EndAll();
  Result<Lease> Borrow(bool only_first);
  bool IsGood(std::size_t index) const;

  std::vector<std::unique_ptr<tds::Connection>> sessions_;  // null: lost
  std::mutex mutex_;
  std::condition_variable_any returned_;
  std::vector<std::size_t> free_;  // under mutex_
  std::optional<std::int64_t> version_;
  bool is_snapshot_ = false;
  std::stop_token stop_;
};

// The version of the last change that is committed; nothing: changes are not tracked.
Result<std::optional<std::int64_t>> ReadVersion(tds::Connection& connection);

}  // namespace tidemark::sqlserver
