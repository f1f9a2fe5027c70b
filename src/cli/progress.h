#pragma once
#include <memory>

#include "cli/arguments.h"
#include "tidemark/tidemark.h"

namespace tidemark::cli {

// Shows how one run goes on, until destroyed. Called from many threads.
class ProgressView {
 public:
  virtual ~ProgressView() = default;
  virtual void Show(const ProgressEvent& event) = 0;
};

// How runs are shown: bars on a terminal, or lines of JSON where they are asked for, else not at
// all.
class Progress {
 public:
  // `arguments` outlives this.
  explicit Progress(const Arguments& arguments) : arguments_(arguments) {}
  // For RunOptions::progress; this outlives it.
  std::function<void(const ProgressEvent&)> Call();
  // Of a run, before anything is printed: bars are taken away.
  void End() { view_.reset(); }

 private:
  const Arguments& arguments_;
  std::unique_ptr<ProgressView> view_;  // made as a run is planned, before it has threads
};

}  // namespace tidemark::cli
