// Addresses and options as people, connection strings and configurations write them.
#include "source/sqlserver/tds/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/sqlserver/tds/browser.h"
#include "source/sqlserver/tds/server_error.h"

namespace tidemark::tds {
namespace {

using testing::HasSubstr;
using testing::Not;

Variables With(std::string name, std::string value) {
  return [=](const std::string& wanted) -> std::optional<std::string> {
    return wanted == name ? std::optional(value) : std::nullopt;
  };
}

Result<ConnectOptions> Finished(std::string_view url) {
  auto address = ParseAddress(url);
  if (!address) return Fail(address.error());
  return Finish(std::move(*address), With("TIDEMARK_PASSWORD", "hush"), {});
}

TEST(Address, Whole) {
  const auto options = Finished(
      "sqlserver://sa:p%40ss%2Fword@db.example:1444/"
      "My%20Shop?encrypt=strict&hostNameInCertificate=x.example&"
      "ApplicationIntent=readonly&packet_size=8000&connect "
      "timeout=30&query_timeout=10m&CA_FILE=%2Fca.pem");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->host, "db.example");
  EXPECT_EQ(options->port, 1444);
  EXPECT_EQ(options->database, "My Shop");
  EXPECT_EQ(options->user, "sa");
  EXPECT_EQ(options->password, "p@ss/word");
  EXPECT_EQ(options->encrypt, Encrypt::kStrict);
  EXPECT_EQ(options->host_name_in_certificate, "x.example");
  EXPECT_EQ(options->ca_file, "/ca.pem");
  EXPECT_TRUE(options->read_only_intent);
  EXPECT_EQ(options->packet_bytes, 8000);
  EXPECT_EQ(options->connect_timeout_ms, 30'000);
  EXPECT_EQ(options->query_timeout_ms, 600'000);
  EXPECT_EQ(ToText(*options), "sqlserver://db.example:1444/My Shop");
}

TEST(Address, TheSafeThingsByDefault) {
  const auto options = Finished("mssql://sa@db.example");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->encrypt, Encrypt::kTrue);
  EXPECT_FALSE(options->trust_server_certificate);
  EXPECT_EQ(options->password, "hush");
  EXPECT_EQ(options->database, "");
}

TEST(Address, Servers) {
  const struct {
    const char* text;
    const char* host;
    const char* instance;
    int port;
  } cases[] = {{"db", "db", "", 0},
               {"db:1444", "db", "", 1444},
               {"db,1444", "db", "", 1444},
               {"tcp:db.example, 1444", "db.example", "", 1444},
               {"db\\sales", "db", "sales", 0},
               {"db\\sales,1444", "db", "sales", 1444},
               {"[::1]:1444", "::1", "", 1444},
               {"[::1]", "::1", "", 0},
               {"(local)", "localhost", "", 0},
               {".\\sales", "localhost", "sales", 0}};
  for (const auto& one : cases) {
    SCOPED_TRACE(one.text);
    Address address;
    ASSERT_TRUE(SetServer(one.text, &address));
    EXPECT_EQ(address.connect.host, one.host);
    EXPECT_EQ(address.connect.instance, one.instance);
    EXPECT_EQ(address.connect.port, one.port);
  }
  for (const char* wrong :
       {"", ":1", "db:", "db:0", "db:65536", "db:x", "db\\", "[::1", "a b", "db:1:2"}) {
    Address address;
    EXPECT_FALSE(SetServer(wrong, &address)) << wrong;
  }
}

TEST(Address, OptionsAsTheEcosystemSpellsThem) {
  for (const char* name : {"TrustServerCertificate", "trust_server_certificate",
                           "Trust Server Certificate", "trust-server-certificate"}) {
    Address address;
    ASSERT_TRUE(SetOption(name, "yes", &address)) << name;
    EXPECT_TRUE(address.connect.trust_server_certificate);
  }
  const struct {
    const char* value;
    Encrypt encrypt;
  } encrypts[] = {{"strict", Encrypt::kStrict},  {"Mandatory", Encrypt::kTrue},
                  {"TRUE", Encrypt::kTrue},      {"login", Encrypt::kLogin},
                  {"optional", Encrypt::kFalse}, {"no", Encrypt::kFalse},
                  {"disable", Encrypt::kFalse}};
  for (const auto& one : encrypts) {
    Address address;
    ASSERT_TRUE(SetOption("encrypt", one.value, &address)) << one.value;
    EXPECT_EQ(address.connect.encrypt, one.encrypt) << one.value;
  }
}

TEST(Address, AnUnknownOptionGetsASuggestionOrTheList) {
  Address address;
  const auto near = SetOption("encrpyt", "true", &address);
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().hint, "did you mean \"encrypt\"?");
  const auto far = SetOption("colour", "red", &address);
  ASSERT_FALSE(far);
  EXPECT_THAT(far.error().hint, HasSubstr("trust_server_certificate"));
  const auto value = SetOption("port", "0", &address);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "connection option port: \"0\" is not possible");
}

TEST(Address, NoErrorShowsAPassword) {
  for (const char* url :
       {"sqlserver://sa:hu/sh-hush@db/x", "sqlserver://sa:hu?sh-hush@db/x",
        "sqlserver://sa:hush%@db/x", "sqlserver://sa:hush@", "sqlserver://sa:hush@db:x/y",
        "sqlserver://sa:hush@db/x/y", "sqlserver://sa:hush@db/x?nonsense=1"}) {
    const auto refused = ParseAddress(url);
    ASSERT_FALSE(refused) << url;
    EXPECT_THAT(refused.error().message + refused.error().hint, Not(HasSubstr("hush"))) << url;
  }
}

TEST(Address, WhatContradictsItselfIsRefused) {
  EXPECT_FALSE(Finished("sqlserver://sa@db?encrypt=strict&trustServerCertificate=true"));
  EXPECT_FALSE(Finished("sqlserver://db"));
  EXPECT_FALSE(Finished("sqlserver://db?encrypt=false&authentication=ActiveDirectoryMSI"));
  EXPECT_FALSE(Finished("sqlserver://db?authentication=ActiveDirectoryAccessToken"));
  EXPECT_FALSE(Finished("sqlserver://db?authentication=ActiveDirectoryServicePrincipal"));
}

TEST(Address, WaysToATokenTakeTheirParts) {
  const auto asked = Finished("sqlserver://app@db?authentication=ActiveDirectoryServicePrincipal");
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_TRUE(asked->asks_where_tokens_are);
  const auto known =
      Finished("sqlserver://app%40tenant@db?authentication=ActiveDirectoryServicePrincipal");
  ASSERT_TRUE(known);
  EXPECT_FALSE(known->asks_where_tokens_are);
  EXPECT_TRUE(known->access_token);
  const auto given = Finished("sqlserver://db?access_token=abc");
  ASSERT_TRUE(given);
  EXPECT_EQ(*given->access_token({}), "abc");
}

TEST(Address, EachCloudHasItsOwnResource) {
  EXPECT_EQ(ResourceOf("x.database.windows.net"), "https://database.windows.net/");
  EXPECT_EQ(ResourceOf("x.database.usgovcloudapi.net"), "https://database.usgovcloudapi.net/");
}

TEST(Browser, Answers) {
  const auto answer = [](std::string_view text) {
    return std::string("\x05") + static_cast<char>(text.size()) + '\0' + std::string(text);
  };
  const std::string one =
      "ServerName;S;InstanceName;SALES;IsClustered;No;Version;16.0.1;tcp;50123;np;\\\\S\\pipe;;";
  EXPECT_EQ(*PortInBrowserAnswer(answer(one), "sales"), 50123);
  EXPECT_EQ(*PortInBrowserAnswer(answer("ServerName;S;InstanceName;OTHER;tcp;1;;" + one), "sales"),
            50123);
  const auto pipes = PortInBrowserAnswer(answer("InstanceName;SALES;np;x;;"), "sales");
  ASSERT_FALSE(pipes);
  EXPECT_THAT(pipes.error().message, HasSubstr("listens at no TCP port"));
  EXPECT_EQ(PortInBrowserAnswer(answer(one), "none").error().kind, ErrorKind::kNotFound);
  const std::string whole = answer(one);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_FALSE(PortInBrowserAnswer(std::string_view(whole).substr(0, cut), "sales")) << cut;
  }
}

TEST(ServerError, KindsAndHints) {
  const auto error = [](std::int32_t number, std::uint8_t severity = 16) {
    return ToError({.number = number,
                    .state = 1,
                    .severity = severity,
                    .text = "Text.",
                    .server = "",
                    .procedure = "",
                    .line = 3});
  };
  for (const int number : {1205, 3960, 3961, 40197, 40501, 40549, 40613, 49918, 49919, 49920, 10928,
                           10929, 10053, 10054, 10060}) {
    EXPECT_EQ(error(number).kind, ErrorKind::kUnavailable) << number;
    EXPECT_TRUE(IsTransient(number)) << number;
  }
  for (const int number : {18456, 229, 230, 262, 297, 300, 371, 916, 4060}) {
    EXPECT_EQ(error(number).kind, ErrorKind::kDenied) << number;
    EXPECT_FALSE(IsTransient(number)) << number;
  }
  EXPECT_EQ(error(208).kind, ErrorKind::kNotFound);
  EXPECT_EQ(error(102).kind, ErrorKind::kInvalid);
  EXPECT_EQ(error(50'000).kind, ErrorKind::kInvalid);
  EXPECT_EQ(error(50'000, 20).kind, ErrorKind::kUnavailable);
  EXPECT_EQ(error(1205, 13).message, "server message 1205 (level 13, state 1, line 3): Text");
  EXPECT_TRUE(NeedsNewSnapshot(3960));
  EXPECT_TRUE(NeedsNewSnapshot(3961));
  EXPECT_FALSE(NeedsNewSnapshot(1205));
}

}  // namespace
}  // namespace tidemark::tds
