#pragma once
#include <arrow/api.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "source/source.h"

namespace tidemark::test {

// The value of a result, or a failed test and an empty one.
template <class T>
T Get(Result<T> result) {
  if (result) return std::move(*result);
  ADD_FAILURE() << Name(result.error().kind) << ": " << result.error().message;
  return T();
}
inline void Get(Status status) { EXPECT_TRUE(status.has_value()) << status.error().message; }

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

inline void AppendAll(BatchStream& stream, Batches& batches) {
  while (auto batch = Get(stream.Next())) batches.push_back(batch);
}

// All values of one integer column.
inline std::vector<std::int64_t> IntsOf(const Batches& batches, const std::string& column) {
  std::vector<std::int64_t> values;
  for (const auto& batch : batches) {
    auto array = std::dynamic_pointer_cast<arrow::Int64Array>(batch->GetColumnByName(column));
    if (!array) {
      ADD_FAILURE() << "no integer column " << column;
      return values;
    }
    for (std::int64_t i = 0; i < array->length(); ++i) values.push_back(array->Value(i));
  }
  return values;
}

// Every value as text, one string per row.
inline std::vector<std::string> TextsOf(const Batches& batches) {
  std::vector<std::string> rows;
  for (const auto& batch : batches) {
    for (std::int64_t row = 0; row < batch->num_rows(); ++row) {
      std::string text;
      for (const auto& column : batch->columns())
        text += column->GetScalar(row).ValueOrDie()->ToString() + "|";
      rows.push_back(std::move(text));
    }
  }
  return rows;
}

}  // namespace tidemark::test
