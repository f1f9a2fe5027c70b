#include "fold/partition.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/random.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "tidemark-fold-";
constexpr const char* kLockFile = "/lock";
constexpr std::size_t kBlockBytesMin = 4 << 10, kBlockBytesMax = 16 << 10;
constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kWriteBlocksMax = 64;

Error TempError(std::string_view action, const std::string& path, int number) {
  std::string message =
      "temporary folder: " + std::string(action) + " " + path + ": " + std::strerror(number);
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {ErrorKind::kUnavailable, std::move(message),
              "name a folder with more room (--temp-dir), or give more memory (--memory)"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {ErrorKind::kDenied, std::move(message), "name another folder with --temp-dir"};
    case ENOTDIR:
    case EEXIST:
      return {ErrorKind::kInvalid, std::move(message), "name another folder with --temp-dir"};
    default:
      return {ErrorKind::kUnavailable, std::move(message), {}};
  }
}

// The lock tells the living from the dead also where a pid of another container means nothing here.
int TakeLock(const std::string& folder, int flags) {
  int lock = ::open((folder + kLockFile).c_str(), O_RDWR | O_CLOEXEC | flags, 0600);
  if (lock >= 0 && ::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return -1;
  }
  return lock;
}

bool IsLeftOver(const fs::path& path) {
  auto name = path.filename().string();
  if (!name.starts_with(kFolderPrefix)) return false;
  int pid = 0;
  auto begin = name.data() + kFolderPrefix.size();
  auto [end, error] = std::from_chars(begin, name.data() + name.size(), pid);
  if (error != std::errc() || *end != '-' || pid <= 0) return false;
  if (::kill(pid, 0) == 0 || errno != ESRCH) return false;
  int lock = TakeLock(path.string(), 0);
  bool is_free = lock >= 0 || !fs::exists(path.string() + kLockFile);
  if (lock >= 0) ::close(lock);
  return is_free;
}

void RemoveLeftOvers(const std::string& parent) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (!IsLeftOver(it->path())) continue;
    std::error_code removal;
    fs::remove_all(it->path(), removal);
    if (removal)
      Log(LogLevel::kWarning, "temporary folder " + it->path().string() +
                                  " of a dead process cannot be removed: " + removal.message());
  }
}

}  // namespace

Result<std::unique_ptr<TempFolder>> TempFolder::Open(std::string parent) {
  if (parent.empty())
    return Fail(ErrorKind::kInvalid, "no folder for temporary files is named",
                "name one with --temp-dir");
  RemoveLeftOvers(parent);
  return std::unique_ptr<TempFolder>(new TempFolder(std::move(parent)));
}

TempFolder::~TempFolder() {
  if (path_.empty()) return;
  std::error_code error;
  fs::remove_all(path_, error);
  if (error)
    Log(LogLevel::kWarning, "temporary folder " + path_ + " cannot be removed: " + error.message());
  if (lock_ >= 0) ::close(lock_);
}

Result<std::string> TempFolder::Path() {
  std::lock_guard lock(mutex_);
  if (!path_.empty()) return path_;
  std::error_code error;
  fs::create_directories(parent_, error);
  if (error) return Fail(TempError("create", parent_, error.value()));
  auto path = parent_ + "/" + std::string(kFolderPrefix) + std::to_string(::getpid()) + "-" +
              RandomHex16(SystemRandom());
  if (::mkdir(path.c_str(), 0700) != 0) return Fail(TempError("create", path, errno));
  path_ = path;
  lock_ = TakeLock(path, O_CREAT);
  if (lock_ < 0) return Fail(TempError("lock", path, errno));
  return path_;
}

Partitions::Partitions(TempFolder& folder, std::string name, int count, std::int64_t memory_bytes)
    : folder_(&folder), name_(std::move(name)), parts_(static_cast<std::size_t>(count)) {
  auto memory = static_cast<std::size_t>(std::max<std::int64_t>(memory_bytes, 0));
  block_bytes_ = std::clamp(memory / (4 * parts_.size()), kBlockBytesMin, kBlockBytesMax);
  blocks_max_ = std::max<std::size_t>(memory / block_bytes_, 1);
}

Partitions::~Partitions() {
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (parts_[i].file_bytes > 0) ::unlink(FilePath(i).c_str());
}

std::string Partitions::FilePath(std::size_t partition) const {
  return folder_path_ + "/" + name_ + "-" + std::to_string(partition);
}

Status Partitions::AppendSlowly(Part& part, std::string_view bytes) {
  while (true) {
    auto size = std::min(bytes.size(), static_cast<std::size_t>(part.end - part.at));
    if (size > 0) std::memcpy(part.at, bytes.data(), size);
    part.at += size;
    bytes.remove_prefix(size);
    if (bytes.empty()) return {};
    TRY(AddBlock(part));
  }
}

Status Partitions::AddBlock(Part& part) {
  if (blocks_held_ >= blocks_max_) TRY(Spill());
  if (free_blocks_.empty()) {
    part.blocks.push_back(std::make_unique_for_overwrite<char[]>(block_bytes_));
  } else {
    part.blocks.push_back(std::move(free_blocks_.back()));
    free_blocks_.pop_back();
  }
  ++blocks_held_;
  part.at = part.blocks.back().get();
  part.end = part.at + block_bytes_;
  return {};
}

// All of them at once: half-filled blocks of the others would otherwise use up the memory.
Status Partitions::Spill() {
  FAILPOINT(fold_spill);
  if (folder_path_.empty()) folder_path_ = TRY(folder_->Path());
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (!parts_[i].blocks.empty()) TRY(SpillPart(FilePath(i), parts_[i]));
  return {};
}

Status Partitions::SpillPart(const std::string& path, Part& part) {
  // Opened each time: hundreds of partitions of several tables would use up the descriptors.
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return Fail(TempError("write", path, errno));
  std::size_t block = 0, block_at = 0;
  auto last_bytes = block_bytes_ - static_cast<std::size_t>(part.end - part.at);
  while (block < part.blocks.size()) {
    iovec pieces[kWriteBlocksMax];
    int count = 0;
    for (auto b = block; b < part.blocks.size() && count < static_cast<int>(kWriteBlocksMax); ++b) {
      auto size = b + 1 == part.blocks.size() ? last_bytes : block_bytes_;
      auto begin = b == block ? block_at : 0;
      pieces[count++] = {part.blocks[b].get() + begin, size - begin};
    }
    auto written = ::writev(file, pieces, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      int number = errno;
      ::close(file);
      return Fail(TempError("write", path, number));
    }
    part.file_bytes += written;
    block_at += static_cast<std::size_t>(written);
    while (block < part.blocks.size()) {
      auto size = block + 1 == part.blocks.size() ? last_bytes : block_bytes_;
      if (block_at < size) break;
      block_at -= size;
      ++block;
    }
  }
  ::close(file);
  for (auto& freed : part.blocks) free_blocks_.push_back(std::move(freed));
  blocks_held_ -= part.blocks.size();
  part.blocks.clear();
  part.at = part.end = nullptr;
  return {};
}

Partitions::Reader::Reader(const Partitions& partitions, int partition)
    : partitions_(&partitions), partition_(static_cast<std::size_t>(partition)) {}

Partitions::Reader::~Reader() {
  if (file_ >= 0) ::close(file_);
}

Result<bool> Partitions::Reader::Fill(std::size_t size) {
  auto held = static_cast<std::size_t>(end_ - at_);
  std::size_t begin = at_ ? static_cast<std::size_t>(at_ - buffer_.data()) : 0;
  auto room = std::max({size, kReadBytes, held});
  if (held > 0) std::memmove(buffer_.data(), buffer_.data() + begin, held);
  // One huge record must not stay allocated for the rest of the partition.
  if (buffer_.size() < room || buffer_.size() > std::max(room, 4 * kReadBytes)) {
    buffer_.resize(room);
    buffer_.shrink_to_fit();
  }
  while (held < size) {
    auto count = TRY(ReadSome(buffer_.data() + held, room - held));
    if (count == 0) break;
    held += count;
  }
  at_ = buffer_.data();
  end_ = at_ + held;
  if (held >= size) return true;
  if (held == 0) return false;
  return Fail(ErrorKind::kInternal, "a temporary file of the fold ends within a record");
}

Result<std::size_t> Partitions::Reader::ReadSome(char* out, std::size_t size) {
  const auto& part = partitions_->parts_[partition_];
  if (file_at_ < part.file_bytes) {
    auto path = partitions_->FilePath(partition_);
    if (file_ < 0) file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) return Fail(TempError("read", path, errno));
    ssize_t count = -1;
    do count = ::pread(file_, out, size, file_at_);
    while (count < 0 && errno == EINTR);
    if (count < 0) return Fail(TempError("read", path, errno));
    if (count == 0)
      return Fail(ErrorKind::kUnavailable, "temporary file " + path + " was cut by someone");
    file_at_ += count;
    return static_cast<std::size_t>(count);
  }
  while (block_ < part.blocks.size()) {
    bool is_last = block_ + 1 == part.blocks.size();
    auto filled =
        partitions_->block_bytes_ - (is_last ? static_cast<std::size_t>(part.end - part.at) : 0);
    auto count = std::min(size, filled - block_at_);
    if (count == 0) {
      ++block_;
      block_at_ = 0;
      continue;
    }
    std::memcpy(out, part.blocks[block_].get() + block_at_, count);
    block_at_ += count;
    return count;
  }
  return std::size_t{0};
}

}  // namespace tidemark
