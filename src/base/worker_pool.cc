#include "base/worker_pool.h"

#include <exception>
#include <new>

namespace tidemark {

Status CatchAll(const std::function<Status()>& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return Fail(ErrorKind::kUnavailable, "out of memory");
  } catch (const std::exception& e) {
    return Fail(ErrorKind::kInternal, e.what());
  }
}

WorkerPool::WorkerPool(int threads) {
  TIDEMARK_CHECK(threads > 0);
  threads_.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  has_task_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void WorkerPool::Submit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  has_task_.notify_one();
}

void WorkerPool::Run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      has_task_.wait(lock, [&] { return is_stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

bool TaskGroup::Shared::RunOne() {
  std::function<Status()> task;
  {
    std::lock_guard lock(mutex);
    if (waiting.empty()) return false;
    task = std::move(waiting.front());
    waiting.pop_front();
    ++running;
  }
  auto done = CatchAll(task);
  // What the task holds must be gone before the group counts as done.
  task = nullptr;
  std::lock_guard lock(mutex);
  --running;
  if (!done && result) {
    result = std::move(done);
    waiting.clear();
  }
  changed.notify_all();
  return true;
}

TaskGroup::~TaskGroup() { static_cast<void>(Wait().has_value()); }

void TaskGroup::Add(std::function<Status()> task) {
  {
    std::lock_guard lock(shared_->mutex);
    if (!shared_->result) return;
    shared_->waiting.push_back(std::move(task));
  }
  pool_->Submit([shared = shared_] { shared->RunOne(); });
}

Status TaskGroup::Wait() {
  while (shared_->RunOne()) {
  }
  return WaitIdle();
}

Status TaskGroup::WaitIdle() {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return shared_->waiting.empty() && shared_->running == 0; });
  return shared_->result;
}

}  // namespace tidemark
