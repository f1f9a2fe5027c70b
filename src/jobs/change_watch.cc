#include "jobs/change_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>

namespace tidemark {

ChangeWatch::ChangeWatch(const std::string& path) {
  auto file = std::filesystem::absolute(path);
  inotify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  quit_ = eventfd(0, EFD_CLOEXEC);
  if (inotify_ < 0 || quit_ < 0) return;
  if (inotify_add_watch(inotify_, file.parent_path().c_str(), IN_MODIFY | IN_CREATE) < 0) return;
  thread_ = std::thread([this, prefix = file.filename().string()] { Run(prefix); });
}

ChangeWatch::~ChangeWatch() {
  if (thread_.joinable()) {
    std::uint64_t one = 1;
    static_cast<void>(!::write(quit_, &one, sizeof(one)));
    thread_.join();
  }
  if (inotify_ >= 0) ::close(inotify_);
  if (quit_ >= 0) ::close(quit_);
}

void ChangeWatch::Run(const std::string& prefix) {
  pollfd files[] = {{.fd = inotify_, .events = POLLIN, .revents = 0},
                    {.fd = quit_, .events = POLLIN, .revents = 0}};
  alignas(inotify_event) char buffer[4096];
  while (true) {
    if (::poll(files, 2, -1) < 0 && errno != EINTR) return;
    if (files[1].revents != 0) return;
    auto size = ::read(inotify_, buffer, sizeof(buffer));
    bool is_ours = false;
    for (ssize_t begin = 0; begin < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer + begin, sizeof(event));
      const char* name = buffer + begin + sizeof(event);
      if ((event.mask & IN_Q_OVERFLOW) != 0 ||
          (event.len > 0 && std::strncmp(name, prefix.c_str(), prefix.size()) == 0)) {
        is_ours = true;
      }
      begin += static_cast<ssize_t>(sizeof(event) + event.len);
    }
    if (!is_ours) continue;
    std::lock_guard lock(mutex_);
    ++changes_;
    changed_.notify_all();
  }
}

std::uint64_t ChangeWatch::Wait(std::uint64_t seen, std::int64_t at_most_us,
                                const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, std::chrono::microseconds(at_most_us),
                    [&] { return changes_ != seen; });
  return changes_;
}

}  // namespace tidemark
