#pragma once
#include <stop_token>
#include <thread>

namespace tidemark::cli {

// While it lives, the first SIGINT or SIGTERM asks to stop; a second one ends the process at once,
// which is safe at any moment, as a crash is. One at a time.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  // The exit code of an interrupted program, 130 or 143; 0: no signal has come.
  int exit_code() const;

 private:
  std::stop_source source_;
  std::jthread waiting_;
};

}  // namespace tidemark::cli
