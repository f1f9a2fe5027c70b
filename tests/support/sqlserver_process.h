#pragma once
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "source/sqlserver/tds/connection.h"
#include "tests/support/read_rows.h"

namespace tidemark::test {

// The test server (tests/support/tds_server) in a process of its own, from the first use to the end
// of the program.
class SqlServerProcess {
 public:
  static SqlServerProcess& Get() {
    static SqlServerProcess process;
    return process;
  }
  int port() const { return port_; }

 private:
  SqlServerProcess() {
    int input[2], output[2];
    if (::pipe(input) != 0 || ::pipe(output) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(input[0], 0);
      ::dup2(output[1], 1);
      for (int end : {input[0], input[1], output[0], output[1]}) ::close(end);
      ::setenv("PYTHONPATH", TIDEMARK_TEST_SUPPORT, 1);
      ::execl(TIDEMARK_TEST_PYTHON, TIDEMARK_TEST_PYTHON, "-m", "tds_server", nullptr);
      ::_exit(127);
    }
    ::close(input[0]);
    ::close(output[1]);
    stop_ = input[1];
    std::string line;
    for (char c = 0; ::read(output[0], &c, 1) == 1 && c != '\n';) line.push_back(c);
    ::close(output[0]);
    // {"listening on": "127.0.0.1:PORT", …}
    auto host = line.find("127.0.0.1:");
    if (host == line.npos)
      ADD_FAILURE() << "the test server does not start: " << line;
    else
      port_ = std::atoi(line.c_str() + host + 10);
  }
  // Its standard input ends, and so does it.
  ~SqlServerProcess() {
    ::close(stop_);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid_ = -1;
  int stop_ = -1, port_ = 0;
};

// A session of an administrator.
class SqlServerSession {
 public:
  explicit SqlServerSession(const std::string& database) {
    tds::ConnectOptions options;
    options.host = "127.0.0.1";
    options.port = static_cast<std::uint16_t>(SqlServerProcess::Get().port());
    options.database = database;
    options.user = "sa";
    options.password = "p";
    options.encrypt = tds::Encrypt::kFalse;
    auto opened = tds::Connection::Open(options);
    if (opened)
      connection_ = std::move(*opened);
    else
      ADD_FAILURE() << opened.error().message;
  }
  void Execute(const std::string& sql) { test::Get(connection_->Execute(sql)); }
  std::vector<std::int64_t> Ints(const std::string& sql) {
    std::vector<std::int64_t> values;
    for (const auto& row : test::Get(connection_->Query(sql)))
      values.push_back(std::get<std::int64_t>(row.front()));
    return values;
  }

 private:
  std::unique_ptr<tds::Connection> connection_;
};

}  // namespace tidemark::test
