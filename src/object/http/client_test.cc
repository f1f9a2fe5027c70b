// Requests to a service in this process: what is sent, what is taken, what is tried again.
#include "object/http/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <thread>

namespace tidemark::http {
namespace {

using testing::HasSubstr;
using testing::Not;

// Answers each request by the next text, closing after it; with none left it stays silent.
class Service {
 public:
  explicit Service(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    end_ = eventfd(0, EFD_CLOEXEC);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { Run(); });
  }
  ~Service() {
    const std::uint64_t one = 1;
    EXPECT_EQ(write(end_, &one, sizeof one), 8);
    thread_.join();
    close(listener_);
    close(end_);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  std::string Url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  std::vector<std::string> Heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  void OnRequest(std::function<void()> called) { on_request_ = std::move(called); }

 private:
  bool WaitFor(int fd) const {
    pollfd polled[] = {{fd, POLLIN, 0}, {end_, POLLIN, 0}};
    return poll(polled, 2, -1) > 0 && polled[1].revents == 0;
  }
  void Run() {
    for (std::size_t i = 0; WaitFor(listener_); ++i) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      std::string request;
      while (!IsWhole(request) && WaitFor(connection)) {
        char bytes[4096];
        const auto got = recv(connection, bytes, sizeof bytes, 0);
        if (got <= 0) break;
        request.append(bytes, static_cast<std::size_t>(got));
      }
      {
        const std::lock_guard lock(mutex_);
        heard_.push_back(request);
      }
      if (on_request_) on_request_();
      if (i < answers_.size()) {
        send(connection, answers_[i].data(), answers_[i].size(), MSG_NOSIGNAL);
      } else {
        WaitFor(connection);
      }
      close(connection);
    }
  }
  static bool IsWhole(const std::string& request) {
    const auto end = request.find("\r\n\r\n");
    if (end == request.npos) return false;
    const auto length = request.find("Content-Length: ");
    if (length == request.npos) return true;
    return request.size() >= end + 4 + std::stoul(request.substr(length + 16));
  }

  std::vector<std::string> answers_;
  int listener_ = -1, end_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> heard_;
  std::function<void()> on_request_;
  std::jthread thread_;
};

std::string AnswerText(int status, std::string_view body, std::string_view headers = "") {
  return "HTTP/1.1 " + std::to_string(status) +
         " x\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

struct Fixture {
  FakeClock clock{0};
  SeededRandom random{1};
  std::unique_ptr<Client> Make(std::stop_token stop = {}) {
    ClientOptions options;
    options.uses_proxy = false;
    options.clock = &clock;
    options.random = &random;
    options.stop = stop;
    return std::move(*Client::Make(options));
  }
};

TEST(HttpClient, SendsAndTakes) {
  Service service({AnswerText(201, "made", "X-Thing:  One \r\n")});
  Fixture fixture;
  const std::string body = "a=b";
  const auto answer = fixture.Make()->Send({.method = "POST",
                                            .url = service.Url("/path?x=1"),
                                            .headers = {{"X-Mine", "yes"}},
                                            .body = body});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "made");
  EXPECT_EQ(answer->Find("x-thing"), "One");
  EXPECT_EQ(answer->Find("x-other"), "");
  const std::string heard = service.Heard()[0];
  EXPECT_THAT(heard, HasSubstr("POST /path?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(heard, HasSubstr("X-Mine: yes\r\n"));
  EXPECT_TRUE(heard.ends_with("\r\n\r\na=b"));
}

TEST(HttpClient, RedirectionsAreNotFollowed) {
  Service service({AnswerText(302, "", "Location: http://elsewhere.invalid/\r\n")});
  Fixture fixture;
  const auto answer = fixture.Make()->Send({.url = service.Url("/")});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
}

TEST(HttpClient, TriesAgainWhatIsTransient) {
  Service service(
      {AnswerText(503, ""), AnswerText(429, "", "Retry-After: 7\r\n"), "", AnswerText(200, "ok")});
  Fixture fixture;
  const auto answer = fixture.Make()->Send({.url = service.Url("/")});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "ok");
  EXPECT_EQ(service.Heard().size(), 4U);
  // The waits: half a second at most, the seven that were asked for, two seconds at most.
  EXPECT_GE(fixture.clock.NowUs(), 7'000'000);
  EXPECT_LE(fixture.clock.NowUs(), 9'500'000);
}

TEST(HttpClient, GivesTheLastAnswerWhenItGivesUp) {
  Service service(
      {AnswerText(500, "1"), AnswerText(500, "2"), AnswerText(500, "3"), AnswerText(500, "4")});
  Fixture fixture;
  const auto answer = fixture.Make()->Send({.url = service.Url("/")});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "4");
}

TEST(HttpClient, WhatMayNotBeRepeatedIsNot) {
  Service service({AnswerText(503, "busy"), AnswerText(200, "ok")});
  Fixture fixture;
  const auto answer =
      fixture.Make()->Send({.method = "POST", .url = service.Url("/"), .is_repeatable = false});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(service.Heard().size(), 1U);
}

TEST(HttpClient, AnAnswerIsBounded) {
  Service service(
      {AnswerText(200, std::string(1001, 'x')), AnswerText(200, std::string(1000, 'x'))});
  Fixture fixture;
  auto client = fixture.Make();
  const auto refused =
      client->Send({.url = service.Url("/?secret=hush"), .answer_bytes_max = 1000});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(refused.error().message, Not(HasSubstr("hush")));
  EXPECT_TRUE(client->Send({.url = service.Url("/"), .answer_bytes_max = 1000}));
}

TEST(HttpClient, SilenceEnds) {
  Service service({});
  Fixture fixture;
  const auto failed =
      fixture.Make()->Send({.url = service.Url("/"), .total_ms_max = 50, .is_repeatable = false});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("did not answer in time"));
}

TEST(HttpClient, AWishToStopEndsAWait) {
  std::stop_source stop;
  Service service({});
  service.OnRequest([&] { stop.request_stop(); });
  Fixture fixture;
  const auto failed = fixture.Make(stop.get_token())->Send({.url = service.Url("/")});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kCancelled);
}

TEST(HttpClient, OnlyHttp) {
  Fixture fixture;
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/", "nonsense://x", "http://[/"}) {
    const auto refused = fixture.Make()->Send({.url = url});
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid) << refused.error().message;
  }
}

TEST(HttpClient, UrlsAreShownWithoutSecrets) {
  EXPECT_EQ(WithoutSecrets("https://u:p@host/a/b?sig=x#y"), "https://host/a/b");
  EXPECT_EQ(WithoutSecrets("https://host/a@b?x"), "https://host/a@b");
  EXPECT_EQ(PercentEncode("a b/ä~"), "a%20b%2F%C3%A4~");
}

TEST(RetryTable, WaitsGrowAndEnd) {
  SeededRandom random(7);
  const RetryLimits limits{.attempts = 5, .first_wait_ms = 100, .longest_wait_ms = 300};
  for (int i = 0; i < 100; ++i) {
    for (const auto& [attempt, longest] : {std::pair{1, 100}, {2, 200}, {3, 300}, {4, 300}}) {
      const auto wait = WaitAfterMs(limits, attempt, "", random);
      ASSERT_TRUE(wait.has_value());
      EXPECT_GE(*wait, longest / 2);
      EXPECT_LE(*wait, longest);
    }
  }
  EXPECT_FALSE(WaitAfterMs(limits, 5, "", random).has_value());
  EXPECT_EQ(WaitAfterMs({.longest_wait_ms = 20'000}, 1, "20", random), 20'000);
  // More than we are ready to wait, or no number: our own time.
  EXPECT_LE(*WaitAfterMs(limits, 1, "20", random), 100);
  EXPECT_LE(*WaitAfterMs(limits, 1, "Wed, 21 Oct 2026 07:28:00 GMT", random), 100);
}

TEST(RetryTable, Statuses) {
  for (const int status : {408, 429, 500, 502, 503, 504}) EXPECT_TRUE(IsTransientStatus(status));
  for (const int status : {200, 301, 400, 401, 403, 404, 409, 412, 501})
    EXPECT_FALSE(IsTransientStatus(status));
}

}  // namespace
}  // namespace tidemark::http
