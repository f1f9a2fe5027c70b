#pragma once
#include <memory>
#include <string>

#include "base/worker_pool.h"
#include "sync/survey.h"

namespace tidemark {

// What a run works with, sized by its options: the memory of all lanes together fits the budget.
struct RunResources {
  const Format* format = nullptr;
  int workers = 1;
  std::unique_ptr<WorkerPool> pool;
  FormatOptions encoding;
};
Result<RunResources> MakeResources(const SyncOptions& options);

// 20261121T112805123456Z-0123456789abcdef
std::string NewRunId(const SyncOptions& options);

// Whether a table needs a write: not when it is idle, unless a dead run's commit is to be finished
// or its watermark is to be renewed before its changes expire (rules.md 17).
bool NeedsTurn(const SyncOptions& options, const SurveyedTable& table);

}  // namespace tidemark
