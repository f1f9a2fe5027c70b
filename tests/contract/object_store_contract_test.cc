// What every store means by the same words. A new store joins with one line in StoreCases().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "object/memory.h"
#include "object/object_store.h"
#include "tests/support/breakable_store.h"
#include "tests/support/temp_folder.h"

namespace tidemark {
namespace {

using test::BreakableStore;
using test::Fault;
using test::TempFolder;
using testing::ElementsAre;
using testing::IsEmpty;

// A store and what it stands on.
struct EmptyStore {
  std::shared_ptr<void> ground;
  std::shared_ptr<ObjectStore> store;
};

struct StoreCase {
  std::string name;
  std::string_view scheme;  // of StoreKinds(); empty: not open to users
  std::function<EmptyStore()> make_empty;
};

EmptyStore MakeMemory() { return {nullptr, std::make_shared<MemoryStore>()}; }

EmptyStore MakeLocal() {
  auto folder = std::make_shared<TempFolder>();
  auto store = OpenStore("file:" + folder->path() + "/dest", {});
  if (!store) ADD_FAILURE() << store.error().message;
  return {folder, std::shared_ptr<ObjectStore>(std::move(*store))};
}

// Decorators run the suite of what they wrap.
EmptyStore MakeUnbroken() {
  struct Ground {
    MemoryStore memory;
    BreakableStore::Graveyard graveyard;
  };
  auto ground = std::make_shared<Ground>();
  auto store = std::make_shared<BreakableStore>(
      ground->memory, [](std::string_view) { return Fault::kNone; }, ground->graveyard);
  return {ground, store};
}

std::vector<StoreCase> StoreCases() {
  return {
      {"Local", "file", MakeLocal},
      {"Memory", "", MakeMemory},
      {"Unbroken", "", MakeUnbroken},
  };
}

TEST(ObjectStoreRegistry, EveryKindOfStoreRunsTheContract) {
  ASSERT_FALSE(StoreKinds().empty());
  for (const auto& kind : StoreKinds()) {
    auto cases = StoreCases();
    bool is_there = std::ranges::any_of(cases, [&](auto& c) { return c.scheme == kind.scheme; });
    EXPECT_TRUE(is_there) << "no case for " << kind.scheme << ": add it to StoreCases()";
  }
}

class ObjectStoreContract : public testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override {
    ground_ = GetParam().make_empty();
    ASSERT_NE(ground_.store, nullptr);
  }
  ObjectStore& store() { return *ground_.store; }

  static Status WriteText(Upload& upload, std::string_view text) {
    return upload.Write(std::as_bytes(std::span(text)));
  }
  SealedObject Sealed(std::string_view key, std::string_view text,
                      std::string_view owner = "run-1") {
    auto upload = store().StartUpload(key, owner);
    EXPECT_TRUE(upload) << upload.error().message;
    if (!upload) return {};
    EXPECT_TRUE(WriteText(**upload, text));
    auto sealed = (*upload)->Seal();
    EXPECT_TRUE(sealed) << sealed.error().message;
    return sealed ? *sealed : SealedObject();
  }
  std::string Text(std::string_view key) {
    auto stored = store().Get(key);
    if (!stored) return "<" + std::string(Name(stored.error().kind)) + ">";
    return stored->bytes;
  }
  std::vector<std::string> Keys(std::string_view prefix, std::string_view after = {},
                                int limit = 1000) {
    auto page = store().List(prefix, after, limit);
    EXPECT_TRUE(page) << page.error().message;
    std::vector<std::string> keys;
    if (page)
      for (const auto& object : *page) keys.push_back(object.key);
    return keys;
  }
  std::vector<std::string> SealedKeys(std::string_view prefix) {
    auto found = store().ListSealed(prefix);
    EXPECT_TRUE(found) << found.error().message;
    std::vector<std::string> keys;
    if (found)
      for (const auto& object : *found) keys.push_back(object.key);
    std::ranges::sort(keys);
    return keys;
  }

  EmptyStore ground_;
};

TEST_P(ObjectStoreContract, AnUploadIsInvisibleUntilPublished) {
  auto upload = store().StartUpload("data/a/f.txt", "run-1");
  ASSERT_TRUE(upload);
  ASSERT_TRUE(WriteText(**upload, "hello"));
  EXPECT_EQ(Text("data/a/f.txt"), "<not_found>");
  auto sealed = (*upload)->Seal();
  ASSERT_TRUE(sealed);
  upload->reset();
  EXPECT_EQ(sealed->key, "data/a/f.txt");
  EXPECT_EQ(sealed->size_bytes, 5);
  EXPECT_NE(sealed->token.find("run-1"), std::string::npos);
  EXPECT_EQ(Text("data/a/f.txt"), "<not_found>");
  EXPECT_THAT(Keys("data/"), IsEmpty());
  EXPECT_THAT(Keys(""), IsEmpty());
  ASSERT_TRUE(store().Publish(*sealed));
  EXPECT_EQ(Text("data/a/f.txt"), "hello");
  EXPECT_THAT(Keys(""), ElementsAre("data/a/f.txt"));
  EXPECT_THAT(SealedKeys(""), IsEmpty());
}

TEST_P(ObjectStoreContract, ADroppedUploadLeavesNothing) {
  {
    auto upload = store().StartUpload("data/a", "run-1");
    ASSERT_TRUE(upload);
    ASSERT_TRUE(WriteText(**upload, std::string(3 << 20, 'x')));
    EXPECT_THAT(SealedKeys("data/"), ElementsAre("data/a"));
  }
  EXPECT_THAT(SealedKeys(""), IsEmpty());
  EXPECT_THAT(Keys(""), IsEmpty());
}

TEST_P(ObjectStoreContract, EverySizeAroundTheBuffersComesBackWhole) {
  constexpr int kMib = 1 << 20;
  for (int size : {0, 1, kMib / 4 - 1, kMib / 4, kMib / 2 - 1, kMib / 2, kMib / 2 + 1, kMib + 1}) {
    for (int piece : {1 << 30, 100'000, kMib / 2}) {
      std::string text;
      for (int i = 0; i < size; ++i) text.push_back(static_cast<char>(i * 31 + i / 251));
      auto upload = store().StartUpload("data/f", "run-1");
      ASSERT_TRUE(upload);
      for (int done = 0; done < size; done += std::min(piece, size - done))
        ASSERT_TRUE(
            WriteText(**upload, std::string_view(text).substr(static_cast<std::size_t>(done),
                                                              static_cast<std::size_t>(piece))));
      auto sealed = (*upload)->Seal();
      ASSERT_TRUE(sealed);
      EXPECT_EQ(sealed->size_bytes, size);
      ASSERT_TRUE(store().Publish(*sealed));
      EXPECT_TRUE(Text("data/f") == text) << size << " bytes in pieces of " << piece;
    }
  }
}

TEST_P(ObjectStoreContract, PublishAndDiscardMayBeRepeated) {
  auto a = Sealed("data/a", "1"), b = Sealed("data/b", "2");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(store().Publish(a));
    EXPECT_TRUE(store().Discard(b));
  }
  EXPECT_EQ(Text("data/a"), "1");
  EXPECT_EQ(Text("data/b"), "<not_found>");
  auto gone = store().Publish(b);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::kCorrupt);
  EXPECT_NE(gone.error().message.find("data/b"), std::string::npos);
}

TEST_P(ObjectStoreContract, DiscardSparesThePublished) {
  auto a = Sealed("data/a", "1");
  ASSERT_TRUE(store().Publish(a));
  EXPECT_TRUE(store().Discard(a));
  EXPECT_EQ(Text("data/a"), "1");
}

TEST_P(ObjectStoreContract, TwoRunsNeverWriteTheSameBytes) {
  auto a = Sealed("data/a", "one", "run-1"), b = Sealed("data/a", "two", "run-2");
  EXPECT_NE(a.token, b.token);
  EXPECT_THAT(SealedKeys("data/"), ElementsAre("data/a", "data/a"));
  ASSERT_TRUE(store().Discard(a));
  ASSERT_TRUE(store().Publish(b));
  EXPECT_EQ(Text("data/a"), "two");
}

TEST_P(ObjectStoreContract, ListSealedFindsByPrefixWhatIsSealedOrUnfinished) {
  Sealed("data/shop/main/orders/2026-01-01/f1", "1");
  Sealed("data/shop/main/orders_2/2026-01-01/f1", "22");
  auto published = Sealed("data/shop/main/orders/2026-01-01/f2", "3");
  ASSERT_TRUE(store().Publish(published));
  auto unfinished = store().StartUpload("data/shop/main/orders/2026-01-02/f3", "run-9");
  ASSERT_TRUE(unfinished);
  EXPECT_THAT(
      SealedKeys("data/shop/main/orders/"),
      ElementsAre("data/shop/main/orders/2026-01-01/f1", "data/shop/main/orders/2026-01-02/f3"));
  EXPECT_EQ(SealedKeys("data/shop/main/orders").size(), 3u);
  EXPECT_EQ(SealedKeys("").size(), 3u);
  EXPECT_THAT(SealedKeys("data/shop/main/orders/2026-01-01/f1"),
              ElementsAre("data/shop/main/orders/2026-01-01/f1"));
  EXPECT_THAT(SealedKeys("elsewhere/"), IsEmpty());
  // What a sweep does with it: also to the file that is being written.
  auto found = store().ListSealed("data/");
  ASSERT_TRUE(found);
  for (const auto& object : *found) ASSERT_TRUE(store().Discard(object));
  EXPECT_THAT(SealedKeys(""), IsEmpty());
  auto late = (*unfinished)->Seal();
  if (late) {
    EXPECT_EQ(store().Publish(*late).error().kind, ErrorKind::kCorrupt);
  }
  EXPECT_EQ(Text("data/shop/main/orders/2026-01-02/f3"), "<not_found>");
}

TEST_P(ObjectStoreContract, UploadsFromManyThreadsStayApart) {
  std::vector<std::thread> threads;
  std::atomic<int> published = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20; ++n) {
        auto key = "data/t/" + std::to_string(n) + "/f" + std::to_string(i);
        auto upload = store().StartUpload(key, "run-1");
        if (!upload || !WriteText(**upload, key)) continue;
        auto sealed = (*upload)->Seal();
        if (!sealed) continue;
        if (n % 2 == 0 ? store().Publish(*sealed).has_value()
                       : store().Discard(*sealed).has_value())
          ++published;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(published, 160);
  EXPECT_EQ(Keys("data/").size(), 80u);
  for (const auto& key : Keys("data/")) EXPECT_EQ(Text(key), key);
}

TEST_P(ObjectStoreContract, PutReplacesAndGivesAnEtag) {
  auto first = store().Put("s/a.json", "one", {});
  ASSERT_TRUE(first);
  EXPECT_EQ(store().Get("s/a.json")->etag, *first);
  auto second = store().Put("s/a.json", "two", {.if_absent = false, .if_etag = *first});
  ASSERT_TRUE(second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(Text("s/a.json"), "two");
  EXPECT_EQ(store().Get("s/a.json")->etag, *second);
}

TEST_P(ObjectStoreContract, AStaleConditionIsAConflictAndWritesNothing) {
  Condition absent{.if_absent = true, .if_etag = {}};
  auto first = store().Put("s/a", "one", absent);
  ASSERT_TRUE(first);
  ASSERT_TRUE(store().Put("s/a", "two", {}));
  EXPECT_EQ(store().Put("s/a", "x", absent).error().kind, ErrorKind::kConflict);
  Condition stale{.if_absent = false, .if_etag = *first};
  EXPECT_EQ(store().Put("s/a", "x", stale).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(store().Put("s/none", "x", stale).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(Text("s/a"), "two");
  EXPECT_EQ(Text("s/none"), "<not_found>");
}

TEST_P(ObjectStoreContract, EightRacersOneWinner) {
  for (int round = 0; round < 5; ++round) {
    auto key = "s/race" + std::to_string(round);
    std::atomic<int> winners = 0, conflicts = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] {
        auto put = store().Put(key, std::to_string(i), {.if_absent = true, .if_etag = {}});
        if (put)
          ++winners;
        else if (put.error().kind == ErrorKind::kConflict)
          ++conflicts;
      });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(conflicts, 7);
  }
}

TEST_P(ObjectStoreContract, RacingConditionalPutsLoseNoCount) {
  ASSERT_TRUE(store().Put("s/count", "0", {}));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 10;) {
        auto stored = store().Get("s/count");
        if (!stored) return;
        auto next = std::to_string(std::stoi(stored->bytes) + 1);
        if (store().Put("s/count", next, {.if_absent = false, .if_etag = stored->etag})) ++n;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Text("s/count"), "40");
}

TEST_P(ObjectStoreContract, AReaderNeverSeesHalfAnObject) {
  std::string a(40'000, 'a'), b(90'000, 'b');
  ASSERT_TRUE(store().Put("s/x", a, {}));
  std::atomic<bool> is_done = false;
  std::thread writer([&] {
    for (int i = 0; i < 30; ++i)
      if (!store().Put("s/x", i % 2 ? a : b, {})) break;
    is_done = true;
  });
  int torn = 0, reads = 0;
  while (!is_done || reads == 0) {
    auto text = Text("s/x");
    ++reads;
    torn += text != a && text != b;
  }
  writer.join();
  EXPECT_EQ(torn, 0);
}

TEST_P(ObjectStoreContract, ListIsInKeyOrderPagedAndExclusive) {
  std::vector<std::string> keys = {"a",     "a-b",     "a.txt", "a/1",   "a/1/x", "a/10",
                                   "a/b/c", "a/b/c-d", "a0",    "b/%20", "b/x y", "z"};
  keys.erase(std::ranges::find(keys, "a"));    // cannot be beside a/… in a folder
  keys.erase(std::ranges::find(keys, "a/1"));  // nor beside a/1/x
  for (const auto& key : keys) ASSERT_TRUE(store().Put(key, key, {}));
  EXPECT_EQ(Keys(""), keys);
  std::ranges::sort(keys);
  EXPECT_EQ(Keys(""), keys);
  for (int limit : {1, 2, 3}) {
    std::vector<std::string> paged;
    std::string after;
    while (true) {
      auto page = Keys("", after, limit);
      if (page.empty()) break;
      EXPECT_LE(page.size(), static_cast<std::size_t>(limit));
      paged.insert(paged.end(), page.begin(), page.end());
      after = page.back();
    }
    EXPECT_EQ(paged, keys) << "pages of " << limit;
  }
  EXPECT_THAT(Keys("a/"), ElementsAre("a/1/x", "a/10", "a/b/c", "a/b/c-d"));
  EXPECT_THAT(Keys("a/b"), ElementsAre("a/b/c", "a/b/c-d"));
  EXPECT_THAT(Keys("a/1"), ElementsAre("a/1/x", "a/10"));
  EXPECT_THAT(Keys("a/", "a/1/x"), ElementsAre("a/10", "a/b/c", "a/b/c-d"));
  EXPECT_THAT(Keys("a/", "a/1/zz"), ElementsAre("a/10", "a/b/c", "a/b/c-d"));
  EXPECT_THAT(Keys("a/", "a/b/c"), ElementsAre("a/b/c-d"));
  EXPECT_THAT(Keys("", "zz"), IsEmpty());
  EXPECT_THAT(Keys("nothing/"), IsEmpty());
}

TEST_P(ObjectStoreContract, ListTellsSizesAndTimes) {
  ASSERT_TRUE(store().Put("l/a", "12345", {}));
  auto page = store().List("l/", {}, 10);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->size(), 1u);
  EXPECT_EQ((*page)[0].size_bytes, 5);
  EXPECT_GT((*page)[0].modified_us, 1'600'000'000'000'000);
}

TEST_P(ObjectStoreContract, StatesAreListedWhenAsked) {
  ASSERT_TRUE(store().Put("_tidemark/state/a/b/c.json", "{}", {}));
  EXPECT_THAT(Keys("_tidemark/state/"), ElementsAre("_tidemark/state/a/b/c.json"));
  EXPECT_THAT(Keys("data/"), IsEmpty());
}

TEST_P(ObjectStoreContract, KeysMayHoldAnythingAPathMay) {
  std::vector<std::string> keys = {
      "k/a b",     "k/100%", "k/%2F", "k/\xc3\xbc\xe6\x97\xa5",    "k/'\"`$", "k/back\\slash",
      "k/.hidden", "k/...",  "k/-x",  "k/" + std::string(200, 'n')};
  keys.push_back("k/" + std::string(120, 'd') + "/" + std::string(120, 's') + "/" +
                 std::string(120, 't') + "/2026-01-01/" + std::string(240, 'f'));
  for (const auto& key : keys) {
    ASSERT_TRUE(store().Put(key, "put", {})) << key;
    EXPECT_EQ(Text(key), "put");
    auto sealed = Sealed(key + ".u", "upload " + key, "0123456789abcdef-20261121");
    ASSERT_TRUE(store().Publish(sealed)) << key;
    EXPECT_EQ(Text(key + ".u"), "upload " + key);
  }
  EXPECT_EQ(Keys("k/").size(), keys.size() * 2);
}

TEST_P(ObjectStoreContract, BadKeysAreRefused) {
  for (std::string_view key : {"", "/a", "a/", "a//b", "..", "../x", "a/../../x", "a/./b"}) {
    EXPECT_EQ(store().StartUpload(key, "run-1").error().kind, ErrorKind::kInvalid) << key;
    EXPECT_EQ(store().Put(key, "x", {}).error().kind, ErrorKind::kInvalid) << key;
    EXPECT_EQ(store().Get(key).error().kind, ErrorKind::kInvalid) << key;
    EXPECT_EQ(store().ReadRange(key, 0, 1).error().kind, ErrorKind::kInvalid) << key;
    EXPECT_EQ(store().AppendLine(key, "x", "").error().kind, ErrorKind::kInvalid) << key;
    EXPECT_EQ(store().TryLock(key).error().kind, ErrorKind::kInvalid) << key;
    EXPECT_EQ(store().Publish({std::string(key), "t", 0}).error().kind, ErrorKind::kInvalid) << key;
    std::vector<std::string> keys = {std::string(key)};
    EXPECT_EQ(store().Delete(keys).error().kind, ErrorKind::kInvalid) << key;
  }
  EXPECT_EQ(store().List("../", {}, 10).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(store().ListSealed("a/../../").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(store().StartUpload("a", "../run").error().kind, ErrorKind::kInvalid);
}

TEST_P(ObjectStoreContract, DeleteOfAbsentIsFine) {
  ASSERT_TRUE(store().Put("d/a", "1", {}));
  ASSERT_TRUE(store().Put("d/b", "2", {}));
  std::vector<std::string> keys = {"d/a", "d/none", "e/none", "d/a/below"};
  EXPECT_TRUE(store().Delete(keys));
  EXPECT_TRUE(store().Delete(keys));
  EXPECT_THAT(Keys("d/"), ElementsAre("d/b"));
  EXPECT_TRUE(store().Put("d/a", "3", {.if_absent = true, .if_etag = {}}));
}

TEST_P(ObjectStoreContract, ReadRangeEndsWithTheObject) {
  ASSERT_TRUE(store().Put("r/a", "0123456789", {}));
  EXPECT_EQ(*store().ReadRange("r/a", 0, 10), "0123456789");
  EXPECT_EQ(*store().ReadRange("r/a", 3, 4), "3456");
  EXPECT_EQ(*store().ReadRange("r/a", 8, 100), "89");
  EXPECT_EQ(*store().ReadRange("r/a", 10, 5), "");
  EXPECT_EQ(*store().ReadRange("r/a", 1'000'000'000'000, INT64_MAX), "");
  EXPECT_EQ(*store().ReadRange("r/a", 4, 0), "");
  EXPECT_EQ(store().ReadRange("r/none", 0, 1).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store().ReadRange("r/a", -1, 1).error().kind, ErrorKind::kInvalid);
}

TEST_P(ObjectStoreContract, AppendLineRepairsATornTailAndKnowsRepeats) {
  ASSERT_TRUE(store().AppendLine("h/x.jsonl", "{\"run_id\":\"1\"}", "\"run_id\":\"1\""));
  ASSERT_TRUE(store().AppendLine("h/x.jsonl", "{\"run_id\":\"1\"}", "\"run_id\":\"1\""));
  EXPECT_EQ(Text("h/x.jsonl"), "{\"run_id\":\"1\"}\n");
  ASSERT_TRUE(store().Put("h/x.jsonl", "{\"run_id\":\"1\"}\n{\"run_id\":\"2\"", {}));
  ASSERT_TRUE(store().AppendLine("h/x.jsonl", "{\"run_id\":\"2\"}", "\"run_id\":\"2\""));
  EXPECT_EQ(Text("h/x.jsonl"), "{\"run_id\":\"1\"}\n{\"run_id\":\"2\"}\n");
  ASSERT_TRUE(store().AppendLine("h/x.jsonl", "always", ""));
  ASSERT_TRUE(store().AppendLine("h/x.jsonl", "always", ""));
  EXPECT_EQ(Text("h/x.jsonl"), "{\"run_id\":\"1\"}\n{\"run_id\":\"2\"}\nalways\nalways\n");
}

TEST_P(ObjectStoreContract, LinesFromManyThreadsAreAllThere) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        auto line = "line " + std::to_string(i) + "." + std::to_string(n) + ";";
        EXPECT_TRUE(store().AppendLine("h/many", line, line));
      }
    });
  for (auto& thread : threads) thread.join();
  auto text = Text("h/many");
  EXPECT_EQ(std::ranges::count(text, '\n'), 40);
  EXPECT_NE(text.find("line 3.9;\n"), std::string::npos);
}

TEST_P(ObjectStoreContract, ALockIsHeldByOne) {
  auto first = store().TryLock("w/t/.sync.lock");
  ASSERT_TRUE(first);
  auto second = store().TryLock("w/t/.sync.lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_NE(second.error().message.find("another run is syncing it"), std::string::npos);
  EXPECT_TRUE(store().TryLock("w/u/.sync.lock"));
  first->reset();
  EXPECT_TRUE(store().TryLock("w/t/.sync.lock"));
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreContract, testing::ValuesIn(StoreCases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace tidemark
