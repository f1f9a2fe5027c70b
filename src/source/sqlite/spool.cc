#include "source/sqlite/spool.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/byte_size.h>

#include <utility>
#include <vector>

#include "base/arrow_result.h"
#include "source/sqlite/private_copy.h"

namespace tidemark::sqlite {
namespace {

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

class ReplayedFile final : public BatchStream {
 public:
  explicit ReplayedFile(std::shared_ptr<arrow::RecordBatchReader> batches)
      : batches_(std::move(batches)) {}
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return TRY(batches_->Next()); }

 private:
  std::shared_ptr<arrow::RecordBatchReader> batches_;
};

// Some batches from memory, the rest from a file if there is one.
class Replayed final : public BatchStream {
 public:
  Replayed(const Batches& batches, std::unique_ptr<BatchStream> rest)
      : batches_(batches), rest_(std::move(rest)) {}
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (next_ < batches_.size()) return batches_[next_++];
    if (rest_) return rest_->Next();
    return std::shared_ptr<arrow::RecordBatch>();
  }

 private:
  const Batches& batches_;
  std::size_t next_ = 0;
  std::unique_ptr<BatchStream> rest_;
};

// A file that both ends hold open; its name is gone at once.
class SpoolFile {
 public:
  static Result<std::unique_ptr<SpoolFile>> Make(const std::string& folder,
                                                 const std::shared_ptr<arrow::Schema>& schema) {
    auto name = TRY(TemporaryFile::Make(folder, "spool"));
    auto file = std::make_unique<SpoolFile>();
    file->out_ = TRY(arrow::io::FileOutputStream::Open(name.path()));
    file->in_ = TRY(arrow::io::ReadableFile::Open(name.path()));
    file->encoder_ = TRY(arrow::ipc::MakeStreamWriter(file->out_, schema));
    return file;
  }
  Status Append(const arrow::RecordBatch& batch) {
    TRY_WHILE("keep changes aside (--temp-dir)", encoder_->WriteRecordBatch(batch));
    return {};
  }
  Status Finish() {
    TRY(encoder_->Close());
    size_ = TRY(out_->Tell());
    TRY(out_->Close());
    return {};
  }
  Result<std::unique_ptr<BatchStream>> Replay() const {
    auto bytes = TRY(arrow::io::RandomAccessFile::GetStream(in_, 0, size_));
    std::shared_ptr<arrow::RecordBatchReader> batches =
        TRY(arrow::ipc::RecordBatchStreamReader::Open(bytes));
    return std::make_unique<ReplayedFile>(std::move(batches));
  }

 private:
  std::shared_ptr<arrow::io::FileOutputStream> out_;
  std::shared_ptr<arrow::io::ReadableFile> in_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> encoder_;
  std::int64_t size_ = 0;
};

class FilledSpool final : public Spool {
 public:
  Status Take(BatchStream& stream, const std::string& folder, std::int64_t memory_bytes) {
    std::int64_t held_bytes = 0;
    while (auto batch = TRY(stream.Next())) {
      if (!file_) held_bytes += arrow::util::TotalBufferSize(*batch);
      if (!file_ && held_bytes <= memory_bytes) {
        batches_.push_back(std::move(batch));
        continue;
      }
      if (!file_) file_ = TRY(SpoolFile::Make(folder, batch->schema()));
      TRY(file_->Append(*batch));
    }
    if (file_) TRY(file_->Finish());
    return {};
  }
  Result<std::unique_ptr<BatchStream>> Replay() const override {
    std::unique_ptr<BatchStream> rest;
    if (file_) rest = TRY(file_->Replay());
    return std::make_unique<Replayed>(batches_, std::move(rest));
  }

 private:
  Batches batches_;
  std::unique_ptr<SpoolFile> file_;
};

}  // namespace

Result<std::unique_ptr<Spool>> Spool::Fill(BatchStream& stream, const std::string& folder,
                                           std::int64_t memory_bytes) {
  auto spool = std::make_unique<FilledSpool>();
  TRY(spool->Take(stream, folder, memory_bytes));
  return spool;
}

}  // namespace tidemark::sqlite
