#include "encode/parquet/file_encoder.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "base/worker_pool.h"
#include "encode/codec.h"

namespace tidemark::pq {

Status CheckOptions(const FormatOptions& options) {
  TRY(CheckLevel(options.codec, options.level));
  if (options.row_group_rows >= 1 && options.row_group_bytes >= 1) return {};
  return Fail(ErrorKind::kInvalid, fmt::format("a row group of {} rows and {} bytes holds nothing",
                                               options.row_group_rows, options.row_group_bytes));
}

Status FileEncoder::Write(const std::shared_ptr<arrow::RecordBatch>& rows) {
  TRY(failed_);
  failed_ = CatchAll([&]() -> Status {
    if (!rows->schema()->Equals(*schema_, false))
      return Fail(ErrorKind::kInternal, fmt::format("rows of another schema than the file's: {}",
                                                    rows->schema()->ToString()));
    TRY(file_.Begin());
    return Take(rows);
  });
  return failed_;
}

Status FileEncoder::Finish() {
  TIDEMARK_CHECK(!is_finished_);
  is_finished_ = true;
  TRY(failed_);
  failed_ = CatchAll([&]() -> Status {
    if (group_rows_ > 0) TRY(EndRowGroup());
    return file_.End(leaves_);
  });
  return failed_;
}

}  // namespace tidemark::pq
