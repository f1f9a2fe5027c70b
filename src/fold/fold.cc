#include "fold/fold.h"

#include <arrow/api.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "base/arrow_result.h"
#include "base/random.h"
#include "fold/comparison.h"
#include "fold/key_spelling.h"
#include "fold/landed_reader.h"
#include "fold/row_bytes.h"
#include "fold/row_order.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMemoryBytesMin = 256 << 10;
constexpr std::int64_t kTableBytesPerRow = 96;
constexpr std::int64_t kOutputRowsMax = 16'384;

// Who may use how much of the budget. Reading and adding do not overlap, nor adding and comparing;
// the sum of what does overlap is the whole.
struct Shares {
  std::int64_t landed, source, pending, reading, table, split, output;
  static Shares Of(std::int64_t memory_bytes) {
    auto whole = std::max(memory_bytes, kMemoryBytesMin);
    return {.landed = whole / 4,
            .source = whole / 4,
            .pending = whole / 32,
            .reading = whole / 4,
            .table = whole / 4,
            .split = whole / 64,
            .output = whole / 32};
  }
};

// Rows on their way to a sink, in batches.
class Output {
 public:
  static Result<Output> Make(std::shared_ptr<arrow::Schema> schema, std::vector<int> columns,
                             const Fold::BatchSink& sink, std::int64_t bytes_max) {
    auto decoder = TRY(RowDecoder::Make(std::move(schema), std::move(columns)));
    return Output(std::move(decoder), sink, bytes_max);
  }
  Status Add(std::string_view row_bytes) {
    if (!*sink_) return {};
    TRY(decoder_.Append(row_bytes));
    bool is_full = decoder_.bytes() >= bytes_max_ || decoder_.rows() >= kOutputRowsMax;
    return is_full ? Flush() : Status();
  }
  Status Flush() {
    if (decoder_.rows() == 0) return {};
    return (*sink_)(TRY(decoder_.Finish()));
  }

 private:
  Output(RowDecoder decoder, const Fold::BatchSink& sink, std::int64_t bytes_max)
      : decoder_(std::move(decoder)), sink_(&sink), bytes_max_(bytes_max) {}
  RowDecoder decoder_;
  const Fold::BatchSink* sink_;
  std::int64_t bytes_max_;
};

class PartitionedFold final : public Fold {
 public:
  PartitionedFold(bool keeps_rows, FoldOptions options)
      : keeps_rows_(keeps_rows),
        options_(std::move(options)),
        shares_(Shares::Of(options_.memory_bytes)),
        hash_(SystemRandom()) {}

  Status Start(ObjectStore& store, const TableLayout& layout, const LandedState& state,
               const Table& table);

  Status AddSource(const arrow::RecordBatch& rows) override;
  Result<std::int64_t> Gone(const BatchSink& sink) override;
  Result<FoldCounts> Differences(const DifferenceSinks& sinks) override;
  Status AddPending(const arrow::RecordBatch& changes) override;
  std::int64_t pending_keys() const override { return pending_keys_; }
  const FoldExamples& examples() const override { return examples_; }
  const std::vector<std::string>& missing_files() const override { return missing_files_; }

 private:
  void MakePartitions(std::int64_t rows);
  Status AddLanded(ObjectStore& store, const LandedFile& file, const LandedState& state);
  Status AddLandedRun(const RowEncoder& encoder, const LandedReader::Rows& rows,
                      std::uint32_t rank);
  Status AddSourceRun(const RowEncoder& encoder);
  Status CheckSource(const arrow::RecordBatch& rows) const;
  Result<FoldCounts> Compare(ComparisonSinks sinks);
  Status AddExample(std::vector<std::string>& examples, std::string_view key_bytes) const;
  Status CheckStop() const;
  std::unique_ptr<RowEncoder> TakeEncoder();
  void GiveBack(std::unique_ptr<RowEncoder> encoder);

  bool has_key() const { return order_.key_columns() > 0; }

  const bool keeps_rows_;
  const FoldOptions options_;
  const Shares shares_;
  const RowHash hash_;
  RowOrder order_;
  KeySpelling spelling_;  // copied by each thread that uses it
  std::vector<std::string> missing_files_;
  std::int64_t landed_records_ = 0;

  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<Partitions> landed_, source_, pending_;  // Invariant: go before folder_
  RecordSets sets_;

  std::mutex mutex_;  // of source_ and encoders_
  std::vector<std::unique_ptr<RowEncoder>> encoders_;

  std::int64_t pending_keys_ = 0;
  FoldExamples examples_;
};

Status PartitionedFold::CheckStop() const {
  if (!options_.stop.stop_requested()) return {};
  return Fail(ErrorKind::kCancelled, "stopped while folding");
}

Status PartitionedFold::Start(ObjectStore& store, const TableLayout& layout,
                              const LandedState& state, const Table& table) {
  order_ =
      TRY(RowOrder::Make(table, state.is_loaded ? state.key : table.key, options_.compares_rows));
  spelling_ = order_.key_spelling();
  folder_ = TRY(TempFolder::Open(options_.temp_dir));
  LandedFiles landed;
  if (state.is_loaded) landed = TRY(ListLandedFiles(store, layout, state));
  missing_files_ = std::move(landed.missing);

  // Parquet takes a few bytes for a row at the least; a wrong guess costs another split, not
  // memory.
  std::int64_t rows = std::max(state.live_rows, table.estimated_rows);
  for (const auto& file : landed.files) rows += file.size_bytes / 64;
  MakePartitions(rows);

  for (const auto& file : landed.files) TRY(AddLanded(store, file, state));
  return {};
}

void PartitionedFold::MakePartitions(std::int64_t rows) {
  auto level = FirstLevel(rows * kTableBytesPerRow, shares_.table);
  auto count = 1 << level.bits;
  landed_ = std::make_unique<Partitions>(*folder_, "landed", count, shares_.landed);
  source_ = std::make_unique<Partitions>(*folder_, "source", count, shares_.source);
  pending_ = std::make_unique<Partitions>(*folder_, "pending", count, shares_.pending);
  bool compares = options_.compares_rows;
  RecordShape::Members landed, source;
  if (has_key()) {
    landed = {.row = compares, .order = true, .payload = true};
    source = {.row = compares, .key_size = keeps_rows_, .payload = compares};
  }
  sets_ = {{RecordShape(landed), landed_.get()},
           {RecordShape(source), source_.get()},
           {RecordShape(), pending_.get()},
           level};
}

Status PartitionedFold::AddLanded(ObjectStore& store, const LandedFile& file,
                                  const LandedState& state) {
  auto reader = TRY(order_.Open(store, file, state, shares_.reading / 2));
  RowEncoder encoder;
  while (true) {
    TRY(CheckStop());
    auto rows = TRY(reader->Next());
    if (!rows.batch) return {};
    if (!has_key() && rows.operations.find('D') != std::string_view::npos)
      return Fail(ErrorKind::kCorrupt,
                  "file " + file.key + " deletes a row of a table without a key");
    TRY_WHILE("file " + file.key,
              encoder.Start(*rows.batch, reader->columns(), order_.key_columns()));
    while (TRY(encoder.Next())) TRY(AddLandedRun(encoder, rows, file.rank));
  }
}

Status PartitionedFold::AddLandedRun(const RowEncoder& encoder, const LandedReader::Rows& rows,
                                     std::uint32_t rank) {
  Record record;
  record.rank = rank;
  for (std::int64_t i = 0; i < encoder.rows(); ++i) {
    auto row = encoder.first_row() + i;
    if (has_key()) {
      record.payload = encoder.Key(i);
      record.key = hash_.Of(spelling_.Of(record.payload));
      if (options_.compares_rows) record.row = hash_.Of(encoder.Rest(i));
      record.version = rows.versions[row];
      record.operation = rows.operations[static_cast<std::size_t>(row)];
    } else {
      record.key = hash_.Of(encoder.Whole(i));
    }
    TRY(sets_.landed.Append(sets_.level, record));
  }
  landed_records_ += encoder.rows();
  return {};
}

Status PartitionedFold::CheckSource(const arrow::RecordBatch& rows) const {
  if (rows.num_columns() != order_.schema()->num_fields())
    return Fail(ErrorKind::kInvalid, "rows to compare have " + std::to_string(rows.num_columns()) +
                                         " columns, the table has " +
                                         std::to_string(order_.schema()->num_fields()));
  for (int column : order_.all()) {
    const auto& got = *rows.schema()->field(column);
    const auto& wanted = *order_.schema()->field(column);
    if (got.name() != wanted.name() || !HasSameClass(*got.type(), *wanted.type()))
      return Fail(ErrorKind::kInvalid, "rows to compare have column \"" + got.name() +
                                           "\" of type " + got.type()->ToString() +
                                           ", the table has \"" + wanted.name() + "\" of type " +
                                           wanted.type()->ToString());
  }
  return {};
}

std::unique_ptr<RowEncoder> PartitionedFold::TakeEncoder() {
  std::lock_guard lock(mutex_);
  if (encoders_.empty()) return std::make_unique<RowEncoder>();
  auto encoder = std::move(encoders_.back());
  encoders_.pop_back();
  return encoder;
}

void PartitionedFold::GiveBack(std::unique_ptr<RowEncoder> encoder) {
  std::lock_guard lock(mutex_);
  encoders_.push_back(std::move(encoder));
}

Status PartitionedFold::AddSource(const arrow::RecordBatch& rows) {
  TRY(CheckStop());
  TRY(CheckSource(rows));
  // Nothing landed and only Gone to be asked: none can be gone.
  if (landed_records_ == 0 && !options_.compares_rows) return {};
  auto encoder = TakeEncoder();
  TRY(encoder->Start(rows, order_.all(), order_.key_columns()));
  while (TRY(encoder->Next())) TRY(AddSourceRun(*encoder));
  GiveBack(std::move(encoder));
  return {};
}

Status PartitionedFold::AddSourceRun(const RowEncoder& encoder) {
  // Hashed before the lock is taken: under it is only copying.
  std::vector<Record> records(static_cast<std::size_t>(encoder.rows()));
  auto spelling = spelling_;
  for (std::int64_t i = 0; i < encoder.rows(); ++i) {
    auto& record = records[static_cast<std::size_t>(i)];
    if (!has_key()) {
      record.key = hash_.Of(encoder.Whole(i));
      continue;
    }
    auto key = encoder.Key(i);
    record.key = hash_.Of(spelling.Of(key));
    if (!options_.compares_rows) continue;
    record.row = hash_.Of(encoder.Rest(i));
    record.key_size = static_cast<std::uint32_t>(key.size());
    record.payload = keeps_rows_ ? encoder.Whole(i) : key;
  }
  std::lock_guard lock(mutex_);
  for (const auto& record : records) TRY(sets_.source.Append(sets_.level, record));
  return {};
}

Status PartitionedFold::AddPending(const arrow::RecordBatch& changes) {
  if (!has_key()) return Fail(ErrorKind::kInvalid, "a table without a key has no pending changes");
  std::vector<int> columns;
  for (int column : order_.key()) {
    const auto& wanted = *order_.schema()->field(column);
    columns.push_back(changes.schema()->GetFieldIndex(wanted.name()));
    if (columns.back() < 0 ||
        !HasSameClass(*changes.schema()->field(columns.back())->type(), *wanted.type()))
      return Fail(ErrorKind::kInvalid, "changes have no key column \"" + wanted.name() +
                                           "\" of type " + wanted.type()->ToString());
  }
  RowEncoder encoder;
  Record record;
  TRY(encoder.Start(changes, columns, order_.key_columns()));
  while (TRY(encoder.Next()))
    for (std::int64_t i = 0; i < encoder.rows(); ++i) {
      record.key = hash_.Of(spelling_.Of(encoder.Key(i)));
      TRY(sets_.pending.Append(sets_.level, record));
      TRY(AddExample(examples_.pending, encoder.Key(i)));
    }
  return {};
}

Result<FoldCounts> PartitionedFold::Compare(ComparisonSinks sinks) {
  Comparison comparison(*folder_,
                        {.has_key = has_key(),
                         .compares_rows = options_.compares_rows,
                         .table_bytes = shares_.table,
                         .partition_bytes = shares_.split,
                         .stop = options_.stop},
                        std::move(sinks));
  return comparison.Run(sets_);
}

Result<std::int64_t> PartitionedFold::Gone(const BatchSink& sink) {
  if (!has_key()) return 0;
  auto gone = TRY(Output::Make(order_.schema(), order_.all(), sink, shares_.output));
  auto ignore = [](const Record&) -> Status { return {}; };
  auto counts =
      TRY(Compare({.missing = ignore, .different = ignore, .extra = [&](std::string_view key) {
                     return gone.Add(key);
                   }}));
  TRY(gone.Flush());
  return counts.extra;
}

Status PartitionedFold::AddExample(std::vector<std::string>& examples,
                                   std::string_view key_bytes) const {
  if (examples.size() == FoldExamples::kEachMax) return {};
  auto text = TRY(KeyText(*order_.schema(), order_.key(), key_bytes));
  // A key may have several changes.
  if (std::ranges::find(examples, text) == examples.end()) examples.push_back(std::move(text));
  return {};
}

Result<FoldCounts> PartitionedFold::Differences(const DifferenceSinks& sinks) {
  TIDEMARK_CHECK(options_.compares_rows);
  TIDEMARK_CHECK(keeps_rows_ || (!sinks.inserted && !sinks.updated));
  examples_ = {.pending = std::move(examples_.pending)};
  auto inserted = TRY(Output::Make(order_.schema(), order_.all(), sinks.inserted, shares_.output));
  auto updated = TRY(Output::Make(order_.schema(), order_.all(), sinks.updated, shares_.output));
  auto deleted = TRY(Output::Make(order_.schema(), order_.all(), sinks.deleted, shares_.output));
  auto counts = TRY(Compare({
      .missing = [&](const Record& source) -> Status {
        TRY(AddExample(examples_.missing, source.payload.substr(0, source.key_size)));
        return inserted.Add(source.payload);
      },
      .different = [&](const Record& source) -> Status {
        TRY(AddExample(examples_.different, source.payload.substr(0, source.key_size)));
        return updated.Add(source.payload);
      },
      .extra = [&](std::string_view key) -> Status {
        if (sinks.chooses_deleted && !sinks.chooses_deleted(key)) return {};
        TRY(AddExample(examples_.extra, key));
        return deleted.Add(key);
      },
  }));
  TRY(inserted.Flush());
  TRY(updated.Flush());
  TRY(deleted.Flush());
  pending_keys_ = counts.pending;
  return counts;
}

}  // namespace

Result<std::unique_ptr<Fold>> Fold::Open(ObjectStore& store, const TableLayout& layout,
                                         const LandedState& state, const Table& table,
                                         bool keeps_rows, const FoldOptions& options) {
  if (keeps_rows && !options.compares_rows)
    return Fail(ErrorKind::kInternal, "rows are to be kept that are not compared");
  auto fold = std::make_unique<PartitionedFold>(keeps_rows, options);
  TRY(fold->Start(store, layout, state, table));
  return fold;
}

}  // namespace tidemark
