#pragma once
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "jobs/task.h"

namespace tidemark {

struct WorkerOptions {
  std::string name;                    // unique in the fleet: host, process and a random part
  int slots = 1;                       // jobs at once
  std::int64_t lease_us = 60'000'000;  // renewed four times in that
  std::int64_t poll_us = 10'000'000;   // looked for work at least that often, more or less
  std::int64_t upkeep_us = 15'000'000;
  std::int64_t keep_us = 30LL * 24 * 3600 * 1'000'000;  // how long ended jobs are remembered
  ReapLimits reap;
};

// Takes jobs from a store and runs them, with a heartbeat of its own; takes back what lost workers
// held and clears what is over its time. Several in one process or many share a store.
class Worker {
 public:
  // `store` and what `task_of` gives must outlive it.
  Worker(JobStore& store, TaskOf task_of, WorkerOptions options);
  ~Worker();  // as Stop
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();
  // Hands running jobs back, at a point from which they go on, and returns when all is quiet.
  void Stop();

 private:
  class Attempt;  // one running job

  void RunSlot(const std::stop_token& stop);
  void RunHeartbeats(const std::stop_token& stop);
  void RunUpkeep(const std::stop_token& stop);
  void RunJob(ClaimedJob claimed, const std::stop_token& stop);
  void Settle(Attempt& attempt, Result<TaskEnd> end);
  void DiscardDead();
  void ExpireArtifacts();
  std::int64_t Jittered(std::int64_t us);

  JobStore& store_;
  TaskOf task_of_;
  WorkerOptions options_;
  std::mutex mutex_;
  std::set<Attempt*> attempts_;
  std::vector<std::jthread> slots_;
  std::jthread upkeep_, heartbeats_;
};

// "host-1234-9f8e…": for WorkerOptions::name.
std::string NewWorkerName(Random& random);

}  // namespace tidemark
