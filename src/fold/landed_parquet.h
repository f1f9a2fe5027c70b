#pragma once
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "fold/fold.h"

namespace arrow {
class RecordBatchReader;
class Status;
}  // namespace arrow
namespace parquet::arrow {
class FileReader;
}

namespace tidemark {

// A landed Parquet file read through Arrow, in batches of bounded size. Open, then LeafOf, then
// Start, then Next. One thread at a time. kCorrupt: the file is not what we landed, by name.
class LandedParquet {
 public:
  LandedParquet(ObjectStore& store, LandedFile file);
  ~LandedParquet();

  // `columns`: how many will be read at once, which share `memory_bytes` for what is buffered.
  Status Open(std::int64_t columns, std::int64_t memory_bytes);
  // The names of the file's columns, in its order.
  std::vector<std::string> Names() const;
  // The leaf that a column is, or that a member of it is; -1: there is none.
  int LeafOf(std::string_view name, std::string_view member = {}) const;
  // Batches hold these leaves, in the file's order, and take about `memory_bytes`.
  Status Start(const std::vector<int>& leaves, std::int64_t memory_bytes);
  const arrow::Schema& schema() const;
  Result<std::shared_ptr<arrow::RecordBatch>> Next();  // null: no more

  Error Corrupt(std::string_view why) const;

 private:
  Status Guarded(const std::function<arrow::Status()>& read) const;

  ObjectStore* store_;
  LandedFile file_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> rows_;  // Invariant: goes before reader_
};

}  // namespace tidemark
