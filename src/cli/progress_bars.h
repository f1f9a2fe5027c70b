#pragma once
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/progress.h"

namespace tidemark::cli {

// One line for each table at work and one for all, on stderr, drawn again ten times a second until
// destroyed; then they are taken away. Only tables at work are shown, so that thousands fit.
class ProgressBars final : public ProgressView {
 public:
  ProgressBars();
  ~ProgressBars() override;

  void Show(const ProgressEvent& event) override;

 private:
  struct Work {
    std::int64_t estimated_rows = 0, rows = 0, bytes = 0, began_us = 0;
    std::int64_t resumed_rows = 0;  // of `rows`: not of this run, so they say nothing of its speed
  };
  std::vector<std::string> Lines(int width, int height) const;
  void Draw();

  mutable std::mutex mutex_;
  std::map<TableId, Work> at_work_;
  Work total_;
  int tables_ = 0, ended_ = 0, failed_ = 0;
  int lines_drawn_ = 0;  // used by the drawing thread alone
  const bool has_colour_;
  bool is_ending_ = false;
  std::condition_variable ending_;
  std::thread drawing_;
};

}  // namespace tidemark::cli
