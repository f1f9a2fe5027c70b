// Characters of every kind, values that come in pieces, and parameters that go back as they came.
#include "source/sqlserver/tds/text.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/sqlserver/tds/decode.h"
#include "source/sqlserver/tds/parameter.h"
#include "source/sqlserver/tds/tokens.h"
#include "tests/support/tds_columns.h"
#include "tests/support/tds_reply.h"

namespace tidemark::tds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Texts {
  std::vector<std::string> values;  // "(null)" for NULL
  DecodeCounts counts;
  std::vector<std::int64_t> batch_rows;
};

// One text column over these cells, and an int beside it.
Result<Texts> Decode(const std::string& type_info, const std::vector<std::string>& cells,
                     const std::shared_ptr<arrow::DataType>& type, std::size_t step = SIZE_MAX,
                     DecodeLimits limits = {}) {
  std::string reply = ColMetadata({{"n", Hex("38")}, {"c", type_info}, {"m", Hex("26 02")}});
  for (std::size_t i = 0; i < cells.size(); ++i)
    reply += RowToken(
        {Le(static_cast<std::int32_t>(i)), cells[i], i % 2 == 0 ? Hex("00") : Hex("02 0500")});
  reply += DoneToken();
  MemoryInput input(reply, step);
  TRY(input.Need(1));
  input.Skip(1);
  auto columns = TRY(ReadColMetadata(input));
  auto decoder = TRY(
      RowDecoder::Make(columns,
                       {{1, Part::kValue, type, false},
                        {0, Part::kValue, arrow::int32(), false},
                        {2, Part::kValue, arrow::int16(), false}},
                       arrow::schema({arrow::field("c", type), arrow::field("n", arrow::int32()),
                                      arrow::field("m", arrow::int16())}),
                       limits));
  Texts texts;
  bool is_full = true;
  while (is_full) {
    is_full = TRY(decoder.Decode(input));
    auto batch = TRY(decoder.Finish());
    if (!batch) continue;
    EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull().ToString();
    texts.batch_rows.push_back(batch->num_rows());
    for (std::int64_t row = 0; row < batch->num_rows(); ++row) {
      auto scalar = batch->column(0)->GetScalar(row).ValueOrDie();
      auto number = batch->column(1)->GetScalar(row).ValueOrDie()->ToString();
      EXPECT_EQ(number, std::to_string(texts.values.size()));
      EXPECT_EQ(batch->column(2)->IsNull(row), texts.values.size() % 2 == 0);
      texts.values.push_back(
          scalar->is_valid ? static_cast<const arrow::BaseBinaryScalar&>(*scalar).value->ToString()
                           : "(null)");
    }
  }
  texts.counts = decoder.counts()[0];
  return texts;
}

std::string Nvarchar() { return Hex("e7 a00f") + Hex(kLatin1); }
std::string Varchar(const char* collation) { return Hex("a7 401f") + Hex(collation); }

TEST(TdsText, Utf16BecomesUtf8AndLoneSurrogatesAreCounted) {
  std::vector<std::string> cells, expected;
  // Every length, with what is no ASCII at every place.
  for (int length = 0; length < 40; ++length) {
    for (int place = 0; place < length; ++place) {
      auto text = std::string(static_cast<std::size_t>(length), 'a');
      text.replace(static_cast<std::size_t>(place), 1,
                   place % 2 == 0 ? "\xC3\xA9" : "\xF0\x9F\x98\x80");
      cells.push_back(ShortUtf16(text));
      expected.push_back(text);
    }
  }
  for (std::size_t step : {SIZE_MAX, std::size_t{1}, std::size_t{33}}) {
    auto texts = Decode(Nvarchar(), cells, arrow::utf8(), step);
    ASSERT_TRUE(texts) << texts.error().message;
    EXPECT_EQ(texts->values, expected);
    EXPECT_EQ(texts->counts.lone_surrogates, 0);
  }
  auto lone = Decode(
      Nvarchar(),
      {ShortBytes(Hex("3dd8")), ShortBytes(Hex("00de 6100")), ShortBytes(Hex("3dd8 3dd8 00de")),
       ShortBytes(Hex("6100 3dd8 6200")), Hex("ffff"), ShortBytes("")},
      arrow::large_utf8());
  ASSERT_TRUE(lone) << lone.error().message;
  EXPECT_THAT(lone->values, ElementsAre("\xEF\xBF\xBD",
                                        "\xEF\xBF\xBD"
                                        "a",
                                        "\xEF\xBF\xBD\xF0\x9F\x98\x80",
                                        "a\xEF\xBF\xBD"
                                        "b",
                                        "(null)", ""));
  EXPECT_EQ(lone->counts.lone_surrogates, 4);
  auto odd = Decode(Nvarchar(), {ShortBytes("abc")}, arrow::utf8());
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().kind, ErrorKind::kCorrupt);
}

TEST(TdsText, CodePagesFollowTheCollation) {
  const struct {
    const char* collation;
    const char* bytes;
    const char* text;
    std::int64_t undecodable;
  } all[] = {
      {kLatin1, "80 e9 61",
       "\xE2\x82\xAC\xC3\xA9"
       "a",
       0},
      {kLatin1, "81 61",
       "\xEF\xBF\xBD"
       "a",
       1},
      {kCyrillic, "cf f0 e8 e2 e5 f2", "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82", 0},
      {kJapanese, "93 fa 96 7b b1 41",
       "\xE6\x97\xA5\xE6\x9C\xAC\xEF\xBD\xB1"
       "A",
       0},
      {kJapanese, "41 82", "A\xEF\xBF\xBD", 1},
      {"04 08 d0 00 00", "d6 d0", "\xE4\xB8\xAD", 0},  // 936
      {"12 04 d0 00 00", "c7 d1", "\xED\x95\x9C", 0},  // 949
      {"04 04 d0 00 00", "a4 a4", "\xE4\xB8\xAD", 0},  // 950
      {"15 04 d0 00 00", "b3", "\xC5\x82", 0},         // 1250
      {"08 04 d0 00 00", "e1", "\xCE\xB1", 0},         // 1253
      {"1f 04 d0 00 00", "fd", "\xC4\xB1", 0},         // 1254
      {"0d 04 d0 00 00", "e0", "\xD7\x90", 0},         // 1255
      {"01 04 d0 00 00", "c7", "\xD8\xA7", 0},         // 1256
      {"27 04 d0 00 00", "e0", "\xC4\x85", 0},         // 1257
      {"2a 04 d0 00 00", "d0", "\xC4\x90", 0},         // 1258
      {"1e 04 d0 00 00", "a1", "\xE0\xB8\x81", 0},     // 874
      {"09 04 d0 00 20", "82", "\xC3\xA9", 0},         // sort order 32: 437
      {"09 04 d0 00 2a", "9b", "\xC3\xB8", 0},         // 42: 850
      {"07 04 01 00 00", "fc", "\xC3\xBC", 0},         // German telephone books: 0x10407
      {kUtf8Flag, "c3 a9 f0 9f 98 80", "\xC3\xA9\xF0\x9F\x98\x80", 0},
      {kUtf8Flag, "c3 28 ed a0 80 ff",
       "\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 5},
  };
  for (const auto& known : all) {
    SCOPED_TRACE(std::string(known.collation) + ": " + known.bytes);
    auto bytes = Hex(known.bytes);
    // Alone, behind a block of ASCII, and in a value that comes in pieces of one byte.
    const std::string ascii(21, '.');
    auto texts = Decode(Varchar(known.collation), {ShortBytes(bytes), ShortBytes(ascii + bytes)},
                        arrow::utf8());
    ASSERT_TRUE(texts) << texts.error().message;
    EXPECT_THAT(texts->values, ElementsAre(known.text, ascii + known.text));
    EXPECT_EQ(texts->counts.undecodable_bytes, 2 * known.undecodable);
    auto pieces = Decode(Hex("a7 ffff") + Hex(known.collation),
                         {Pieces(bytes, 1), Pieces(ascii + bytes, 2, false)}, arrow::large_utf8());
    ASSERT_TRUE(pieces) << pieces.error().message;
    EXPECT_EQ(pieces->values, texts->values);
    EXPECT_EQ(pieces->counts.undecodable_bytes, 2 * known.undecodable);
  }
  auto unknown = Decode(Varchar("39 04 d0 00 00"), {ShortBytes("")}, arrow::utf8());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(unknown.error().message, testing::AllOf(HasSubstr("\"c\""), HasSubstr("3904d00000")));
}

TEST(TdsText, PiecesMayCutACharacterAnywhere) {
  std::string text = "ascii, \xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x98\x80 and so on, ";
  while (text.size() < 300) text += text;
  const auto units = ToUtf16(text);
  for (std::size_t piece : {1, 2, 3, 5, 7, 64, 1000}) {
    for (std::size_t step : {std::size_t{1}, std::size_t{100}, SIZE_MAX}) {
      auto texts =
          Decode(Hex("e7 ffff") + Hex(kLatin1), {Pieces(units, piece), Pieces(units, piece, false)},
                 arrow::large_utf8(), step);
      ASSERT_TRUE(texts) << texts.error().message;
      EXPECT_THAT(texts->values, ElementsAre(text, text));
      auto utf8 = Decode(Hex("f4"), {Pieces(text, piece)}, arrow::utf8(), step);
      ASSERT_TRUE(utf8) << utf8.error().message;
      EXPECT_THAT(utf8->values, ElementsAre(text));
    }
  }
}

TEST(TdsText, LargeValuesPassWhole) {
  std::string text;
  while (text.size() < 3'000'000) text += fmt::format("{} \xE2\x82\xAC ", text.size());
  auto pieces = Decode(Hex("e7 ffff") + Hex(kLatin1), {Pieces(ToUtf16(text), 8040)},
                       arrow::large_utf8(), 32'759);
  ASSERT_TRUE(pieces) << pieces.error().message;
  EXPECT_EQ(pieces->values.front(), text);
  auto pointer = Decode(Hex("63 00100000") + Hex(kLatin1), {WithTextPointer(ToUtf16(text))},
                        arrow::large_utf8(), 32'759);
  ASSERT_TRUE(pointer) << pointer.error().message;
  EXPECT_EQ(pointer->values.front(), text);
}

TEST(TdsText, LengthsThatContradictEachOtherAreCorrupt) {
  const auto info = Hex("a5 ffff");
  auto announced = [](std::uint64_t total, std::string_view rest) {
    return Le(total) + std::string(rest);
  };
  const std::string two = Le(std::uint32_t{2}) + "ab", end = Le(std::uint32_t{0});
  for (const auto& cell :
       {announced(3, two + end), announced(1, two + end), announced(0, two + end),
        announced(INT64_MAX, two + end), announced(std::uint64_t{1} << 31, two + end),
        announced(UINT64_MAX - 1, Le(UINT32_MAX) + "ab")}) {
    auto bytes = Decode(info, {cell}, arrow::binary());
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().kind, ErrorKind::kCorrupt);
  }
  auto text = Decode(Hex("23 00100000") + Hex(kLatin1),
                     {"\x10" + std::string(24, 'p') + Le(UINT32_MAX) + "ab"}, arrow::large_utf8());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kCorrupt);
}

// With a limit of 1000 bytes for what 32 bits count in truth.
TEST(TdsText, AColumnOf32BitEndsIsDividedBeforeItOverflows) {
  std::vector<std::string> cells, expected;
  for (int i = 0; i < 30; ++i) {
    expected.push_back(i % 5 == 3 ? "(null)"
                                  : std::string(static_cast<std::size_t>(i * 30),
                                                static_cast<char>('a' + i % 26)));
    cells.push_back(i % 5 == 3 ? Hex("ffffffffffffffff") : Pieces(ToUtf16(expected.back()), 64));
  }
  for (std::size_t step : {std::size_t{1}, std::size_t{50}, SIZE_MAX}) {
    auto texts =
        Decode(Hex("e7 ffff") + Hex(kLatin1), cells, arrow::utf8(), step, {.column_bytes = 1000});
    ASSERT_TRUE(texts) << texts.error().message;
    EXPECT_EQ(texts->values, expected);
    EXPECT_GT(texts->batch_rows.size(), 8U);
    auto large = Decode(Hex("e7 ffff") + Hex(kLatin1), cells, arrow::large_utf8(), step,
                        {.column_bytes = 1000});
    ASSERT_TRUE(large) << large.error().message;
    EXPECT_EQ(large->values, expected);
    EXPECT_THAT(large->batch_rows, ElementsAre(30));
  }
  for (const auto& type : {arrow::utf8(), arrow::large_utf8()}) {
    auto too_long = Decode(Hex("e7 ffff") + Hex(kLatin1),
                           {cells[0], Pieces(ToUtf16(std::string(1001, 'x')), 64)}, type, SIZE_MAX,
                           {.column_bytes = 1000});
    ASSERT_FALSE(too_long);
    EXPECT_EQ(too_long.error().kind, ErrorKind::kUnsupported);
    EXPECT_THAT(too_long.error().message, HasSubstr("\"c\""));
  }
}

TEST(TdsText, ToUtf16AndBack) {
  for (const char* text :
       {"", "a", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF\xF0\x90\x80\x80"})
    EXPECT_EQ(FromUtf16(ToUtf16(text)), text);
  EXPECT_EQ(FromUtf16(ToUtf16("a\xFF"
                              "b")),
            "a\xEF\xBF\xBD"
            "b");
}

// ---- parameters

TEST(TdsParameters, ARowGoesBackAsItCame) {
  const auto samples = SampleColumns();
  for (bool is_null : {false, true}) {
    for (const auto& sample : samples) {
      SCOPED_TRACE(sample.column.name);
      if (is_null && sample.null.empty()) continue;
      const auto metadata = ColMetadata({sample.column});
      MemoryInput metadata_input(std::string_view(metadata).substr(1));
      auto columns = ReadColMetadata(metadata_input);
      ASSERT_TRUE(columns);
      const auto& cell = is_null ? sample.null : sample.value;
      MemoryInput row(cell);
      auto parameters = ReadRowAsParameters(row, *columns);
      if (columns->front().type.framing() == Framing::kTextPointer) {
        if (!is_null) {
          ASSERT_FALSE(parameters);
          EXPECT_EQ(parameters.error().kind, ErrorKind::kUnsupported);
        }
        continue;
      }
      ASSERT_TRUE(parameters) << parameters.error().message;
      const auto& parameter = parameters->front();
      EXPECT_EQ(parameter.name, "@p1");
      // Read again as a server would: the same value.
      const auto sent = parameter.type_info + parameter.value;
      MemoryInput input(sent);
      auto type = ReadTypeInfo(input, TypePlace::kRequest);
      ASSERT_TRUE(type) << type.error().message;
      EXPECT_EQ(type->kind(), columns->front().type.kind());
      EXPECT_EQ(type->collation, columns->front().type.collation);
      EXPECT_NE(type->framing(), Framing::kFixed);
      auto value = ReadValue(input, *type);
      MemoryInput again(cell);
      auto before = ReadValue(again, columns->front().type);
      ASSERT_TRUE(value && before);
      EXPECT_EQ(*value, *before);
      EXPECT_EQ(input.size(), 0U);
      EXPECT_EQ(ParseParameter(Serialize(parameter)).value(), parameter);
    }
  }
}

TEST(TdsParameters, AreDeclaredAsTheirColumns) {
  std::vector<std::string> declared;
  for (const auto& sample : SampleColumns()) {
    MemoryInput input(sample.column.type_info);
    declared.push_back(Declaration(ReadTypeInfo(input).value()));
  }
  EXPECT_THAT(
      declared,
      ElementsAre("tinyint", "bit", "smallint", "int", "smalldatetime", "real", "money", "datetime",
                  "float", "smallmoney", "bigint", "uniqueidentifier", "bigint", "int", "smallint",
                  "tinyint", "date", "time(7)", "datetime2(3)", "datetime2(7)", "datetimeoffset(7)",
                  "sql_variant", "bit", "decimal(38,10)", "numeric(18,4)", "float", "money",
                  "datetime", "varbinary(255)", "varchar(50)", "varchar(50)", "varchar(50)",
                  "varchar(50)", "binary(8)", "char(3)", "nvarchar(2000)", "nchar(3)",
                  "varchar(max)", "nvarchar(max)", "varbinary(max)", "xml", "h", "json",
                  "vector(2)", "text", "ntext", "image"));
}

TEST(TdsParameters, OfOurOwnValues) {
  auto read = [](const Parameter& parameter) {
    const auto sent = parameter.type_info + parameter.value;
    MemoryInput input(sent);
    auto type = ReadTypeInfo(input, TypePlace::kRequest);
    return ReadValue(input, type.value()).value();
  };
  EXPECT_EQ(read(IntParameter("@a", INT64_MIN)), Value(INT64_MIN));
  EXPECT_EQ(read(NullParameter("@a")), Value());
  EXPECT_EQ(read(TextParameter("@a", "\xE2\x82\xAC")), Value(std::string("\xE2\x82\xAC")));
  EXPECT_EQ(read(TextParameter("@a", std::string(5000, 'x'))), Value(std::string(5000, 'x')));
  EXPECT_EQ(TextParameter("@a", std::string(4001, 'x')).declaration, "nvarchar(max)");
  EXPECT_EQ(read(BinaryParameter("@a", std::string(9000, '\0'))), Value(std::string(9000, '\0')));
  EXPECT_EQ(BinaryParameter("@a", "").declaration, "varbinary(8000)");
}

TEST(TdsParameters, WhatWasKeptAndCutIsRefused) {
  const auto kept = Serialize(IntParameter("@p1", 7));
  for (std::size_t size = 0; size < kept.size(); ++size) {
    auto parsed = ParseParameter(kept.substr(0, size));
    ASSERT_FALSE(parsed) << size;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_FALSE(ParseParameter(kept + "x"));
}

// ---- tokens that no vector has

TEST(TdsTokens, FederatedAuthenticationNamesWhereToAsk) {
  const auto url = ToUtf16("https://login"), spn = ToUtf16("https://database");
  std::string body = Le(std::uint32_t{2});
  body += "\x01" + Le(static_cast<std::uint32_t>(url.size())) + Le(std::uint32_t{22});
  body += "\x02" + Le(static_cast<std::uint32_t>(spn.size())) +
          Le(static_cast<std::uint32_t>(22 + url.size()));
  body += url + spn;
  const auto token = Le(static_cast<std::uint32_t>(body.size())) + body;
  MemoryInput input(token);
  auto info = ReadFedAuthInfo(input);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->sts_url, "https://login");
  EXPECT_EQ(info->spn, "https://database");
  auto outside = token;
  outside[4 + 4 + 5] = '\x7F';
  MemoryInput lying(outside);
  EXPECT_EQ(ReadFedAuthInfo(lying).error().kind, ErrorKind::kCorrupt);
}

TEST(TdsTokens, AMessageShorterThanItsLengthsIsCorrupt) {
  const auto text = ToUtf16("text");
  const std::string body = Le(std::int32_t{208}) + Hex("01 10") + Le(std::uint16_t{4}) + text +
                           Hex("00 00") + Le(std::int32_t{7});
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto token = ShortBytes(body.substr(0, size));
    MemoryInput input(token);
    auto message = ReadServerMessage(input);
    ASSERT_FALSE(message) << size;
    EXPECT_EQ(message.error().kind, ErrorKind::kCorrupt);
  }
  const auto token = ShortBytes(body);
  MemoryInput input(token);
  auto message = ReadServerMessage(input);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->number, 208);
  EXPECT_EQ(message->line, 7);
  EXPECT_THAT(UnknownToken(0x42).message, HasSubstr("0x42"));
  MemoryInput many(std::string_view("\x01\x10", 2));  // 4097 columns
  EXPECT_EQ(ReadColMetadata(many).error().kind, ErrorKind::kCorrupt);
}

TEST(TdsTokens, EnhancedRoutingNamesADatabase) {
  const auto host = ToUtf16("node"), database = ToUtf16("db");
  const std::string target = Hex("00 9905") + ShortBytes(host).replace(0, 2, Le(std::uint16_t{4})) +
                             ShortBytes(database).replace(0, 2, Le(std::uint16_t{2}));
  const auto token = ShortBytes("\x15" + ShortBytes(target) + Hex("00 00"));
  MemoryInput input(token);
  auto change = ReadEnvChange(input);
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->host, "node");
  EXPECT_EQ(change->port, 1433);
  EXPECT_EQ(change->database, "db");
}

}  // namespace
}  // namespace tidemark::tds
