#include "cli/stop_on_signal.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/result.h"

namespace tidemark::cli {
namespace {

std::atomic<int> first_signal = 0;
int wake_pipe[2] = {-1, -1};

// Only what a signal handler may do: an atomic, write() and _exit().
void OnSignal(int signal) {
  int saved_errno = errno;
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, signal)) ::_exit(128 + signal);
  char byte = 1;
  [[maybe_unused]] auto ignored = ::write(wake_pipe[1], &byte, 1);
  errno = saved_errno;
}

}  // namespace

StopOnSignal::StopOnSignal() {
  TIDEMARK_CHECK(::pipe(wake_pipe) == 0);
  waiting_ = std::jthread([source = source_]() mutable {
    char byte = 0;
    while (::read(wake_pipe[0], &byte, 1) < 0 && errno == EINTR) {
    }
    if (first_signal != 0) source.request_stop();
  });
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

StopOnSignal::~StopOnSignal() {
  for (int signal : {SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
  ::close(wake_pipe[1]);  // ends the read
  waiting_.join();
  ::close(wake_pipe[0]);
}

int StopOnSignal::exit_code() const { return first_signal == 0 ? 0 : 128 + first_signal; }

}  // namespace tidemark::cli
