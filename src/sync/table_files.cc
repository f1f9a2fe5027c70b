#include "sync/table_files.h"

#include <arrow/api.h>

#include <algorithm>

#include "base/arrow_result.h"

namespace tidemark {

Status TableFiles::KeepOfLoad(const std::vector<SealedObject>& objects,
                              const std::vector<std::string>& slices, std::int64_t rows) {
  std::lock_guard lock(mutex_);
  return landing_->KeepOfLoad(objects, slices, rows);
}

std::int64_t LaneFiles::bytes_unkept() const {
  std::int64_t bytes = encoder_ ? upload_->size_bytes() + encoder_->buffered_bytes() : 0;
  for (const auto& object : sealed_) bytes += object.size_bytes;
  return bytes;
}

Status LaneFiles::Open() {
  int part = files_->next_part_++ + 1;
  auto encoding = files_->encoding_;
  {
    std::lock_guard lock(files_->mutex_);
    upload_ = std::make_unique<CountedUpload>(
        TRY(files_->landing_->StartFile(part, files_->format_->extension)));
    // Like the file's name, so that no later file claims an earlier time.
    encoding.facts.extracted_ms = files_->landing_->state().last_timestamp_us / 1000;
  }
  encoder_ = TRY(files_->format_->open(ChangeSchema(*files_->table_), encoding, *upload_));
  file_rows_ = 0;
  return {};
}

Status LaneFiles::Write(const std::shared_ptr<arrow::RecordBatch>& rows) {
  std::int64_t done = 0;
  while (done < rows->num_rows()) {
    if (!encoder_) TRY(Open());
    auto count = std::min(rows->num_rows() - done, files_->max_rows_per_file_ - file_rows_);
    TRY(encoder_->Write(count == rows->num_rows() ? rows : rows->Slice(done, count)));
    done += count;
    file_rows_ += count;
    rows_ += count;
    if (file_rows_ == files_->max_rows_per_file_) TRY(Finish());
  }
  return {};
}

Status LaneFiles::MakeLead(char operation, std::int64_t version, std::int64_t rows) {
  if (lead_.operation == operation && lead_.version == version && lead_.rows >= rows) return {};
  auto count = std::max(rows, std::int64_t{1024});
  lead_ = {.operation = operation, .version = version, .rows = count, .columns = {}};
  lead_.columns[0] = TRY(arrow::MakeArrayFromScalar(arrow::Int64Scalar(version), count));
  lead_.columns[1] =
      operation == 'I' ? lead_.columns[0] : TRY(arrow::MakeArrayOfNull(arrow::int64(), count));
  lead_.columns[2] =
      TRY(arrow::MakeArrayFromScalar(arrow::StringScalar(std::string(1, operation)), count));
  return {};
}

Status LaneFiles::WriteAs(char operation, std::int64_t version, const arrow::RecordBatch& rows) {
  auto count = rows.num_rows();
  TRY(MakeLead(operation, version, count));
  arrow::ArrayVector columns;
  columns.reserve(static_cast<std::size_t>(rows.num_columns()) + 3);
  for (const auto& lead : lead_.columns)
    columns.push_back(lead->length() == count ? lead : lead->Slice(0, count));
  for (const auto& column : rows.columns()) columns.push_back(column);
  return Write(arrow::RecordBatch::Make(ChangeSchema(*files_->table_), count, std::move(columns)));
}

Status LaneFiles::Finish(bool opens_one) {
  if (!encoder_ && opens_one) TRY(Open());
  if (!encoder_) return {};
  TRY(encoder_->Finish());
  encoder_.reset();
  auto upload = std::move(upload_);
  // Not under the lock: the disk takes its time.
  auto sealed = TRY(Landing::Seal(upload->upload()));
  sealed_.push_back(sealed);
  std::lock_guard lock(files_->mutex_);
  files_->landing_->Add(std::move(sealed));
  return {};
}

}  // namespace tidemark
