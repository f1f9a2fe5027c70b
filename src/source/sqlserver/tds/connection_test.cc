// Sessions against servers that play a script: what is sent, what is made of the answers, and what
// becomes of a connection that is cut or lied to.
#include "source/sqlserver/tds/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"
#include "tests/support/scripted_server.h"
#include "tests/support/tds_bytes.h"
#include "tests/support/tds_vectors.h"

namespace tidemark::tds {
namespace {

using test::DoneToken;
using test::ErrorToken;
using test::IntMetadata;
using test::IntResult;
using test::IntRow;
using test::Packets;
using test::Script;
using test::ScriptedServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ConnectOptions To(std::uint16_t port) {
  ConnectOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  options.user = "sa";
  options.password = "secret";
  options.encrypt = Encrypt::kFalse;
  return options;
}

// Prelogin, login, then these.
Script Serving(std::vector<std::string> replies) {
  Script script;
  script.answers = {Packets(test::PreloginPayload(2)), Packets(test::LoginPayload())};
  for (std::string& reply : replies) script.answers.push_back(std::move(reply));
  return script;
}

std::unique_ptr<Connection> MustOpen(const ConnectOptions& options) {
  auto opened = Connection::Open(options);
  if (!opened) {
    ADD_FAILURE() << opened.error().message;
    return nullptr;
  }
  return std::move(*opened);
}

std::string Port(const ScriptedServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

TEST(Connection, LogsInAndReads) {
  ScriptedServer server(Serving({Packets(IntResult(3))}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(connection->server().version.major, 16);
  EXPECT_EQ(connection->server().database, "master");
  EXPECT_EQ(connection->server().tls_version, "");
  EXPECT_TRUE(connection->server().has_utf8);
  const auto rows = connection->Query("SELECT n FROM t");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(*rows, (std::vector<Row>{{1}, {2}, {3}}));
  const auto heard = server.Heard();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[2][0], '\x01');
  EXPECT_THAT(heard[2], HasSubstr(ToUtf16("SELECT n FROM t")));
}

TEST(Connection, ACutAtAnyByteIsOneSentenceWithHostAndPort) {
  const auto whole = Serving({Packets(IntResult(20), 50)});
  std::size_t bytes = 0;
  for (const auto& answer : whole.answers) bytes += answer.size();
  ScriptedServer server;
  for (std::size_t cut = 0; cut < bytes; ++cut) {
    auto script = whole;
    script.bytes_max = cut;
    server.Play(script);
    Status failed;
    auto opened = Connection::Open(To(server.port()));
    if (!opened) {
      failed = Fail(opened.error());
    } else {
      auto rows = (*opened)->Query("SELECT n FROM t");
      ASSERT_FALSE(rows) << "cut at " << cut << " of " << bytes;
      failed = Fail(rows.error());
      EXPECT_FALSE((*opened)->usable());
      EXPECT_FALSE((*opened)->Query("SELECT 1"));
    }
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind, ErrorKind::kUnavailable) << failed.error().message;
    EXPECT_THAT(failed.error().message, HasSubstr(Port(server))) << "cut at " << cut;
    EXPECT_THAT(failed.error().message, Not(HasSubstr("\n")));
  }
}

// Whatever byte of whatever answer is another one: an error or an answer, never a hang or worse.
TEST(Connection, ALieInAnyByteIsSurvived) {
  const auto whole = Serving({Packets(IntResult(3))});
  ScriptedServer server;
  std::size_t failures = 0, tries = 0;
  for (std::size_t i = 0; i < whole.answers.size(); ++i) {
    for (std::size_t at = 0; at < whole.answers[i].size(); ++at) {
      for (const int lie : {0x00, 0xFF}) {
        auto script = whole;
        script.answers[i][at] = static_cast<char>(lie);
        script.stays = false;
        server.Play(script);
        ++tries;
        auto options = To(server.port());
        options.connect_timeout_ms = 200;  // where a lie makes both sides wait for the other
        const auto opened = Connection::Open(options);
        if (!opened || !(*opened)->Query("SELECT n FROM t")) ++failures;
      }
    }
  }
  EXPECT_GT(failures, 0U);
  EXPECT_LT(failures, tries);
}

TEST(Connection, AServersErrorKeepsAllItSaid) {
  const std::string reply =
      ErrorToken({.number = 5701, .state = 2, .severity = 0, .text = "by the way"}, 0xAB) +
      ErrorToken({.number = 208,
                  .state = 7,
                  .text = "Invalid object name 't'.",
                  .procedure = "p",
                  .line = 42}) +
      ErrorToken({.number = 3621, .text = "The statement has been terminated."}) + DoneToken(2);
  ScriptedServer server(Serving({Packets(reply), Packets(IntResult(1))}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  const auto failed = connection->Query("SELECT n FROM t");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(
      failed.error().message,
      "server message 208 (level 16, state 7, procedure p, line 42): Invalid object name 't'");
  ASSERT_TRUE(connection->last_error().has_value());
  EXPECT_EQ(connection->last_error()->number, 208);
  EXPECT_EQ(connection->last_error()->procedure, "p");
  EXPECT_EQ(connection->last_error()->line, 42);
  EXPECT_EQ(connection->messages().size(), 3U);
  // The session goes on, and forgets.
  EXPECT_TRUE(connection->Query("SELECT 1"));
  EXPECT_FALSE(connection->last_error().has_value());
}

TEST(Connection, AnErrorAfterRowsFailsTheResult) {
  const std::string reply = IntMetadata() + IntRow(1) +
                            ErrorToken({.number = 1205, .severity = 13, .text = "deadlock"}) +
                            DoneToken(2, 0xC1);
  ScriptedServer server(Serving({Packets(reply)}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(connection->Send("SELECT n FROM t"));
  ASSERT_TRUE(connection->NextResult());
  const auto first = connection->ReadRow();
  ASSERT_TRUE(first && *first);
  const auto end = connection->ReadRow();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(connection->usable());
}

TEST(Connection, SeveralResultsAndThoseThatNobodyReads) {
  const std::string reply = IntMetadata("a") + IntRow(1) + IntRow(2) + DoneToken(0x11, 0xC1, 2) +
                            DoneToken(0x11, 0xC5, 3) + IntMetadata("b") + IntRow(3) +
                            DoneToken(0x10, 0xC1, 1);
  ScriptedServer server(Serving({Packets(reply), Packets(reply)}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(connection->Send("three statements"));
  auto first = connection->NextResult();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((**first)[0].name, "a");
  auto second = connection->NextResult();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((**second)[0].name, "b");
  auto row = connection->ReadRow();
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(**row, (Row{3}));
  auto end = connection->NextResult();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->has_value());
  EXPECT_TRUE(connection->Execute("again"));
}

TEST(Connection, ATransactionsNameGoesWithEveryRequestUntilItEnds) {
  const std::string name("\x11\x22\x33\x44\x55\x66\x77\x08", 8);
  ScriptedServer server(
      Serving({Packets(test::EnvChangeBytes(8, name) + DoneToken()), Packets(DoneToken()),
               Packets(test::EnvChangeBytes(9, "", name) + DoneToken()), Packets(DoneToken())}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(connection->Execute("BEGIN TRANSACTION"));
  EXPECT_TRUE(connection->in_transaction());
  ASSERT_TRUE(connection->Execute("SELECT 1"));
  ASSERT_TRUE(connection->Execute("COMMIT TRANSACTION"));
  EXPECT_FALSE(connection->in_transaction());
  ASSERT_TRUE(connection->Execute("SELECT 2"));
  const auto heard = server.Heard();
  ASSERT_EQ(heard.size(), 6U);
  EXPECT_EQ(heard[3].substr(11, 8), name);
  EXPECT_EQ(heard[5].substr(11, 8), std::string(8, '\0'));
}

TEST(Connection, ParametersGoBySpExecuteSql) {
  ScriptedServer server(Serving({Packets(IntResult(1))}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  const std::vector<Parameter> parameters = {IntParameter("@p1", 7), TextParameter("@p2", "é")};
  ASSERT_TRUE(connection->Query("SELECT @p1, @p2", parameters));
  const std::string call = server.Heard().back();
  EXPECT_EQ(call[0], '\x03');
  EXPECT_EQ(call.substr(23, 6), std::string("\xff\xff\x0a\x00\x00\x00", 6));
  EXPECT_THAT(call, HasSubstr(ToUtf16("@p1 bigint, @p2 nvarchar(4000)")));
  EXPECT_THAT(call, HasSubstr(ToUtf16("SELECT @p1, @p2")));
}

TEST(Connection, RedirectionsAreFollowed) {
  ScriptedServer last(Serving({Packets(IntResult(1))})), second, first;
  const auto on_to = [](const ScriptedServer& server) {
    return Script{
        {Packets(test::PreloginPayload(2)),
         Packets(test::LoginAckToken() + test::Routing("127.0.0.1", server.port()) + DoneToken())}};
  };
  second.Play(on_to(last));
  first.Play(on_to(second));
  auto connection = MustOpen(To(first.port()));
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(connection->server().endpoint.port, last.port());
  EXPECT_TRUE(connection->Query("SELECT 1"));
}

TEST(Connection, RedirectionsInACircleAreTold) {
  ScriptedServer first, second;
  const auto on_to = [](const ScriptedServer& server) {
    return Script{
        {Packets(test::PreloginPayload(2)),
         Packets(test::LoginAckToken() + test::Routing("127.0.0.1", server.port()) + DoneToken())}};
  };
  first.Play(on_to(second));
  second.Play(on_to(first));
  const auto failed = Connection::Open(To(first.port()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "the servers redirect in a circle: " + Port(first) + " -> " +
                                        Port(second) + " -> " + Port(first));
}

TEST(Connection, MoreThanFiveRedirectionsAreRefused) {
  std::vector<std::unique_ptr<ScriptedServer>> servers;
  for (int i = 0; i < 7; ++i) servers.push_back(std::make_unique<ScriptedServer>());
  for (std::size_t i = 0; i + 1 < servers.size(); ++i) {
    servers[i]->Play({{Packets(test::PreloginPayload(2)),
                       Packets(test::Routing("127.0.0.1", servers[i + 1]->port()) + DoneToken())}});
  }
  servers.back()->Play(Serving({}));
  const auto failed = Connection::Open(To(servers.front()->port()));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("more than 5 redirections"));
  EXPECT_TRUE(Connection::Open(To(servers[1]->port())));
}

TEST(Connection, ARefusedLoginIsExplained) {
  const std::string refusal =
      ErrorToken(
          {.number = 18456, .state = 8, .severity = 14, .text = "Login failed for user 'sa'."}) +
      DoneToken(2);
  ScriptedServer server({{Packets(test::PreloginPayload(2)), Packets(refusal)}});
  const auto failed = Connection::Open(To(server.port()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(failed.error().message,
            "server " + Port(server) +
                ": server message 18456 (level 14, state 8, line 1): Login failed for user 'sa'");
  EXPECT_EQ(failed.error().hint, "the password is wrong");
}

TEST(Connection, TheServersNameGoesWithTheUserWhereAGatewayAsks) {
  const std::string refusal =
      ErrorToken({.number = 40532, .severity = 20, .text = "Cannot open server."}) + DoneToken(2);
  const Script refusing{{Packets(test::PreloginPayload(2)), Packets(refusal)}};
  ScriptedServer server(Serving({}));
  server.PlayNext({refusing});
  auto options = To(server.port());
  options.host = "localhost";
  {
    auto connection = MustOpen(options);
    ASSERT_NE(connection, nullptr);
  }
  const auto heard = server.Heard();
  ASSERT_EQ(heard.size(), 4U);
  EXPECT_THAT(heard[1], Not(HasSubstr(ToUtf16("sa@"))));
  EXPECT_THAT(heard[3], HasSubstr(ToUtf16("sa@localhost")));
  // Once; and never with a part of an address.
  for (const char* host : {"localhost", "127.0.0.1"}) {
    server.PlayNext({refusing, refusing});
    options.host = host;
    const auto failed = Connection::Open(options);
    ASSERT_FALSE(failed) << host;
    EXPECT_EQ(failed.error().kind, ErrorKind::kNotFound);
    EXPECT_THAT(failed.error().hint, HasSubstr("user@server"));
    server.PlayNext({});
  }
}

TEST(Connection, AnAccessTokenGoesInline) {
  auto script = Serving({});
  script.answers[0] = Packets(test::PreloginPayload(2, /*has_federated=*/true));
  script.answers[1] =
      Packets(test::LoginAckToken() + std::string("\xae\x02\0\0\0\0\xff", 7) + DoneToken());
  ScriptedServer server(script);
  auto options = To(server.port());
  options.access_token = [](const TokenPlace&) -> Result<std::string> { return "t0ken"; };
  auto connection = MustOpen(options);
  ASSERT_NE(connection, nullptr);
  const std::string login = server.Heard()[1];
  const std::string token = ToUtf16("t0ken");
  // Library "security token", echo of the server's wish, 4 bytes of length, the token.
  EXPECT_THAT(login, HasSubstr(std::string("\x02\x0f\0\0\0\x03\x0a\0\0\0", 10) + token));
  EXPECT_THAT(login, Not(HasSubstr(ToUtf16("sa"))));
}

TEST(Connection, AServerThatIsAskedSaysWhereTokensAre) {
  std::string info;  // two texts behind two descriptions of nine bytes each
  const std::string url = ToUtf16("https://sts/tenant"), spn = ToUtf16("https://db/");
  Store(std::uint32_t{2}, &info);
  for (const auto& [id, size, place] :
       {std::tuple{1, url.size(), std::size_t{22}}, std::tuple{2, spn.size(), 22 + url.size()}}) {
    info += static_cast<char>(id);
    Store(static_cast<std::uint32_t>(size), &info);
    Store(static_cast<std::uint32_t>(place), &info);
  }
  info += url + spn;
  std::string token_bytes("\xee");
  Store(static_cast<std::uint32_t>(info.size()), &token_bytes);
  ScriptedServer server(
      {{Packets(test::PreloginPayload(2, true)), Packets(token_bytes + info),
        Packets(test::LoginAckToken() + std::string("\xae\x02\0\0\0\0\xff", 7) + DoneToken())}});
  TokenPlace seen;
  auto options = To(server.port());
  options.asks_where_tokens_are = true;
  options.access_token = [&](const TokenPlace& place) -> Result<std::string> {
    seen = place;
    return "t0ken";
  };
  auto connection = MustOpen(options);
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(seen.authority, "https://sts/tenant");
  EXPECT_EQ(seen.resource, "https://db/");
  EXPECT_EQ(server.Heard()[2], std::string("\x08\x0e\0\0\0\x0a\0\0\0", 9) + ToUtf16("t0ken"));
}

TEST(Connection, AnUnacknowledgedTokenIsNoLogin) {
  ScriptedServer server(Serving({}));
  auto options = To(server.port());
  options.access_token = [](const TokenPlace&) -> Result<std::string> { return "t0ken"; };
  const auto failed = Connection::Open(options);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("did not acknowledge the access token"));
}

// A real server answers in two messages, the first of which ends what it was sending.
TEST(Connection, ACancelledStatementIsAnsweredTwice) {
  const std::string begun =
      Packets(IntMetadata() + IntRow(1) + IntRow(2), 4088, /*is_whole=*/false);
  ScriptedServer server(
      Serving({begun, Packets(DoneToken(2, 0xC1)) + Packets(DoneToken(0x20, 0xFD)),
               Packets(IntResult(1))}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(connection->Send("SELECT n FROM t"));
  ASSERT_TRUE(connection->NextResult());
  ASSERT_TRUE(connection->ReadRow());
  ASSERT_TRUE(connection->Cancel());
  EXPECT_EQ(server.Heard()[3], "\x06");
  const auto rows = connection->Query("SELECT 1");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->size(), 1U);
}

// The answers of SQL Server 2025 to cancelled requests, as they were captured.
TEST(Connection, CancelsAsRealServersAnswer) {
  const nlohmann::json vectors = tidemark::test::TdsVectors("attention.json");
  SKIP_WITHOUT_VECTORS(vectors, "attention.json");
  std::map<std::string, std::string> answers;  // by what was cancelled
  for (const auto& entry : vectors) {
    const std::string name = entry["name"];
    if (entry["direction"] != "server") continue;
    answers[name.substr(0, name.rfind(", part"))] += *BytesOfHex(entry["hex"].get<std::string>());
  }
  ASSERT_GE(answers.size(), 4U);
  for (const auto& [name, answer] : answers) {
    SCOPED_TRACE(name);
    ScriptedServer server(Serving({Packets(DoneToken(0x11, 0xC3, 1), 4088, /*is_whole=*/false),
                                   answer, Packets(IntResult(1))}));
    auto connection = MustOpen(To(server.port()));
    ASSERT_NE(connection, nullptr);
    ASSERT_TRUE(connection->Send("a long statement"));
    ASSERT_TRUE(connection->Cancel());
    const auto rows = connection->Query("SELECT 1");
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->size(), 1U);
  }
}

TEST(Connection, ACancelThatCrossesTheEndIsUnderstood) {
  ScriptedServer server(
      Serving({Packets(IntResult(2)), Packets(DoneToken(0x20, 0xFD)), Packets(IntResult(1))}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(connection->Send("SELECT n FROM t"));
  ASSERT_TRUE(connection->NextResult());
  ASSERT_TRUE(connection->Cancel());
  EXPECT_TRUE(connection->Query("SELECT 1"));
}

TEST(Connection, SilenceCancelsTheStatementNotTheSession) {
  ScriptedServer server(Serving({Packets(IntMetadata() + "\xd1\x04\x01", 4088, /*is_whole=*/false),
                                 Packets(DoneToken(2, 0xC1)) + Packets(DoneToken(0x20, 0xFD)),
                                 Packets(IntResult(1))}));
  auto options = To(server.port());
  options.query_timeout_ms = 50;
  auto connection = MustOpen(options);
  ASSERT_NE(connection, nullptr);
  const auto failed = connection->Query("WAITFOR");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnavailable);
  EXPECT_THAT(failed.error().message,
              AllOf(HasSubstr(Port(server)), HasSubstr("no answer within 50 ms")));
  EXPECT_TRUE(connection->usable());
  EXPECT_TRUE(connection->Query("SELECT 1"));
}

TEST(Connection, AServerThatDoesNotAnswerACancelIsGivenUp) {
  ScriptedServer server(Serving({Packets(IntMetadata(), 4088, /*is_whole=*/false)}));
  auto options = To(server.port());
  options.query_timeout_ms = 50;
  options.cancel_timeout_ms = 50;
  auto connection = MustOpen(options);
  ASSERT_NE(connection, nullptr);
  ASSERT_FALSE(connection->Query("WAITFOR"));
  EXPECT_FALSE(connection->usable());
}

TEST(Connection, ASilentServerIsNotWaitedForAtTheLogin) {
  ScriptedServer server({{Packets(test::PreloginPayload(2))}});
  auto options = To(server.port());
  options.connect_timeout_ms = 100;
  const auto failed = Connection::Open(options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(failed.error().message, "server " + Port(server) + ": no answer within 100 ms");
}

TEST(Connection, AWishToStopEndsAWait) {
  std::stop_source stop;
  ScriptedServer server(Serving({Packets(IntMetadata(), 4088, /*is_whole=*/false),
                                 Packets(DoneToken(2)) + Packets(DoneToken(0x20, 0xFD))}));
  // The wish comes when the request has arrived, so that there is something to wait for.
  server.OnMessage([&](std::size_t i) {
    if (i == 2) stop.request_stop();
  });
  auto options = To(server.port());
  options.stop = stop.get_token();
  auto connection = MustOpen(options);
  ASSERT_NE(connection, nullptr);
  const auto failed = connection->Query("WAITFOR");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(server.Heard().back(), "\x06");
}

TEST(Connection, NobodyThere) {
  std::uint16_t port = 0;
  {
    ScriptedServer server;
    port = server.port();
  }
  const auto failed = Connection::Open(To(port));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(failed.error().message, HasSubstr("cannot connect"));
}

TEST(Connection, NoSuchHost) {
  auto options = To(1433);
  options.host = "no-such-host.invalid";
  const auto failed = Connection::Open(options);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("no-such-host.invalid"));
}

TEST(Connection, SomebodyElseAnswers) {
  ScriptedServer server({{"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"}});
  const auto failed = Connection::Open(To(server.port()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(failed.error().message,
              AllOf(HasSubstr(Port(server)), HasSubstr("does not speak TDS: it sent 53 53 48")));
}

TEST(Connection, AnOldServerIsRefused) {
  ScriptedServer server({{Packets(test::PreloginPayload(2)),
                          Packets(test::LoginAckToken(0x730B0003) + DoneToken())}});
  const auto failed = Connection::Open(To(server.port()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(failed.error().hint, "SQL Server 2012 or later is needed");
}

TEST(Connection, AServerWithoutTlsIsRefusedUnlessAllowed) {
  ScriptedServer server(Serving({}));
  for (const Encrypt encrypt : {Encrypt::kTrue, Encrypt::kLogin}) {
    auto options = To(server.port());
    options.encrypt = encrypt;
    const auto failed = Connection::Open(options);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind, ErrorKind::kUnsupported);
    // The password never left: only PRELOGIN did.
    for (const std::string& message : server.Heard()) EXPECT_EQ(message[0], '\x12');
  }
}

// Else an answer that somebody in between prepared would pass for one that came through TLS.
TEST(Connection, NothingSaidBeforeTlsCountsInsideIt) {
  ScriptedServer server({{Packets(test::PreloginPayload(1)) + Packets(test::LoginPayload())}});
  auto options = To(server.port());
  options.encrypt = Encrypt::kTrue;
  const auto failed = Connection::Open(options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(failed.error().message, HasSubstr("before the encryption began"));
}

TEST(Connection, AnUnknownTokenIsNamed) {
  ScriptedServer server(Serving({Packets(IntMetadata() + "\xb7\x01\x02")}));
  auto connection = MustOpen(To(server.port()));
  ASSERT_NE(connection, nullptr);
  const auto failed = connection->Query("SELECT 1");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(failed.error().message, AllOf(HasSubstr(Port(server)), HasSubstr("0xb7")));
  EXPECT_FALSE(connection->usable());
}

}  // namespace
}  // namespace tidemark::tds
