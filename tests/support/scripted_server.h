#pragma once
#include <poll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tidemark::test {

// What the server of a test says: after each whole message of the client the next answer.
struct Script {
  std::vector<std::string> answers;
  std::size_t bytes_max = SIZE_MAX;  // then it cuts the connection
  // With nothing left to say it waits until the client goes; else it cuts the connection there.
  bool stays = true;
};

// Listens on a free port of this machine and serves one connection after the other, each by the
// script that stands when it comes. What clients sent can be looked at.
class ScriptedServer {
 public:
  explicit ScriptedServer(Script script = {});
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const { return port_; }
  void Play(Script script);
  // The next connections one by one, then what Play said.
  void PlayNext(std::vector<Script> scripts);
  // The payloads of the client's messages so far, each with its type in front.
  std::vector<std::string> Heard();
  // Called in the server's thread with the number of a message (0: the first of a connection)
  // before it is answered.
  void OnMessage(std::function<void(std::size_t)> called) { on_message_ = std::move(called); }

 private:
  void Run();
  void Serve(int connection, const Script& script);
  bool ReadMessage(int connection, std::string* message);
  bool WaitFor(int fd) const;

  int listener_ = -1, end_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  Script script_;
  std::vector<Script> next_;
  std::vector<std::string> heard_;
  std::function<void(std::size_t)> on_message_;
  std::jthread thread_;
};

}  // namespace tidemark::test
