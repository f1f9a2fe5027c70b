#include "source/sqlserver/tds/waiter.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/clock.h"

namespace tidemark::tds {
namespace {

std::unexpected<Error> TimedOut(std::int64_t ms) {
  const std::string time =
      ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
  return Fail(ErrorKind::kUnavailable, "no answer within " + time);
}

}  // namespace

Result<std::unique_ptr<Waiter>> Waiter::Make(std::stop_token stop) {
  const int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd < 0) {
    return Fail(ErrorKind::kUnavailable,
                fmt::format("cannot make an event descriptor: {}", std::strerror(errno)));
  }
  return std::unique_ptr<Waiter>(new Waiter(std::move(stop), event_fd));
}

Waiter::Waiter(std::stop_token stop, int event_fd) : stop_(std::move(stop)), event_fd_(event_fd) {
  on_stop_.emplace(stop_, Ring{event_fd_});
}

Waiter::~Waiter() {
  on_stop_.reset();  // waits for a callback that is running, which uses the descriptor
  close(event_fd_);
}

void Waiter::Ring::operator()() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(event_fd, &one, sizeof one);
}

void Waiter::SetTimeLeft(std::int64_t ms) {
  agreed_ms_ = ms;
  deadline_us_ = ms == 0 ? 0 : SystemClock().MonotonicUs() + ms * 1000;
}

std::optional<std::int64_t> Waiter::time_left_ms() const {
  if (deadline_us_ == 0) return std::nullopt;
  return std::max<std::int64_t>(0, (deadline_us_ - SystemClock().MonotonicUs()) / 1000);
}

Status Waiter::CheckStop() const {
  if (heeds_stop_ && stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  return {};
}

Status Waiter::Wait(int fd, short events) {
  const std::int64_t begin_us = SystemClock().MonotonicUs();
  has_timed_out_ = false;
  while (true) {
    TRY(CheckStop());
    const std::int64_t now_us = SystemClock().MonotonicUs();
    std::int64_t left_us = INT64_MAX;
    if (deadline_us_ != 0) left_us = deadline_us_ - now_us;
    if (silence_ms_ != 0) left_us = std::min(left_us, begin_us + silence_ms_ * 1000 - now_us);
    if (left_us <= 0) {
      has_timed_out_ = true;
      const bool is_deadline = deadline_us_ != 0 && now_us >= deadline_us_;
      return TimedOut(is_deadline ? agreed_ms_ : silence_ms_);
    }
    pollfd polled[] = {{fd, events, 0}, {event_fd_, POLLIN, 0}};
    // The event stays rung: who does not heed it must not be woken by it for ever.
    const nfds_t count = heeds_stop_ ? 2 : 1;
    const int wait_ms =
        static_cast<int>(std::min<std::int64_t>(left_us / 1000 + 1, std::int64_t{1} << 30));
    const int ready = poll(polled, count, left_us == INT64_MAX ? -1 : wait_ms);
    if (ready < 0 && errno != EINTR) {
      return Fail(ErrorKind::kUnavailable, fmt::format("poll: {}", std::strerror(errno)));
    }
    if (ready > 0 && polled[0].revents != 0) return {};
  }
}

}  // namespace tidemark::tds
