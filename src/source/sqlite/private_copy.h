#pragma once
#include <memory>
#include <stop_token>
#include <string>

#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// A file of ours in the folder for temporary files, readable by this user alone; removed on
// destruction. One thread at a time.
class TemporaryFile {
 public:
  // kNotFound, kDenied, kUnavailable: the folder cannot take it. `what` becomes part of the name.
  static Result<TemporaryFile> Make(const std::string& folder, const std::string& what);
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryFile() { Remove(); }
  // What is open stays readable; nothing is left behind even when the process is killed.
  void Remove();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Removes what processes that died left in `folder`. Never fails: what cannot be removed stays.
void RemoveLeftOverFiles(const std::string& folder);

enum class Cloning {
  kNever,
  kMayClone,  // the file alone is the whole state: rollback journal, and `source` holds a read lock
};

// The state that `source` sees in its open read transaction, as a database file of the same pages.
// kUnavailable: the folder has no room for it; kCancelled.
Result<TemporaryFile> CopyDatabase(Connection& source, const std::string& folder, Cloning cloning,
                                   const std::stop_token& stop);

}  // namespace tidemark::sqlite
