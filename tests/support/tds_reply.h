// Replies of a server, made by hand: for tests, the fuzzer's seeds and the benchmark.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/sqlserver/tds/text.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {

// "26 04" as two bytes; blanks do not count.
inline std::string Hex(std::string_view digits) {
  std::string bytes;
  int half = -1;
  for (char digit : digits) {
    if (digit == ' ') continue;
    const int value = digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
    if (half < 0) {
      half = value;
    } else {
      bytes.push_back(static_cast<char>(half * 16 + value));
      half = -1;
    }
  }
  return bytes;
}

template <class T>
std::string Le(T value) {
  std::string bytes;
  Store(value, &bytes);
  return bytes;
}

inline constexpr const char* kLatin1 = "09 04 d0 00 34";    // sort order 52: code page 1252
inline constexpr const char* kCyrillic = "19 04 d0 00 00";  // language 0x419: 1251
inline constexpr const char* kJapanese = "11 04 d0 00 00";  // 0x411: 932
inline constexpr const char* kUtf8Flag = "09 04 d0 04 00";  // bit 26

inline std::string ShortBytes(std::string_view bytes) {
  return Le(static_cast<std::uint16_t>(bytes.size())) + std::string(bytes);
}
inline std::string ShortUtf16(std::string_view utf8) { return ShortBytes(ToUtf16(utf8)); }

// PLP in pieces of `piece` bytes.
inline std::string Pieces(std::string_view bytes, std::size_t piece, bool is_length_known = true) {
  std::string cell = Le(is_length_known ? std::uint64_t{bytes.size()} : UINT64_MAX - 1);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto part = bytes.substr(at, piece);
    cell += Le(static_cast<std::uint32_t>(part.size())) + std::string(part);
  }
  return cell + Le(std::uint32_t{0});
}

// text, ntext and image.
inline std::string WithTextPointer(std::string_view bytes) {
  return "\x10" + std::string("dummy textptr\0\0\0", 16) + std::string("dummyTS\0", 8) +
         Le(static_cast<std::uint32_t>(bytes.size())) + std::string(bytes);
}

// What follows in a variant's cell after its length.
inline std::string Variant(std::string_view bytes) {
  return Le(static_cast<std::uint32_t>(bytes.size())) + std::string(bytes);
}

struct ReplyColumn {
  std::string name;
  std::string type_info;
  std::uint32_t user_type = 0;
};

inline std::string ColMetadata(const std::vector<ReplyColumn>& columns) {
  std::string token = "\x81" + Le(static_cast<std::uint16_t>(columns.size()));
  for (const auto& column : columns) {
    token += Le(column.user_type) + Le(std::uint16_t{9}) + column.type_info;
    const auto type = static_cast<std::uint8_t>(column.type_info[0]);
    if (type == 0x22 || type == 0x23 || type == 0x63) token += Hex("01 01 00 74 00");  // table t
    const auto name = ToUtf16(column.name);
    token.push_back(static_cast<char>(name.size() / 2));
    token += name;
  }
  return token;
}

inline std::string DoneToken() { return "\xFD" + Hex("10 00 c1 00") + Le(std::uint64_t{0}); }

// NBCROW of cells, of which the empty ones are NULL.
inline std::string NbcRow(const std::vector<std::string>& cells) {
  std::string nulls((cells.size() + 7) / 8, '\0'), values;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].empty()) nulls[i / 8] = static_cast<char>(nulls[i / 8] | (1 << (i % 8)));
    values += cells[i];
  }
  return "\xD2" + nulls + values;
}

inline std::string RowToken(const std::vector<std::string>& cells) {
  std::string token = "\xD1";
  for (const auto& cell : cells) token += cell;
  return token;
}

// Every type with a value, a NULL or both, for whoever wants to see all of them.
struct SampleColumn {
  ReplyColumn column;
  std::string value;
  std::string null;  // empty: it cannot be NULL in a ROW
};

inline std::vector<SampleColumn> SampleColumns() {
  const std::string latin1 = Hex(kLatin1);
  const std::string empty_byte(1, '\0'), empty_short = Hex("ff ff"),
                                         no_pieces = Hex("ffffffffffffffff");
  const std::string greek =
      "\xCE\xB1\xCE\xB2 and \xF0\x9F\x98\x80 in a text that goes on for a while";
  const std::string guid = Hex("f17b0dc7 c7e5 c540 98c7 a12f7e686724");
  return {
      {{"tinyint", Hex("30")}, Hex("ff"), ""},
      {{"bit", Hex("32")}, Hex("01"), ""},
      {{"smallint", Hex("34")}, Hex("0080"), ""},
      {{"int", Hex("38")}, Hex("ffffff7f"), ""},
      {{"smalldatetime", Hex("3a")}, Hex("ffff 9f05"), ""},
      {{"real", Hex("3b")}, Hex("0000c03f"), ""},
      {{"money", Hex("3c")}, Hex("ffffffff feffffff"), ""},
      {{"datetime", Hex("3d")}, Hex("00000000 01000000"), ""},
      {{"float", Hex("3e")}, Hex("000000000000e03f"), ""},
      {{"smallmoney", Hex("7a")}, Hex("983a0000"), ""},
      {{"bigint", Hex("7f")}, Hex("0000000000000080"), ""},
      {{"guid", Hex("24 10")}, "\x10" + guid, empty_byte},
      {{"intn8", Hex("26 08")}, Hex("08 0100000000000000"), empty_byte},
      {{"intn4", Hex("26 04")}, Hex("04 01000000"), empty_byte},
      {{"intn2", Hex("26 02")}, Hex("02 0100"), empty_byte},
      {{"intn1", Hex("26 01")}, Hex("01 01"), empty_byte},
      {{"date", Hex("28")}, Hex("03 46460b"), empty_byte},
      {{"time7", Hex("29 07")}, Hex("05 ffbf692ac9"), empty_byte},
      {{"datetime2_3", Hex("2a 03")}, Hex("07 2e8ba80046460b"), empty_byte},
      {{"datetime2_7", Hex("2a 07")}, Hex("08 ffbf692ac9 dab937"), empty_byte},
      {{"datetimeoffset7", Hex("2b 07")}, Hex("0a 0100000000 46460b c4ff"), empty_byte},
      {{"variant", Hex("62 491f0000")}, Variant(Hex("38 00 07000000")), Hex("00000000")},
      {{"bitn", Hex("68 01")}, Hex("01 01"), empty_byte},
      {{"decimal", Hex("6a 11 26 0a")}, Hex("0d 00 ffffffff ffffffff ffffffff"), empty_byte},
      {{"numeric", Hex("6c 11 12 04")}, Hex("09 01 1500000000000000"), empty_byte},
      {{"floatn", Hex("6d 08")}, Hex("08 000000000000e03f"), empty_byte},
      {{"moneyn", Hex("6e 08")}, Hex("08 0000000040420f00"), empty_byte},
      {{"datetimen", Hex("6f 08")}, Hex("08 0000000002000000"), empty_byte},
      {{"varbinary", Hex("a5 ff00")}, Hex("0200 0102"), empty_short},
      {{"varchar", Hex("a7 3200") + latin1}, Hex("0400 63 61 66 e9"), empty_short},
      {{"varchar1251", Hex("a7 3200") + Hex(kCyrillic)}, Hex("0200 c6 e6"), empty_short},
      {{"varchar932", Hex("a7 3200") + Hex(kJapanese)}, Hex("0300 82 a0 41"), empty_short},
      {{"varchar_utf8", Hex("a7 3200") + Hex(kUtf8Flag)}, ShortBytes(greek), empty_short},
      {{"rowversion", Hex("ad 0800"), 80}, Hex("0800 00000000000007d1"), empty_short},
      {{"char", Hex("af 0300") + latin1}, Hex("0300 616220"), empty_short},
      {{"nvarchar", Hex("e7 a00f") + latin1}, ShortUtf16(greek), empty_short},
      {{"nchar", Hex("ef 0600") + latin1}, Hex("0600 6100 62d8 0000"), empty_short},
      {{"varchar_max", Hex("a7 ffff") + latin1}, Pieces("some pieces of text", 7), no_pieces},
      {{"nvarchar_max", Hex("e7 ffff") + latin1}, Pieces(ToUtf16(greek), 5, false), no_pieces},
      {{"varbinary_max", Hex("a5 ffff")}, Pieces("bytes of any kind", 100), no_pieces},
      {{"xml", Hex("f1 00")}, Pieces(ToUtf16("<a/>"), 8, false), no_pieces},
      {{"udt", Hex("f0 7c03 06 6d0061007300740065007200 03 730079007300 01 6800 0100 7800")},
       Pieces(Hex("5ade"), 2),
       no_pieces},
      {{"json", Hex("f4")}, Pieces("{\"a\":1}", 3, false), no_pieces},
      {{"vector", Hex("f5 1000 00")}, Hex("1000 a901020000000000 00001441 0000c0bf"), empty_short},
      {{"text", Hex("23 00100000") + latin1}, WithTextPointer("text"), empty_byte},
      {{"ntext", Hex("63 00100000") + latin1}, WithTextPointer(ToUtf16(greek)), empty_byte},
      {{"image", Hex("22 00100000")}, WithTextPointer(Hex("00ff")), empty_byte},
  };
}

// A whole reply: every type, with values, with NULLs, and NBCROWs of each third one.
inline std::string SampleReply(int rounds) {
  const auto samples = SampleColumns();
  std::vector<ReplyColumn> columns;
  std::vector<std::string> values, nulls, some;
  for (const auto& sample : samples) {
    columns.push_back(sample.column);
    values.push_back(sample.value);
    nulls.push_back(sample.null.empty() ? sample.value : sample.null);
    some.push_back(values.size() % 3 == 0 ? sample.value : "");
  }
  std::string reply = ColMetadata(columns);
  for (int i = 0; i < rounds; ++i) reply += RowToken(values) + NbcRow(some) + RowToken(nulls);
  return reply + DoneToken();
}

}  // namespace tidemark::tds
