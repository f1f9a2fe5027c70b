#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <utility>

#include "fold/fold_test_table.h"

namespace tidemark {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000;
constexpr std::int64_t kBatchRows = 16'384;

// VmHWM or VmRSS of this process, in bytes.
std::int64_t StatusBytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return std::atoll(line.c_str() + name.size() + 1) * 1024;
  return 0;
}

bool ResetPeak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

std::shared_ptr<arrow::RecordBatch> Rows(std::int64_t begin, std::int64_t end, bool is_change) {
  arrow::Int64Builder version, id, amount;
  arrow::StringBuilder operation, name;
  for (auto i = begin; i < end; ++i) {
    (void)version.Append(1);
    (void)operation.Append("L");
    (void)id.Append(i);
    (void)name.Append("customer " + std::to_string(i % 1000));
    (void)amount.Append(i * 7919);
  }
  auto fields =
      arrow::FieldVector{arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
                         arrow::field("amount", arrow::int64())};
  auto arrays = arrow::ArrayVector{*id.Finish(), *name.Finish(), *amount.Finish()};
  if (is_change) {
    fields.insert(fields.begin(), {arrow::field(kVersionColumn, arrow::int64()),
                                   arrow::field(kOperationColumn, arrow::utf8())});
    arrays.insert(arrays.begin(), {*version.Finish(), *operation.Finish()});
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), end - begin, arrays);
}

class Timer {
 public:
  void Print(const char* what, std::int64_t rows) {
    auto now = std::clock();
    auto seconds = static_cast<double>(now - std::exchange(last_, now)) / CLOCKS_PER_SEC;
    std::printf("  %-12s %6.2f s of a core  %6.2f M rows/s\n", what, seconds,
                static_cast<double>(rows) / seconds / 1e6);
  }

 private:
  std::clock_t last_ = std::clock();
};

// A table several times its budget is folded and compared in memory that follows the budget. Speed
// is printed, not asserted; TIDEMARK_TEST_ROWS makes the table larger.
TEST(FoldMemory, FollowsTheBudgetAndNotTheTable) {
  constexpr std::int64_t kMemoryBytes = 16 << 20;
  auto text = std::getenv("TIDEMARK_TEST_ROWS");
  std::int64_t rows = text ? std::atoll(text) : 1'000'000;
  TestTable table({{"id", arrow::int64()}, {"name", arrow::utf8()}, {"amount", arrow::int64()}},
                  {"id"});
  constexpr std::int64_t kFileRows = 500'000;
  for (std::int64_t begin = 0; begin < rows; begin += kFileRows)
    table.AddFile(kStart, static_cast<int>(begin / kFileRows),
                  *Rows(begin, std::min(rows, begin + kFileRows), true), kFileRows);
  table.state.live_rows = rows;
  arrow::default_memory_pool()->ReleaseUnused();
  bool can_measure = ResetPeak();
  auto before = StatusBytes("VmRSS");

  Timer timer;
  auto fold = table.Open(false, kMemoryBytes);
  ASSERT_TRUE(fold.has_value()) << fold.error().message;
  timer.Print("landed", rows);
  // All but the first row, and one that was never landed.
  for (std::int64_t begin = 1; begin <= rows; begin += kBatchRows)
    ASSERT_TRUE((*fold)->AddSource(*Rows(begin, std::min(rows + 1, begin + kBatchRows), false)));
  timer.Print("source", rows);
  auto counts = (*fold)->Differences({});
  ASSERT_TRUE(counts.has_value()) << counts.error().message;
  timer.Print("compare", rows);
  EXPECT_EQ(counts->rows_landed, rows);
  EXPECT_EQ(counts->missing, 1);
  EXPECT_EQ(counts->extra, 1);
  EXPECT_EQ(counts->different, 0);

  auto growth = StatusBytes("VmHWM") - before;
  std::printf("  peak grew by %.1f MiB under a budget of %.0f MiB\n",
              static_cast<double>(growth) / (1 << 20),
              static_cast<double>(kMemoryBytes) / (1 << 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (can_measure) {
    EXPECT_LT(growth, kMemoryBytes + (24 << 20));
  }
#else
  (void)can_measure;
#endif
}

}  // namespace
}  // namespace tidemark
