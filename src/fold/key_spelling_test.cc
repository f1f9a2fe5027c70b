#include "fold/key_spelling.h"

#include "fold/fold_test_table.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

std::string Lower(std::string_view text) {
  std::string lower;
  AppendLower(text, lower);
  return lower;
}

// The canonical bytes of a key of two columns, a text and a number.
std::string Canonical(const std::string& text, const std::string& number, Spelling spelling) {
  auto batch =
      BatchOf(arrow::schema({arrow::field("k", arrow::utf8()), arrow::field("n", arrow::int64())}),
              {{text, number}});
  const std::vector<int> columns = {0, 1};
  RowEncoder encoder;
  EXPECT_TRUE(encoder.Start(*batch, columns, 2).has_value());
  EXPECT_TRUE(encoder.Next().value());
  KeySpelling key({{.name = "k", .spelling = spelling}, {.name = "n"}});
  return std::string(key.Of(encoder.Key(0)));
}

TEST(KeySpelling, LettersOfAllAlphabetsHaveALowerCase) {
  EXPECT_EQ(Lower("Ab[Z]"), "ab[z]");
  EXPECT_EQ(Lower("ÄÉŁ"), "äéł");
  EXPECT_EQ(Lower("ΣΩ ЖЯ Ա"), "σω жя ա");
  EXPECT_EQ(Lower("日本 𐐀"), "日本 𐐨");
  EXPECT_EQ(Lower("\xff"
                  "A"),
            "\xff"
            "A");
}

TEST(KeySpelling, OneKeyHasOneSpelling) {
  EXPECT_EQ(Canonical("Ab ", "1", Spelling::kCase), Canonical("aB", "1", Spelling::kCase));
  EXPECT_NE(Canonical("Ab", "1", Spelling::kCase), Canonical("ab", "2", Spelling::kCase));
  EXPECT_EQ(Canonical("Ab  ", "1", Spelling::kTrailingBlanks),
            Canonical("Ab", "1", Spelling::kTrailingBlanks));
  EXPECT_NE(Canonical("Ab", "1", Spelling::kTrailingBlanks),
            Canonical("ab", "1", Spelling::kTrailingBlanks));
  EXPECT_NE(Canonical(" ab", "1", Spelling::kCase), Canonical("ab", "1", Spelling::kCase));
  EXPECT_EQ(Canonical("   ", "1", Spelling::kCase), Canonical("", "1", Spelling::kCase));
  EXPECT_NE(Canonical("Ab ", "1", Spelling::kExact), Canonical("Ab", "1", Spelling::kExact));
}

// A key's end cannot be mistaken for what comes after it.
TEST(KeySpelling, KeysOfSeveralTextsStayApart) {
  auto canonical = [](const std::string& a, const std::string& b) {
    auto batch =
        BatchOf(arrow::schema({arrow::field("a", arrow::utf8()), arrow::field("b", arrow::utf8())}),
                {{a, b}});
    const std::vector<int> columns = {0, 1};
    RowEncoder encoder;
    EXPECT_TRUE(encoder.Start(*batch, columns, 2).has_value());
    EXPECT_TRUE(encoder.Next().value());
    KeySpelling key(
        {{.name = "a", .spelling = Spelling::kCase}, {.name = "b", .spelling = Spelling::kCase}});
    return std::string(key.Of(encoder.Key(0)));
  };
  EXPECT_NE(canonical("a", "bc"), canonical("ab", "c"));
  EXPECT_EQ(canonical("A ", "BC"), canonical("a", "bc"));
}

// A row that was landed as "ab" and is "AB " now is the same row, with another spelling.
TEST(KeySpelling, FoldsByWhatTheDatabaseTakesForOneKey) {
  TestTable t({{"k", arrow::utf8()}, {"v", arrow::int64()}}, {"k"});
  for (auto* columns : {&t.table.columns, &t.state.columns})
    columns->front().spelling = Spelling::kCase;
  auto schema = ChangeSchema(t.table);
  t.AddFile(
      1'000'000, 1,
      *BatchOf(schema,
               {{"1", {}, "L", "ab", "1"}, {"1", {}, "L", "cd", "2"}, {"1", {}, "L", "ef", "3"}}));
  t.AddFile(2'000'000, 1,
            *BatchOf(schema, {{"2", "2", "U", "AB ", "5"}, {"2", {}, "D", "CD", {}}}));
  auto fold = t.Open(/*keeps_rows=*/false);
  ASSERT_TRUE(fold.has_value()) << fold.error().message;
  auto rows = BatchOf(RowSchema(t.table), {{"Ab", "5"}, {"EF", "3"}});
  ASSERT_TRUE((*fold)->AddSource(*rows).has_value());
  auto counts = (*fold)->Differences({});
  ASSERT_TRUE(counts.has_value()) << counts.error().message;
  EXPECT_EQ(counts->rows_landed, 2);
  EXPECT_EQ(counts->missing + counts->extra + counts->different, 0);
}

}  // namespace
}  // namespace tidemark
