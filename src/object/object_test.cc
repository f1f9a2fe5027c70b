#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "object/keys.h"
#include "object/memory.h"
#include "object/object_store.h"

namespace tidemark {
namespace {

class OpenStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tidemark-open-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  bool HasFolder(const std::string& name) { return std::filesystem::is_directory(folder_ + name); }
  std::string folder_;
};

TEST_F(OpenStoreTest, APathAndAFileUrlAreFolders) {
  for (std::string text : {"/plain", "/a:b", "/deep/er"}) {
    ASSERT_TRUE(OpenStore(folder_ + text, {})) << text;
    EXPECT_TRUE(HasFolder(text));
  }
  ASSERT_TRUE(OpenStore("file:" + folder_ + "/one", {}));
  EXPECT_TRUE(HasFolder("/one"));
  ASSERT_TRUE(OpenStore("file://" + folder_ + "/two", {}));
  EXPECT_TRUE(HasFolder("/two"));
}

TEST_F(OpenStoreTest, AColonWithoutSlashesIsPartOfAFoldersName) {
  auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  for (std::string text : {"./a:b", "c:d", "C:", "1x://y"}) {
    auto store = OpenStore(text, {});
    EXPECT_TRUE(store) << text << ": " << store.error().message;
  }
  std::filesystem::current_path(before);
  EXPECT_TRUE(HasFolder("/a:b") && HasFolder("/c:d") && HasFolder("/C:") && HasFolder("/1x:/y"));
}

TEST_F(OpenStoreTest, AnUnknownSchemeIsRefusedAndTheKnownAreListed) {
  auto store = OpenStore("gopher://bucket/prefix", {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(store.error().message.find("gopher"), std::string::npos);
  EXPECT_NE(store.error().hint.find("file:"), std::string::npos);
  EXPECT_EQ(OpenStore("file://host/x", {}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(OpenStore("", {}).error().kind, ErrorKind::kInvalid);
}

TEST_F(OpenStoreTest, ReadOnlyMakesNothing) {
  auto store = OpenStore(folder_ + "/none", {.is_read_only = true});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::kNotFound);
  EXPECT_FALSE(HasFolder("/none"));
  auto there = OpenStore(folder_, {.is_read_only = true});
  ASSERT_TRUE(there);
  EXPECT_EQ((*there)->Put("a", "b", {}).error().kind, ErrorKind::kDenied);
  EXPECT_EQ((*there)->TryLock("a").error().kind, ErrorKind::kDenied);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST(Keys, OnlyPlainPartsAreKeys) {
  for (std::string_view key : {"a", "a/b", "a b", "%41", ".hidden", "...", "a\\b", "\xc3\xa9"})
    EXPECT_TRUE(CheckKey(key)) << key;
  for (std::string_view key : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/."})
    EXPECT_EQ(CheckKey(key).error().kind, ErrorKind::kInvalid) << key;
  EXPECT_EQ(CheckKey(std::string_view("a\0b", 3)).error().kind, ErrorKind::kInvalid);
}

TEST(PlanAppend, CutsWhatHasNoEnd) {
  EXPECT_EQ(PlanAppend("", "").kept_bytes, 0u);
  EXPECT_EQ(PlanAppend("one\n", "").kept_bytes, 4u);
  EXPECT_EQ(PlanAppend("one\ntw", "").kept_bytes, 4u);
  EXPECT_EQ(PlanAppend("tw", "").kept_bytes, 0u);
}

TEST(PlanAppend, FindsWholeLinesOnly) {
  EXPECT_TRUE(PlanAppend("one\ntwo\n", "tw").is_there);
  EXPECT_FALSE(PlanAppend("one\ntwo", "tw").is_there);
  EXPECT_FALSE(PlanAppend("one\n", "").is_there);
}

TEST(ForEachObject, GoesThroughAllPagesAndEndsWithAFailure) {
  MemoryStore store;
  // A page holds 1000; the last one is full.
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(store.Put("e/" + std::to_string(10'000 + i), "", {}));
  ASSERT_TRUE(store.Put("f/1", "", {}));
  std::vector<std::string> keys;
  auto done = ForEachObject(store, "e/", [&](const ObjectInfo& object) -> Status {
    keys.push_back(object.key);
    return {};
  });
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(keys.size(), 2000u);
  EXPECT_TRUE(std::ranges::is_sorted(keys));
  EXPECT_EQ(std::ranges::adjacent_find(keys), keys.end());
  int calls = 0;
  done = ForEachObject(store, "", [&](const ObjectInfo& object) -> Status {
    ++calls;
    return Fail(ErrorKind::kDenied, object.key);
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "e/10000");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace tidemark
