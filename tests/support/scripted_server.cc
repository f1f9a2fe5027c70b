#include "tests/support/scripted_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace tidemark::test {

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  end_ = eventfd(0, EFD_CLOEXEC);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool is_listening =
      bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      listen(listener_, 64) == 0 &&
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  EXPECT_TRUE(is_listening);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { Run(); });
}

ScriptedServer::~ScriptedServer() {
  const std::uint64_t one = 1;
  EXPECT_EQ(write(end_, &one, sizeof one), 8);
  thread_.join();
  close(listener_);
  close(end_);
}

void ScriptedServer::Play(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

void ScriptedServer::PlayNext(std::vector<Script> scripts) {
  const std::lock_guard lock(mutex_);
  next_ = std::move(scripts);
}

std::vector<std::string> ScriptedServer::Heard() {
  const std::lock_guard lock(mutex_);
  return heard_;
}

bool ScriptedServer::WaitFor(int fd) const {
  pollfd polled[] = {{fd, POLLIN, 0}, {end_, POLLIN, 0}};
  return poll(polled, 2, -1) > 0 && polled[1].revents == 0;
}

void ScriptedServer::Run() {
  while (WaitFor(listener_)) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    Script script;
    {
      const std::lock_guard lock(mutex_);
      script = script_;
      if (!next_.empty()) {
        script = std::move(next_.front());
        next_.erase(next_.begin());
      }
    }
    Serve(connection, script);
    close(connection);
  }
}

bool ScriptedServer::ReadMessage(int connection, std::string* message) {
  bool is_last = false;
  while (!is_last) {
    std::string packet;
    std::size_t wanted = 8;
    while (packet.size() < wanted) {
      char bytes[4096];
      if (!WaitFor(connection)) return false;
      const auto got = recv(connection, bytes, std::min(sizeof bytes, wanted - packet.size()), 0);
      if (got <= 0) return false;
      packet.append(bytes, static_cast<std::size_t>(got));
      if (packet.size() >= 4) {
        wanted =
            static_cast<unsigned char>(packet[2]) * 256U + static_cast<unsigned char>(packet[3]);
      }
    }
    if (message->empty()) *message = packet.substr(0, 1);
    is_last = (packet[1] & 1) != 0;
    *message += packet.substr(8);
  }
  return true;
}

void ScriptedServer::Serve(int connection, const Script& script) {
  std::size_t left = script.bytes_max;
  for (std::size_t i = 0;; ++i) {
    std::string message;
    if (!ReadMessage(connection, &message)) return;
    {
      const std::lock_guard lock(mutex_);
      heard_.push_back(message);
    }
    if (on_message_) on_message_(i);
    if (i >= script.answers.size()) {
      if (script.stays) continue;
      return;
    }
    std::string_view answer = script.answers[i];
    answer = answer.substr(0, left);
    left -= answer.size();
    while (!answer.empty()) {
      const auto sent = send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      answer.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (left == 0) return;
    if (i + 1 == script.answers.size() && !script.stays) return;
  }
}

}  // namespace tidemark::test
