#include "source/sqlserver/slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/sqlserver/row_stream.h"

namespace tidemark::sqlserver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Values come back bit for bit, whatever bytes they have.
TEST(Tokens, GiveBackTheRange) {
  KeyRange range{.after = {tds::IntParameter("@p1", -9'007'199'254'740'993),
                           tds::TextParameter("@p2", "it's \xc3\xa9 \"x\"")},
                 .up_to = {tds::BinaryParameter("@p1", std::string("\0\xff", 2))}};
  auto parsed = ParseToken(TokenOf(range));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->after, range.after);
  EXPECT_EQ(parsed->up_to, range.up_to);
  auto whole = ParseToken(TokenOf({}));
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(whole->after.empty() && whole->up_to.empty());
}

TEST(Tokens, RefuseWhatIsDamaged) {
  for (const char* token :
       {"", "x", "[]", "{}", R"({"after": [], "up_to": [1]})", R"({"after": [], "up_to": ["zz"]})",
        R"({"after": [], "up_to": ["00"]})", R"({"first": 1, "last": 2})"})
    EXPECT_EQ(ParseToken(token).error().kind, ErrorKind::kInvalid) << token;
}

TEST(Counts, AreSentencesOnceThereIsSomethingToSay) {
  RowCounts counts;
  EXPECT_TRUE(counts.Sentences().empty());
  counts.Add({.lone_surrogates = 2});
  counts.Add({.lone_surrogates = 1, .early_rows = 4});
  EXPECT_THAT(counts.Sentences(), ElementsAre(HasSubstr("3 halves"), HasSubstr("4 changes")));
}

}  // namespace
}  // namespace tidemark::sqlserver
