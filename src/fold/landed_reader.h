#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "fold/fold.h"

namespace tidemark {

// The rows of one landed file with the columns asked for, in the file's order. One thread at a
// time.
class LandedReader {
 public:
  struct Rows {
    std::shared_ptr<arrow::RecordBatch> batch;  // null: no more
    const std::int64_t* versions = nullptr;     // of the batch's rows
    std::string_view operations;                // one letter a row: I U D L
  };

  // `state`: of the table, whose format and types decide how the file is read. `columns`: names
  // looked for in the file. Batches take about `memory_bytes`, and pages as much again. kCorrupt:
  // the file is not what we landed, by name.
  static Result<std::unique_ptr<LandedReader>> Open(ObjectStore& store, const LandedFile& file,
                                                    const LandedState& state,
                                                    std::span<const std::string> columns,
                                                    std::int64_t memory_bytes);
  virtual ~LandedReader() = default;

  // Where column k of those asked for stands in batches; -1: the file does not have it.
  virtual std::span<const int> columns() const = 0;
  virtual const arrow::Schema& schema() const = 0;  // of batches
  virtual Result<Rows> Next() = 0;
};

}  // namespace tidemark
