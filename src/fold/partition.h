#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

// A folder of one fold under the folder for temporary files, `tidemark-fold-<pid>-<random>`; made
// when first needed, removed with the object. Thread-safe.
class TempFolder {
 public:
  // Also removes what folds of dead processes left there. Nothing is made yet.
  static Result<std::unique_ptr<TempFolder>> Open(std::string parent);
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  // kDenied, kUnavailable (full), kInvalid (the parent is no folder).
  Result<std::string> Path();

 private:
  explicit TempFolder(std::string parent) : parent_(std::move(parent)) {}

  std::string parent_, path_;
  int lock_ = -1;  // held while the folder is in use
  std::mutex mutex_;
};

// A number of byte sequences that are written side by side and read one by one. They stay in memory
// while they fit, then what is held goes to a file each. One thread at a time.
class Partitions {
 public:
  // `name` tells the files of several apart within the folder.
  Partitions(TempFolder& folder, std::string name, int count, std::int64_t memory_bytes);
  ~Partitions();
  Partitions(const Partitions&) = delete;
  Partitions& operator=(const Partitions&) = delete;

  int count() const { return static_cast<int>(parts_.size()); }
  const std::string& name() const { return name_; }
  // kUnavailable: the disk is full; then everything after fails too.
  Status Append(int partition, std::string_view bytes) {
    auto& part = parts_[static_cast<std::size_t>(partition)];
    if (bytes.size() <= static_cast<std::size_t>(part.end - part.at)) [[likely]] {
      __builtin_memcpy(part.at, bytes.data(), bytes.size());
      part.at += bytes.size();
      return {};
    }
    return AppendSlowly(part, bytes);
  }

  // The bytes of one partition in order. The partitions must outlive it and not be written
  // meanwhile.
  class Reader {
   public:
    Reader(const Partitions& partitions, int partition);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // Makes the next `size` bytes stand at data(); false: the end (kInternal when it cuts them).
    Result<bool> Need(std::size_t size) {
      if (static_cast<std::size_t>(end_ - at_) >= size) [[likely]]
        return true;
      return Fill(size);
    }
    const char* data() const { return at_; }
    void Skip(std::size_t size) { at_ += size; }

   private:
    Result<bool> Fill(std::size_t size);
    Result<std::size_t> ReadSome(char* out, std::size_t size);

    const Partitions* partitions_;
    std::size_t partition_;
    int file_ = -1;
    std::int64_t file_at_ = 0;
    std::size_t block_ = 0, block_at_ = 0;
    std::vector<char> buffer_;
    const char *at_ = nullptr, *end_ = nullptr;
  };

 private:
  struct Part {
    std::vector<std::unique_ptr<char[]>> blocks;  // all full but the last
    char *at = nullptr, *end = nullptr;           // free room in the last block
    std::int64_t file_bytes = 0;
  };
  Status AppendSlowly(Part& part, std::string_view bytes);
  Status AddBlock(Part& part);
  Status Spill();
  Status SpillPart(const std::string& path, Part& part);
  std::string FilePath(std::size_t partition) const;

  TempFolder* folder_;
  std::string name_;
  std::string folder_path_;  // once something was spilled
  std::size_t block_bytes_;
  std::size_t blocks_max_;
  std::size_t blocks_held_ = 0;
  std::vector<std::unique_ptr<char[]>> free_blocks_;
  std::vector<Part> parts_;
};

}  // namespace tidemark
