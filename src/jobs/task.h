#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <variant>

#include "jobs/job_store.h"

namespace tidemark {

// One attempt at a job, as its task sees it. Used by the task's thread.
class JobRun {
 public:
  virtual ~JobRun() = default;
  virtual const Job& job() const = 0;
  virtual const Checkpoint& checkpoint() const = 0;  // where the last attempt came to
  // Asked for when the job is to be cancelled or paused, stands still, is not ours any more, or the
  // worker ends: then the task returns soon, with kCancelled.
  virtual std::stop_token stop() const = 0;
  // Durable: another attempt starts from here. kConflict: the job is another's; stop, touch
  // nothing.
  virtual Status Save(const Progress& progress, const Checkpoint& checkpoint) = 0;
  // For people; costs nothing, and is written with the next heartbeat.
  virtual void Report(const Progress& progress) = 0;
};

// The attempt stops on purpose and the job goes on after that time; no attempt is used up.
struct Snooze {
  std::int64_t us = 0;
};
using TaskEnd = std::variant<Artifact, Snooze>;

// What is done for one kind of job. Effects are idempotent or fenced by the lease's epoch, as a
// worker that was taken for lost may still be at it.
class JobTask {
 public:
  virtual ~JobTask() = default;
  // kUnavailable is tried again, any other failure ends the job.
  virtual Result<TaskEnd> Run(JobRun& run) = 0;
  // The job will never go on: drops what attempts have stored. May be repeated.
  virtual Status Discard(const Job& job, const Checkpoint& checkpoint) = 0;
  // Removes what a finished job handed out. May be repeated.
  virtual Status Remove(const Job& job) = 0;
};
// Null: no such kind.
using TaskOf = std::function<JobTask*(std::string_view kind)>;

}  // namespace tidemark
