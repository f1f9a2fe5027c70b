#include "config/document.h"

#include <gmock/gmock.h>

#include "config/environment.h"

namespace tidemark::config {
namespace {

using testing::HasSubstr;

Node Yaml(std::string_view text) {
  auto node = ReadDocument(text, "f.yaml", Language::kYaml);
  if (node) return *node;
  ADD_FAILURE() << node.error().message;
  return {};
}
Node Json(std::string_view text) {
  auto node = ReadDocument(text, "f.json", Language::kJson);
  if (node) return *node;
  ADD_FAILURE() << node.error().message;
  return {};
}
// "message | hint".
std::string Refused(std::string_view text, Language language = Language::kYaml) {
  auto node = ReadDocument(text, language == Language::kYaml ? "f.yaml" : "f.json", language);
  EXPECT_FALSE(node) << text;
  if (node) return {};
  EXPECT_EQ(node.error().kind, ErrorKind::kInvalid);
  return node.error().message + " | " + node.error().hint;
}

TEST(Yaml, KeepsTextsAsWrittenAndKnowsTheirPlaces) {
  auto root = Yaml("a: 007\nb:\n  - \"x: y\"\n  - 1e400\nc: ~\nd:\n");
  EXPECT_EQ(root.Find("a")->text, "007");
  EXPECT_EQ(root.Find("b")->items[0].text, "x: y");
  EXPECT_TRUE(root.Find("b")->items[0].is_quoted);
  EXPECT_EQ(root.Find("b")->items[1].text, "1e400");
  EXPECT_EQ(root.Find("b")->items[1].place.line, 4);
  EXPECT_EQ(root.Find("b")->items[1].place.column, 5);
  EXPECT_EQ(root.Find("c")->kind, Node::Kind::kNull);
  EXPECT_EQ(root.Find("d")->kind, Node::Kind::kNull);
  EXPECT_EQ(root.Find("e"), nullptr);
}

TEST(Yaml, TakesAByteOrderMarkAndWindowsLineEnds) {
  EXPECT_EQ(Yaml("\xEF\xBB\xBF"
                 "a: 1\r\nb: 2\r\n")
                .Find("b")
                ->text,
            "2");
}

TEST(Yaml, ResolvesAnchorsAndMerges) {
  auto root = Yaml(
      "x: &base {m: 1, n: 2}\ny: *base\nz:\n  <<: *base\n  n: 3\nw: {<<: [{q: 1}, {q: 2, r: "
      "3}]}\n");
  EXPECT_EQ(root.Find("y")->Find("m")->text, "1");
  EXPECT_EQ(root.Find("z")->Find("m")->text, "1");
  EXPECT_EQ(root.Find("z")->Find("n")->text, "3");
  EXPECT_EQ(root.Find("w")->Find("q")->text, "1");
  EXPECT_EQ(root.Find("w")->Find("r")->text, "3");
}

TEST(Yaml, RefusalsSayWhereAndUsuallyWhatToDo) {
  EXPECT_EQ(Refused("a: 1\na: 2\n"),
            "f.yaml:2:1: key \"a\" stands here twice | the other one is in line 1");
  EXPECT_EQ(Refused("a:\n\tb: 1\n"),
            "f.yaml:2:3: not valid YAML: illegal map value | the line is indented with a tab: YAML "
            "wants blanks");
  EXPECT_EQ(Refused("tables: *\n"),
            "f.yaml:1:10: not valid YAML: alias not found after * | a star wants quotes: \"*\"");
  EXPECT_EQ(Refused("a: {b: ${C}}\n"),
            "f.yaml:1:9: not valid YAML: end of map flow not found | between braces a variable "
            "wants quotes: \"${NAME}\"");
  EXPECT_EQ(
      Refused("a: 1\n---\nb: 2\n"),
      "f.yaml:2:1: a second document begins here | one file holds one document: take out \"---\"");
  EXPECT_EQ(Refused("? [1, 2]\n: 3\n"),
            "f.yaml:1:3: a list or a map cannot be a key | write a name before the colon");
  EXPECT_EQ(Refused("a: &x [*x]\n"), "f.yaml:1:8: an alias stands inside of what it names | ");
  EXPECT_EQ(Refused("a: *nope\n"),
            "f.yaml:1:4: not valid YAML: the referenced anchor is not defined | a star wants "
            "quotes: \"*\"");
  EXPECT_EQ(Refused("a: \xff\n"), "f.yaml:1:4: byte 0xff is not UTF-8 | save the file as UTF-8");
  EXPECT_THAT(Refused(std::string_view("\xff\xfe"
                                       "a\0",
                                       4)),
              HasSubstr("the file is UTF-16"));
  EXPECT_THAT(Refused(std::string_view("a: \0", 4)),
              HasSubstr("f.yaml:1:4: a zero byte stands in the file"));
}

// Each line repeats the one above nine times: 9^12 values in half a kilobyte.
TEST(Yaml, RefusesAliasesThatGrowWithoutEnd) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 13; ++i) {
    auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 9; ++k) text += ", " + before;
    text += "]\n";
  }
  EXPECT_THAT(Refused(text),
              HasSubstr("the file holds too many values, aliases counted as often as they stand"));
}

TEST(Documents, AreBounded) {
  EXPECT_EQ(Refused(std::string(10 << 20, 'a')),
            "f.yaml: a configuration of 10485760 bytes is not read | at most 2 MiB");
  EXPECT_THAT(Refused(std::string(40, '[') + std::string(40, ']')),
              HasSubstr("f.yaml:1:33: values are nested too deeply | at most 32 levels"));
  EXPECT_THAT(Refused(std::string(100'000, '[')), HasSubstr("values are nested too deeply"));
  EXPECT_THAT(Refused(std::string(100'000, '['), Language::kJson),
              HasSubstr("values are nested too deeply"));
  std::string many = "[";
  for (int i = 0; i < 500'000; ++i) many += "1,";
  EXPECT_THAT(Refused(many + "1]", Language::kJson), HasSubstr("too many values"));
}

TEST(Json, ReadsWhatTheStandardSays) {
  auto root = Json(
      "{\n\t\"a\": \"\\ud83d\\ude00 \\/ \\u00e9\\n\",\n\t\"b\": [1.50, -0, 12345678901234567890, "
      "true, null]}\r\n");
  EXPECT_EQ(root.Find("a")->text, "\xF0\x9F\x98\x80 / \xC3\xA9\n");
  EXPECT_EQ(root.Find("b")->items[0].text, "1.50");
  EXPECT_EQ(root.Find("b")->items[2].text, "12345678901234567890");
  EXPECT_EQ(root.Find("b")->items[4].kind, Node::Kind::kNull);
  EXPECT_EQ(root.Find("b")->place.line, 3);
  EXPECT_EQ(root.Find("b")->place.column, 7);
  EXPECT_EQ(Json("{\"" + std::string(2000, 'k') + "\": 1}").members[0].key.size(), 2000u);
}

TEST(Json, RefusalsSayWhere) {
  auto refused = [](std::string_view text) { return Refused(text, Language::kJson); };
  EXPECT_EQ(refused("{\"a\": 1,\n \"a\": 2}"), "f.json:2:2: key \"a\" stands here twice | ");
  EXPECT_EQ(refused("{\"a\": 1,}"),
            "f.json:1:9: not valid JSON: a key in double quotes is wanted here, \"}\" is found | ");
  EXPECT_EQ(refused("{\"a\": yes}"),
            "f.json:1:7: not valid JSON: a value is wanted here, \"y\" is found | a text wants "
            "double quotes");
  EXPECT_EQ(refused("[1 2]"),
            "f.json:1:4: not valid JSON: \",\" or \"]\" is wanted here, \"2\" is found | ");
  EXPECT_EQ(refused("{\"a\": \"x"),
            "f.json:1:9: not valid JSON: the quote that ends a text is missing, the file ends | ");
  EXPECT_EQ(refused("{} x"),
            "f.json:1:4: not valid JSON: the end of the file is wanted here, \"x\" is found | ");
  for (auto text :
       {"", "{", "[01]", "[1.]", "[.5]", "[1e]", "[+1]", "[\"\\x\"]", "[\"\\ud800\"]",
        "[\"\\u12g4\"]", "[nul]", "{a: 1}", "['a']", "[\"a\nb\"]", "{\"a\" 1}", "[1,]", "// c\n{}"})
    EXPECT_THAT(refused(text), HasSubstr("not valid JSON")) << text;
}

Environment WithFile(std::string_view text) {
  Environment environment([](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "by the process";
    return std::nullopt;
  });
  auto added = environment.AddDotEnv(text, ".env");
  EXPECT_TRUE(added) << (added ? "" : added.error().message);
  return environment;
}

TEST(DotEnv, TakesQuotesExportCommentsAndWindowsLineEnds) {
  auto e = WithFile(
      "\xEF\xBB\xBF# a comment\r\n\r\nA=plain value  \r\nexport B='single \\n $x #1'\r\n"
      "C=\"double \\\"q\\\" \\n \\\\ $x\" # comment\nD=a#b # comment\nE=\nF = "
      "spaced\nG=\"two\nlines\"\nSET=by the file\n"
      "H=#nothing\nA=again");
  EXPECT_EQ(e.Get("A"), "again");
  EXPECT_EQ(e.Get("B"), "single \\n $x #1");
  EXPECT_EQ(e.Get("C"), "double \"q\" \n \\ $x");
  EXPECT_EQ(e.Get("D"), "a#b");
  EXPECT_EQ(e.Get("E"), "");
  EXPECT_EQ(e.Get("F"), "spaced");
  EXPECT_EQ(e.Get("G"), "two\nlines");
  EXPECT_EQ(e.Get("H"), "");
  EXPECT_EQ(e.Get("SET"), "by the process");
  EXPECT_EQ(e.Get("NOT"), std::nullopt);
}

// The line itself is never shown: a secret may be what is wrong with it.
TEST(DotEnv, RefusalsNameTheLineAndNoValue) {
  auto refused = [](std::string_view text) {
    Environment environment;
    auto added = environment.AddDotEnv(text, ".env");
    EXPECT_FALSE(added) << text;
    return added ? std::string() : added.error().message;
  };
  EXPECT_EQ(refused("A=1\nhunter2\n"), ".env:2: this is not a variable and its value");
  EXPECT_EQ(refused("A=1\n\n1B=hunter2\n"), ".env:3: this is not a variable and its value");
  EXPECT_EQ(refused("PASSWORD='hunter2\nB=2\n"),
            ".env:1: the quote that ends the value of PASSWORD is missing");
  EXPECT_EQ(refused("PASSWORD='hunt'er2\n"),
            ".env:1: something follows the quoted value of PASSWORD");
}

}  // namespace
}  // namespace tidemark::config
