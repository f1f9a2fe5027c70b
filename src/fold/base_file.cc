#include "fold/base_file.h"

#include <arrow/api.h>

#include <algorithm>

#include "fold/landed_parquet.h"

namespace tidemark {
namespace {

class BaseFileRows final : public LandedReader {
 public:
  BaseFileRows(ObjectStore& store, const LandedFile& file) : file_(file), parquet_(store, file) {}

  Status Start(std::span<const std::string> columns, std::int64_t memory_bytes) {
    TRY(parquet_.Open(std::ssize(columns) + 2, memory_bytes));
    std::vector<int> leaves;
    positions_.assign(columns.size(), -1);
    for (const auto& name : parquet_.Names()) {
      auto wanted = std::ranges::find(columns, name);
      int* own = OwnColumn(name);
      if (wanted == columns.end() && !own) continue;
      auto leaf = parquet_.LeafOf(name);
      if (leaf < 0) return Fail(parquet_.Corrupt("column \"" + name + "\" is nested"));
      auto position = static_cast<int>(leaves.size());
      leaves.push_back(leaf);
      if (own) *own = position;
      if (wanted != columns.end())
        positions_[static_cast<std::size_t>(wanted - columns.begin())] = position;
    }
    // Rows are counted by a column, so there is one at least.
    if (leaves.empty()) return Fail(parquet_.Corrupt("it has none of the table's columns"));
    return parquet_.Start(leaves, memory_bytes / 2);
  }

  std::span<const int> columns() const override { return positions_; }
  const arrow::Schema& schema() const override { return parquet_.schema(); }

  // Closed versions and deleted rows stand before the row that a key has now, so that the last one
  // of a key says whether it lives.
  Result<Rows> Next() override {
    Rows rows;
    rows.batch = TRY(parquet_.Next());
    if (!rows.batch) return rows;
    auto count = static_cast<std::size_t>(rows.batch->num_rows());
    versions_.assign(count, file_.base_version);
    operations_.assign(count, 'L');
    TRY(MarkDead(*rows.batch, is_current_, false));
    TRY(MarkDead(*rows.batch, is_deleted_, true));
    rows.versions = versions_.data();
    rows.operations = operations_;
    return rows;
  }

 private:
  // Where to keep the position of a column that says something of rows; null: it is none.
  int* OwnColumn(std::string_view name) {
    if (file_.has_versions && name == kIsCurrentColumn) return &is_current_;
    return file_.has_deleted && name == kIsDeletedColumn ? &is_deleted_ : nullptr;
  }

  Status MarkDead(const arrow::RecordBatch& rows, int position, bool dead_if) {
    if (position < 0) return {};
    const auto& column = *rows.column(position);
    if (column.type_id() != arrow::Type::BOOL || column.null_count() != 0)
      return Fail(parquet_.Corrupt("its rows do not say whether they are current"));
    const auto& flags = static_cast<const arrow::BooleanArray&>(column);
    for (std::int64_t i = 0; i < flags.length(); ++i)
      if (flags.Value(i) == dead_if) operations_[static_cast<std::size_t>(i)] = 'D';
    return {};
  }

  LandedFile file_;
  LandedParquet parquet_;
  std::vector<int> positions_;
  int is_current_ = -1, is_deleted_ = -1;
  std::vector<std::int64_t> versions_;
  std::string operations_;
};

}  // namespace

Result<std::unique_ptr<LandedReader>> OpenBaseFile(ObjectStore& store, const LandedFile& file,
                                                   std::span<const std::string> columns,
                                                   std::int64_t memory_bytes) {
  auto reader = std::make_unique<BaseFileRows>(store, file);
  TRY(reader->Start(columns, memory_bytes));
  return reader;
}

}  // namespace tidemark
