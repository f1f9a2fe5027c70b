#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "source/sqlite/database.h"
#include "source/sqlite/page_reader.h"
#include "source/sqlite/private_copy.h"

namespace tidemark::sqlite {

struct CutOptions {
  std::string path;
  int readers = 1;  // connections for streams
  std::int64_t lock_timeout_ms = 10'000;
  std::stop_token stop;
};

// Connections in read transactions that all see one state of a database. Thread-safe; the
// connections it lends must come back before it is destroyed.
class Cut {
 public:
  // Of the database as others change it. With a write-ahead log every connection is open from the
  // start, as a later one would see a later state. With a rollback journal, or when others commit
  // without a pause, there is the control connection alone, see has_readers.
  // kUnavailable: locked for longer than the time-out.
  // `control`: a connection to the same file that has read its schema already, which in a database
  // of thousands of tables takes longer than all else; empty: one is opened.
  static Result<std::unique_ptr<Cut>> OpenLive(const CutOptions& options,
                                               std::optional<Connection> control = {});
  // Of a file that nobody else knows. It is unlinked as soon as every connection has it open.
  static Result<std::unique_ptr<Cut>> OpenCopy(TemporaryFile file, const CutOptions& options);

  // A connection for one stream, given back on destruction.
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
    Connection& connection() const { return cut_->readers_[index_].connection; }
    // To read pages beside SQLite; null: read by SQL.
    PageReader* pages() const { return cut_->PagesOf(cut_->readers_[index_]); }

   private:
    friend class Cut;
    Lease(Cut* cut, std::size_t index) : cut_(cut), index_(index) {}
    Cut* cut_;
    std::size_t index_;
  };
  // Waits until one is free; nothing: the reading has ended; kCancelled.
  Result<std::optional<Lease>> Borrow();

  // Used under `control_mutex`, by one thread at a time.
  Connection& control() { return control_.connection; }
  PageReader* control_pages() { return PagesOf(control_); }
  std::mutex& control_mutex() { return control_mutex_; }

  bool is_log() const { return is_log_; }  // a write-ahead log: readers and writers do not meet
  bool is_copy() const { return is_copy_; }
  bool has_readers() const { return !readers_.empty(); }
  std::int64_t LogBytes() const;  // size of the log file; 0: none

  // Closes all connections that are not lent, and each other one when it comes back, so that the
  // database is free of us. Nothing can be borrowed after it. The control connection must not be in
  // use.
  void EndReading();
  bool has_ended();

 private:
  struct Reader {
    Connection connection;
    std::optional<PageReader> pages;
    bool has_tried_pages = false;
  };

  Cut() = default;
  Status OpenReaders(const CutOptions& options, Access access);
  Status BeginOnOneCut();
  Result<bool> TryToBegin();
  PageReader* PagesOf(Reader& reader);

  Reader control_;
  std::mutex control_mutex_;
  std::vector<Reader> readers_;
  std::mutex mutex_;
  std::condition_variable_any returned_;
  std::vector<std::size_t> free_;  // under mutex_
  bool has_ended_ = false;         // under mutex_
  bool is_log_ = false, is_copy_ = false;
  bool knows_pages_ = false;           // log_index_ is that of the cut
  std::optional<LogIndex> log_index_;  // nothing: the file alone is the state
  std::string log_path_;
  std::stop_token stop_;
};

}  // namespace tidemark::sqlite
