#pragma once
#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/util/decimal.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fold/fold.h"
#include "object/memory.h"

namespace tidemark {

// A destination with one table for tests: files are written with Arrow's own writer, not with ours.
class TestTable {
 public:
  using Columns = std::vector<std::pair<std::string, std::shared_ptr<arrow::DataType>>>;

  TestTable(const Columns& columns, std::vector<std::string> key) {
    table.name = layout.name = {"shop", "main", "orders"};
    layout.path = {"shop", "main", "orders"};
    for (const auto& [name, type] : columns) {
      table.columns.emplace_back();
      table.columns.back().name = name;
      table.columns.back().type = type;
    }
    table.key = state.key = std::move(key);
    state.columns = table.columns;
    state.is_loaded = true;
    temp_dir = std::filesystem::temp_directory_path() /
               ("fold-test-" + std::to_string(::getpid()) + "-" +
                testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(temp_dir);
  }
  ~TestTable() { std::filesystem::remove_all(temp_dir); }

  // The file's key. Rows have the columns of ChangeSchema, or fewer.
  std::string AddFile(std::int64_t timestamp_us, int part, const arrow::RecordBatch& rows,
                      std::int64_t row_group_rows = 1000) {
    auto parquet = *arrow::Table::FromRecordBatches({rows.Slice(0)});
    auto sink = *arrow::io::BufferOutputStream::Create();
    auto properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    EXPECT_TRUE(parquet::arrow::WriteTable(*parquet, arrow::default_memory_pool(), sink,
                                           row_group_rows, parquet::default_writer_properties(),
                                           properties)
                    .ok());
    auto key = layout.FileKey(timestamp_us, part, ".parquet");
    EXPECT_TRUE(store.Put(key, (*sink->Finish())->ToString(), {}).has_value());
    ++state.live_files;
    state.last_timestamp_us = std::max(state.last_timestamp_us, timestamp_us);
    return key;
  }

  Result<std::unique_ptr<Fold>> Open(bool keeps_rows, std::int64_t memory_bytes = 64 << 20,
                                     bool compares_rows = true) {
    FoldOptions options;
    options.memory_bytes = memory_bytes;
    options.temp_dir = temp_dir;
    options.compares_rows = compares_rows;
    return Fold::Open(store, layout, state, table, keeps_rows, options);
  }

  MemoryStore store;
  TableLayout layout;
  LandedState state;
  Table table;
  std::filesystem::path temp_dir;
};

inline std::shared_ptr<arrow::Scalar> ScalarOf(const std::shared_ptr<arrow::DataType>& type,
                                               const std::string& text) {
  switch (type->id()) {
    case arrow::Type::BINARY:
      return std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(text));
    case arrow::Type::DECIMAL128:
      return std::make_shared<arrow::Decimal128Scalar>(*arrow::Decimal128::FromString(text), type);
    case arrow::Type::DECIMAL256:
      return std::make_shared<arrow::Decimal256Scalar>(*arrow::Decimal256::FromString(text), type);
    default:
      return *arrow::Scalar::Parse(type, text);
  }
}

// Builds a batch cell by cell from text as the column's type reads it.
inline std::shared_ptr<arrow::RecordBatch> BatchOf(
    const std::shared_ptr<arrow::Schema>& schema,
    const std::vector<std::vector<std::optional<std::string>>>& rows) {
  auto builder = *arrow::RecordBatchBuilder::Make(schema, arrow::default_memory_pool());
  for (const auto& row : rows)
    for (int column = 0; column < schema->num_fields(); ++column) {
      auto& field = *builder->GetField(column);
      const auto& cell = row.at(static_cast<std::size_t>(column));
      if (!cell) {
        EXPECT_TRUE(field.AppendNull().ok());
        continue;
      }
      auto type = schema->field(column)->type();
      auto scalar = ScalarOf(type, *cell);
      EXPECT_TRUE(field.AppendScalar(*scalar).ok());
    }
  return *builder->Flush();
}

}  // namespace tidemark
