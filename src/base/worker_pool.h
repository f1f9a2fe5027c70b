#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace tidemark {

// A fixed number of threads that run tasks in the order given. The one place where exceptions of
// libraries are caught: a task that throws counts as failed with kInternal. Thread-safe.
class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  ~WorkerPool();  // runs what was given, then joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return static_cast<int>(threads_.size()); }
  void Submit(std::function<void()> task);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable has_task_;
  std::deque<std::function<void()>> tasks_;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

// Tasks that belong together, run on a pool. The waiting thread runs tasks of its own group too, so
// groups may nest without running out of threads. One thread adds and waits.
class TaskGroup {
 public:
  explicit TaskGroup(WorkerPool& pool) : pool_(&pool), shared_(std::make_shared<Shared>()) {}
  ~TaskGroup();  // waits
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void Add(std::function<Status()> task);
  // Waits for all; the first failure, if any. Tasks not yet begun when one fails are dropped.
  Status Wait();
  // As Wait, but leaves the work to the pool, which must have a thread: for a caller that is not
  // one of its threads and must not be one worker more.
  Status WaitIdle();

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<Status()>> waiting;
    int running = 0;
    Status result;
    bool RunOne();  // false: nothing was waiting
  };
  WorkerPool* pool_;
  std::shared_ptr<Shared> shared_;
};

// Runs `f`, turning what it throws into kInternal (kUnavailable when memory ran out).
Status CatchAll(const std::function<Status()>& f);

}  // namespace tidemark
