#include "fold/fold.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "base/failpoint.h"
#include "fold/fold_test_table.h"

namespace tidemark {
namespace {

constexpr std::int64_t kTiny = 1, kLarge = 64 << 20;
constexpr std::int64_t kStart = 1'700'000'000'000'000;

struct Values {
  std::optional<std::string> name;
  std::optional<double> score;
  bool operator==(const Values&) const = default;
};
using Model = std::map<std::int64_t, Values>;

struct Change {
  char operation;
  std::int64_t version, id;
  Values values;
};

const TestTable::Columns kColumns = {
    {"name", arrow::utf8()}, {"id", arrow::int64()}, {"score", arrow::float64()}};

// Rows of kColumns, with the columns of a change in front where there are changes.
class Rows {
 public:
  void Add(std::int64_t id, const Values& values) {
    (void)(values.name ? name_.Append(*values.name) : name_.AppendNull());
    (void)id_.Append(id);
    (void)(values.score ? score_.Append(*values.score) : score_.AppendNull());
  }
  void Add(const Change& change) {
    (void)version_.Append(change.version);
    (void)operation_.Append(std::string(1, change.operation));
    Add(change.id, change.values);
  }
  std::shared_ptr<arrow::RecordBatch> Finish(const Table& table) {
    auto rows = id_.length();
    return arrow::RecordBatch::Make(
        RowSchema(table), rows,
        arrow::ArrayVector{*name_.Finish(), *id_.Finish(), *score_.Finish()});
  }
  std::shared_ptr<arrow::RecordBatch> FinishChanges(const Table& table) {
    auto rows = id_.length();
    auto versions = *version_.Finish();
    return arrow::RecordBatch::Make(
        ChangeSchema(table), rows,
        arrow::ArrayVector{versions, versions, *operation_.Finish(), *name_.Finish(), *id_.Finish(),
                           *score_.Finish()});
  }

 private:
  arrow::Int64Builder version_, id_;
  arrow::StringBuilder operation_, name_;
  arrow::DoubleBuilder score_;
};

std::shared_ptr<arrow::RecordBatch> RowsOf(const TestTable& table, const Model& model) {
  Rows rows;
  for (const auto& [id, values] : model) rows.Add(id, values);
  return rows.Finish(table.table);
}

void Land(TestTable& table, std::int64_t timestamp_us, int part,
          const std::vector<Change>& changes) {
  Rows rows;
  for (const auto& change : changes) rows.Add(change);
  table.AddFile(timestamp_us, part, *rows.FinishChanges(table.table));
}

Fold::BatchSink Into(Model& model) {
  return [&model](std::shared_ptr<arrow::RecordBatch> batch) -> Status {
    const auto& name = static_cast<const arrow::StringArray&>(*batch->column(0));
    const auto& id = static_cast<const arrow::Int64Array&>(*batch->column(1));
    const auto& score = static_cast<const arrow::DoubleArray&>(*batch->column(2));
    for (std::int64_t i = 0; i < batch->num_rows(); ++i) {
      Values values;
      if (name.IsValid(i)) values.name = name.GetString(i);
      if (score.IsValid(i)) values.score = score.Value(i);
      EXPECT_TRUE(model.emplace(id.Value(i), values).second) << "given twice: " << id.Value(i);
    }
    return {};
  };
}

// Random histories of loads and changes, folded by hand beside.
class History {
 public:
  explicit History(unsigned seed) : random_(seed) {}

  void Play(TestTable& table, int runs, int ids) {
    ids_ = ids;
    Load(table);
    for (int run = 0; run < runs; ++run) Pick(5) == 0 ? Load(table) : Changes(table);
  }
  const Model& landed() const { return landed_; }

  // Another state of the table: what a source might say now.
  Model Altered() {
    Model altered = landed_;
    for (int i = 0; i < ids_ / 4; ++i)
      Pick(3) == 0 ? (void)altered.erase(Pick(ids_)) : (void)(altered[Pick(ids_)] = AnyValues());
    return altered;
  }

 private:
  int Pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  Values AnyValues() {
    Values values;
    if (Pick(4) != 0) values.name = std::string(static_cast<std::size_t>(Pick(20)), 'x');
    if (Pick(4) != 0) values.score = Pick(5) / 2.0;
    return values;
  }
  void Load(TestTable& table) {
    // The source's version may have gone back; only the file's timestamp tells what is newer.
    version_ = Pick(1000);
    auto loaded = Altered();
    std::vector<Change> changes;
    for (const auto& [id, values] : loaded) changes.push_back({'L', version_, id, values});
    for (const auto& [id, values] : landed_)
      if (!loaded.contains(id)) changes.push_back({'D', version_, id, {}});
    LandInParts(table, std::move(changes));
    landed_ = std::move(loaded);
  }
  void Changes(TestTable& table) {
    std::vector<Change> changes;
    for (int i = Pick(ids_); i > 0; --i) {
      Change change{"IUD"[Pick(3)], ++version_, Pick(ids_), {}};
      if (change.operation == 'D') {
        landed_.erase(change.id);
      } else {
        change.values = landed_[change.id] = AnyValues();
      }
      changes.push_back(std::move(change));
    }
    LandInParts(table, std::move(changes));
  }
  // In any order, as the version orders rows within a run.
  void LandInParts(TestTable& table, std::vector<Change> changes) {
    std::ranges::shuffle(changes, random_);
    timestamp_us_ += 1 + Pick(100);
    int parts = 1 + Pick(3);
    for (int part = 0; part < parts; ++part) {
      auto begin = changes.begin() + std::ssize(changes) * part / parts;
      auto end = changes.begin() + std::ssize(changes) * (part + 1) / parts;
      // Parts beyond nine show that they are not put in order as text.
      Land(table, timestamp_us_, part * 9, {begin, end});
    }
  }

  std::mt19937 random_;
  int ids_ = 1;
  std::int64_t version_ = 0, timestamp_us_ = kStart;
  Model landed_;
};

void ExpectDifferences(Fold& fold, const Model& landed, const Model& source) {
  Model inserted, updated, deleted, all_inserted, all_updated, all_deleted;
  for (const auto& [id, values] : source)
    if (!landed.contains(id))
      all_inserted[id] = values;
    else if (landed.at(id) != values)
      all_updated[id] = values;
  for (const auto& [id, values] : landed)
    if (!source.contains(id)) all_deleted[id] = {};
  auto counts = fold.Differences({Into(inserted), Into(updated), Into(deleted)});
  ASSERT_TRUE(counts.has_value()) << counts.error().message;
  EXPECT_EQ(counts->rows_landed, std::ssize(landed));
  EXPECT_EQ(counts->rows_source, std::ssize(source));
  EXPECT_EQ(counts->missing, std::ssize(all_inserted));
  EXPECT_EQ(counts->different, std::ssize(all_updated));
  EXPECT_EQ(counts->extra, std::ssize(all_deleted));
  EXPECT_TRUE(inserted == all_inserted && updated == all_updated && deleted == all_deleted);
}

// Both budgets must agree with the fold by hand: all in memory, and all on disk with split
// partitions.
TEST(Fold, RandomHistoriesFoldAsByHandUnderAnyBudget) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    TestTable table(kColumns, {"id"});
    History history(seed);
    history.Play(table, 12, seed % 3 == 0 ? 30 : 3000);
    auto source = history.Altered();
    auto batch = RowsOf(table, source);
    for (auto memory_bytes : {kTiny, kLarge}) {
      SCOPED_TRACE(std::to_string(seed) + " with " + std::to_string(memory_bytes));
      auto fold = table.Open(true, memory_bytes);
      ASSERT_TRUE(fold.has_value()) << fold.error().message;
      for (std::int64_t row = 0; row < batch->num_rows(); row += 700)
        ASSERT_TRUE((*fold)->AddSource(*batch->Slice(row, 700)).has_value());
      ExpectDifferences(**fold, history.landed(), source);
      Model gone;
      auto count = (*fold)->Gone(Into(gone));
      ASSERT_TRUE(count.has_value());
      EXPECT_EQ(*count, std::ssize(gone));
      for (const auto& [id, values] : history.landed())
        EXPECT_EQ(gone.contains(id), !source.contains(id));
    }
    EXPECT_TRUE(std::filesystem::is_empty(table.temp_dir));
  }
}

TEST(Fold, KeysAloneTellWhatIsGone) {
  TestTable table(kColumns, {"id"});
  History history(7);
  history.Play(table, 6, 20'000);
  auto source = history.Altered();
  for (auto memory_bytes : {kTiny, kLarge}) {
    auto fold = table.Open(false, memory_bytes, /*compares_rows=*/false);
    ASSERT_TRUE(fold.has_value()) << fold.error().message;
    ASSERT_TRUE((*fold)->AddSource(*RowsOf(table, source)).has_value());
    Model gone;
    ASSERT_TRUE((*fold)->Gone(Into(gone)).has_value());
    for (const auto& [id, values] : history.landed())
      EXPECT_EQ(gone.contains(id), !source.contains(id));
    EXPECT_FALSE(gone.empty());
  }
}

// Slices of one table arrive from several threads.
TEST(Fold, RowsMayBeAddedFromSeveralThreads) {
  TestTable table(kColumns, {"id"});
  History history(3);
  history.Play(table, 3, 20'000);
  auto source = history.Altered();
  auto batch = RowsOf(table, source);
  auto fold = table.Open(true, kTiny);
  ASSERT_TRUE(fold.has_value());
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (std::int64_t row = t * 500; row < batch->num_rows(); row += 4 * 500)
          if (!(*fold)->AddSource(*batch->Slice(row, 500))) ++failures;
      });
  }
  EXPECT_EQ(failures, 0);
  ExpectDifferences(**fold, history.landed(), source);
}

TEST(Fold, PendingKeysCountOnceAndAreNoDifference) {
  TestTable table(kColumns, {"id"});
  Land(table, kStart, 0, {{'L', 1, 1, {"a", 1}}, {'L', 1, 2, {"b", 2}}, {'L', 1, 3, {"c", 3}}});
  auto fold = table.Open(false);
  ASSERT_TRUE(fold.has_value());
  Rows pending;
  for (const auto& change : std::vector<Change>{
           {'U', 5, 1, {"A", 1}}, {'D', 6, 2, {}}, {'I', 7, 9, {"z", 9}}, {'U', 8, 1, {"B", 1}}})
    pending.Add(change);
  ASSERT_TRUE((*fold)->AddPending(*pending.FinishChanges(table.table)).has_value());
  ASSERT_TRUE((*fold)
                  ->AddSource(*RowsOf(table, {{1, {"B", 1}}, {3, {"x", 3}}, {9, {"z", 9}}}))
                  .has_value());
  auto counts = (*fold)->Differences({});
  ASSERT_TRUE(counts.has_value()) << counts.error().message;
  EXPECT_EQ(counts->pending, 3);
  EXPECT_EQ((*fold)->pending_keys(), 3);
  EXPECT_EQ(counts->different, 1);
  EXPECT_EQ(counts->missing + counts->extra, 0);
  EXPECT_EQ((*fold)->examples().different, std::vector<std::string>{"id=3"});
  EXPECT_EQ((*fold)->examples().pending, (std::vector<std::string>{"id=1", "id=2", "id=9"}));
}

TEST(Fold, ExamplesNameAFewKeys) {
  TestTable table(kColumns, {"id", "name"});
  std::vector<Change> landed;
  for (int id = 0; id < 9; ++id) landed.push_back({'L', 1, id, {"n", 1}});
  Land(table, kStart, 0, landed);
  auto fold = table.Open(false);
  ASSERT_TRUE(fold.has_value());
  ASSERT_TRUE((*fold)->AddSource(*RowsOf(table, {{42, {"line\nend", 1}}})).has_value());
  auto counts = (*fold)->Differences({});
  ASSERT_TRUE(counts.has_value());
  EXPECT_EQ(counts->extra, 9);
  EXPECT_EQ((*fold)->examples().extra.size(), FoldExamples::kEachMax);
  EXPECT_EQ((*fold)->examples().missing, std::vector<std::string>{"id=42, name=line?end"});
}

TEST(Fold, ATableWithoutAKeyIsComparedAsAMultiset) {
  for (auto memory_bytes : {kTiny, kLarge}) {
    TestTable table(kColumns, {});
    std::vector<Change> landed;
    for (int i = 0; i < 20'000; ++i) landed.push_back({'L', 1, i % 5000, {"n", 1}});
    Land(table, kStart, 0, landed);
    auto fold = table.Open(false, memory_bytes);
    ASSERT_TRUE(fold.has_value()) << fold.error().message;
    Rows rows;
    for (int i = 0; i < 20'000; ++i) rows.Add(i % 5000, {"n", i < 19'993 ? 1 : 2});
    rows.Add(1, {"n", 1});
    ASSERT_TRUE((*fold)->AddSource(*rows.Finish(table.table)).has_value());
    auto counts = (*fold)->Differences({});
    ASSERT_TRUE(counts.has_value()) << counts.error().message;
    EXPECT_EQ(counts->rows_landed, 20'000);
    EXPECT_EQ(counts->rows_source, 20'001);
    EXPECT_EQ(counts->extra, 7);
    EXPECT_EQ(counts->missing, 8);
    EXPECT_EQ(counts->different, 0);
  }
}

TEST(Fold, NothingLandedMeansThatAllIsMissing) {
  TestTable table(kColumns, {"id"});
  table.state = {};
  auto fold = table.Open(true);
  ASSERT_TRUE(fold.has_value()) << fold.error().message;
  Model source = {{1, {"a", {}}}, {2, {{}, 2}}};
  ASSERT_TRUE((*fold)->AddSource(*RowsOf(table, source)).has_value());
  ExpectDifferences(**fold, {}, source);
}

// A reload after a change of schema lands every live row with the newest columns; older files
// differ.
TEST(Fold, ColumnsThatOlderFilesLackAreNull) {
  TestTable table(kColumns, {"id"});
  auto old_schema = arrow::schema(
      {arrow::field(kVersionColumn, arrow::int64()), arrow::field(kOperationColumn, arrow::utf8()),
       arrow::field("id", arrow::int32()), arrow::field("name", arrow::int64())});
  table.AddFile(kStart, 0, *BatchOf(old_schema, {{"1", "L", "1", "10"}, {"1", "L", "2", {}}}));
  auto fold = table.Open(true);
  ASSERT_TRUE(fold.has_value()) << fold.error().message;
  ASSERT_TRUE((*fold)->AddSource(*RowsOf(table, {{1, {"10", {}}}, {2, {}}})).has_value());
  Model updated;
  auto counts = (*fold)->Differences({{}, Into(updated), {}});
  ASSERT_TRUE(counts.has_value()) << counts.error().message;
  EXPECT_EQ(counts->different, 1);
  EXPECT_TRUE(updated.contains(1)) << "an integer is not the text that looks like it";
}

TEST(Fold, FilesThatAreNotOursAreIgnoredAndOldOnesDoNotCount) {
  TestTable table(kColumns, {"id"});
  Land(table, kStart - 5, 0, {{'L', 1, 7, {"old", 1}}});
  Land(table, kStart, 0, {{'L', 1, 1, {"a", 1}}});
  table.state.base_timestamp_us = kStart;
  table.state.live_files = 1;
  for (auto name : {"notes.txt", "foreign.parquet", "main_orders_part0.parquet"})
    ASSERT_TRUE(table.store.Put(table.layout.DataPrefix() + name, "no parquet", {}).has_value());
  Land(table, kStart + 9, 0, {{'L', 9, 8, {"a run after this state", 1}}});
  table.state.last_timestamp_us = kStart;
  table.state.live_files = 1;
  auto fold = table.Open(true);
  ASSERT_TRUE(fold.has_value()) << fold.error().message;
  EXPECT_TRUE((*fold)->missing_files().empty());
  ExpectDifferences(**fold, {{1, {"a", 1}}}, {});
}

TEST(Fold, ACorruptFileOfOursIsNamed) {
  TestTable table(kColumns, {"id"});
  std::vector<Change> changes;
  for (int id = 0; id < 500; ++id) changes.push_back({'L', 1, id, {std::to_string(id), 1}});
  Land(table, kStart, 0, changes);
  auto key = table.layout.FileKey(kStart, 0, ".parquet");
  auto bytes = table.store.Get(key)->bytes;
  auto broken = bytes;
  for (std::size_t at = 4; at < bytes.size() - 600; ++at) broken[at] = static_cast<char>(0xFF);
  for (const auto& text : {std::string(), std::string("PAR1"), bytes.substr(0, bytes.size() / 2),
                           bytes.substr(8), std::string(200, 'x'), broken}) {
    ASSERT_TRUE(table.store.Put(key, text, {}).has_value());
    auto fold = table.Open(true);
    ASSERT_FALSE(fold.has_value());
    EXPECT_EQ(fold.error().kind, ErrorKind::kCorrupt) << fold.error().message;
    EXPECT_NE(fold.error().message.find(key), std::string::npos) << fold.error().message;
  }
}

// Any damage is an error or harmless, never a crash.
TEST(Fold, RandomDamageNeverCrashes) {
  std::mt19937 random(5);
  TestTable table(kColumns, {"id"});
  std::vector<Change> changes;
  for (int id = 0; id < 50; ++id) changes.push_back({'L', 1, id, {std::to_string(id), 1}});
  Land(table, kStart, 0, changes);
  auto key = table.layout.FileKey(kStart, 0, ".parquet");
  auto bytes = table.store.Get(key)->bytes;
  int failures = 0;
  for (int i = 0; i < 300; ++i) {
    auto damaged = bytes;
    for (int k = 0; k < 3; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
    ASSERT_TRUE(table.store.Put(key, damaged, {}).has_value());
    auto fold = table.Open(false);
    if (!fold) ++failures;
  }
  EXPECT_GT(failures, 0);
}

TEST(Fold, RefusesWhatItCannotCompare) {
  TestTable table({{"id", arrow::int64()}, {"list", arrow::list(arrow::int64())}}, {"id"});
  auto fold = table.Open(false);
  ASSERT_FALSE(fold.has_value());
  EXPECT_EQ(fold.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(fold.error().message.find("\"list\""), std::string::npos);

  // A per_table file in a table whose state says that its files are unified.
  TestTable unified(kColumns, {"id"});
  Land(unified, kStart, 0, {{'L', 1, 1, {"a", 1}}});
  unified.state.config.format = kUnifiedFormat;
  EXPECT_EQ(unified.Open(false).error().kind, ErrorKind::kCorrupt);

  TestTable other_key({{"id", arrow::utf8()}}, {"id"});
  auto schema = arrow::schema({arrow::field(kVersionColumn, arrow::int64()),
                               arrow::field(kOperationColumn, arrow::utf8()),
                               arrow::field("id", arrow::int64())});
  other_key.AddFile(kStart, 0, *BatchOf(schema, {{"1", "L", "1"}}));
  EXPECT_EQ(other_key.Open(false).error().kind, ErrorKind::kInvalid);
}

TEST(Fold, StopsWhenAsked) {
  TestTable table(kColumns, {"id"});
  Land(table, kStart, 0, {{'L', 1, 1, {"a", 1}}});
  std::stop_source stop;
  FoldOptions options;
  options.temp_dir = table.temp_dir;
  options.stop = stop.get_token();
  auto fold = Fold::Open(table.store, table.layout, table.state, table.table, false, options);
  ASSERT_TRUE(fold.has_value());
  stop.request_stop();
  EXPECT_EQ((*fold)->AddSource(*RowsOf(table, {{1, {"a", 1}}})).error().kind,
            ErrorKind::kCancelled);
  EXPECT_EQ((*fold)->Differences({}).error().kind, ErrorKind::kCancelled);
}

class FoldOnBadDisk : public testing::Test {
 protected:
  // Adds rows until something fails.
  static Error FailureOf(TestTable& table) {
    auto fold = table.Open(true, kTiny);
    if (!fold) return fold.error();
    Model source;
    for (int id = 0; id < 20'000; ++id) source[id] = {"some text", 1};
    auto added = (*fold)->AddSource(*RowsOf(table, source));
    return added ? Error{ErrorKind::kInternal, "it did not fail", {}} : added.error();
  }
};

TEST_F(FoldOnBadDisk, AFullDiskIsUnavailableAndLeavesNothing) {
  TestTable table(kColumns, {"id"});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{6000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  auto error = FailureOf(table);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable) << error.message;
  EXPECT_NE(error.hint.find("--temp-dir"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(table.temp_dir));
}

TEST_F(FoldOnBadDisk, AFileInsteadOfAFolderIsSaid) {
  TestTable table(kColumns, {"id"});
  auto file = table.temp_dir / "file";
  fclose(fopen(file.c_str(), "w"));
  auto folder = std::exchange(table.temp_dir, file);
  auto error = FailureOf(table);
  table.temp_dir = folder;
  EXPECT_EQ(error.kind, ErrorKind::kInvalid) << error.message;
  EXPECT_NE(error.message.find(file.string()), std::string::npos) << error.message;
}

TEST_F(FoldOnBadDisk, ASpillThatFailsIsPassedOn) {
  TestTable table(kColumns, {"id"});
  ASSERT_TRUE(ArmFailpoint("fold_spill=error@2").has_value());
  auto error = FailureOf(table);
  ASSERT_TRUE(ArmFailpoint("").has_value());
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(error.message, "failpoint fold_spill");
}

TEST(Fold, RemovesWhatTheDeadLeftAndSparesTheLiving) {
  TestTable table(kColumns, {"id"});
  auto dead = table.temp_dir / "tidemark-fold-999999999-0123456789abcdef";
  auto living = table.temp_dir / ("tidemark-fold-" + std::to_string(::getpid()) + "-00");
  auto other = table.temp_dir / "tidemark-fold-notes";
  for (const auto& folder : {dead, living, other})
    std::filesystem::create_directories(folder / "x");
  ASSERT_TRUE(table.Open(false).has_value());
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(living));
  EXPECT_TRUE(std::filesystem::exists(other));
}

}  // namespace
}  // namespace tidemark
