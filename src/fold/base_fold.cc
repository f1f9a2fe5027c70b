#include "fold/base_fold.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>

#include <algorithm>

#include "base/arrow_result.h"
#include "base/random.h"
#include "fold/base_merge.h"
#include "fold/base_rows.h"
#include "fold/key_filter.h"
#include "fold/key_spelling.h"
#include "fold/landed_reader.h"
#include "fold/row_bytes.h"
#include "fold/row_order.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMemoryBytesMin = 256 << 10;

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
        hash_(SystemRandom()),
        filter_(shares_.filter),
        sink_(sink) {}

  Result<std::int64_t> Run(const FoldedFiles& files) {
    order_ = TRY(RowOrder::Make(TableOf(state_), state_.key, true));
    spelling_ = order_.key_spelling();
    rows_ = TRY(BaseRows::Make(BaseSchema(state_, options_.kind), order_.all(), options_.kind,
                               shares_.output, [this](auto batch) { return Emit(batch); }));
    folder_ = TRY(TempFolder::Open(options_.temp_dir));
    MakePartitions(files);
    for (const auto& file : files.changes) TRY(ReadChanges(file));
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
  void MakePartitions(const FoldedFiles& files);
  Result<std::unique_ptr<LandedReader>> Open(const LandedFile& file);
  Status ReadChanges(const LandedFile& file);
  Status StreamOlder(const LandedFile& file);
  Status StreamBatch(const LandedReader::Rows& rows, std::span<const int> columns,
                     const LandedFile& file);
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
  const RowHash hash_;
  KeyFilter filter_;
  const Fold::BatchSink& sink_;
  RowOrder order_;
  KeySpelling spelling_;
  std::unique_ptr<BaseRows> rows_;
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<Partitions> changes_, older_;  // Invariant: go before folder_
  RecordSet changes_set_, older_set_;
  PartitionLevel level_;
  std::int64_t emitted_ = 0;
};

void BaseFold::MakePartitions(const FoldedFiles& files) {
  std::int64_t bytes = 0;
  for (const auto& file : files.changes) bytes += file.size_bytes;
  // Packed rows take several times their size.
  level_ = FirstLevel(bytes * 8, shares_.table);
  auto count = 1 << level_.bits;
  changes_ = std::make_unique<Partitions>(*folder_, "changes", count, shares_.changes);
  older_ = std::make_unique<Partitions>(*folder_, "older", count, shares_.older);
  RecordShape shape({.row = false, .order = true, .key_size = true, .payload = true});
  changes_set_ = {shape, changes_.get()};
  older_set_ = {shape, older_.get()};
}

// The table's columns in the order of rows' bytes, then those that a base adds.
Result<std::unique_ptr<LandedReader>> BaseFold::Open(const LandedFile& file) {
  static constexpr const char* kAdded[] = {kStartVersionColumn, kEndVersionColumn, kIsCurrentColumn,
                                           kIsDeletedColumn};
  std::span<const char* const> added;
  if (file.is_base) added = kAdded;
  return order_.Open(store_, file, state_, shares_.reading / 2, added);
}

Status BaseFold::ReadChanges(const LandedFile& file) {
  auto reader = TRY(Open(file));
  RowEncoder encoder;
  Record record;
  record.rank = file.rank;
  while (true) {
    auto rows = TRY(reader->Next());
    if (!rows.batch) return {};
    TRY(Advance(rows.batch->num_rows()));
    TRY_WHILE("file " + file.key,
              encoder.Start(*rows.batch, reader->columns(), order_.key_columns()));
    while (TRY(encoder.Next()))
      for (std::int64_t i = 0; i < encoder.rows(); ++i) {
        auto row = encoder.first_row() + i;
        record.operation = rows.operations[static_cast<std::size_t>(row)];
        record.version = rows.versions[row];
        record.key_size = static_cast<std::uint32_t>(encoder.Key(i).size());
        record.payload = record.operation == 'D' ? encoder.Key(i) : encoder.Whole(i);
        record.key = hash_.Of(spelling_.Of(encoder.Key(i)));
        filter_.Add(record.key);
        TRY(changes_set_.Append(level_, record));
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
  auto said = TRY(SaidOfRows::Of(rows, columns.subspan(order_.all().size()), file));
  auto count = rows.batch->num_rows();
  std::vector<bool> passes(static_cast<std::size_t>(count), true);
  RowEncoder encoder;
  if (order_.key_columns() > 0) {
    TRY(encoder.Start(*rows.batch, columns.first(order_.all().size()), order_.key_columns()));
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
        TRY(older_set_.Append(level_, record, {head, sizeof head}));
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
