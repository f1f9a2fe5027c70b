#include "fold/landed_reader.h"

#include <arrow/api.h>

#include <algorithm>

#include "fold/base_file.h"
#include "fold/landed_parquet.h"
#include "fold/unified_rows.h"

namespace tidemark {
namespace {

class PerTableRows final : public LandedReader {
 public:
  PerTableRows(ObjectStore& store, LandedFile file) : file_(store, std::move(file)) {}

  Status Start(std::span<const std::string> columns, std::int64_t memory_bytes) {
    TRY(file_.Open(std::ssize(columns) + 2, memory_bytes));
    TRY(Select(columns));
    TRY(file_.Start(leaves_, memory_bytes / 2));
    if (schema().field(version_)->type()->id() != arrow::Type::INT64)
      return Fail(file_.Corrupt(NoColumn(kVersionColumn, "is not int64")));
    if (schema().field(operation_)->type()->id() != arrow::Type::STRING)
      return Fail(file_.Corrupt(NoColumn(kOperationColumn, "is not text")));
    return {};
  }

  std::span<const int> columns() const override { return positions_; }
  const arrow::Schema& schema() const override { return file_.schema(); }

  Result<Rows> Next() override {
    Rows rows;
    rows.batch = TRY(file_.Next());
    if (!rows.batch) return rows;
    const auto& version = rows.batch->column(version_);
    const auto& operation = rows.batch->column(operation_);
    if (version->null_count() != 0 || operation->null_count() != 0)
      return Fail(file_.Corrupt("a row has no version or no operation"));
    rows.versions = static_cast<const arrow::Int64Array&>(*version).raw_values();
    const auto& letters = static_cast<const arrow::StringArray&>(*operation);
    auto begin = letters.value_offset(0), end = letters.value_offset(letters.length());
    for (std::int64_t i = 0; i <= letters.length(); ++i)
      if (letters.value_offset(i) - begin != i)
        return Fail(file_.Corrupt("an operation is none of I, U, D, L"));
    rows.operations = {reinterpret_cast<const char*>(letters.raw_data()) + begin,
                       static_cast<std::size_t>(end - begin)};
    if (rows.operations.find_first_not_of("IUDL") != std::string_view::npos)
      return Fail(file_.Corrupt("an operation is none of I, U, D, L"));
    return rows;
  }

 private:
  static std::string NoColumn(std::string_view name, std::string_view why) {
    return "column \"" + std::string(name) + "\" " + std::string(why);
  }

  // The leaves to read, and where the columns will stand in batches: leaves come in the file's
  // order.
  Status Select(std::span<const std::string> columns) {
    positions_.assign(columns.size(), -1);
    for (const auto& name : file_.Names()) {
      auto wanted = std::ranges::find(columns, name);
      if (wanted == columns.end() && name != kVersionColumn && name != kOperationColumn) continue;
      auto leaf = file_.LeafOf(name);
      if (leaf < 0) return Fail(file_.Corrupt(NoColumn(name, "is nested")));
      auto position = static_cast<int>(leaves_.size());
      leaves_.push_back(leaf);
      if (name == kVersionColumn)
        version_ = position;
      else if (name == kOperationColumn)
        operation_ = position;
      else
        positions_[static_cast<std::size_t>(wanted - columns.begin())] = position;
    }
    if (version_ < 0 || operation_ < 0)
      return Fail(file_.Corrupt(
          NoColumn(version_ < 0 ? kVersionColumn : kOperationColumn, "is not there")));
    return {};
  }

  LandedParquet file_;
  std::vector<int> leaves_, positions_;
  int version_ = -1, operation_ = -1;
};

}  // namespace

Result<std::unique_ptr<LandedReader>> LandedReader::Open(ObjectStore& store, const LandedFile& file,
                                                         const LandedState& state,
                                                         std::span<const std::string> columns,
                                                         std::int64_t memory_bytes) {
  if (file.is_base) return OpenBaseFile(store, file, columns, memory_bytes);
  if (state.config.format == kUnifiedFormat)
    return OpenUnifiedRows(store, file, state, columns, memory_bytes);
  auto reader = std::make_unique<PerTableRows>(store, file);
  TRY(reader->Start(columns, memory_bytes));
  return reader;
}

}  // namespace tidemark
