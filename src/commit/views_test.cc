#include "commit/views.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "commit/manifest_text.h"
#include "commit/view_files.h"
#include "object/memory.h"

namespace tidemark {
namespace {

using nlohmann::json;

TableLayout Layout(std::string name = "orders") {
  return {{"shop", "main", name}, {"shop", "main", PathPart(name)}};
}

LandedState State() {
  LandedState state;
  state.epoch = 3;
  state.is_loaded = true;
  state.position.version = 120;
  state.columns = {{"id", arrow::int64(), "INTEGER", {}, {}},
                   {"total", arrow::decimal128(10, 2), "decimal(10,2)", {}, {}},
                   {"name", arrow::utf8(), "varchar(50)", {}, {}}};
  state.key = {"id"};
  auto& run = state.last_run;
  run.run_id = "run-7";
  run.mode = "incremental";
  run.reason = "changes";
  run.version = 120;
  run.since_version = 100;
  run.rows = 9;
  run.files = {"data/shop/main/orders/2026-11-21/main_orders_20261121T112805123456Z_part1.parquet"};
  run.duration_ms = 1234;
  run.finished_us = 1'795'260'485'123'456;
  return state;
}

Result<std::optional<std::string>> WithEntry(std::string_view text, const TableLayout& layout,
                                             const LandedState& state) {
  SharedTable table{&layout, &state};
  return commit::WithManifestEntries(text, {&table, 1});
}

class Views : public testing::Test {
 protected:
  std::string Text(const std::string& key) {
    auto stored = store_.Get(key);
    return stored ? stored->bytes : "<none>";
  }
  json Parsed(const std::string& key) { return json::parse(Text(key), nullptr, false); }
  void Write(const LandedState& state, const TableLayout& layout = Layout()) {
    auto done = WriteViews(store_, layout, state);
    ASSERT_TRUE(done) << done.error().message;
    SharedTable table{&layout, &state};
    done = WriteSharedViews(store_, {&table, 1});
    ASSERT_TRUE(done) << done.error().message;
  }
  std::vector<std::string> Aside(const std::string& key) {
    std::vector<std::string> keys;
    auto page = store_.List(key + ".broken-", {}, 10);
    for (const auto& object : *page) keys.push_back(object.key);
    return keys;
  }

  MemoryStore store_;
  const std::string folder_ = "watermarks/shop/main/orders/";
};

TEST_F(Views, WatermarksAreAsOthersReadThem) {
  Write(State());
  auto entry = Parsed(folder_ + "watermarks.json")["main.orders"];
  EXPECT_EQ(entry["version"], 120);
  EXPECT_EQ(entry["since_version"], 100);
  EXPECT_EQ(entry["rows_synced"], 9);
  EXPECT_EQ(entry["mode"], "incremental");
  EXPECT_EQ(entry["files"], json(State().last_run.files));
  EXPECT_EQ(entry["duration_seconds"], 1.23);
  EXPECT_EQ(entry["synced_at"], "2026-11-21T11:28:05Z");
  EXPECT_EQ(entry.size(), 7u);
}

TEST_F(Views, EveryRunIsOneLineOfHistory) {
  auto state = State();
  Write(state);
  Write(state);  // again after a crash
  state.last_run.run_id = "run-8";
  state.last_run.since_version.reset();
  Write(state);
  std::istringstream lines(Text(folder_ + "sync_history.jsonl"));
  std::string first, second, third;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_FALSE(std::getline(lines, third));
  EXPECT_EQ(json::parse(first)["run_id"], "run-7");
  EXPECT_EQ(json::parse(first)["table"], "main.orders");
  EXPECT_EQ(json::parse(first)["version"], 120);
  EXPECT_EQ(json::parse(second)["run_id"], "run-8");
  EXPECT_TRUE(json::parse(second)["since_version"].is_null());
}

TEST_F(Views, SchemaHistoryOnlyGrows) {
  auto state = State();
  Write(state);
  auto schema = Parsed(folder_ + "schema.json");
  ASSERT_EQ(schema["columns"].size(), 3u);
  EXPECT_EQ(schema["columns"][0]["type"], "integer");
  EXPECT_EQ(schema["columns"][1]["type"], "decimal");
  EXPECT_EQ(schema["columns"][1]["precision"], 10);
  EXPECT_EQ(schema["columns"][1]["scale"], 2);
  EXPECT_EQ(schema["columns"][2]["type"], "varchar(50)");
  // printf 'id:integer|total:decimal|name:varchar(50)' | sha256sum
  EXPECT_EQ(schema["schema_version"], 0xe7bf9e61052c391);
  auto first_seen = schema["columns"][0]["last_seen"];

  state.columns.erase(state.columns.begin());
  state.columns[0].source_type = "text";
  state.last_run.run_id = "run-8";
  state.last_run.finished_us += 60'000'000;
  Write(state);
  auto next = Parsed(folder_ + "schema.json");
  ASSERT_EQ(next["columns"].size(), 3u);
  EXPECT_EQ(next["columns"][0]["name"], "id");
  EXPECT_EQ(next["columns"][0]["last_seen"], first_seen);
  EXPECT_EQ(next["columns"][1]["type"], "text");
  EXPECT_EQ(next["columns"][1]["previous_type"], "decimal");
  EXPECT_FALSE(next["columns"][1].contains("precision"));
  EXPECT_NE(next["columns"][1]["last_seen"], first_seen);
  EXPECT_NE(next["schema_version"], schema["schema_version"]);
  EXPECT_EQ(next["updated_at"], next["columns"][1]["last_seen"]);
}

TEST_F(Views, BrokenFilesAreKeptAside) {
  ASSERT_TRUE(store_.Put(folder_ + "watermarks.json", "{torn", {}));
  ASSERT_TRUE(store_.Put(folder_ + "schema.json", "[]", {}));
  ASSERT_TRUE(store_.Put("output.yaml", "databases: [unclosed", {}));
  Write(State());
  Write(State());
  for (const auto& key :
       {folder_ + "watermarks.json", folder_ + "schema.json", std::string("output.yaml")})
    EXPECT_EQ(Aside(key).size(), 1u) << key;
  EXPECT_EQ(Text(Aside(folder_ + "watermarks.json")[0]), "{torn");
  EXPECT_EQ(Aside("output.yaml")[0], "output.yaml.broken-20261121T112805123456Z");
  EXPECT_EQ(Text(Aside("output.yaml")[0]), "databases: [unclosed");
  EXPECT_EQ(Parsed(folder_ + "watermarks.json")["main.orders"]["version"], 120);
  EXPECT_NE(Text("output.yaml").find("orders:"), std::string::npos);
}

TEST_F(Views, WatermarksOfOtherTablesStay) {
  ASSERT_TRUE(store_.Put(folder_ + "watermarks.json",
                         R"({"main.other": {"version": 4}, "main.orders": 17})", {}));
  Write(State());
  auto marks = Parsed(folder_ + "watermarks.json");
  EXPECT_EQ(marks["main.other"]["version"], 4);
  EXPECT_EQ(marks["main.orders"]["version"], 120);
  EXPECT_TRUE(Aside(folder_ + "watermarks.json").empty());
}

TEST_F(Views, ForeignWatermarksAreRead) {
  auto read = [&](const std::string& text) {
    EXPECT_TRUE(store_.Put(folder_ + "watermarks.json", text, {}));
    return ForeignWatermark(store_, Layout());
  };
  EXPECT_EQ(*ForeignWatermark(store_, Layout()), std::nullopt);
  EXPECT_EQ(**read(R"({"main.orders": {"version": 9007199254740993, "rows_synced": 1}})"),
            9007199254740993);
  EXPECT_EQ(**read(R"({"main.orders": 17})"), 17);
  EXPECT_EQ(*read(R"({"main.items": 17})"), std::nullopt);
  for (auto text : {"{", "[]", "", R"({"main.orders": "17"})", R"({"main.orders": {"v": 1}})",
                    R"({"main.orders": 1.5})", R"({"main.orders": 18446744073709551615})"})
    EXPECT_EQ(read(text).error().kind, ErrorKind::kCorrupt) << text;
}

TEST_F(Views, TheManifestGrowsByTables) {
  Write(State());
  EXPECT_EQ(Text("output.yaml"), R"(databases:
  shop:
    uc_catalog_name: shop
    main:
      uc_schema_name: main
      orders:
        uc_table_name: orders
        file_path: data/shop/main/orders
        file_type: parquet
        primary_key: [id]
)");
  auto state = State();
  state.key = {};
  Write(state, Layout("a: b"));
  Write(state, Layout("true"));
  EXPECT_TRUE(Text("output.yaml").ends_with(R"(        primary_key: [id]
      "a: b":
        uc_table_name: "a: b"
        file_path: data/shop/main/a%3A%20b
        file_type: parquet
      "true":
        uc_table_name: "true"
        file_path: data/shop/main/true
        file_type: parquet
)")) << Text("output.yaml");
}

TEST_F(Views, WhatStandsInTheManifestIsNeverOverwritten) {
  const std::string theirs = R"(# ours, by hand
databases:
  shop:
    uc_catalog_name: 'sales'   
    main:
      # the big one
      orders:
        uc_table_name: gold_orders
        scd_type: 2
        tags:
        - a
        - b: c
)";
  // "- b: c" is more than the plain shape: read as YAML.
  auto same = WithEntry(theirs, Layout(), State());
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_FALSE(*same);
  auto grown = WithEntry(theirs, Layout("items"), State());
  ASSERT_TRUE(grown && *grown);
  EXPECT_NE((*grown)->find("uc_table_name: gold_orders"), std::string::npos) << **grown;
  EXPECT_NE((*grown)->find("{b: c}"), std::string::npos) << **grown;
  EXPECT_NE((*grown)->find("      items:\n        uc_table_name: items"), std::string::npos);
}

TEST_F(Views, CommentsAndOrderOfAPlainManifestStay) {
  const std::string theirs =
      "# by hand\ndatabases:\n    shop:\n        main:\n            orders:\n"
      "                file_path: x   # note\n\n    # the end\n    crm:\n        dbo: {}\nother: 1";
  auto plain = WithEntry(theirs, Layout(), State());
  ASSERT_TRUE(plain) << plain.error().message;
  auto grown = WithEntry(
      "databases:\n    shop:\n        main:\n            a:\n"
      "                file_path: x\n\n    # the end\n"
      "    crm:\nother: 1",
      Layout(), State());
  ASSERT_TRUE(grown && *grown);
  EXPECT_TRUE((*grown)->starts_with(
      "databases:\n    shop:\n        main:\n            a:\n                file_path: x\n"
      "            orders:\n              uc_table_name: orders\n"))
      << **grown;
  EXPECT_TRUE((*grown)->ends_with("\n    # the end\n    crm:\nother: 1")) << **grown;
}

TEST_F(Views, AnyYamlMappingIsUnderstood) {
  for (std::string text :
       {"", "---\n", "# nothing\n", "{}", "databases:", "databases: {}", "databases: {shop: {}}",
        "{\"databases\": {\"shop\": {\"main\": {\"items\": {\"file_path\": \"x\"}}}}}",
        "databases:\n  shop: &a\n    main:\n      items: {k: [1, 2]}\n  crm: *a\n",
        "databases:\n  shop:\n    main:\n      items:\n        note: |\n          two\n          "
        "lines\n"}) {
    auto grown = WithEntry(text, Layout(), State());
    ASSERT_TRUE(grown) << text << ": " << grown.error().message;
    ASSERT_TRUE(*grown) << text;
    auto again = WithEntry(**grown, Layout(), State());
    ASSERT_TRUE(again) << **grown << again.error().message;
    EXPECT_FALSE(*again) << **grown;
    EXPECT_EQ((**grown).find("items") != std::string::npos,
              text.find("items") != std::string::npos);
    // And as YAML, which has its own idea of the text.
    auto plain = commit::PlainManifest(**grown);
    ASSERT_TRUE(plain) << **grown << plain.error().message;
    EXPECT_EQ(commit::FindManifestGap(*plain, {"databases", "shop", "main", "orders"})->depth, 4)
        << *plain;
  }
  for (std::string text : {"- a\n- b\n", "just text", "databases: 5", "databases: [1]\n", "a: [",
                           "databases:\n  shop: 7\n", "\t- x: [\n"})
    EXPECT_EQ(WithEntry(text, Layout(), State()).error().kind, ErrorKind::kCorrupt) << text;
}

TEST_F(Views, IdleNotesAndRunRecords) {
  EXPECT_EQ(ReadIdleNote(store_, "my shop")->has_value(), false);
  ASSERT_TRUE(WriteIdleNote(store_, "my shop", {"run-1", {{"main.a", 77}, {"main.\xff", 77}}}));
  ASSERT_TRUE(WriteIdleNote(store_, "my shop", {"run-2", {{"main.a", 88}}}));
  auto note = ReadIdleNote(store_, "my shop");
  ASSERT_TRUE(note && *note);
  EXPECT_EQ((*note)->run_id, "run-2");
  // A table that the second run did not look at keeps the time of the first.
  EXPECT_EQ((*note)->checked_us,
            (std::map<std::string, std::int64_t>{{"main.a", 88}, {"main.\xff", 77}}));
  ASSERT_TRUE(store_.Put("_tidemark/idle/my%20shop.json", "x", {}));
  EXPECT_EQ(ReadIdleNote(store_, "my shop").error().kind, ErrorKind::kCorrupt);
  ASSERT_TRUE(WriteIdleNote(store_, "my shop", {"run-3", {{"main.b", 99}}}));
  EXPECT_EQ((*ReadIdleNote(store_, "my shop"))->checked_us.size(), 1u);
  // A failure stays until its table is landed or found in step.
  IdleNote failing{.run_id = "run-4",
                   .failed = {{"main.b", {5, "run-4", "denied", "no", "ask"}},
                              {"main.c", {5, "run-4", "denied", "no", ""}}}};
  failing.runs_us = {5};
  ASSERT_TRUE(WriteIdleNote(store_, "my shop", failing));
  ASSERT_TRUE(
      WriteIdleNote(store_, "my shop", {.run_id = "run-5", .runs_us = {6}, .landed = {"main.c"}}));
  EXPECT_EQ((*ReadIdleNote(store_, "my shop"))->failed,
            (std::map<std::string, FailureNote>{{"main.b", {5, "run-4", "denied", "no", "ask"}}}));
  for (std::int64_t run = 7; run < 30; ++run)
    ASSERT_TRUE(WriteIdleNote(store_, "my shop",
                              {.run_id = "run", .checked_us = {{"main.b", 9}}, .runs_us = {run}}));
  auto last = ReadIdleNote(store_, "my shop");
  EXPECT_TRUE((*last)->failed.empty());
  EXPECT_EQ((*last)->runs_us.size(), kRunsNoted);
  EXPECT_EQ((*last)->runs_us.back(), 29);
  RunRecord record{.run_id = "run-1",
                   .source_identity = "id",
                   .started_us = 0,
                   .finished_us = 1'000'000,
                   .tables = {{{"shop", "main", "orders"}, "ok", 5, {"data/f"}}}};
  ASSERT_TRUE(WriteRunRecord(store_, record));
  auto stored = Parsed("_tidemark/runs/run-1.json");
  EXPECT_EQ(stored["tables"][0]["files"][0], "data/f");
  EXPECT_EQ(stored["tables"][0]["status"], "ok");
  EXPECT_EQ(stored["finished_at"], "1970-01-01T00:00:01Z");
}

}  // namespace
}  // namespace tidemark
