#include "source/sqlserver/tds/lookup.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

namespace tidemark::tds {
namespace {

// What a look-up thread and the one that waits for it share: the resolver cannot be interrupted, so
// who stops waiting leaves the thread to finish alone.
struct Task {
  std::string host, port;
  int socket_type = 0;
  int done_fd = -1;
  int error = 0;
  std::vector<SocketAddress> addresses;
  ~Task() {
    if (done_fd >= 0) close(done_fd);
  }
};

void Resolve(const std::shared_ptr<Task>& task) {
  addrinfo wanted{};
  wanted.ai_socktype = task->socket_type;
  addrinfo* found = nullptr;
  task->error = getaddrinfo(task->host.c_str(), task->port.c_str(), &wanted, &found);
  for (const addrinfo* one = task->error == 0 ? found : nullptr; one != nullptr;
       one = one->ai_next) {
    SocketAddress address;
    std::memcpy(&address.bytes, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    task->addresses.push_back(address);
  }
  if (found != nullptr) freeaddrinfo(found);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(task->done_fd, &one, sizeof one);
}

}  // namespace

Result<std::vector<SocketAddress>> LookUp(const Endpoint& endpoint, int socket_type,
                                          Waiter& waiter) {
  auto task = std::make_shared<Task>();
  task->socket_type = socket_type;
  task->host = endpoint.host;
  task->port = std::to_string(endpoint.port);
  task->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (task->done_fd < 0) {
    return Fail(ErrorKind::kUnavailable,
                fmt::format("cannot make an event descriptor: {}", std::strerror(errno)));
  }
  std::thread([task] { Resolve(task); }).detach();
  TRY_WHILE("look up host \"" + endpoint.host + "\"", waiter.Wait(task->done_fd, POLLIN));
  if (task->error == EAI_AGAIN) {
    return Fail(ErrorKind::kUnavailable,
                fmt::format("the name service does not answer for host \"{}\"", endpoint.host));
  }
  if (task->error != 0 || task->addresses.empty()) {
    return Fail(
        ErrorKind::kNotFound,
        fmt::format("there is no host \"{}\": {}", endpoint.host, gai_strerror(task->error)),
        "check the name of the server");
  }
  return std::move(task->addresses);
}

}  // namespace tidemark::tds
