#include "commit/state.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

namespace tidemark {
namespace {

LandedState Full() {
  LandedState state;
  state.epoch = 9007199254740993;
  state.run_id = "0123abcd";
  state.last_timestamp_us = INT64_MAX;
  state.is_loaded = true;
  state.position = {INT64_MIN, "inc\"arnation", std::string("\xff\x00n", 3)};
  state.source_identity = "/path/to/\xc3\xbc.db";
  state.name = {"shop", "main", "we\"ird"};
  state.fingerprint = "fp";
  state.schema_version = 41;
  state.columns = {{"id", arrow::int64(), "integer", 7, {}},
                   {std::string("\xfe", 1), arrow::utf8(), "", {}, {}},
                   {"v__type", arrow::utf8(), "", {}, "v"}};
  state.key = {"id", "\xe2\x82\xac"};
  state.config = {"unified", "cfg"};
  state.presentation = {"prod", "gold", 2, true};
  state.base = {17, 11, 2, true, true, 3, 4, {{"current/a", 9}}};
  state.base_timestamp_us = 5;
  state.retention_seconds = 172800;
  state.live_files = 3;
  state.live_rows = 4;
  state.landed_at_us = 6;
  state.pending = {{"data/a", "run.1", 10}, {"data/b", "run.2", 0}};
  state.remove = {"data/old"};
  state.last_run = {"0123abcd", "full", "first_load", 12, 3, 4, 5, 6, 7, 8, {"data/a"}, 9, 10};
  state.load = {.fence = {1, "inc", "n"},
                .newest = {2, "inc", "m"},
                .source_identity = "- /here",
                .fingerprint = "fp",
                .schema_version = 3,
                .columns = state.columns,
                .key = {"id"},
                .config = {"per_table", "cfg"},
                .slices = {"{\"first\":1}", std::string("\xff", 1)},
                .sealed = {{"data/c", "run.3", 5}},
                .rows = 6};
  return state;
}

void ExpectSame(const LandedState& a, const LandedState& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.run_id, b.run_id);
  EXPECT_EQ(a.last_timestamp_us, b.last_timestamp_us);
  EXPECT_EQ(a.is_loaded, b.is_loaded);
  EXPECT_EQ(a.position, b.position);
  EXPECT_EQ(a.source_identity, b.source_identity);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.schema_version, b.schema_version);
  EXPECT_EQ(a.name, b.name);
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (std::size_t i = 0; i < a.columns.size(); ++i) {
    EXPECT_EQ(a.columns[i].name, b.columns[i].name);
    EXPECT_TRUE(a.columns[i].type->Equals(*b.columns[i].type));
    EXPECT_EQ(a.columns[i].source_type, b.columns[i].source_type);
    EXPECT_EQ(a.columns[i].id, b.columns[i].id);
    EXPECT_EQ(a.columns[i].storage_class_of, b.columns[i].storage_class_of);
  }
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.config, b.config);
  EXPECT_EQ(a.presentation, b.presentation);
  EXPECT_EQ(a.base, b.base);
  EXPECT_EQ(a.base_timestamp_us, b.base_timestamp_us);
  EXPECT_EQ(a.retention_seconds, b.retention_seconds);
  EXPECT_EQ(a.live_files, b.live_files);
  EXPECT_EQ(a.live_rows, b.live_rows);
  EXPECT_EQ(a.landed_at_us, b.landed_at_us);
  EXPECT_EQ(a.pending, b.pending);
  EXPECT_EQ(a.remove, b.remove);
  EXPECT_EQ(a.last_run, b.last_run);
  ASSERT_EQ(a.load.has_value(), b.load.has_value());
  if (!a.load) return;
  EXPECT_EQ(a.load->fence, b.load->fence);
  EXPECT_EQ(a.load->newest, b.load->newest);
  EXPECT_EQ(a.load->columns.size(), b.load->columns.size());
  EXPECT_EQ(a.load->key, b.load->key);
  EXPECT_EQ(a.load->config, b.load->config);
  EXPECT_EQ(a.load->slices, b.load->slices);
  EXPECT_EQ(a.load->sealed, b.load->sealed);
  EXPECT_EQ(a.load->rows, b.load->rows);
}

TEST(State, ComesBackExactly) {
  for (const auto& state : {LandedState(), Full()}) {
    auto text = Serialize(state);
    auto parsed = ParseState(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    ExpectSame(*parsed, state);
    EXPECT_EQ(Serialize(*parsed), text);
  }
}

TEST(State, OneOfAnEarlierVersionHasNoBaseAndNothingSaid) {
  auto text = Serialize(LandedState());
  auto at = text.find("\"presentation\":");
  text.erase(at, text.find('}', at) + 2 - at);
  auto parsed = ParseState(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->presentation, Presentation());
  EXPECT_FALSE(parsed->base.is_there());
}

TEST(State, WhatIsNotSaidStays) {
  Presentation before = {"prod", "gold", 2, true};
  EXPECT_EQ(before.With({}), before);
  EXPECT_EQ(before.With({"", "silver", 1, false}), Presentation("prod", "silver", 1, false));
}

TEST(State, ANewerFormatIsNamed) {
  auto text = Serialize(Full());
  text.replace(text.find("\"format_version\":1"), 18, "\"format_version\":2");
  auto parsed = ParseState(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(parsed.error().message.find("format version 2"), std::string::npos);
}

TEST(State, DamageIsCorruptWithAWayOut) {
  auto text = Serialize(Full());
  for (std::size_t cut = 0; cut + 2 < text.size(); cut += 7) {
    auto parsed = ParseState(std::string_view(text).substr(0, cut));
    ASSERT_FALSE(parsed) << cut;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kCorrupt);
    EXPECT_FALSE(parsed.error().hint.empty());
  }
  auto replaced = [&](std::string from, std::string to) {
    auto damaged = text;
    auto at = damaged.find(from);
    EXPECT_NE(at, damaged.npos) << from;
    damaged.replace(at, from.size(), to);
    return ParseState(damaged);
  };
  EXPECT_NE(replaced("\"epoch\":", "\"epic\":").error().message.find("epoch"), std::string::npos);
  EXPECT_EQ(replaced("\"is_loaded\":true", "\"is_loaded\":1").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(replaced("\"int64\"", "\"int65\"").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(replaced("\"size_bytes\":10", "\"size_bytes\":1e1").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(replaced("\"last_run\":{", "\"last_run\":[{").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(ParseState("[]").error().kind, ErrorKind::kCorrupt);
}

TEST(TypeNames, ComeBack) {
  for (const auto& type : {arrow::null(),
                           arrow::boolean(),
                           arrow::int8(),
                           arrow::int16(),
                           arrow::int32(),
                           arrow::int64(),
                           arrow::uint8(),
                           arrow::uint16(),
                           arrow::uint32(),
                           arrow::uint64(),
                           arrow::float32(),
                           arrow::float64(),
                           arrow::utf8(),
                           arrow::large_utf8(),
                           arrow::binary(),
                           arrow::large_binary(),
                           arrow::date32(),
                           arrow::date64(),
                           arrow::timestamp(arrow::TimeUnit::MICRO),
                           arrow::timestamp(arrow::TimeUnit::NANO, "UTC"),
                           arrow::timestamp(arrow::TimeUnit::SECOND, "+02:00"),
                           arrow::time32(arrow::TimeUnit::MILLI),
                           arrow::time64(arrow::TimeUnit::MICRO),
                           arrow::decimal128(38, 10),
                           arrow::decimal128(10, -2),
                           arrow::decimal256(76, 0),
                           arrow::fixed_size_binary(16)}) {
    auto name = TypeName(*type);
    auto back = TypeFromName(name);
    ASSERT_TRUE(back) << name << ": " << back.error().message;
    EXPECT_TRUE((*back)->Equals(*type)) << name;
  }
  EXPECT_EQ(TypeName(*arrow::utf8()), "utf8");
  EXPECT_EQ(TypeName(*arrow::float64()), "double");
  EXPECT_EQ(TypeName(*arrow::timestamp(arrow::TimeUnit::MICRO)), "timestamp[us]");
  for (auto name : {"", "int65", "timestamp[xs]", "decimal128(x, 2)", "decimal128()",
                    "decimal128(99, 2)", "fixed_size_binary[-1]", "timestamp["})
    EXPECT_FALSE(TypeFromName(name)) << name;
}

}  // namespace
}  // namespace tidemark
