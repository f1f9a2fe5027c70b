#pragma once
#include <memory>
#include <vector>

#include "encode/encoder.h"
#include "encode/parquet/file_parts.h"

namespace tidemark::pq {

// kInvalid: no file can be written with these.
Status CheckOptions(const FormatOptions& options);

// What encoders of Parquet files do alike: they take rows of one schema, stop at the first failure,
// and end the file once.
class FileEncoder : public Encoder {
 public:
  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) final;
  Status Finish() final;

 protected:
  FileEncoder(std::shared_ptr<arrow::Schema> schema, std::vector<Leaf> leaves,
              const FormatOptions& options, ByteSink& sink)
      : schema_(std::move(schema)), leaves_(std::move(leaves)), options_(options), file_(sink) {}

  // Rows of the schema, perhaps none; the file has begun.
  virtual Status Take(const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  // Called at the end where group_rows_ are left.
  virtual Status EndRowGroup() = 0;

  const std::shared_ptr<arrow::Schema> schema_;  // of the rows
  const std::vector<Leaf> leaves_;               // of the file
  const FormatOptions options_;
  FileParts file_;
  std::int64_t group_rows_ = 0;  // taken, and not in a row group that has ended

 private:
  bool is_finished_ = false;
  Status failed_;  // the first failure: what was written is no file any more
};

}  // namespace tidemark::pq
