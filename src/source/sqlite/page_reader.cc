#include "source/sqlite/page_reader.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

namespace tidemark::sqlite {
namespace {

constexpr std::uint32_t kIndexRegionBytes = 32768;
constexpr std::uint32_t kIndexVersion = 3007000;
constexpr std::size_t kBackfillWord = 24;  // after two headers of 12 words
constexpr std::uint32_t kLogHeaderBytes = 32, kFrameHeaderBytes = 24;
constexpr std::size_t kReadAheadBytes = 256 << 10;

std::unexpected<Error> Unreadable(std::string why) {
  return Fail(ErrorKind::kUnsupported, "pages cannot be read: " + std::move(why));
}

std::uint32_t Big32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

Result<sqlite3_file*> FileOf(Connection& connection, int which) {
  sqlite3_file* file = nullptr;
  int code = sqlite3_file_control(connection.raw(), "main", which, &file);
  if (code != SQLITE_OK || !file || !file->pMethods) return Unreadable("no open file");
  return file;
}

// Shared memory that other processes write: each word is loaded once, and in order.
const volatile std::uint32_t* MapIndex(sqlite3_file* file) {
  if (file->pMethods->iVersion < 2 || !file->pMethods->xShmMap) return nullptr;
  void volatile* region = nullptr;
  int code = file->pMethods->xShmMap(file, 0, kIndexRegionBytes, 0, &region);
  // SQLITE_READONLY may mean that SQLite works with an index of its own in private memory.
  if (code != SQLITE_OK) return nullptr;
  return static_cast<const volatile std::uint32_t*>(region);
}

// Nothing: somebody is writing it at this moment.
std::optional<LogIndex> ReadOnce(const volatile std::uint32_t* index) {
  LogIndex first, second;
  for (std::size_t i = 0; i < 12; ++i) first.words[i] = index[i];
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Writers fill the second copy first, so a reader that finds both equal has seen a finished one.
  for (std::size_t i = 0; i < 12; ++i) second.words[i] = index[12 + i];
  if (first != second) return std::nullopt;
  std::uint32_t sum1 = 0, sum2 = 0;
  for (std::size_t i = 0; i < 10; i += 2) {
    sum1 += first.words[i] + sum2;
    sum2 += first.words[i + 1] + sum1;
  }
  if (sum1 != first.words[10] || sum2 != first.words[11]) return std::nullopt;
  return first;
}

bool IsInitialised(const LogIndex& index) {
  std::uint8_t is_init;
  std::memcpy(&is_init, &index.words[3], 1);
  return index.words[0] == kIndexVersion && is_init == 1;
}

std::uint32_t PageSizeOf(const LogIndex& index) {
  std::uint16_t size;
  std::memcpy(&size, reinterpret_cast<const char*>(&index.words[3]) + 2, 2);
  return (size & 0xfe00u) + ((size & 1u) << 16);
}

}  // namespace

Result<std::optional<LogIndex>> ReadLogIndex(Connection& connection) {
  auto mode = TRY(connection.QueryText("pragma main.journal_mode"));
  if (mode != "wal") return std::optional<LogIndex>();
  auto locking = TRY(connection.QueryText("pragma main.locking_mode"));
  if (locking != "normal") return Unreadable("exclusive locking");
  auto* file = TRY(FileOf(connection, SQLITE_FCNTL_FILE_POINTER));
  auto* index = MapIndex(file);
  if (!index) return Unreadable("no shared memory");
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto log = ReadOnce(index);
    if (!log || !IsInitialised(*log)) continue;
    log->copied = index[kBackfillWord];
    std::atomic_thread_fence(std::memory_order_seq_cst);
    // Of another state otherwise: the log may have been begun anew in between.
    if (ReadOnce(index) == log) return log;
  }
  return Unreadable("the index of the write-ahead log is not at rest");
}

Result<PageReader> PageReader::Begin(Connection& connection) {
  constexpr int kAttempts = 50;
  // The first read has SQLite open the log, if there is one.
  TRY(connection.QueryInt("select 1 from main.sqlite_schema"));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto before = TRY(ReadLogIndex(connection));
    TRY(connection.Execute("begin"));
    auto began = [&]() -> Result<std::optional<LogIndex>> {
      TRY(connection.QueryInt("select 1 from main.sqlite_schema"));
      return TRY(ReadLogIndex(connection));
    }();
    if (began && *began == before) {
      auto reader = Attach(connection, *began);
      if (reader) return reader;
      TRY(connection.Execute("rollback"));
      return reader;
    }
    TRY(connection.Execute("rollback"));
    if (!began) return Fail(std::move(began).error());
  }
  return Unreadable("others commit without a pause");
}

Result<PageReader> PageReader::Attach(Connection& connection, const std::optional<LogIndex>& log) {
  auto encoding = TRY(connection.QueryText("pragma main.encoding"));
  if (encoding != "UTF-8") return Unreadable("text is not UTF-8");
  auto mode = TRY(connection.QueryText("pragma main.journal_mode"));
  if ((mode == "wal") != log.has_value()) return Unreadable("the journal mode changed");
  PageReader reader;
  reader.database_ = TRY(FileOf(connection, SQLITE_FCNTL_FILE_POINTER));
  // All copied back while nothing was behind it: the file is the state. Nobody copies more into it
  // while we read, and the log may be begun anew. Otherwise SQLite reads from the log and holds the
  // lock that keeps it; that all of it is copied back later says nothing, as a page that was
  // written once more by then is left out.
  if (log && log->copied < log->frames()) {
    reader.log_ = TRY(FileOf(connection, SQLITE_FCNTL_JOURNAL_POINTER));
    TRY(reader.ReadFrames(*log));
  }
  TRY(reader.ReadHeader());
  // The index of an empty log says nothing of pages.
  if (log && log->frames() > 0) {
    if (PageSizeOf(*log) != reader.page_size_) return Unreadable("another page size");
    reader.pages_ = log->words[5];
  }
  return reader;
}

Status PageReader::ReadFile(sqlite3_file* file, std::int64_t from, std::span<std::uint8_t> to) {
  int code = file->pMethods->xRead(file, to.data(), static_cast<int>(to.size()), from);
  if (code != SQLITE_OK) return Unreadable(sqlite3_errstr(code));
  return {};
}

// Which pages have a newer version in the log, from the headers of its frames. The log cannot begin
// anew under us: it is not all copied back, so SQLite holds one of the locks that keep it.
Status PageReader::ReadFrames(const LogIndex& log) {
  std::uint8_t header[kLogHeaderBytes];
  TRY(ReadFile(log_, 0, header));
  page_size_ = PageSizeOf(log);
  auto salts = log.salts();
  if ((Big32(header) & ~1u) != 0x377f0682 || Big32(header + 8) != page_size_ ||
      std::memcmp(header + 16, salts.data(), 8) != 0)
    return Unreadable("another write-ahead log");
  std::size_t most = 4096;
  for (std::uint32_t frame = 1; frame <= log.frames(); ++frame) {
    auto at = kLogHeaderBytes + std::int64_t{frame - 1} * (kFrameHeaderBytes + page_size_);
    TRY(ReadFile(log_, at, std::span(header, kFrameHeaderBytes)));
    if (std::memcmp(header + 8, salts.data(), 8) != 0)
      return Unreadable("a frame of another write-ahead log");
    frames_.push_back({Big32(header), frame});
    if (frames_.size() < most) continue;
    // Hot pages come back in every commit: what is overtaken must not pile up.
    KeepLast();
    most = std::max(most, 2 * frames_.size());
  }
  KeepLast();
  frames_.shrink_to_fit();
  return {};
}

void PageReader::KeepLast() {
  std::stable_sort(frames_.begin(), frames_.end(),
                   [](const Frame& a, const Frame& b) { return a.page < b.page; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < frames_.size(); ++i)
    if (i + 1 == frames_.size() || frames_[i].page != frames_[i + 1].page)
      frames_[kept++] = frames_[i];
  frames_.resize(kept);
}

const PageReader::Frame* PageReader::FindFrame(std::uint32_t page) const {
  auto found = std::lower_bound(frames_.begin(), frames_.end(), page,
                                [](const Frame& a, std::uint32_t b) { return a.page < b; });
  return found != frames_.end() && found->page == page ? &*found : nullptr;
}

Status PageReader::ReadHeader() {
  std::uint8_t header[100];
  TRY(ReadPages(1, FindFrame(1), header));
  if (std::memcmp(header, "SQLite format 3", 16) != 0) return Unreadable("another file format");
  std::uint32_t size = std::uint32_t{header[16]} << 8 | header[17];
  if (size == 1) size = 65536;
  if (size < 512 || size > 65536 || (size & (size - 1)) != 0) return Unreadable("odd page size");
  // Text encoding 1 is UTF-8; 0 stands in a database without a table.
  if (Big32(header + 56) > 1) return Unreadable("text is not UTF-8");
  if (header[20] > size - 480) return Unreadable("odd reserved bytes");
  if (page_size_ != 0 && page_size_ != size) return Unreadable("another page size");
  page_size_ = size;
  usable_size_ = size - header[20];
  sqlite3_int64 bytes = 0;
  if (database_->pMethods->xFileSize(database_, &bytes) != SQLITE_OK)
    return Unreadable("no file size");
  pages_ = static_cast<std::uint32_t>(std::min<std::int64_t>(bytes / size, 0xfffffffe));
  return {};
}

Result<const std::uint8_t*> PageReader::Read(std::uint32_t page) {
  return ReadAhead(std::span(&page, 1));
}

Result<const std::uint8_t*> PageReader::ReadAhead(std::span<const std::uint32_t> next) {
  auto page = next[0];
  if (page - first_page_ < buffered_pages_)
    return buffer_.data() + std::size_t{page - first_page_} * page_size_;
  if (page == 0 || page > pages_) return Unreadable("a page beyond the end");
  std::size_t count = 1;
  const Frame* frame = frames_.empty() ? nullptr : FindFrame(page);
  auto most = std::max<std::size_t>(1, kReadAheadBytes / page_size_);
  while (!frame && count < std::min(most, next.size()) && next[count] == page + count &&
         next[count] <= pages_ && (frames_.empty() || !FindFrame(next[count])))
    ++count;
  if (buffer_.empty()) buffer_.resize(most * page_size_ + kSlack);
  buffered_pages_ = 0;
  TRY(ReadPages(page, frame, std::span(buffer_.data(), count * page_size_)));
  first_page_ = page;
  buffered_pages_ = static_cast<std::uint32_t>(count);
  return buffer_.data();
}

Status PageReader::ReadPages(std::uint32_t page, const Frame* frame, std::span<std::uint8_t> to) {
  if (!frame) return ReadFile(database_, std::int64_t{page - 1} * page_size_, to);
  auto at = kLogHeaderBytes + std::int64_t{frame->frame - 1} * (kFrameHeaderBytes + page_size_);
  return ReadFile(log_, at + kFrameHeaderBytes, to);
}

Status PageReader::ReadInto(std::uint32_t page, std::span<std::uint8_t> to) {
  if (page == 0 || page > pages_) return Unreadable("a page beyond the end");
  TIDEMARK_CHECK(to.size() <= page_size_);
  return ReadPages(page, frames_.empty() ? nullptr : FindFrame(page), to);
}

}  // namespace tidemark::sqlite
