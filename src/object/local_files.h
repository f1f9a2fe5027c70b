#pragma once
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tidemark::local {

// An open file, closed when destroyed.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// What the caller may do about errno `code` at `path`; the message names the path.
Error FileError(int code, const std::string& path);
inline std::unexpected<Error> FailFile(int code, const std::string& path) {
  return Fail(FileError(code, path));
}

// open(2), closed on exec and repeated when a signal interrupts it; not open: see errno.
File Open(const std::string& path, int flags);

Status WriteAll(const File& file, std::string_view bytes, const std::string& path);
// Bytes [begin, begin + size_bytes), fewer at the end of the file.
Result<std::string> ReadAt(const File& file, std::int64_t begin, std::int64_t size_bytes,
                           const std::string& path);
Status SyncData(const File& file, const std::string& path);
Status SyncFolder(const std::string& path);
std::string ParentOf(const std::string& path);

// Makes a folder and what is missing above it. The parents that got a new entry are added to
// `changed`: the new folders survive a power cut once these are synced.
Status MakeFolders(const std::string& path, std::vector<std::string>& changed);

// Removes `folder` and its parents while they are empty, up to `root`, which stays.
void RemoveEmptyFolders(std::string folder, const std::string& root);

// flock, waiting for it. A holder only ever replaces one small file, so that `stop` ends a wait
// only where the holder does not come to its end: kCancelled.
Status LockExclusively(const File& file, const std::string& path, const std::stop_token& stop);

// One entry of a folder: a file, or (name ends with '/') a folder.
struct Entry {
  std::string name;
  bool is_folder() const { return name.ends_with('/'); }
};
// The files and folders in `path`, in order of their names; none when there is no such folder.
Result<std::vector<Entry>> ReadFolder(const std::string& path);

}  // namespace tidemark::local
