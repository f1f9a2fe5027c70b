#include "model/table_name.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

TEST(PathPart, EscapesWhatFileSystemsAndGlobsTreatSpecially) {
  EXPECT_EQ(PathPart("orders"), "orders");
  EXPECT_EQ(PathPart("a/b"), "a%2Fb");
  EXPECT_EQ(PathPart(".."), "%2E.");
  EXPECT_EQ(PathPart("we\"ird *?[x]"), "we%22ird%20%2A%3F%5Bx%5D");
  EXPECT_EQ(PathPart("\xc3\xa9"), "%C3%A9");
  EXPECT_EQ(PathPart("a%2Fb"), "a%252Fb");
  EXPECT_EQ(PathPart(""), "%");
}

TEST(PathPart, LongNamesStayApart) {
  auto a = PathPart(std::string(300, 'a') + "1"), b = PathPart(std::string(300, 'a') + "2");
  EXPECT_LE(a.size(), 120u);
  EXPECT_NE(a, b);
}

TEST(PathPart, NamesEqualAfterCaseFoldingGetASuffix) {
  std::vector<std::string> all = {"Orders", "orders", "items"};
  EXPECT_NE(PathPart("Orders", all), "Orders");
  EXPECT_NE(PathPart("Orders", all), PathPart("orders", all));
  EXPECT_EQ(PathPart("items", all), "items");
}

TEST(MatchesGlob, WithAndWithoutSchema) {
  TableName name{"shop", "main", "order_items"};
  for (auto pattern : {"order_items", "main.order_items", "order*", "main.*", "*", "*_item?"})
    EXPECT_TRUE(MatchesGlob(pattern, name)) << pattern;
  for (auto pattern : {"orders", "temp.order_items", "order", "", "*x"})
    EXPECT_FALSE(MatchesGlob(pattern, name)) << pattern;
}

}  // namespace
}  // namespace tidemark
