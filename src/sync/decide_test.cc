#include "sync/decide.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

namespace tidemark {
namespace {

TableStatus Tracked(std::int64_t version) {
  TableStatus status;
  status.table.name = {"shop", "main", "orders"};
  status.table.columns = {{"id", arrow::int64(), "integer", {}, {}},
                          {"total", arrow::float64(), "real", {}, {}}};
  status.table.key = {"id"};
  status.table.fingerprint = "f1";
  status.current = {version, "inc", "n" + std::to_string(version)};
  status.min_valid_version = 0;
  return status;
}

LandedState Landed(const TableStatus& status, std::int64_t version) {
  LandedState state;
  state.is_loaded = true;
  state.position = {version, "inc", "n" + std::to_string(version)};
  state.fingerprint = status.table.fingerprint;
  state.columns = status.table.columns;
  state.key = status.table.key;
  return state;
}

Decision Decided(const LandedState& state, const TableStatus& status,
                 Mode mode = Mode::kFullIncremental) {
  return Decide(state, status, {.mode = mode, .config = {}});
}

TEST(Decide, FirstLoadLandsNoDeletes) {
  auto decision = Decided({}, Tracked(5));
  EXPECT_EQ(decision.action, Action::kLoad);
  EXPECT_EQ(decision.reason, Reason::kFirstLoad);
  EXPECT_FALSE(decision.lands_deletes);
  EXPECT_FALSE(decision.replaces_older_files);
}

LandedState LoadingSince(const TableStatus& status, std::int64_t version) {
  LandedState state;
  state.load.emplace();
  state.load->fence = {version, "inc", "n"};
  state.load->newest = state.load->fence;
  state.load->fingerprint = status.table.fingerprint;
  state.load->columns = status.table.columns;
  state.load->key = status.table.key;
  return state;
}

TEST(Decide, AnUnfinishedLoadGoesOnWithTheTypesItWasBegunWith) {
  auto status = Tracked(9);
  auto state = LoadingSince(status, 5);
  state.load->columns[1].type = arrow::utf8();
  auto decision = Decided(state, status);
  EXPECT_EQ(decision.reason, Reason::kFirstLoad);
  EXPECT_TRUE(decision.goes_on) << decision.starts_over_because;
  EXPECT_TRUE(decision.table.columns[1].type->Equals(*arrow::utf8()));
}

TEST(Decide, AnUnfinishedLoadStartsOverWhereChangesCannotMakeItExact) {
  auto starts_over = [](auto change) {
    auto status = Tracked(9);
    auto state = LoadingSince(status, 5);
    change(state, status);
    auto decision = Decided(state, status);
    EXPECT_EQ(decision.action, Action::kLoad);
    return !decision.goes_on && !decision.starts_over_because.empty();
  };
  using State = LandedState;
  EXPECT_TRUE(starts_over([](State&, TableStatus& s) { s.min_valid_version.reset(); }));
  EXPECT_TRUE(starts_over([](State&, TableStatus& s) { s.min_valid_version = 6; }));
  EXPECT_TRUE(starts_over([](State&, TableStatus& s) { s.history = History::kRestored; }));
  EXPECT_TRUE(starts_over([](State&, TableStatus& s) { s.current.incarnation = "other"; }));
  EXPECT_TRUE(starts_over([](State&, TableStatus& s) { s.table.fingerprint = "f2"; }));
  EXPECT_TRUE(starts_over([](State&, TableStatus& s) { s.schema_version = 1; }));
  EXPECT_TRUE(starts_over([](State& s, TableStatus&) { s.load->newest.version = 10; }));
  EXPECT_TRUE(starts_over([](State& s, TableStatus&) { s.load->config.fingerprint = "x"; }));
  EXPECT_TRUE(starts_over([](State& s, TableStatus&) { s.load->key.clear(); }));
  EXPECT_FALSE(starts_over([](State&, TableStatus& s) { s.min_valid_version = 5; }));
}

TEST(Decide, IncrementalWithoutWatermarkFailsAndSaysHow) {
  auto decision = Decided({}, Tracked(5), Mode::kIncremental);
  ASSERT_TRUE(decision.error);
  EXPECT_NE(decision.error->hint.find("full_incremental"), std::string::npos);
}

TEST(Decide, ChangesSinceTheWatermarkOrNothing) {
  auto status = Tracked(9);
  EXPECT_EQ(Decided(Landed(status, 5), status).action, Action::kChanges);
  auto idle = Decided(Landed(status, 9), status);
  EXPECT_EQ(idle.action, Action::kNothing);
  EXPECT_EQ(idle.reason, Reason::kNoChanges);
}

TEST(Decide, DefinitionThatReadsTheSameButWasTouchedIsCompared) {
  auto status = Tracked(5);
  auto state = Landed(status, 5);
  status.schema_version = state.schema_version + 1;
  auto decision = Decided(state, status);
  EXPECT_EQ(decision.action, Action::kCompare);
  EXPECT_EQ(decision.reason, Reason::kSchemaChanged);
}

TEST(Decide, EveryBrokenHistoryIsALoadWithDeletes) {
  struct Case {
    History history;
    std::int64_t current, min_valid;
    Reason reason;
  };
  for (auto c : {Case{History::kRecreated, 9, 0, Reason::kRecreated},
                 Case{History::kRestored, 9, 0, Reason::kRestored},
                 Case{History::kTruncated, 9, 0, Reason::kTruncated},
                 Case{History::kSchemaChanged, 9, 0, Reason::kSchemaChanged},
                 Case{History::kSame, 4, 0, Reason::kRestored},
                 Case{History::kSame, 9, 6, Reason::kExpired}}) {
    auto status = Tracked(c.current);
    status.history = c.history;
    status.min_valid_version = c.min_valid;
    auto decision = Decided(Landed(status, 5), status);
    EXPECT_EQ(decision.action, Action::kLoad) << Name(c.reason);
    EXPECT_EQ(decision.reason, c.reason);
    EXPECT_TRUE(decision.lands_deletes);
    EXPECT_FALSE(decision.replaces_older_files);
  }
}

TEST(Decide, WatermarkAtTheMinimumIsStillValid) {
  auto status = Tracked(9);
  status.min_valid_version = 5;
  EXPECT_EQ(Decided(Landed(status, 5), status).action, Action::kChanges);
}

TEST(Decide, ConfigAndModeFullLoadWithDeletes) {
  auto status = Tracked(9);
  auto state = Landed(status, 5);
  EXPECT_EQ(Decided(state, status, Mode::kFull).reason, Reason::kModeFull);
  state.config.format = kUnifiedFormat;
  EXPECT_EQ(Decided(state, status).reason, Reason::kConfigChanged);
  EXPECT_TRUE(Decided(state, status).lands_deletes);
  EXPECT_TRUE(Decided(state, status).replaces_older_files);
}

TEST(Decide, ChangedKeyReplacesOlderFiles) {
  auto status = Tracked(9);
  auto state = Landed(status, 5);
  state.key = {"total"};
  auto decision = Decided(state, status);
  EXPECT_EQ(decision.reason, Reason::kKeyChanged);
  EXPECT_TRUE(decision.replaces_older_files);
  EXPECT_FALSE(decision.lands_deletes);
}

TEST(Decide, UntrackedTablesAreComparedKeylessOnesReplaced) {
  auto status = Tracked(0);
  status.current = {};
  status.min_valid_version.reset();
  auto state = Landed(status, 3);
  state.position = {3, "", ""};
  EXPECT_EQ(Decided(state, status).action, Action::kCompare);
  status.table.key.clear();
  state.key.clear();
  auto decision = Decided(state, status);
  EXPECT_EQ(decision.action, Action::kCompareOrLoad);
  EXPECT_TRUE(decision.replaces_older_files);
}

TEST(Decide, TableTrackedSinceItWasLandedIsComparedOnce) {
  auto status = Tracked(0);
  auto state = Landed(status, 3);
  state.position = {3, "", ""};
  EXPECT_EQ(Decided(state, status).action, Action::kCompare);
}

TEST(Decide, KeyThatCouldNotServeStaysDropped) {
  auto status = Tracked(9);
  auto state = Landed(status, 5);
  state.key.clear();
  auto decision = Decided(state, status);
  EXPECT_EQ(decision.action, Action::kCompareOrLoad);
  EXPECT_TRUE(decision.table.key.empty());
}

TEST(Decide, TypesNeverNarrow) {
  auto status = Tracked(9);
  auto state = Landed(status, 5);
  state.columns[1].type = arrow::utf8();
  state.columns.push_back({"total__type", arrow::utf8(), "", {}, "total"});
  auto decision = Decided(state, status);
  ASSERT_EQ(decision.table.columns.size(), 3u);
  EXPECT_TRUE(decision.table.columns[1].type->Equals(*arrow::utf8()));
  EXPECT_EQ(decision.table.columns[2].storage_class_of, "total");
}

TEST(Decide, ReservedColumnNameIsRefused) {
  auto status = Tracked(9);
  status.table.columns[1].name = kOperationColumn;
  auto decision = Decided({}, status);
  ASSERT_TRUE(decision.error);
  EXPECT_EQ(decision.error->kind, ErrorKind::kUnsupported);
}

// No class column names it, so the column after it is none.
TEST(Decide, ColumnWithoutANameKeepsItsNeighbourSingle) {
  auto status = Tracked(5);
  status.table.columns[0].name = "";
  status.table.key = {""};
  EXPECT_EQ(WithLandedTypes(status.table, Landed(status, 5).columns).columns.size(), 2u);
}

// The version is the whole database's: others have moved it on.
TEST(Decide, AnUnchangedTableOnlyMovesOn) {
  auto status = Tracked(9);
  status.is_unchanged = true;
  auto decision = Decided(Landed(status, 5), status);
  EXPECT_EQ(decision.action, Action::kNothing);
  EXPECT_EQ(decision.reason, Reason::kNoChanges);
  // Unless it cannot be followed at all.
  status.min_valid_version = 6;
  EXPECT_EQ(Decided(Landed(status, 5), status).reason, Reason::kExpired);
}

TEST(Decide, RowsThatVanishedWithoutAChangeWereTruncated) {
  auto status = Tracked(9);
  status.is_unchanged = status.is_empty = true;
  auto state = Landed(status, 5);
  EXPECT_EQ(Decided(state, status).action, Action::kNothing);
  state.live_rows = 3;
  auto decision = Decided(state, status);
  EXPECT_EQ(decision.action, Action::kLoad);
  EXPECT_EQ(decision.reason, Reason::kTruncated);
  EXPECT_TRUE(decision.lands_deletes);
  // Which has found nothing more to delete.
  state.last_run.mode = "full";
  EXPECT_EQ(Decided(state, status).action, Action::kNothing);
}

TEST(Decide, AnotherProgramsWatermarkIsGoneOnWith) {
  auto status = Tracked(9);
  status.min_valid_version = 3;
  DecisionSettings settings;
  settings.foreign_version = 4;
  // Its versions mean nothing here.
  EXPECT_EQ(Decide({}, status, settings).reason, Reason::kFirstLoad);
  status.has_server_versions = true;
  auto decision = Decide({}, status, settings);
  EXPECT_EQ(decision.action, Action::kChanges);
  EXPECT_EQ(decision.adopted_version, 4);
  settings.mode = Mode::kIncremental;
  EXPECT_EQ(Decide({}, status, settings).action, Action::kChanges);
  for (std::int64_t version : {2, 10}) {
    settings.mode = Mode::kFullIncremental;
    settings.foreign_version = version;
    EXPECT_EQ(Decide({}, status, settings).reason, Reason::kFirstLoad) << version;
  }
  settings.foreign_version = 4;
  settings.config.format = "unified";
  EXPECT_EQ(Decide({}, status, settings).reason, Reason::kFirstLoad);
}

}  // namespace
}  // namespace tidemark
