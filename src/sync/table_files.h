#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "commit/landing.h"
#include "encode/encoder.h"
#include "sync/progress.h"

namespace arrow {
class Array;
}  // namespace arrow

namespace tidemark {

// The files one run lands of one table, shared by the lanes that fill them. Thread-safe.
class TableFiles {
 public:
  TableFiles(Landing& landing, const Table& table, const Format& format,
             const FormatOptions& encoding, std::int64_t max_rows_per_file)
      : landing_(&landing),
        table_(&table),
        format_(&format),
        encoding_(encoding),
        max_rows_per_file_(max_rows_per_file) {}

  std::int64_t max_rows_per_file() const { return max_rows_per_file_; }
  int parts() const { return next_part_; }
  // As Landing's, from any lane.
  Status KeepOfLoad(const std::vector<SealedObject>& objects,
                    const std::vector<std::string>& slices, std::int64_t rows);

 private:
  friend class LaneFiles;
  Landing* landing_;
  const Table* table_;
  const Format* format_;
  FormatOptions encoding_;
  std::int64_t max_rows_per_file_;
  std::mutex mutex_;  // of landing_
  std::atomic<int> next_part_ = 0;
};

// One lane's file of the moment: opened with the first row, ended at the most rows a file may have.
// One thread at a time. Destroyed unfinished, the open file is dropped.
class LaneFiles {
 public:
  explicit LaneFiles(TableFiles& files) : files_(&files) {}

  // ChangeSchema rows as they are.
  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows);
  // RowSchema rows, each with this operation ('L', 'I', 'U', 'D'), version and creation version.
  Status WriteAs(char operation, std::int64_t version, const arrow::RecordBatch& rows);
  // Ends and seals the open file. `opens_one`: an empty file where there is none.
  Status Finish(bool opens_one = false);

  std::int64_t rows() const { return rows_; }
  std::int64_t file_rows() const { return encoder_ ? file_rows_ : 0; }  // of the open file
  // What this lane sealed since they were last taken.
  std::vector<SealedObject> TakeSealed() { return std::exchange(sealed_, {}); }
  bool has_sealed() const { return !sealed_.empty(); }
  // Of the open file, as far as it is encoded, and of what was sealed and not taken.
  std::int64_t bytes_unkept() const;

 private:
  Status Open();

  // The three lead columns of WriteAs, kept while operation and version stay the same.
  struct Lead {
    char operation = 0;
    std::int64_t version = 0, rows = 0;
    std::array<std::shared_ptr<arrow::Array>, 3> columns;
  };
  Status MakeLead(char operation, std::int64_t version, std::int64_t rows);

  // Counts on the way to an upload.
  class CountedUpload final : public ByteSink {
   public:
    explicit CountedUpload(std::unique_ptr<Upload> upload) : upload_(std::move(upload)) {}
    Status Write(std::span<const std::byte> bytes) override {
      size_bytes_ += static_cast<std::int64_t>(bytes.size());
      return upload_->Write(bytes);
    }
    Upload& upload() { return *upload_; }
    std::int64_t size_bytes() const { return size_bytes_; }

   private:
    std::unique_ptr<Upload> upload_;
    std::int64_t size_bytes_ = 0;
  };

  TableFiles* files_;
  std::unique_ptr<CountedUpload> upload_;
  std::unique_ptr<Encoder> encoder_;  // Invariant: writes to upload_, so destroyed before it
  std::vector<SealedObject> sealed_;
  std::int64_t file_rows_ = 0, rows_ = 0;
  Lead lead_;
};

}  // namespace tidemark
