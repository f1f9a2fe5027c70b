// What we say before and at a login, against bytes of the specification and of real clients; the
// vectors of the folder that TIDEMARK_TDS_VECTORS names, and a few of them here for where it is
// absent.
#include "source/sqlserver/tds/login7.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "source/sqlserver/tds/prelogin.h"
#include "source/sqlserver/tds/text.h"
#include "source/sqlserver/tds/wire.h"
#include "tests/support/tds_vectors.h"

namespace tidemark::tds {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string PayloadOf(const json& entry) {
  const std::string bytes = *BytesOfHex(entry["hex"].get<std::string>());
  return entry["form"] == "packets" ? bytes.substr(8) : bytes;
}

// A text of LOGIN7, by its number among the places behind the first 36 bytes.
std::string Field(std::string_view login, std::size_t number) {
  const auto place = Load<std::uint16_t>(login.data() + 36 + 4 * number);
  const auto units = Load<std::uint16_t>(login.data() + 38 + 4 * number);
  return std::string(login.substr(place, units * 2U));
}
enum Fields : std::size_t {
  kHost,
  kUser,
  kPassword,
  kApplication,
  kServer,
  kExtension,
  kLibrary,
  kLanguage,
  kDatabase
};

TEST(Prelogin, AnswersOfRealServers) {
  const nlohmann::json vectors = tidemark::test::TdsVectors("prelogin.json");
  SKIP_WITHOUT_VECTORS(vectors, "prelogin.json");
  int seen = 0;
  for (const json& entry : vectors) {
    if (entry["direction"] != "server") continue;
    ++seen;
    SCOPED_TRACE(entry["name"]);
    const auto answer = DecodePreloginAnswer(PayloadOf(entry));
    if (entry["decodes_to"].contains("error")) {
      EXPECT_FALSE(answer);
      continue;
    }
    ASSERT_TRUE(answer) << answer.error().message;
    for (const json& option : entry["decodes_to"]["prelogin"]) {
      const std::string name = option["name"];
      if (name == "VERSION") {
        EXPECT_EQ(std::to_string(answer->version.major) + "." +
                      std::to_string(answer->version.minor) + "." +
                      std::to_string(answer->version.build),
                  option["version"].get<std::string>());
      }
      if (name == "ENCRYPTION") {
        EXPECT_EQ(static_cast<int>(answer->encryption),
                  std::stoi(option["hex"].get<std::string>(), nullptr, 16));
      }
      if (name == "FEDAUTHREQUIRED") {
        EXPECT_EQ(answer->wants_federated_token, option["hex"] == "01");
      }
    }
  }
  EXPECT_GE(seen, 5);
}

TEST(Prelogin, EveryCutIsRefused) {
  // The answer of SQL Server 2025.
  const std::string whole = *BytesOfHex(
      "00001f000601002500010200260001030027000004002700010500280000ff110003e80000000000");
  ASSERT_TRUE(DecodePreloginAnswer(whole));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_FALSE(DecodePreloginAnswer(std::string_view(whole).substr(0, cut))) << cut;
  }
}

TEST(Prelogin, WhatWeAsk) {
  EXPECT_EQ(HexOf(Encode(PreloginRequest{.encryption = Encryption::kOn,
                                         .instance = "A",
                                         .asks_for_federated_token = true,
                                         .process = 0x01020304})),
            "00001f000601002500010200260002030028000404002c000106002d0001ff"
            "000100000000"
            "01"
            "4100"
            "04030201"
            "00"
            "01");
}

// The document's example: the password of "sa" in LOGIN7 as it was captured.
TEST(Login7, PasswordsAreScrambledAsCaptured) {
  const nlohmann::json vectors = tidemark::test::TdsVectors("login.json");
  SKIP_WITHOUT_VECTORS(vectors, "login.json");
  bool is_seen = false;
  for (const json& entry : vectors) {
    if (entry["name"] != "r2dbc LOGIN7") continue;
    is_seen = true;
    std::string password = ToUtf16("super-secret");
    ScramblePassword(&password);
    EXPECT_EQ(HexOf(Field(PayloadOf(entry), kPassword)), HexOf(password));
  }
  EXPECT_TRUE(is_seen);
}

TEST(Login7, ScramblesNibbleByNibble) {
  std::string password = ToUtf16("a");
  ScramblePassword(&password);
  EXPECT_EQ(HexOf(password), "b3a5");
}

TEST(Login7, HoldsWhatItWasGiven) {
  const auto login = Encode(Login7{.packet_bytes = 32'767,
                                   .process = 7,
                                   .is_read_only = true,
                                   .client_host = "me",
                                   .user = "sa",
                                   .password = "pässwörd😀",
                                   .application = "tidemark",
                                   .server = "db.example",
                                   .library = "tidemark",
                                   .database = "Größe",
                                   .federated = {}});
  ASSERT_TRUE(login);
  EXPECT_EQ(Load<std::uint32_t>(login->data()), login->size());
  EXPECT_EQ(Load<std::uint32_t>(login->data() + 4), kTds74);
  EXPECT_EQ(Load<std::uint32_t>(login->data() + 8), 32'767U);
  EXPECT_EQ(HexOf(login->substr(24, 4)), "e0032018");
  EXPECT_EQ(FromUtf16(Field(*login, kHost)), "me");
  EXPECT_EQ(FromUtf16(Field(*login, kUser)), "sa");
  EXPECT_EQ(FromUtf16(Field(*login, kApplication)), "tidemark");
  EXPECT_EQ(FromUtf16(Field(*login, kServer)), "db.example");
  EXPECT_EQ(FromUtf16(Field(*login, kDatabase)), "Größe");
  std::string password = ToUtf16("pässwörd😀");
  EXPECT_EQ(login->find(password), login->npos);
  ScramblePassword(&password);
  EXPECT_EQ(Field(*login, kPassword), password);
  const auto extension_at = Load<std::uint16_t>(login->data() + 36 + 4 * kExtension);
  const auto features_at = Load<std::uint32_t>(login->data() + extension_at);
  EXPECT_EQ(HexOf(login->substr(features_at)), "0a01000000010d01000000010e0100000001ff");
}

// The specification's example of a federated login has the token in the place and form of ours.
TEST(Login7, TokensAreFramedAsTheSpecificationHasThem) {
  const nlohmann::json vectors = tidemark::test::TdsVectors("login.json");
  SKIP_WITHOUT_VECTORS(vectors, "login.json");
  bool is_seen = false;
  for (const json& entry : vectors) {
    if (entry["name"] != "spec LOGIN7 with FEDAUTH feature") continue;
    is_seen = true;
    const std::string payload = PayloadOf(entry);
    const auto extension_at = Load<std::uint16_t>(payload.data() + 36 + 4 * kExtension);
    const auto features_at = Load<std::uint32_t>(payload.data() + extension_at);
    // Behind the feature's number and length: theirs is of an older library (0) with the echo bit;
    // the length and the text follow as in ours.
    const std::string theirs = payload.substr(features_at + 5);
    ASSERT_EQ(theirs[0], '\x01');
    const auto bytes = Load<std::uint32_t>(theirs.data() + 1);
    ASSERT_LT(bytes, theirs.size());
    const std::string token = FromUtf16(std::string_view(theirs).substr(5, bytes));
    Login7 login;
    login.federated = FederatedLogin{.is_echoed = true, .token = token, .nonce = {}};
    const auto ours = Encode(login);
    ASSERT_TRUE(ours);
    EXPECT_THAT(*ours, HasSubstr("\x03" + theirs.substr(1, 4 + bytes)));
  }
  EXPECT_TRUE(is_seen);
}

TEST(Login7, RefusesWhatNoLoginHolds) {
  const auto refused = Encode(Login7{.user = std::string(129, 'u'), .federated = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the user name has 129 characters, a login holds 128");
  EXPECT_TRUE(Encode(Login7{.password = std::string(128, 'p'), .federated = {}}));
  const auto secret = Encode(Login7{.password = std::string(129, 'p'), .federated = {}});
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().message.find("ppp"), std::string::npos);
}

}  // namespace
}  // namespace tidemark::tds
