// A load and a sync of changes, broken at every call to the store in turn. After each break later
// runs must finish the work, and the folder must hold every row exactly once.
#include <gtest/gtest.h>

#include <cstdio>

#include "object/memory.h"
#include "tests/crash/toy_table.h"
#include "tests/support/breakable_store.h"
#include "tests/support/temp_folder.h"

namespace tidemark {
namespace {

using test::BreakableStore;
using test::Fault;
using test::Killed;
using test::SyncToy;

struct MatrixCase {
  std::string name;
  Fault fault = Fault::kNone;
  bool replaces_older_files = false;
  bool is_on_disk = false;
};

class LandingCrash : public testing::TestWithParam<MatrixCase> {};

struct Broken {
  int calls = 0;  // to the store, until all was done
  int failed_runs = 0;
  std::string at;  // the call that was broken
  std::string wrong;
};

// Breaks call number `at` and then lets two more runs come.
Broken BreakAt(ObjectStore& ground, const MatrixCase& matrix, int at) {
  Broken broken;
  BreakableStore::Graveyard graveyard;
  auto next_fault = [&](std::string_view call) {
    if (++broken.calls != at) return Fault::kNone;
    broken.at = call;
    return matrix.fault;
  };
  for (std::int64_t version : {10, 25}) {
    BreakableStore store(ground, next_fault, graveyard);
    try {
      auto done =
          SyncToy(store, {"a" + std::to_string(version), version, matrix.replaces_older_files, 0});
      if (!done) ++broken.failed_runs;
    } catch (const Killed&) {
      ++broken.failed_runs;
    }
  }
  for (auto [run_id, version] : {std::pair("b", 25), {"c", 40}}) {
    auto done = SyncToy(ground, {run_id, version, matrix.replaces_older_files, 0});
    if (!done) broken.wrong = "run " + std::string(run_id) + ": " + done.error().message;
  }
  if (broken.wrong.empty()) broken.wrong = test::Wrong(ground, 40, matrix.replaces_older_files);
  return broken;
}

TEST_P(LandingCrash, EveryCallBrokenInTurn) {
  const auto& matrix = GetParam();
  int tried = 0, failed_runs = 0;
  for (int at = 1;; ++at) {
    test::TempFolder folder("/dev/shm");  // its syncs cost nothing, and power does not fail here
    MemoryStore memory;
    std::unique_ptr<ObjectStore> disk;
    if (matrix.is_on_disk) {
      auto opened = OpenStore(folder.path(), {});
      ASSERT_TRUE(opened);
      disk = std::move(*opened);
    }
    auto broken = BreakAt(disk ? *disk : memory, matrix, at);
    EXPECT_EQ(broken.wrong, "") << "after call " << at << " (" << broken.at << ") was broken";
    if (broken.calls < at) break;
    ++tried;
    failed_runs += broken.failed_runs;
  }
  std::printf("%d calls broken, %d runs failed and recovered\n", tried, failed_runs);
  EXPECT_GE(tried, 40);
  EXPECT_GE(failed_runs, 10);
}

std::vector<MatrixCase> MatrixCases() {
  std::vector<MatrixCase> cases;
  for (auto [name, fault] : {std::pair("Refused", Fault::kRefused),
                             {"ReplyLost", Fault::kReplyLost},
                             {"Killed", Fault::kKilled},
                             {"KilledAfter", Fault::kKilledAfter}})
    for (bool replaces : {false, true})
      for (bool is_on_disk : {false, true})
        cases.push_back({std::string(name) + (replaces ? "Keyless" : "Keyed") +
                             (is_on_disk ? "Disk" : "Memory"),
                         fault, replaces, is_on_disk});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Matrix, LandingCrash, testing::ValuesIn(MatrixCases()),
                         [](const auto& info) { return info.param.name; });

// Two runs read the same state; the first takes the table and its reply is lost. The second must
// not mistake the first one's bytes for its own.
TEST(LandingCrashAlone, TwoTakesNeverWriteTheSameBytes) {
  MemoryStore memory;
  ASSERT_TRUE(SyncToy(memory, {"a", 10, false, 0}));
  FakeClock clock(1'800'000'000'000'000);
  auto take_second = [&](const std::string& run_id) {
    BreakableStore::Graveyard graveyard;
    bool has_taken = false;
    BreakableStore late(
        memory,
        [&](std::string_view call) {
          if (call == "Put" && !has_taken) {
            has_taken = true;
            EXPECT_TRUE(Landing::Take(memory, test::ToyLayout(), "first", clock));
          }
          return Fault::kNone;
        },
        graveyard);
    return Landing::Take(late, test::ToyLayout(), run_id, clock);
  };
  auto second = take_second("second");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  // It is the run id that tells them apart: without it both would hold the table.
  EXPECT_TRUE(take_second("first"));
}

}  // namespace
}  // namespace tidemark
