#include "fold/base_fold.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>

#include <algorithm>
#include <bit>

#include "base/arrow_result.h"
#include "base/random.h"
#include "fold/base_merge.h"
#include "fold/base_rows.h"
#include "fold/key_filter.h"
#include "fold/key_spelling.h"
#include "fold/landed_reader.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMemoryBytesMin = 256 << 10;
// Of a column that a file does not have: no text that SQL could spell as a name.
const std::string kNoName("\0", 1);
constexpr std::int64_t kPartitionsMin = 16, kPartitionsMax = 256;

// Who may use how much of the budget; reading the changes and streaming the base do not overlap
// with merging, which has what reading had.
struct Shares {
  std::int64_t changes, older, filter, reading, table, split, output;
  static Shares Of(std::int64_t memory_bytes) {
    auto whole = std::max(memory_bytes, kMemoryBytesMin);
    return {.changes = whole / 4,
            .older = whole / 4,
            .filter = whole / 8,
            .reading = whole / 4,
            .table = whole / 4,
            .split = whole / 64,
            .output = whole / 16};
  }
};

Table TableOf(const LandedState& state) {
  Table table;
  table.name = state.name;
  table.columns = state.columns;
  table.key = state.key;
  return table;
}

// Files whose rows are streamed through, and those that happened to them.
struct FoldedFiles {
  std::vector<LandedFile> older, changes;
};

class BaseFold {
 public:
  BaseFold(ObjectStore& store, const LandedState& state, const BaseFoldOptions& options,
           const Fold::BatchSink& sink)
      : store_(store),
        state_(state),
        options_(options),
        shares_(Shares::Of(options.memory_bytes)),
        schema_(RowSchema(TableOf(state))),
        hash_(SystemRandom()),
        filter_(shares_.filter),
        sink_(sink) {}

  Result<std::int64_t> Run(const FoldedFiles& files) {
    TRY(SelectColumns());
    rows_ = TRY(BaseRows::Make(BaseSchema(state_, options_.kind), order_, options_.kind,
                               shares_.output, [this](auto batch) { return Emit(batch); }));
    folder_ = TRY(TempFolder::Open(options_.temp_dir));
    MakePartitions(files);
    std::uint32_t rank = 0;
    std::int64_t timestamp_us = -1;
    for (const auto& file : files.changes) {
      if (file.timestamp_us != std::exchange(timestamp_us, file.timestamp_us)) ++rank;
      TRY(ReadChanges(file, rank));
    }
    for (const auto& file : files.older) TRY(StreamOlder(file));
    BaseMerge merge(
        *folder_,
        {.table_bytes = shares_.table, .partition_bytes = shares_.split, .stop = options_.stop},
        [this](const RowVersion& version) { return rows_->Add(version); });
    TRY(merge.Run(older_set_, changes_set_, level_));
    TRY(rows_->Flush());
    return emitted_;
  }

 private:
  Status SelectColumns();
  void MakePartitions(const FoldedFiles& files);
  Result<std::unique_ptr<LandedReader>> Open(const LandedFile& file);
  Status ReadChanges(const LandedFile& file, std::uint32_t rank);
  Status StreamOlder(const LandedFile& file);
  Status StreamBatch(const LandedReader::Rows& rows, std::span<const int> columns,
                     const LandedFile& file);
  Status Append(const RecordSet& set, const Record& record, std::string_view head);
  Status Emit(const std::shared_ptr<arrow::RecordBatch>& batch) {
    emitted_ += batch->num_rows();
    return sink_(batch);
  }
  Status Advance(std::int64_t rows) const {
    if (options_.stop.stop_requested())
      return Fail(ErrorKind::kCancelled, "stopped while compacting");
    if (options_.read) options_.read(rows);
    return {};
  }

  ObjectStore& store_;
  const LandedState& state_;
  const BaseFoldOptions& options_;
  const Shares shares_;
  const std::shared_ptr<arrow::Schema> schema_;  // of the table's own columns
  const RowHash hash_;
  KeyFilter filter_;
  const Fold::BatchSink& sink_;
  std::vector<int> order_;  // columns in the order of rows' bytes: the key's first
  int key_columns_ = 0;
  KeySpelling spelling_;
  std::unique_ptr<BaseRows> rows_;
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<Partitions> changes_, older_;  // Invariant: go before folder_
  RecordSet changes_set_, older_set_;
  PartitionLevel level_;
  std::int64_t emitted_ = 0;
};

Status BaseFold::SelectColumns() {
  for (const auto& name : state_.key) {
    int column = schema_->GetFieldIndex(name);
    if (column < 0)
      return Fail(ErrorKind::kInvalid, "key column \"" + name + "\" is not a column of the table");
    order_.push_back(column);
  }
  key_columns_ = static_cast<int>(order_.size());
  std::vector<Column> key_columns;
  for (int column : order_) key_columns.push_back(state_.columns[static_cast<std::size_t>(column)]);
  spelling_ = KeySpelling(key_columns);
  for (int column = 0; column < schema_->num_fields(); ++column)
    if (std::ranges::find(order_, column) == order_.end()) order_.push_back(column);
  for (int column : order_)
    TRY_WHILE("column \"" + schema_->field(column)->name() + "\"",
              CheckHasBytes(*schema_->field(column)->type()));
  return {};
}

void BaseFold::MakePartitions(const FoldedFiles& files) {
  std::int64_t bytes = 0;
  for (const auto& file : files.changes) bytes += file.size_bytes;
  // Packed rows take several times their size; a wrong guess costs another split, not memory.
  auto wanted = std::clamp(bytes * 8 / shares_.table, kPartitionsMin, kPartitionsMax);
  auto count = static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(wanted)));
  changes_ = std::make_unique<Partitions>(*folder_, "changes", count, shares_.changes);
  older_ = std::make_unique<Partitions>(*folder_, "older", count, shares_.older);
  RecordShape shape({.row = false, .order = true, .key_size = true, .payload = true});
  changes_set_ = {shape, changes_.get()};
  older_set_ = {shape, older_.get()};
  level_ = {std::countr_zero(static_cast<unsigned>(count)), 0};
}

// The table's columns in the order of rows' bytes, then those that a base adds.
Result<std::unique_ptr<LandedReader>> BaseFold::Open(const LandedFile& file) {
  std::vector<std::string> names;
  for (int column : order_)
    names.push_back(
        NameInFiles(state_, state_.columns[static_cast<std::size_t>(column)], file.timestamp_us)
            .value_or(kNoName));
  if (file.is_base)
    for (const char* name :
         {kStartVersionColumn, kEndVersionColumn, kIsCurrentColumn, kIsDeletedColumn})
      names.emplace_back(name);
  auto reader = TRY(LandedReader::Open(store_, file, state_, names, shares_.reading / 2));
  for (std::size_t k = 0; k < static_cast<std::size_t>(key_columns_); ++k) {
    int position = reader->columns()[k];
    const auto& wanted = *schema_->field(order_[k]);
    if (position < 0)
      return Fail(ErrorKind::kCorrupt,
                  "file " + file.key + " has no key column \"" + wanted.name() + "\"");
    const auto& type = *reader->schema().field(position)->type();
    if (!HasSameClass(type, *wanted.type()))
      return Fail(ErrorKind::kInvalid,
                  "file " + file.key + ": column \"" + wanted.name() + "\" is " + type.ToString() +
                      ", the table's key is " + wanted.type()->ToString(),
                  "land the table again with --mode full");
  }
  return reader;
}

Status BaseFold::Append(const RecordSet& set, const Record& record, std::string_view head) {
  char record_head[RecordShape::kHeadMax];
  auto partition = level_.Of(record.key);
  auto whole = record;
  auto row = record.payload;
  // The head of a version counts as payload.
  whole.payload = {row.data(), row.size() + head.size()};
  TRY(set.partitions->Append(partition, set.shape.WriteHead(whole, record_head)));
  if (!head.empty()) TRY(set.partitions->Append(partition, head));
  return set.partitions->Append(partition, row);
}

Status BaseFold::ReadChanges(const LandedFile& file, std::uint32_t rank) {
  auto reader = TRY(Open(file));
  RowEncoder encoder;
  Record record;
  record.rank = rank;
  while (true) {
    auto rows = TRY(reader->Next());
    if (!rows.batch) return {};
    TRY(Advance(rows.batch->num_rows()));
    TRY_WHILE("file " + file.key, encoder.Start(*rows.batch, reader->columns(), key_columns_));
    while (TRY(encoder.Next()))
      for (std::int64_t i = 0; i < encoder.rows(); ++i) {
        auto row = encoder.first_row() + i;
        record.operation = rows.operations[static_cast<std::size_t>(row)];
        record.version = rows.versions[row];
        record.key_size = static_cast<std::uint32_t>(encoder.Key(i).size());
        record.payload = record.operation == 'D' ? encoder.Key(i) : encoder.Whole(i);
        record.key = hash_.Of(spelling_.Of(encoder.Key(i)));
        filter_.Add(record.key);
        TRY(Append(changes_set_, record, {}));
      }
  }
}

Status BaseFold::StreamOlder(const LandedFile& file) {
  auto reader = TRY(Open(file));
  while (true) {
    auto rows = TRY(reader->Next());
    if (!rows.batch) return {};
    TRY(Advance(rows.batch->num_rows()));
    TRY_WHILE("file " + file.key, StreamBatch(rows, reader->columns(), file));
  }
}

// Rows whose key was not touched go on as they are; the others wait for what happened to it.
Status BaseFold::StreamBatch(const LandedReader::Rows& rows, std::span<const int> columns,
                             const LandedFile& file) {
  auto said = TRY(SaidOfRows::Of(rows, columns.subspan(order_.size()), file));
  auto count = rows.batch->num_rows();
  std::vector<bool> passes(static_cast<std::size_t>(count), true);
  RowEncoder encoder;
  if (key_columns_ > 0) {
    TRY(encoder.Start(*rows.batch, columns.first(order_.size()), key_columns_));
    while (TRY(encoder.Next()))
      for (std::int64_t i = 0; i < encoder.rows(); ++i) {
        auto row = encoder.first_row() + i;
        auto at = static_cast<std::size_t>(row);
        auto version = said.VersionOf(row);
        bool is_closed = !version.is_current && !version.is_deleted;
        passes[at] = version.is_current ||
                     (is_closed ? options_.kind.scd_type == 2
                                : options_.kind.scd_type == 2 || options_.kind.soft_delete);
        if (is_closed || !passes[at]) {
          // The oldest load has no D that deletes anything.
          passes[at] = passes[at] && said.is_base();
          continue;
        }
        auto key = hash_.Of(spelling_.Of(encoder.Key(i)));
        if (!filter_.MayHave(key)) continue;
        passes[at] = false;
        char head[kVersionHeadBytes];
        WriteVersionHead(version, head);
        Record record{.key = key,
                      .row = {},
                      .version = version.start,
                      .rank = 0,
                      .operation = 'L',
                      .key_size = static_cast<std::uint32_t>(encoder.Key(i).size()),
                      .payload = encoder.Whole(i)};
        TRY(Append(older_set_, record, {head, sizeof head}));
      }
  }
  return rows_->Pass(rows, columns, said, passes);
}

// Where there is no base that serves, the oldest files are streamed: no key is in them twice.
Result<FoldedFiles> ToFold(ObjectStore& store, const TableLayout& layout, const LandedState& state,
                           BaseKind kind) {
  auto from = state;
  const auto& base = state.base;
  bool serves =
      base.is_there() &&
      (base.has_pruned || (base.scd_type == kind.scd_type && base.soft_delete == kind.soft_delete));
  if (!serves && base.is_there()) {
    from.live_files += base.data_files - std::ssize(base.files);
    from.base = {};
  }
  auto landed = TRY(ListLandedFiles(store, layout, from));
  if (!landed.missing.empty())
    return Fail(ErrorKind::kCorrupt, "landed file " + landed.missing.front() + " is gone",
                "put it back, or land the table again with --mode full");
  FoldedFiles files;
  for (auto& file : landed.files) {
    bool is_older =
        file.is_base || state.key.empty() ||
        (!from.base.is_there() && file.timestamp_us == landed.files.front().timestamp_us);
    (is_older ? files.older : files.changes).push_back(std::move(file));
  }
  return files;
}

Status CheckNames(const LandedState& state, const arrow::Schema& schema) {
  for (int i = static_cast<int>(state.columns.size()); i < schema.num_fields(); ++i)
    for (const auto& column : state.columns)
      if (column.name == schema.field(i)->name())
        return Fail(ErrorKind::kUnsupported,
                    "column \"" + column.name + "\" has the name of one that compact adds",
                    "rename the column, or leave the table out with --exclude");
  return {};
}

}  // namespace

std::shared_ptr<arrow::Schema> BaseSchema(const LandedState& state, BaseKind kind) {
  auto fields = RowSchema(TableOf(state))->fields();
  if (kind.scd_type == 2) {
    fields.push_back(arrow::field(kStartVersionColumn, arrow::int64()));
    fields.push_back(arrow::field(kEndVersionColumn, arrow::int64()));
    fields.push_back(arrow::field(kIsCurrentColumn, arrow::boolean()));
  }
  if (kind.soft_delete) fields.push_back(arrow::field(kIsDeletedColumn, arrow::boolean()));
  return arrow::schema(fields);
}

bool IsCompacted(const LandedState& state, BaseKind kind) {
  const auto& base = state.base;
  return base.is_there() && state.live_files == std::ssize(base.files) &&
         base.scd_type == kind.scd_type && base.soft_delete == kind.soft_delete;
}

Result<std::int64_t> FoldIntoBase(ObjectStore& store, const TableLayout& layout,
                                  const LandedState& state, const BaseFoldOptions& options,
                                  const Fold::BatchSink& sink) {
  TRY(CheckNames(state, *BaseSchema(state, options.kind)));
  auto files = TRY(ToFold(store, layout, state, options.kind));
  return BaseFold(store, state, options, sink).Run(files);
}

}  // namespace tidemark
