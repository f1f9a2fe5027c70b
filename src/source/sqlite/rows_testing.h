#pragma once
#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "source/sqlite/btree.h"
#include "source/sqlite/column_types.h"
#include "source/sqlite/page_reader.h"
#include "source/sqlite/read_rows.h"
#include "source/sqlite/refit.h"

namespace tidemark::sqlite::testing {

// A database of its own in a folder of its own.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rowsXXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    sqlite3_open(path().c_str(), &db_);
  }
  ~Scratch() {
    sqlite3_close_v2(db_);
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/t.db"; }
  sqlite3* raw() { return db_; }
  void Execute(const std::string& sql) {
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << (message ? message : "") << " in " << sql;
    sqlite3_free(message);
  }
  Connection Open() {
    auto connection = Connection::Open(path(), Access::kReadOnly, 5000);
    EXPECT_TRUE(connection) << connection.error().message;
    return std::move(*connection);
  }

 private:
  std::string folder_;
  sqlite3* db_ = nullptr;
};

inline Table TableOf(const CatalogTable& catalog) {
  Table table;
  table.name = {"t", "main", catalog.name};
  for (const auto& column : catalog.columns)
    table.columns.push_back(
        {column.name, PromisedType(column.declared_type), column.declared_type, std::nullopt, {}});
  for (int column : catalog.key)
    table.key.push_back(catalog.columns[static_cast<std::size_t>(column)].name);
  return table;
}

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

inline Result<Batches> Drain(RowStream& stream) {
  Batches batches;
  while (auto batch = TRY(stream.Next())) {
    EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull().ToString();
    batches.push_back(std::move(batch));
  }
  return batches;
}

inline std::int64_t RowsOf(const Batches& batches) {
  std::int64_t rows = 0;
  for (const auto& batch : batches) rows += batch->num_rows();
  return rows;
}

inline void ExpectSame(const Batches& got, const Batches& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_TRUE(got[i]->Equals(*want[i], false, arrow::EqualOptions().signed_zeros_equal(false)))
        << got[i]->ToString() << "\nwanted\n"
        << want[i]->ToString();
}

// A literal of any storage class, edges more often than chance would have them.
inline std::string RandomLiteral(std::mt19937_64& random, int page_size) {
  static const char* kEdges[] = {"null",
                                 "0",
                                 "1",
                                 "-1",
                                 "127",
                                 "128",
                                 "-129",
                                 "32767",
                                 "-32769",
                                 "8388607",
                                 "-8388609",
                                 "2147483647",
                                 "-2147483649",
                                 "140737488355327",
                                 "-140737488355329",
                                 "9223372036854775807",
                                 "(-9223372036854775807-1)",
                                 "9007199254740992",
                                 "9007199254740993",
                                 "0.0",
                                 "-0.0",
                                 "1.5",
                                 "3.0",
                                 "1e20",
                                 "9e999",
                                 "-9e999",
                                 "5e-324",
                                 "''",
                                 "'a'",
                                 "x''",
                                 "x'00'",
                                 "cast(x'6100ff' as text)",
                                 "cast(x'610062' as text)",
                                 "'2024-02-29'",
                                 "'2023-02-29'",
                                 "'0000-01-01'",
                                 "'9999-12-31'",
                                 "'2024-01-01 12:34:56'",
                                 "'1969-12-31T23:59:59.000001'",
                                 "'\xc3\xa9t\xc3\xa9'",
                                 "'\xf0\x9f\x98\x80'",
                                 "'sixteen bytes ab'",
                                 "'1'",
                                 "'1.5'"};
  switch (random() % 8) {
    case 0:
      return std::to_string(static_cast<std::int64_t>(random()) >> (random() % 64));
    case 1:
      return std::to_string(static_cast<double>(random()) / 1000.0);
    case 2:
      return "'" + std::string(random() % 40, static_cast<char>('a' + random() % 26)) + "'";
    case 3:
      return random() % 8 != 0
                 ? "'x'"
                 : (random() % 2 ? "'" + std::string(random() % (page_size * 3), 'z') + "'"
                                 : "zeroblob(" + std::to_string(random() % (page_size * 3)) + ")");
    default:
      return kEdges[random() % std::size(kEdges)];
  }
}

}  // namespace tidemark::sqlite::testing
