#pragma once
#include <sqlite3.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// The write-ahead log's state as its index in shared memory tells it. Two equal ones, read before
// and after read transactions began, prove that all of those see exactly this state.
struct LogIndex {
  std::array<std::uint32_t, 12> words{};
  std::uint32_t copied = 0;  // frames that are in the database file too; no part of the state
  bool operator==(const LogIndex& other) const { return words == other.words; }
  std::uint32_t frames() const { return words[4]; }
  // As bytes of the log's frames hold them.
  std::array<std::uint32_t, 2> salts() const { return {words[8], words[9]}; }
};

// The present one; nothing: the database has no write-ahead log. May be called in or out of a
// transaction, once the connection has read something. kUnsupported: not to be had in shared
// memory.
Result<std::optional<LogIndex>> ReadLogIndex(Connection& connection);

// Pages of the state that a connection's open read transaction sees, read beside SQLite through its
// own open files. One thread at a time; valid as long as that transaction. kUnsupported, from every
// function: read by SQL instead; the state is not one that pages can be read of, or a page is not
// as it should be (then SQL gives SQLite's own verdict).
class PageReader {
 public:
  // Begins the transaction itself.
  static Result<PageReader> Begin(Connection& connection);
  // In a transaction that was begun, and has read, between two readings of the log's index that are
  // equal; `log` is the later one of the two. Nothing: there is no write-ahead log.
  static Result<PageReader> Attach(Connection& connection, const std::optional<LogIndex>& log);

  std::uint32_t page_size() const { return page_size_; }
  std::uint32_t usable_size() const { return usable_size_; }
  std::uint32_t pages() const { return pages_; }

  // Bytes that may be read behind a page without meaning: fixed-width loads need no care at its
  // end.
  static constexpr std::size_t kSlack = 16;

  // The page, valid until the next call of Read or ReadAhead.
  Result<const std::uint8_t*> Read(std::uint32_t page);
  // As Read, but also takes in the pages that follow, where `next` lists them as following.
  Result<const std::uint8_t*> ReadAhead(std::span<const std::uint32_t> next);
  // The page's first bytes, into `to`; pages read before stay valid.
  Status ReadInto(std::uint32_t page, std::span<std::uint8_t> to);

 private:
  struct Frame {
    std::uint32_t page, frame;
  };
  PageReader() = default;
  Status ReadHeader();
  Status ReadFrames(const LogIndex& log);
  Status ReadFile(sqlite3_file* file, std::int64_t from, std::span<std::uint8_t> to);
  Status ReadPages(std::uint32_t page, const Frame* frame, std::span<std::uint8_t> to);
  void KeepLast();
  const Frame* FindFrame(std::uint32_t page) const;

  sqlite3_file* database_ = nullptr;
  sqlite3_file* log_ = nullptr;  // null: the database file alone is the state
  std::vector<Frame> frames_;    // by page: where the log has a newer one
  std::uint32_t page_size_ = 0, usable_size_ = 0, pages_ = 0;
  std::vector<std::uint8_t> buffer_;  // pages from first_page_ on
  std::uint32_t first_page_ = 0, buffered_pages_ = 0;
};

}  // namespace tidemark::sqlite
