#pragma once
#include <memory>
#include <vector>

#include "base/worker_pool.h"
#include "encode/parquet/pages.h"
#include "encode/unified/row_json.h"

namespace tidemark {

// The column `data`: rows go into pages as they are spelt, so that a large value is there once and
// not as text, array and page. One thread at a time.
class DataColumn {
 public:
  // `pool`: rows are spelt and compressed on it where that pays; may be null.
  DataColumn(RowJson rows, Codec codec, int level, WorkerPool* pool);

  // Takes rows from `row` on, ends when those of the row group reach `bytes_max`, and returns where
  // it stopped; at least one row.
  Result<std::int64_t> Append(const arrow::RecordBatch& rows, std::int64_t row, std::int64_t end,
                              std::int64_t bytes_max);
  // Nothing more comes for this row group.
  Status EndChunk();
  Result<pq::ChunkEntry> WriteTo(ByteSink& sink, std::int64_t position);

  std::int64_t raw_bytes() const { return raw_bytes_; }  // of this row group
  std::int64_t held_bytes() const;

 private:
  // A page in the making, and those made already.
  struct Part {
    Part(Codec codec, int level) : pages(codec, level) {}
    pq::ByteBuffer body;
    std::int64_t rows = 0;  // in the body
    std::int64_t raw_bytes = 0;
    pq::ChunkPages pages;
  };
  Result<std::int64_t> AppendTo(Part& part, const arrow::RecordBatch& rows, std::int64_t row,
                                std::int64_t end, std::int64_t bytes_max) const;
  Status AppendOnPool(const arrow::RecordBatch& rows, std::int64_t row, std::int64_t end);
  static Status EndPage(Part& part);

  const RowJson rows_;
  const Codec codec_;
  const int level_;
  WorkerPool* const pool_;
  std::int64_t raw_bytes_ = 0;
  std::vector<std::unique_ptr<Part>> parts_;  // the first holds what the others made, too
};

}  // namespace tidemark
