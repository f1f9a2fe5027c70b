#include "source/sqlserver/tds/shell_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "source/sqlserver/tds/waiter.h"

extern char** environ;

namespace tidemark::tds {
namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

// A process group of its own, which is ended with all it has started.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ < 0) return;
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int WaitForEnd() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

Result<pid_t> Spawn(const std::string& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::string shell = "/bin/sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, shell.c_str(), &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return Fail(ErrorKind::kUnavailable, fmt::format("cannot be run: {}", std::strerror(error)));
  }
  return pid;
}

Result<std::string> ReadAll(int fd, std::size_t bytes_max, Waiter& waiter) {
  std::string output;
  char bytes[4096];
  while (true) {
    TRY(waiter.Wait(fd, POLLIN));
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got == 0) return output;
    if (got < 0 && errno != EINTR && errno != EAGAIN) {
      return Fail(ErrorKind::kUnavailable, std::strerror(errno));
    }
    if (got < 0) continue;
    output.append(bytes, static_cast<std::size_t>(got));
    if (output.size() > bytes_max) {
      return Fail(ErrorKind::kInvalid, fmt::format("prints more than {} bytes", bytes_max));
    }
  }
}

}  // namespace

Result<std::string> RunShellCommand(const ShellCommand& command) {
  const auto waiter = TRY(Waiter::Make(command.stop));
  waiter->SetTimeLeft(command.timeout_ms);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return Fail(ErrorKind::kUnavailable, fmt::format("cannot be run: {}", std::strerror(errno)));
  }
  const Descriptor output{ends[0]};
  Result<pid_t> pid = [&] {
    const Descriptor input{ends[1]};  // closed here: the end of the output must be seen
    return Spawn(command.text, input.fd);
  }();
  Child child(TRY(std::move(pid)));
  std::string printed = TRY(ReadAll(output.fd, command.output_bytes_max, *waiter));
  const int status = child.WaitForEnd();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return printed;
  return Fail(ErrorKind::kInvalid, WIFEXITED(status)
                                       ? fmt::format("ends with exit code {}", WEXITSTATUS(status))
                                       : fmt::format("is ended by signal {}", WTERMSIG(status)));
}

}  // namespace tidemark::tds
