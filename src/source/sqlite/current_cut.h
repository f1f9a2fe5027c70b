#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "source/source.h"
#include "source/sqlite/cut.h"

namespace tidemark::sqlite {

// The cut a snapshot reads from: first of the database itself, later perhaps of a private copy of
// the same state, which has the same rows on the same pages. Thread-safe.
class CurrentCut {
 public:
  // Copies are made in `temp_dir`.
  CurrentCut(const SourceOptions& options, std::string temp_dir, std::unique_ptr<Cut> first);

  // A connection of one stream, and what keeps it open.
  struct Place {
    std::shared_ptr<Cut> cut;
    Cut::Lease lease;
    Connection& connection() const { return lease.connection(); }
  };
  // Waits until one is free. kCancelled; kInternal: the database was let go of.
  Result<Place> Borrow();
  // False: the stream should give the place back and go on in another one.
  bool IsCurrent(const Place& place);

  // Called by every stream before each batch: moves to a copy when the write-ahead log grew too far
  // because of us. kCancelled; kUnavailable: no room for the copy.
  Status AtBatchBoundary();
  // Copies the state and lets go of the database. Nothing happens when it is a copy already.
  Status MoveToCopy();
  // Lets go of the database: from now on nothing can be read.
  void End();

  // Runs `use(cut)` for the cut's control connection, which serves all but streams, one at a time.
  template <class Use>
  auto WithControl(Use use) -> decltype(use(std::declval<Cut&>())) {
    while (true) {
      auto cut = Get();
      std::lock_guard lock(cut->control_mutex());
      if (!cut->has_ended()) return use(*cut);
      // Moved while this thread waited, or over.
      if (cut == Get())
        return Fail(ErrorKind::kInternal, "the database was let go of and cannot be read any more");
    }
  }

  bool has_readers() { return Get()->has_readers(); }

 private:
  std::shared_ptr<Cut> Get();
  Status CopyFrom(Cut& cut);

  const SourceOptions options_;
  const std::string temp_dir_;
  const std::int64_t log_bytes_at_start_;
  std::mutex mutex_;  // of current_
  std::shared_ptr<Cut> current_;
  std::mutex moving_;  // one move at a time
  std::atomic<bool> watches_log_;
  std::atomic<std::int64_t> next_look_us_ = 0;
};

}  // namespace tidemark::sqlite
