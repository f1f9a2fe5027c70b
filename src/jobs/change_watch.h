#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace tidemark {

// Notices writes to the files of one folder whose names begin with a prefix, by whatever process,
// by asking the system to tell (inotify). Where it cannot tell, waiting is by time alone.
// Thread-safe.
class ChangeWatch {
 public:
  // `path`: of the file; its companions (-wal) are watched with it.
  explicit ChangeWatch(const std::string& path);
  ~ChangeWatch();
  ChangeWatch(const ChangeWatch&) = delete;
  ChangeWatch& operator=(const ChangeWatch&) = delete;

  // See JobStore::WaitForChange.
  std::uint64_t Wait(std::uint64_t seen, std::int64_t at_most_us, const std::stop_token& stop);

 private:
  void Run(const std::string& prefix);

  int inotify_ = -1, quit_ = -1;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t changes_ = 1;
  std::thread thread_;
};

}  // namespace tidemark
