// What decoding SQL Server's rows costs: nanoseconds of this thread a value, from memory, for each
// type and for a mixed table; the least of several rounds, as the machine has others on it.
//
// tds_decode_bench [NAME…]: only the sets whose names contain a NAME.
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "source/sqlserver/tds/decode.h"
#include "source/sqlserver/tds/tokens.h"
#include "tests/support/tds_columns.h"
#include "tests/support/tds_reply.h"

namespace tidemark::tds {
namespace {

constexpr int kRounds = 15;
constexpr std::size_t kReplyBytes = 8 << 20;

// Of this thread alone: other programs must not count.
double ThreadNs() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

struct Set {
  std::string name;
  std::vector<ReplyColumn> columns;
  // The cells of one row after the other.
  std::vector<std::string> (*cells)(std::uint64_t row) = nullptr;
};

std::uint64_t Scatter(std::uint64_t row) { return row * 0x9E3779B97F4A7C15ULL; }

std::string WithByteLength(std::string_view bytes) {
  return std::string(1, static_cast<char>(bytes.size())) + std::string(bytes);
}

std::string Moment(std::uint64_t row) {
  return Le(Scatter(row) % 864'000'000'000).substr(0, 5) + Le(738'000 + row % 1000).substr(0, 3);
}

std::string Decimal(std::uint64_t row) {
  return Hex("09 01") + Le(Scatter(row) % 1'000'000'000'000);
}

using Cells = std::vector<std::string>;

std::vector<Set> Numbers() {
  return {
      {"int",
       {{"c", Hex("38")}},
       [](std::uint64_t row) { return Cells{Le(static_cast<std::int32_t>(row))}; }},
      {"ten of int", std::vector<ReplyColumn>(10, {"c", Hex("38")}),
       [](std::uint64_t row) { return Cells(10, Le(static_cast<std::int32_t>(row))); }},
      {"ten of int null", std::vector<ReplyColumn>(10, {"c", Hex("26 04")}),
       [](std::uint64_t row) { return Cells(10, "\x04" + Le(static_cast<std::int32_t>(row))); }},
      {"bigint null",
       {{"c", Hex("26 08")}},
       [](std::uint64_t row) { return Cells{"\x08" + Le(Scatter(row))}; }},
      {"bit null",
       {{"c", Hex("68 01")}},
       [](std::uint64_t row) { return Cells{Hex(row % 3 == 0 ? "01 01" : "01 00")}; }},
      {"float null",
       {{"c", Hex("6d 08")}},
       [](std::uint64_t row) { return Cells{"\x08" + Le(static_cast<double>(row) * 0.5)}; }},
      {"int, a third NULL",
       {{"c", Hex("26 04")}},
       [](std::uint64_t row) {
         return Cells{Scatter(row) % 3 == 0 ? Hex("00")
                                            : "\x04" + Le(static_cast<std::int32_t>(row))};
       }},
      {"decimal(18,4)",
       {{"c", Hex("6c 11 12 04")}},
       [](std::uint64_t row) { return Cells{Decimal(row)}; }},
      {"decimal(38,10)",
       {{"c", Hex("6a 11 26 0a")}},
       [](std::uint64_t row) { return Cells{Hex("11 00") + Le(Scatter(row)) + Le(row)}; }},
      {"money",
       {{"c", Hex("6e 08")}},
       [](std::uint64_t row) { return Cells{"\x08" + Le(Scatter(row))}; }},
  };
}

std::vector<Set> Moments() {
  return {
      {"date",
       {{"c", Hex("28")}},
       [](std::uint64_t row) {
         return Cells{WithByteLength(Le(730'000 + row % 10'000).substr(0, 3))};
       }},
      {"datetime",
       {{"c", Hex("6f 08")}},
       [](std::uint64_t row) {
         return Cells{"\x08" + Le(static_cast<std::int32_t>(row % 40'000)) +
                      Le(static_cast<std::uint32_t>(Scatter(row) % 25'920'000))};
       }},
      {"datetime2(3)",
       {{"c", Hex("2a 03")}},
       [](std::uint64_t row) {
         return Cells{"\x07" + Le(Scatter(row) % 86'400'000).substr(0, 4) +
                      Le(738'000 + row % 1000).substr(0, 3)};
       }},
      {"datetime2(7), two columns",
       {{"c", Hex("2a 07")}},
       [](std::uint64_t row) { return Cells{WithByteLength(Moment(row))}; }},
      {"datetimeoffset(7), three",
       {{"c", Hex("2b 07")}},
       [](std::uint64_t row) { return Cells{"\x0a" + Moment(row) + Hex("3c00")}; }},
      {"time(7) as text",
       {{"c", Hex("29 07")}},
       [](std::uint64_t row) { return Cells{WithByteLength(Moment(row).substr(0, 5))}; }},
      {"uniqueidentifier as text",
       {{"c", Hex("24 10")}},
       [](std::uint64_t row) { return Cells{"\x10" + Le(Scatter(row)) + Le(row)}; }},
  };
}

std::vector<Set> Texts() {
  const std::string latin1 = Hex(kLatin1);
  return {
      {"nvarchar, 16 ASCII",
       {{"c", Hex("e7 6400") + latin1}},
       [](std::uint64_t row) {
         return Cells{ShortUtf16(fmt::format("Customer {:07}", row % 10'000'000))};
       }},
      {"nvarchar, 60 ASCII",
       {{"c", Hex("e7 a00f") + latin1}},
       [](std::uint64_t row) { return Cells{ShortUtf16(fmt::format("{:060}", row))}; }},
      {"nvarchar, 14 Greek",
       {{"c", Hex("e7 6400") + latin1}},
       [](std::uint64_t) {
         return Cells{
             ShortUtf16("\xCE\xB1\xCE\xB2\xCE\xB3\xCE\xB4\xCE\xB5\xCE\xB6\xCE\xB7\xCE\xB8\xCE\xB9"
                        "\xCE\xBA\xCE\xBB\xCE\xBC\xCE\xBD\xCE\xBE")};
       }},
      {"varchar, 8 ASCII",
       {{"c", Hex("a7 1400") + latin1}},
       [](std::uint64_t row) {
         return Cells{ShortBytes(fmt::format("C{:07}", row % 10'000'000))};
       }},
      {"varchar, 12 with two of 1252",
       {{"c", Hex("a7 1400") + latin1}},
       [](std::uint64_t) { return Cells{ShortBytes("M\xFCller Stra\xDF")}; }},
      {"varchar UTF-8, 16",
       {{"c", Hex("a7 1400") + Hex(kUtf8Flag)}},
       [](std::uint64_t) { return Cells{ShortBytes("M\xC3\xBCller Strasse")}; }},
      {"varbinary, 20",
       {{"c", Hex("a5 2000")}},
       [](std::uint64_t row) {
         return Cells{ShortBytes(Le(Scatter(row)) + std::string(12, 'b'))};
       }},
      {"varchar(max), 100",
       {{"c", Hex("a7 ffff") + latin1}},
       [](std::uint64_t) { return Cells{Pieces(std::string(100, 'x'), 8000)}; }},
      {"nvarchar(max), 2000",
       {{"c", Hex("e7 ffff") + latin1}},
       [](std::uint64_t) { return Cells{Pieces(ToUtf16(std::string(2000, 'x')), 8000)}; }},
      {"sql_variant of int, two",
       {{"c", Hex("62 491f0000")}},
       [](std::uint64_t row) {
         return Cells{Variant(Hex("38 00") + Le(static_cast<std::int32_t>(row)))};
       }},
      {"vector(100)",
       {{"c", Hex("f5 9801 00")}},
       [](std::uint64_t) {
         return Cells{ShortBytes(Hex("a901 6400 00 000000") + std::string(400, 'x'))};
       }},
  };
}

std::vector<Set> Mixed() {
  const std::string latin1 = Hex(kLatin1);
  return {
      {"mixed, 10 columns",
       {{"id", Hex("38")},
        {"k", Hex("26 08")},
        {"amt", Hex("6c 11 12 04")},
        {"f", Hex("6d 08")},
        {"ts", Hex("2a 07")},
        {"name", Hex("e7 6400") + latin1},
        {"code", Hex("a7 1400") + latin1},
        {"flag", Hex("68 01")},
        {"guid", Hex("24 10")},
        {"d", Hex("28")}},
       [](std::uint64_t row) {
         return Cells{Le(static_cast<std::int32_t>(row)),
                      "\x08" + Le(row * 1'000'003),
                      Decimal(row),
                      "\x08" + Le(static_cast<double>(row) * 0.5),
                      WithByteLength(Moment(row)),
                      ShortUtf16(fmt::format("Customer name {}", row)),
                      ShortBytes(fmt::format("C{:07}", row)),
                      Hex(row % 2 == 0 ? "01 00" : "01 01"),
                      "\x10" + Le(Scatter(row)) + Le(row),
                      WithByteLength(Le(730'000 + row % 10'000).substr(0, 3))};
       }},
  };
}

struct Reply {
  std::string bytes;
  std::uint64_t rows = 0;
};

Reply MakeReply(const Set& set) {
  Reply reply{ColMetadata(set.columns)};
  while (reply.bytes.size() < kReplyBytes) reply.bytes += RowToken(set.cells(reply.rows++));
  reply.bytes += DoneToken();
  return reply;
}

// `step`: bytes that the window shows at once, as packets do.
Result<double> Measure(const Reply& reply, std::size_t step) {
  MemoryInput input(reply.bytes, step);
  TRY(input.Need(1));
  input.Skip(1);
  auto columns = TRY(ReadColMetadata(input));
  auto made = MakeDefaultColumns(columns);
  auto decoder = TRY(RowDecoder::Make(columns, made.outputs, made.schema, {}));
  const double began = ThreadNs();
  std::int64_t rows = 0;
  for (bool is_full = true; is_full;) {
    is_full = TRY(decoder.Decode(input));
    if (auto batch = TRY(decoder.Finish())) rows += batch->num_rows();
  }
  const double took = ThreadNs() - began;
  TIDEMARK_CHECK(rows == static_cast<std::int64_t>(reply.rows));
  return took / static_cast<double>(reply.rows * columns.size());
}

Status Run(const Set& set) {
  const auto reply = MakeReply(set);
  double whole = 1e9, packets = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    whole = std::min(whole, TRY(Measure(reply, SIZE_MAX)));
    packets = std::min(packets, TRY(Measure(reply, 32'759)));
  }
  fmt::print("{:30} {:7.2f} {:7.2f} {:7.2f}\n", set.name, whole, packets,
             static_cast<double>(reply.bytes.size()) / packets /
                 static_cast<double>(reply.rows * set.columns.size()));
  return {};
}

}  // namespace
}  // namespace tidemark::tds

int main(int argc, char** argv) {
  fmt::print("{:30} {:>7} {:>7} {:>7}\n", "ns a value", "whole", "packets", "GB/s");
  std::vector<tidemark::tds::Set> sets;
  for (auto&& some : {tidemark::tds::Numbers(), tidemark::tds::Moments(), tidemark::tds::Texts(),
                      tidemark::tds::Mixed()})
    sets.insert(sets.end(), some.begin(), some.end());
  for (const auto& set : sets) {
    const bool is_wanted = argc == 1 || std::any_of(argv + 1, argv + argc, [&](const char* name) {
                             return set.name.find(name) != std::string::npos;
                           });
    if (!is_wanted) continue;
    if (auto status = tidemark::tds::Run(set); !status) {
      fmt::print(stderr, "{}: {}\n", set.name, status.error().message);
      return 1;
    }
  }
  return 0;
}
