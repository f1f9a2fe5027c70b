#include "encode/row_text.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "encode/sql_real.h"

namespace tidemark {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A table of the columns that a test asks for, and rows of it.
class Rows {
 public:
  Rows& Add(const std::string& name, const std::shared_ptr<arrow::DataType>& type,
            std::shared_ptr<arrow::Array> values) {
    table_.columns.push_back({.name = name, .type = type});
    promised_.columns.push_back({.name = name, .type = type});
    arrays_.push_back(std::move(values));
    return *this;
  }
  Rows& AddTexts(const std::string& name, const std::vector<std::optional<std::string>>& values) {
    return Add(name, arrow::utf8(), Texts<arrow::StringBuilder>(values));
  }
  Rows& AddBytes(const std::string& name, const std::vector<std::optional<std::string>>& values) {
    return Add(name, arrow::binary(), Texts<arrow::BinaryBuilder>(values));
  }
  template <class Builder, class T>
  Rows& AddNumbers(const std::string& name, const std::vector<T>& values) {
    Builder builder;
    for (const T& value : values) EXPECT_TRUE(builder.Append(value).ok());
    auto array = builder.Finish().ValueOrDie();
    return Add(name, array->type(), array);
  }
  // As Snapshot::AsStored has it: values and their storage classes.
  Rows& AddStored(const std::string& name, const std::shared_ptr<arrow::DataType>& promised,
                  const std::vector<std::optional<std::string>>& values,
                  const std::vector<std::optional<std::string>>& classes) {
    AddBytes(name, values);
    promised_.columns.back().type = promised;
    table_.columns.push_back(
        {.name = name + "__type", .type = arrow::utf8(), .storage_class_of = name});
    arrays_.push_back(Texts<arrow::StringBuilder>(classes));
    return *this;
  }

  std::string Spelt(std::string_view format, const TextOptions& options = {},
                    TextEncoding encoding = TextEncoding::kUtf8) {
    table_.name.name = promised_.name.name = "t";
    auto rows = MakeRowText(
        format, {.read = table_, .promised = promised_, .options = options, .encoding = encoding});
    EXPECT_TRUE(rows) << rows.error().message;
    const auto batch =
        arrow::RecordBatch::Make(RowSchema(table_), arrays_.front()->length(), arrays_);
    std::string text = (*rows)->Begin();
    // In two batches, as where a batch ends must not be seen.
    const std::int64_t half = batch->num_rows() / 2;
    if (half > 0) {
      EXPECT_TRUE((*rows)->Append(*batch->Slice(0, half), true, &text));
    }
    EXPECT_TRUE((*rows)->Append(*batch->Slice(half), half == 0, &text));
    warnings = (*rows)->Warnings();
    return text + (*rows)->End();
  }

  std::vector<std::string> warnings;

 private:
  template <class Builder>
  static std::shared_ptr<arrow::Array> Texts(
      const std::vector<std::optional<std::string>>& values) {
    Builder builder;
    for (const auto& value : values)
      EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
    return builder.Finish().ValueOrDie();
  }

  Table table_, promised_;
  arrow::ArrayVector arrays_;
};

using Texts = std::vector<std::optional<std::string>>;

TEST(CsvText, QuotesOnlyWhatNeedsThem) {
  Rows rows;
  rows.AddTexts("a,b", {"plain", "a,b", "say \"hi\"", "two\nlines", "cr\r", " blank", "blank ",
                        "\\.", "exactly8", "12345678,", "", std::nullopt});
  rows.AddTexts("c", Texts(12, "x"));
  EXPECT_EQ(rows.Spelt("csv"),
            "\"a,b\",c\nplain,x\n\"a,b\",x\n\"say \"\"hi\"\"\",x\n\"two\nlines\",x\n\"cr\r\",x\n"
            "\" blank\",x\n\"blank \",x\n\"\\.\",x\nexactly8,x\n\"12345678,\",x\n\"\",x\n,x\n");
}

TEST(CsvText, PoliciesForNullBlobsAndFormulas) {
  Rows rows;
  rows.AddTexts("t", {"\\N", std::nullopt, "", "=1+1", "-5", "@x", "a=b", "+\"x\""});
  rows.AddBytes("b", {"\xff\x01", std::nullopt, "", "a", "a", "a", "a", "a"});
  TextOptions options;
  options.csv_null = TextOptions::CsvNull::kBackslashN;
  options.blob = TextOptions::Blob::kHex;
  options.guards_formulas = true;
  EXPECT_EQ(rows.Spelt("csv", options),
            "t,b\n\"\\N\",ff01\n\\N,\\N\n\"\",\"\"\n'=1+1,61\n'-5,61\n'@x,61\na=b,61\n"
            "\"'+\"\"x\"\"\",61\n");
  // Numbers are no formulas.
  Rows numbers;
  numbers.AddNumbers<arrow::Int64Builder, std::int64_t>("n", {-1, 2});
  EXPECT_EQ(numbers.Spelt("csv", options), "n\n-1\n2\n");
}

TEST(CsvText, ValuesThatWereReadAsTheyAreStoredLookTheSame) {
  Rows rows;
  rows.AddStored("v", arrow::int64(),
                 {"12", "1.0e+05", "a,b", "\xff", "\xff", std::nullopt, "Infinity"},
                 {"integer", "real", "text", "text", "blob", std::nullopt, "real"});
  EXPECT_EQ(rows.Spelt("csv"), "v\n12\n100000.0\n\"a,b\"\n/w==\n/w==\n\nInfinity\n");
  EXPECT_THAT(rows.warnings,
              ElementsAre("column \"v\": 1 texts that are not UTF-8 stand as base64"));
}

TEST(JsonText, ArraysAndLines) {
  Rows rows;
  rows.AddNumbers<arrow::Int64Builder, std::int64_t>("id", {1, INT64_MAX});
  rows.AddTexts("say \"hi\"", {"x\ty", std::nullopt});
  EXPECT_EQ(rows.Spelt("json"),
            "[\n{\"id\":1,\"say \\\"hi\\\"\":\"x\\ty\"},\n"
            "{\"id\":9223372036854775807,\"say \\\"hi\\\"\":null}\n]");
  TextOptions options;
  options.int64 = TextOptions::Int64::kString;
  EXPECT_EQ(rows.Spelt("ndjson", options),
            "{\"id\":\"1\",\"say \\\"hi\\\"\":\"x\\ty\"}\n"
            "{\"id\":\"9223372036854775807\",\"say \\\"hi\\\"\":null}\n");
  EXPECT_THAT(rows.warnings, IsEmpty());
}

TEST(JsonText, WhatAColumnDoesNotDeclareSaysWhatItIs) {
  Rows rows;
  const Texts values = {"12", "1.5", "text", "\xff\xfe", "blob", std::nullopt, "-Infinity"};
  const Texts classes = {"integer", "real", "text", "text", "blob", std::nullopt, "real"};
  rows.AddStored("n", arrow::int64(), values, classes);
  rows.AddStored("b", arrow::binary(), values, classes);
  EXPECT_EQ(rows.Spelt("ndjson"),
            "{\"n\":12,\"b\":12}\n"
            "{\"n\":1.5,\"b\":1.5}\n"
            "{\"n\":\"text\",\"b\":{\"$text\":\"text\"}}\n"
            "{\"n\":{\"$text_base64\":\"//4=\"},\"b\":{\"$text_base64\":\"//4=\"}}\n"
            "{\"n\":{\"$base64\":\"YmxvYg==\"},\"b\":\"YmxvYg==\"}\n"
            "{\"n\":null,\"b\":null}\n"
            "{\"n\":\"-Infinity\",\"b\":\"-Infinity\"}\n");
  EXPECT_EQ(rows.warnings.size(), 2U);
  TextOptions options;
  options.blob = TextOptions::Blob::kHex;
  options.int64 = TextOptions::Int64::kString;
  EXPECT_THAT(rows.Spelt("ndjson", options),
              testing::AllOf(HasSubstr("{\"n\":{\"$hex\":\"626c6f62\"},\"b\":\"626c6f62\"}"),
                             HasSubstr("{\"n\":\"12\",\"b\":\"12\"}")));
}

TEST(SqlText, LiteralsOfEveryClass) {
  Rows rows;
  rows.AddTexts("a\"b",
                {"it's", std::string("nul\0after", 9), "dos\r\nline", "mac\rline", std::nullopt});
  rows.AddBytes("c", {"\x01\xff", "", std::nullopt, "a", "b"});
  rows.AddNumbers<arrow::Int64Builder, std::int64_t>("n", {INT64_MIN, 0, 1, 2, 3});
  EXPECT_EQ(rows.Spelt("sql"),
            "INSERT INTO \"t\"(\"a\"\"b\",\"c\",\"n\") VALUES\n"
            "('it''s',X'01ff',-9223372036854775808),\n"
            "(CAST(X'6e756c006166746572' AS TEXT),X'',0);\n"
            "INSERT INTO \"t\"(\"a\"\"b\",\"c\",\"n\") VALUES\n"
            "(CAST(X'646f730d0a6c696e65' AS TEXT),NULL,1),\n"
            "('mac\rline',X'61',2),\n"
            "(NULL,X'62',3);\n");
  // Bytes are in the encoding of the database to be.
  Rows wide;
  wide.AddTexts("t", {std::string("\xC3\xA9\0\xF0\x9F\x8C\x8A", 7)});
  EXPECT_THAT(wide.Spelt("sql", {}, TextEncoding::kUtf16Le),
              HasSubstr("CAST(X'e90000003cd80adf' AS TEXT)"));
  EXPECT_THAT(wide.Spelt("sql", {}, TextEncoding::kUtf16Be),
              HasSubstr("CAST(X'00e90000d83cdf0a' AS TEXT)"));
  Rows stored;
  stored.AddStored("v", arrow::int64(), {"-7", "Infinity", "a'b", "\xff", "\xff"},
                   {"integer", "real", "text", "text", "blob"});
  EXPECT_THAT(stored.Spelt("sql"), HasSubstr("(-7),\n(1e999);\n"));
  EXPECT_THAT(stored.Spelt("sql"), HasSubstr("('a''b'),\n(CAST(X'ff' AS TEXT)),\n(X'ff');\n"));
}

TEST(SqlText, StatementsAreBounded) {
  Rows rows;
  Texts texts(5000, std::string(100, 'x'));
  texts[10] = std::string(200'000, 'y');
  rows.AddTexts("t", texts);
  const std::string text = rows.Spelt("sql");
  std::size_t statements = 0, largest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find(";\n", at) + 2;
    const auto statement = std::string_view(text).substr(at, end - at);
    ASSERT_TRUE(statement.starts_with("INSERT INTO \"t\"(\"t\") VALUES\n('"));
    if (!statement.contains('y')) largest = std::max(largest, statement.size());
    if (statement.contains('y')) {
      EXPECT_LT(statement.size(), 200'040U);  // alone in its statement
    }
    ++statements;
    at = end;
  }
  EXPECT_GT(statements, 8U);
  EXPECT_LT(largest, 65'600U);
  EXPECT_GT(largest, 60'000U);
}

// What SQLite makes of expressions, once it has parsed them itself.
class Sqlite {
 public:
  Sqlite() { EXPECT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK); }
  ~Sqlite() { sqlite3_close(db_); }
  std::vector<double> Reals(const std::string& values) {
    std::vector<double> reals;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, ("values" + values).c_str(), -1, &statement, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(db_);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      EXPECT_EQ(sqlite3_column_type(statement, 0), SQLITE_FLOAT);
      reals.push_back(sqlite3_column_double(statement, 0));
    }
    sqlite3_finalize(statement);
    return reals;
  }

 private:
  sqlite3* db_ = nullptr;
};

void ExpectExact(const std::vector<double>& values) {
  SqlReals reals;
  std::string text;
  char room[SqlReals::kBytesMax];
  for (const double value : values) {
    const auto end = reals.Put(room, value);
    ASSERT_TRUE(end);
    text += text.empty() ? "(" : ",(";
    text.append(room, *end) += ')';
  }
  Sqlite sqlite;
  const auto seen = sqlite.Reals(text);
  ASSERT_EQ(seen.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(std::bit_cast<std::uint64_t>(seen[i]), std::bit_cast<std::uint64_t>(values[i]))
        << "bits " << std::hex << std::bit_cast<std::uint64_t>(values[i]);
}

// SQLite's own dump gets 3 in a thousand of such bit patterns wrong.
TEST(SqlReal, EveryRealComesBackBitByBit) {
  using Limits = std::numeric_limits<double>;
  ExpectExact({0.0,
               -0.0,
               5e-324,
               -5e-324,
               Limits::min(),
               Limits::max(),
               Limits::lowest(),
               HUGE_VAL,
               -HUGE_VAL,
               0.1,
               1e23,
               9007199254740993.0,
               1e22,
               123456789012345680.0,
               2.2250738585072011e-308,
               4.35,
               1e13,
               9999999999999.99,
               1e308,
               1e-308,
               std::nextafter(1.0, 2),
               std::nextafter(1.0, 0)});
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<double> bits, plain, small;
    for (int i = 0; i < 10'000; ++i) {
      double value = std::bit_cast<double>(random());
      bits.push_back(std::isnan(value) ? 1.5 : value);
      plain.push_back(static_cast<double>(random() >> 11) * 0x1p-53 * 1e6);
      small.push_back(
          std::ldexp(static_cast<double>(random() >> 11), -static_cast<int>(random() % 140)));
    }
    ExpectExact(bits);
    ExpectExact(plain);
    ExpectExact(small);
  }
}

// How often that is needed depends on SQLite's version; that it is right must not.
TEST(SqlReal, ExpressionsAreExact) {
  std::mt19937_64 random(11);
  std::vector<double> values = {5e-324, std::numeric_limits<double>::max(), 0x1p-1022, 1.0, 0x1p52,
                                0x1p53, std::nextafter(0x1p-1022, 0),       3.0,       0.1};
  for (int i = 0; i < 3000; ++i) {
    const double value = std::fabs(std::bit_cast<double>(random()));
    values.push_back(std::isfinite(value) && value > 0 ? value : 2.5);
  }
  std::string text;
  char room[SqlReals::kBytesMax];
  for (const double value : values) {
    text += text.empty() ? "(" : ",(";
    text.append(room, PutExactReal(room, value)) += ')';
  }
  Sqlite sqlite;
  EXPECT_EQ(sqlite.Reals(text), values);
}

TEST(SqlReal, PlainNumbersStayPlain) {
  SqlReals reals;
  char room[SqlReals::kBytesMax];
  const auto spelt = [&](double value) { return std::string(room, *reals.Put(room, value)); };
  EXPECT_EQ(spelt(4.35), "4.35");
  EXPECT_EQ(spelt(-2), "-2.0");
  EXPECT_EQ(spelt(1e22), "1e+22");
  EXPECT_EQ(spelt(std::nan("")), "null");
}

}  // namespace
}  // namespace tidemark
