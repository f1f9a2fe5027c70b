#include "source/sqlserver/tds/browser.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "source/sqlserver/tds/lookup.h"

namespace tidemark::tds {
namespace {

constexpr char kAskInstance = 0x04, kAnswer = 0x05;
constexpr std::size_t kInstanceBytesMax = 32;
constexpr int kTries = 3;  // datagrams get lost
constexpr std::int64_t kSilenceMs = 1000;

struct Closer {
  int fd;
  ~Closer() { close(fd); }
};

// The value behind a name in a list "name;value;name;value".
std::optional<std::string_view> ValueOf(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    std::array<std::string_view, 2> pair;
    for (std::string_view& part : pair) {
      part = list.substr(0, list.find(';'));
      list.remove_prefix(std::min(part.size() + 1, list.size()));
    }
    if (EqualsNoCase(pair[0], wanted)) return pair[1];
  }
  return std::nullopt;
}

// One question and the first answer that is one; nothing: silence.
Result<std::optional<std::string>> Ask(int fd, std::string_view question, Waiter& waiter) {
  if (send(fd, question.data(), question.size(), MSG_NOSIGNAL) < 0) {
    return Fail(ErrorKind::kUnavailable, std::strerror(errno));
  }
  waiter.SetSilence(kSilenceMs);
  Status waited = waiter.Wait(fd, POLLIN);
  waiter.SetSilence(0);
  if (!waited) {
    if (waiter.has_timed_out()) return std::optional<std::string>();
    return Fail(std::move(waited).error());
  }
  std::array<char, 65'536> answer;
  const ssize_t got = recv(fd, answer.data(), answer.size(), 0);
  if (got < 0) return Fail(ErrorKind::kUnavailable, std::strerror(errno));
  return std::string(answer.data(), static_cast<std::size_t>(got));
}

std::unexpected<Error> NobodyAnswers(const Endpoint& browser, std::string_view instance,
                                     std::string_view why) {
  return Fail(
      ErrorKind::kUnavailable,
      fmt::format("the port of instance \"{}\" is not known: the browser service at {} (UDP) "
                  "does not answer{}",
                  instance, ToText(browser), why),
      "start SQL Server Browser there, let UDP through, or name the port instead of the "
      "instance");
}

}  // namespace

Result<std::uint16_t> PortInBrowserAnswer(std::string_view answer, std::string_view instance) {
  constexpr std::size_t kHeader = 3;
  const auto size = answer.size() < kHeader
                        ? 0
                        : std::size_t{static_cast<std::uint8_t>(answer[1])} |
                              std::size_t{static_cast<std::uint8_t>(answer[2])} << 8;
  if (answer.size() < kHeader || answer[0] != kAnswer || size > answer.size() - kHeader) {
    return Fail(ErrorKind::kCorrupt, fmt::format("the browser service answered {} bytes that are "
                                                 "no description of an instance",
                                                 answer.size()));
  }
  // Descriptions of several instances end with two semicolons each.
  std::string_view list = answer.substr(kHeader, size);
  while (!list.empty()) {
    const auto end = std::min(list.find(";;"), list.size());
    const std::string_view one = list.substr(0, end);
    list.remove_prefix(std::min(end + 2, list.size()));
    const auto name = ValueOf(one, "InstanceName");
    if (!name || !EqualsNoCase(*name, instance)) continue;
    const auto port = ValueOf(one, "tcp");
    if (!port) {
      return Fail(ErrorKind::kNotFound,
                  fmt::format("instance \"{}\" listens at no TCP port", instance),
                  "allow TCP/IP for it in SQL Server Configuration Manager");
    }
    std::uint16_t number = 0;
    const auto parsed = std::from_chars(port->data(), port->data() + port->size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != port->data() + port->size() || number == 0) {
      return Fail(
          ErrorKind::kCorrupt,
          fmt::format("the browser service says that instance \"{}\" listens at port \"{}\"",
                      instance, port->substr(0, 20)));
    }
    return number;
  }
  return Fail(ErrorKind::kNotFound,
              fmt::format("the browser service knows no instance \"{}\"", instance));
}

Result<std::uint16_t> FindInstancePort(const Endpoint& browser, std::string_view instance,
                                       Waiter& waiter) {
  if (instance.size() > kInstanceBytesMax || instance.find('\0') != instance.npos) {
    return Fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no name of an instance", instance));
  }
  const auto addresses = TRY(LookUp(browser, SOCK_DGRAM, waiter));
  const SocketAddress& address = addresses.front();
  const int fd = socket(address.bytes.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return NobodyAnswers(browser, instance, fmt::format(": {}", std::strerror(errno)));
  const Closer closer{fd};
  // Connected, a datagram from anybody else does not reach us.
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.bytes), address.size) != 0) {
    return NobodyAnswers(browser, instance, fmt::format(": {}", std::strerror(errno)));
  }
  std::string question(1, kAskInstance);
  question += instance;
  question += '\0';
  for (int i = 0; i < kTries; ++i) {
    auto answer = Ask(fd, question, waiter);
    if (!answer && answer.error().kind == ErrorKind::kCancelled) {
      return Fail(std::move(answer).error());
    }
    if (!answer) return NobodyAnswers(browser, instance, ": " + answer.error().message);
    if (*answer) return PortInBrowserAnswer(**answer, instance);
  }
  return NobodyAnswers(browser, instance, "");
}

}  // namespace tidemark::tds
