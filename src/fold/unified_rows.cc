#include "fold/unified_rows.h"

#include <arrow/api.h>

#include <algorithm>
#include <charconv>

#include "base/arrow_result.h"
#include "encode/unified.h"
#include "fold/json_rows.h"
#include "fold/landed_parquet.h"

namespace tidemark {
namespace {

class UnifiedRows final : public LandedReader {
 public:
  UnifiedRows(ObjectStore& store, LandedFile file) : file_(store, std::move(file)) {}

  Status Start(const LandedState& state, std::span<const std::string> columns,
               std::int64_t memory_bytes) {
    std::vector<JsonRows::Member> members;
    for (const auto& name : columns) {
      // A renamed column has a name in older files that is none of the table's any more.
      const auto* columns_then = &state.columns;
      auto column = std::ranges::find(*columns_then, name, &Column::name);
      if (column == columns_then->end()) {
        columns_then = &state.dropped;
        column = std::ranges::find(*columns_then, name, &Column::name);
      }
      bool is_there = column != columns_then->end();
      positions_.push_back(is_there ? static_cast<int>(members.size()) : -1);
      bool is_key = std::ranges::find(state.key, name) != state.key.end();
      if (is_there) members.push_back({name, column->type, is_key});
    }
    rows_ = TRY(JsonRows::Make(members));
    TRY(file_.Open(3, memory_bytes));
    auto leaves = {TRY(Leaf(kDataColumn)), TRY(Leaf(kCursorColumn, kSequenceMember)),
                   TRY(Leaf(kUnifiedOperationColumn))};
    // The text and what is made of it are there at once.
    TRY(file_.Start(leaves, memory_bytes / 4));
    return CheckTypes();
  }

  std::span<const int> columns() const override { return positions_; }
  const arrow::Schema& schema() const override { return *rows_->schema(); }

  Result<Rows> Next() override {
    auto batch = TRY(file_.Next());
    if (!batch) return Rows();
    const auto* data = TRY(Texts(batch->GetColumnByName(kDataColumn)));
    const auto& cursor =
        static_cast<const arrow::StructArray&>(*batch->GetColumnByName(kCursorColumn));
    auto sequence = TRY(cursor.Flatten(arrow::default_memory_pool())).front();
    TRY(ReadVersions(*TRY(Texts(sequence))));
    TRY(ReadOperations(*TRY(Texts(batch->GetColumnByName(kUnifiedOperationColumn)))));
    for (std::int64_t row = 0; row < data->length(); ++row)
      if (auto read = rows_->Append(data->GetView(row)); !read) [[unlikely]]
        return Fail(file_.Corrupt(read.error().message));
    return Rows{
        .batch = TRY(rows_->Finish()), .versions = versions_.data(), .operations = operations_};
  }

 private:
  Result<int> Leaf(std::string_view name, std::string_view member = {}) {
    int leaf = file_.LeafOf(name, member);
    if (leaf < 0)
      return Fail(
          file_.Corrupt("column \"" + std::string(name) + "\" is not that of a unified file"));
    return leaf;
  }

  Status CheckTypes() {
    for (const char* name : {kDataColumn, kUnifiedOperationColumn})
      if (file_.schema().GetFieldByName(name)->type()->id() != arrow::Type::STRING)
        return Fail(file_.Corrupt("column \"" + std::string(name) + "\" is not text"));
    const auto& cursor = *file_.schema().GetFieldByName(kCursorColumn)->type();
    if (cursor.id() != arrow::Type::STRUCT || cursor.field(0)->type()->id() != arrow::Type::STRING)
      return Fail(file_.Corrupt("column \"" + std::string(kCursorColumn) + "\" holds no text"));
    return {};
  }

  Result<const arrow::StringArray*> Texts(const std::shared_ptr<arrow::Array>& array) {
    if (array->null_count() != 0)
      return Fail(file_.Corrupt("a row has no data, no version or no operation"));
    return static_cast<const arrow::StringArray*>(array.get());
  }

  Status ReadVersions(const arrow::StringArray& texts) {
    versions_.resize(static_cast<std::size_t>(texts.length()));
    std::string_view last;
    for (std::int64_t row = 0; row < texts.length(); ++row) {
      auto& version = versions_[static_cast<std::size_t>(row)];
      auto text = texts.GetView(row);
      // The rows of a load all have one.
      if (row > 0 && text == last) {
        version = versions_[static_cast<std::size_t>(row) - 1];
        continue;
      }
      last = text;
      auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), version);
      if (code != std::errc() || end != text.data() + text.size())
        return Fail(file_.Corrupt("\"" + std::string(text) + "\" is no version"));
    }
    return {};
  }

  Status ReadOperations(const arrow::StringArray& words) {
    operations_.clear();
    for (std::int64_t row = 0; row < words.length(); ++row) {
      auto word = words.GetView(row);
      constexpr std::string_view kWords[] = {"INSERT", "UPDATE", "DELETE", "LOAD"};
      if (std::ranges::find(kWords, word) == std::end(kWords))
        return Fail(file_.Corrupt("an operation is none of INSERT, UPDATE, DELETE, LOAD"));
      operations_.push_back(word[0]);
    }
    return {};
  }

  LandedParquet file_;
  std::unique_ptr<JsonRows> rows_;
  std::vector<int> positions_;
  std::vector<std::int64_t> versions_;
  std::string operations_;
};

}  // namespace

Result<std::unique_ptr<LandedReader>> OpenUnifiedRows(ObjectStore& store, const LandedFile& file,
                                                      const LandedState& state,
                                                      std::span<const std::string> columns,
                                                      std::int64_t memory_bytes) {
  auto reader = std::make_unique<UnifiedRows>(store, file);
  TRY(reader->Start(state, columns, memory_bytes));
  return reader;
}

}  // namespace tidemark
