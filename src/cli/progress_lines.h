#pragma once
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string_view>

#include "base/clock.h"
#include "cli/progress.h"

namespace tidemark::cli {

// Each event as a line of JSON, for programs that run this one: "planned", "began", "advanced" and
// "ended". Rows and bytes are those so far. A table advances at most ten times a second, however
// many batches it has; what came since then is in its next line, at the latest in "ended".
class ProgressLines final : public ProgressView {
 public:
  // `clock` outlives this; `stream` is not closed.
  ProgressLines(std::FILE* stream, Clock& clock) : stream_(stream), clock_(clock) {}

  void Show(const ProgressEvent& event) override;

 private:
  struct Work {
    std::int64_t rows = 0, bytes = 0, told_us = 0;
  };
  // With mutex_ held.
  void Begin(const ProgressEvent& event);
  void Advance(const ProgressEvent& event);
  void End(const ProgressEvent& event);

  std::FILE* stream_;
  Clock& clock_;
  std::mutex mutex_;
  std::map<TableId, Work> at_work_;
};

}  // namespace tidemark::cli
