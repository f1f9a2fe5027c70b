#include "object/local_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

namespace tidemark::local {

Error FileError(int code, const std::string& path) {
  std::string text = std::strerror(code);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return {ErrorKind::kUnavailable, "disk full: " + path,
              "free space there and run again; nothing half-written is visible"};
    case EFBIG:
      return {ErrorKind::kUnavailable, path + ": a file may not grow this large here",
              "raise the limit on file sizes (ulimit -f), or allow fewer rows per file"};
    case EROFS:
    case EACCES:
    case EPERM:
      return {ErrorKind::kDenied, path + ": " + text,
              "check that this user may read and write the folder"};
    case ENOENT:
      return {ErrorKind::kNotFound, path + ": no such file or folder", {}};
    case ENOTDIR:
      return {ErrorKind::kInvalid, path + ": a part of this path is a file, not a folder", {}};
    case EISDIR:
      return {ErrorKind::kInvalid, path + " is a folder, not a file", {}};
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
      return {ErrorKind::kInvalid, path + ": " + text, {}};
    case EXDEV:
      return {ErrorKind::kInvalid, path + ": lies on another file system than _tidemark/staging",
              "keep the destination and its _tidemark folder on one file system"};
    case EMFILE:
    case ENFILE:
      return {ErrorKind::kUnavailable, path + ": " + text,
              "raise the limit on open files (ulimit -n)"};
    default:
      return {ErrorKind::kUnavailable, path + ": " + text, {}};
  }
}

File Open(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  return File(fd);
}

Status WriteAll(const File& file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    auto written = write(file.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FailFile(errno, path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> ReadAt(const File& file, std::int64_t begin, std::int64_t size_bytes,
                           const std::string& path) {
  struct stat status{};
  if (fstat(file.fd(), &status) != 0) return FailFile(errno, path);
  // A range far beyond the end must not reserve what it will never read.
  auto left = std::max<std::int64_t>(0, static_cast<std::int64_t>(status.st_size) - begin);
  std::string bytes(static_cast<std::size_t>(std::min(left, size_bytes)), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto got = pread(file.fd(), bytes.data() + done, bytes.size() - done,
                     static_cast<off_t>(begin) + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailFile(errno, path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Status SyncData(const File& file, const std::string& path) {
  while (fdatasync(file.fd()) != 0)
    if (errno != EINTR) return FailFile(errno, path);
  return {};
}

Status SyncFolder(const std::string& path) {
  auto folder = Open(path, O_RDONLY | O_DIRECTORY);
  if (!folder.is_open()) return FailFile(errno, path);
  while (fsync(folder.fd()) != 0) {
    // Some network file systems cannot sync a folder and need not.
    if (errno == EINVAL) return {};
    if (errno != EINTR) return FailFile(errno, path);
  }
  return {};
}

std::string ParentOf(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Others remove empty folders while we make them, so that a parent made a moment ago may be gone
// again: then it is made once more.
Status MakeFolders(const std::string& path, std::vector<std::string>& changed) {
  constexpr int kAttempts = 1000;
  bool has_made_parent = false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (mkdir(path.c_str(), 0777) == 0) {
      changed.push_back(ParentOf(path));
      return {};
    }
    if (errno == EEXIST) {
      struct stat status{};
      if (stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) continue;
        return FailFile(errno, path);
      }
      if (!S_ISDIR(status.st_mode))
        return Fail(ErrorKind::kInvalid, path + " is a file, not a folder");
      // Made by another thread just now: perhaps not synced by it yet.
      if (has_made_parent) changed.push_back(ParentOf(path));
      return {};
    }
    if (errno != ENOENT || ParentOf(path) == path) return FailFile(errno, path);
    TRY(MakeFolders(ParentOf(path), changed));
    has_made_parent = true;
  }
  return FailFile(ENOENT, path);
}

void RemoveEmptyFolders(std::string folder, const std::string& root) {
  while (folder.size() > root.size() && rmdir(folder.c_str()) == 0) folder = ParentOf(folder);
}

// By asking again and again: flock itself could be woken by nothing but a signal to this thread.
Status LockExclusively(const File& file, const std::string& path, const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kLongestPause = std::chrono::milliseconds(10);
  // Long enough for whoever is at work, so that a commit is not given up for a moment's wait.
  constexpr auto kPatience = std::chrono::milliseconds(500);
  auto pause = std::chrono::microseconds(50);
  std::optional<Clock::time_point> stopped_at;
  while (flock(file.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return FailFile(errno, path);
    if (stop.stop_requested()) {
      if (!stopped_at) stopped_at = Clock::now();
      if (Clock::now() - *stopped_at >= kPatience)
        return Fail(ErrorKind::kCancelled, "stopped while waiting for the lock of " + path,
                    "a process that holds it does not go on; `fuser` or `lslocks` names it");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min<std::chrono::microseconds>(pause * 2, kLongestPause);
  }
  return {};
}

Result<std::vector<Entry>> ReadFolder(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
  if (!folder) {
    if (errno == ENOENT || errno == ENOTDIR) return std::vector<Entry>();
    return FailFile(errno, path);
  }
  std::vector<Entry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(folder.get());
    if (!entry) {
      if (errno != 0) return FailFile(errno, path);
      break;
    }
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    if (entry->d_type != DT_DIR && entry->d_type != DT_REG) {
      struct stat status{};
      // Removed since, or a link that leads nowhere.
      if (fstatat(dirfd(folder.get()), entry->d_name, &status, 0) != 0) continue;
      is_folder = S_ISDIR(status.st_mode);
    }
    entries.push_back({is_folder ? name + "/" : name});
  }
  // With the '/' the order of names is the order of the keys below them.
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

}  // namespace tidemark::local
