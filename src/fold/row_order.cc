#include "fold/row_order.h"

#include <arrow/api.h>

#include <algorithm>

#include "fold/row_bytes.h"

namespace tidemark {
namespace {

// Of a column that a file does not have: no text that SQL could spell as a name.
const std::string kNoName("\0", 1);

}  // namespace

Result<RowOrder> RowOrder::Make(const Table& table, const std::vector<std::string>& key,
                                bool has_rest) {
  RowOrder order;
  order.columns_ = table.columns;
  order.schema_ = RowSchema(table);
  for (const auto& name : key) {
    int column = order.schema_->GetFieldIndex(name);
    if (column < 0)
      return Fail(ErrorKind::kInvalid, "key column \"" + name + "\" is not a column of the table");
    order.order_.push_back(column);
  }
  order.key_columns_ = order.order_.size();
  if (has_rest || key.empty())
    for (int column = 0; column < order.schema_->num_fields(); ++column)
      if (std::ranges::find(order.key(), column) == order.key().end())
        order.order_.push_back(column);
  for (int column : order.order_)
    TRY_WHILE("column \"" + order.schema_->field(column)->name() + "\"",
              CheckHasBytes(*order.schema_->field(column)->type()));
  return order;
}

KeySpelling RowOrder::key_spelling() const {
  std::vector<Column> columns;
  for (int column : key()) columns.push_back(columns_[static_cast<std::size_t>(column)]);
  return KeySpelling(columns);
}

Result<std::unique_ptr<LandedReader>> RowOrder::Open(ObjectStore& store, const LandedFile& file,
                                                     const LandedState& state,
                                                     std::int64_t memory_bytes,
                                                     std::span<const char* const> more) const {
  std::vector<std::string> names;
  for (int column : order_)
    names.push_back(
        NameInFiles(state, columns_[static_cast<std::size_t>(column)], file.timestamp_us)
            .value_or(kNoName));
  names.insert(names.end(), more.begin(), more.end());
  auto reader = TRY(LandedReader::Open(store, file, state, names, memory_bytes));
  TRY(Check(*reader, file));
  return reader;
}

Status RowOrder::Check(const LandedReader& reader, const LandedFile& file) const {
  for (std::size_t k = 0; k < order_.size(); ++k) {
    const auto& wanted = *schema_->field(order_[k]);
    bool is_key = k < key_columns_;
    int position = reader.columns()[k];
    if (position < 0 && is_key)
      return Fail(ErrorKind::kCorrupt,
                  "file " + file.key + " has no key column \"" + wanted.name() + "\"");
    if (position < 0) continue;
    const auto& type = *reader.schema().field(position)->type();
    auto where = "file " + file.key + ": column \"" + wanted.name() + "\"";
    TRY_WHILE(where, CheckHasBytes(type));
    // Of the other columns another class is another value.
    if (is_key && !HasSameClass(type, *wanted.type()))
      return Fail(
          ErrorKind::kInvalid,
          where + " is " + type.ToString() + ", the table's key is " + wanted.type()->ToString(),
          "land the table again with --mode full");
  }
  return {};
}

}  // namespace tidemark
