#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/progress_lines.h"
#include "cli/quantities.h"
#include "cli/report.h"

namespace tidemark::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Arguments Parsed(const std::vector<std::string>& words) {
  auto arguments = Arguments::Parse(words);
  if (arguments) return *arguments;
  ADD_FAILURE() << arguments.error().message;
  return Arguments();
}

Error Refused(const std::vector<std::string>& words) {
  auto arguments = Arguments::Parse(words);
  EXPECT_FALSE(arguments);
  return arguments ? Error{ErrorKind::kInternal, {}, {}} : arguments.error();
}

// Options may stand anywhere, with a blank or '=' before their value.
TEST(Arguments, TakesOperandsAndOptionsInAnyOrder) {
  auto a =
      Parsed({"sync", "--table", "a*", "shop.db", "--to=landing", "--table", "b", "-q", "--json"});
  EXPECT_EQ(a.command().name, "sync");
  EXPECT_THAT(a.operands(), ElementsAre("shop.db"));
  EXPECT_THAT(a.Texts("--table"), ElementsAre("a*", "b"));
  EXPECT_EQ(a.Text("--to"), "landing");
  EXPECT_TRUE(a.Has("--quiet"));
  EXPECT_TRUE(a.Has("--json"));
  EXPECT_FALSE(a.Has("--adopt"));
}

TEST(Arguments, OptionsOfEveryCommandMayStandBeforeIt) {
  EXPECT_EQ(Parsed({"-q", "status", "landing"}).command().name, "status");
  auto a = Parsed({"--log-format", "json", "status", "landing"});
  EXPECT_EQ(a.command().name, "status");
  EXPECT_EQ(a.Text("--log-format"), "json");
  auto b = Parsed({"--log-format", "json", "--progress", "none", "status", "landing"});
  EXPECT_EQ(b.command().name, "status");
  EXPECT_EQ(b.Text("--progress"), "none");
}

TEST(Arguments, WordsAfterTwoDashesAreOperands) {
  EXPECT_THAT(Parsed({"status", "--", "--odd"}).operands(), ElementsAre("--odd"));
}

TEST(Arguments, HelpIsACommandOfItsOwn) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"sync", "--help"},
                                                {"sync", "-h"},
                                                {"help", "sync"},
                                                {"-h", "sync"}}) {
    auto a = Parsed(words);
    EXPECT_EQ(a.command().name, "help");
    EXPECT_THAT(a.operands(), ElementsAre("sync"));
  }
  EXPECT_THAT(Parsed({"--help"}).operands(), IsEmpty());
  EXPECT_EQ(Parsed({"--version"}).command().name, "version");
}

// Every refusal names the word and lists what is allowed.
TEST(Arguments, RefusalsNameTheWordAndWhatIsAllowed) {
  EXPECT_THAT(Refused({"sink", "x"}).message, HasSubstr("\"sink\""));
  EXPECT_THAT(Refused({"sink", "x"}).hint, HasSubstr("sync, plan"));
  EXPECT_THAT(Refused({"sync", "x", "--too", "y"}).message, HasSubstr("\"--too\""));
  EXPECT_THAT(Refused({"sync", "x", "--too", "y"}).hint, HasSubstr("--to, --table"));
  EXPECT_THAT(Refused({"sync", "x", "--mode", "half"}).message, HasSubstr("--mode \"half\""));
  EXPECT_THAT(Refused({"sync", "x", "--mode", "half"}).hint, HasSubstr("full_incremental"));
  EXPECT_THAT(Refused({"sync", "x", "--to", "a", "--to", "b"}).message, HasSubstr("--to"));
  EXPECT_THAT(Refused({"sync", "x", "--to"}).message, HasSubstr("--to"));
  EXPECT_THAT(Refused({"sync", "x", "--to", ""}).message, HasSubstr("--to is empty"));
  EXPECT_THAT(Refused({}).hint, HasSubstr("sync, plan"));
  EXPECT_THAT(Refused({"export", "x"}).message, HasSubstr("\"export\""));
}

TEST(Arguments, NumbersSizesAndTimes) {
  auto a = Parsed({"sync", "--workers", "3", "--memory", "1GiB", "--lock-timeout", "500ms"});
  EXPECT_EQ(a.Integer("--workers", 1).value(), 3);
  EXPECT_EQ(a.Bytes("--memory", 1).value(), std::int64_t{1} << 30);
  EXPECT_EQ(a.Milliseconds("--lock-timeout").value(), 500);
  EXPECT_EQ(a.Integer("--row-group-rows", 1).value(), std::nullopt);
  auto b = Parsed({"sync", "--workers", "0", "--memory", "1KiB", "--lock-timeout", "soon"});
  EXPECT_THAT(b.Integer("--workers", 1).error().hint, HasSubstr("at least 1"));
  EXPECT_THAT(b.Bytes("--memory", 16 << 20).error().hint, HasSubstr("16MiB"));
  EXPECT_THAT(b.Milliseconds("--lock-timeout").error().message, HasSubstr("\"soon\""));
}

TEST(Quantities, AreAsPeopleReadThem) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(-1234567), "-1,234,567");
  EXPECT_EQ(SizeText(1023), "1023 B");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
  EXPECT_EQ(DurationText(250'000), "0.25 s");
  EXPECT_EQ(DurationText(65'000'000), "1:05");
  EXPECT_EQ(SpanText(7 * 86'400), "7 days");
  EXPECT_EQ(SpanText(1), "1 second");
}

TEST(Printable, SpellsWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("a\x1b[2Jb\n"), "a\\x1b[2Jb\\x0a");
  EXPECT_EQ(Printable("größe"), "größe");
}

SyncResult OneTable() {
  SyncResult result{.run_id = "r",
                    .started_us = 1'000'000,
                    .duration_us = 1'250'000,
                    .rows = 9,
                    .bytes = 4096,
                    .tables = {},
                    .databases = {}};
  TableResult table;
  table.table = {"shop", "main", "orders"};
  table.is_incremental = true;
  table.reason = "changes";
  table.rows = 9;
  table.inserted = 4;
  table.updated = 3;
  table.deleted = 2;
  table.version = 120;
  table.since_version = 100;
  table.bytes = 4096;
  table.files = {"data/shop/main/orders/x.parquet"};
  result.tables.push_back(table);
  return result;
}

// The members that scripts rely on.
TEST(SyncJson, HasTheMembersOfTheContract) {
  auto document = nlohmann::json::parse(SyncJson(OneTable()));
  EXPECT_EQ(document["run_id"], "r");
  EXPECT_EQ(document["started_at"], "1970-01-01T00:00:01Z");
  EXPECT_EQ(document["duration_seconds"], 1.25);
  EXPECT_EQ(document["rows"], 9);
  EXPECT_EQ(document["bytes"], 4096);
  EXPECT_EQ(document["failed"], 0);
  auto& table = document["tables"][0];
  EXPECT_EQ(table["database"], "shop");
  EXPECT_EQ(table["status"], "ok");
  EXPECT_EQ(table["mode"], "incremental");
  EXPECT_EQ(table["reason"], "changes");
  EXPECT_EQ(table["deleted"], 2);
  EXPECT_EQ(table["since_version"], 100);
  EXPECT_TRUE(table["error"].is_null());
  EXPECT_EQ(table["warnings"], nlohmann::json::array());
}

// A name that is not UTF-8 must not make the document unreadable.
TEST(SyncJson, IsValidWhateverNamesHold) {
  auto result = OneTable();
  result.tables[0].table.name = "bad\xff\xfe";
  result.tables[0].failure = Failure{FailureKind::kCorrupt, "row \xc3\x28", {}};
  auto document = nlohmann::json::parse(SyncJson(result));
  EXPECT_EQ(document["tables"][0]["table"], "bad\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(document["tables"][0]["error"]["kind"], "corrupt");
}

TEST(SyncTable, CountsTablesWithoutChangesRatherThanListingThem) {
  auto result = OneTable();
  TableResult idle;
  idle.table = {"shop", "main", "quiet"};
  idle.is_incremental = true;
  idle.reason = "no_changes";
  result.tables.push_back(idle);
  EXPECT_THAT(SyncTable(result, ShowsIdle::kNo),
              testing::AllOf(HasSubstr("main.orders"), testing::Not(HasSubstr("main.quiet")),
                             HasSubstr("2 tables: 1 landed, 1 without changes; 9 rows")));
  EXPECT_THAT(SyncTable(result, ShowsIdle::kYes), HasSubstr("main.quiet"));
}

// Completion and help read the table that parsing reads; nothing offered there is refused here.
TEST(Help, NamesEveryOption) {
  for (const auto& command : Commands()) {
    auto help = HelpText(command);
    for (const auto* option : command.options)
      EXPECT_THAT(help, HasSubstr(std::string(option->name)));
    EXPECT_THAT(help, HasSubstr("examples:"));
    EXPECT_THAT(HelpText(), HasSubstr(std::string(command.name)));
    for (auto shell : {"bash", "zsh", "fish"})
      EXPECT_THAT(CompletionScript(shell), HasSubstr(std::string(command.name)));
  }
  EXPECT_EQ(CompletionScript("csh"), "");
}

// Every event is a line; a table that advances often says so at most ten times a second, and its
// end tells all of it.
TEST(ProgressLines, AreJsonAndFew) {
  FakeClock clock(0);
  char* text = nullptr;
  std::size_t size = 0;
  auto* stream = ::open_memstream(&text, &size);
  {
    ProgressLines lines(stream, clock);
    TableId table{"shop", "main", "t"};
    using Kind = ProgressEvent::Kind;
    lines.Show({.kind = Kind::kPlanned, .tables = 1, .table = {}});
    lines.Show({.kind = Kind::kBegan, .table = table, .estimated_rows = 300});
    for (int i = 0; i < 4; ++i) {
      clock.Set(i * 60'000);
      lines.Show({.kind = Kind::kAdvanced, .table = table, .rows = 100, .bytes = 10});
    }
    lines.Show({.kind = Kind::kEnded, .table = table});
  }
  std::fclose(stream);
  std::vector<std::string> lines;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) lines.push_back(line);
  std::free(text);
  auto named = R"("database":"shop","schema":"main","table":"t")";
  EXPECT_THAT(
      lines,
      ElementsAre(
          R"({"progress":"planned","tables":1,"estimated_rows":null})",
          fmt::format(R"({{"progress":"began",{},"estimated_rows":300}})", named),
          fmt::format(R"({{"progress":"advanced",{},"rows":300,"bytes":30}})", named),
          fmt::format(R"({{"progress":"ended",{},"ok":true,"rows":400,"bytes":40}})", named)));
}

}  // namespace
}  // namespace tidemark::cli
