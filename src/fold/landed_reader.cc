#include "fold/landed_reader.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>

#include "base/arrow_result.h"

namespace tidemark {
namespace {

constexpr std::int64_t kBatchRowsMin = 64, kBatchRowsMax = 16'384;
constexpr std::int64_t kBufferBytesMin = 16 << 10, kBufferBytesMax = 1 << 20;

// An object as a file that Arrow can read from. Its reads do not move a place, so threads may share
// it.
class ObjectFile final : public arrow::io::RandomAccessFile {
 public:
  ObjectFile(ObjectStore& store, LandedFile file) : store_(&store), file_(std::move(file)) {}

  arrow::Status Close() override {
    is_closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return is_closed_; }
  arrow::Result<std::int64_t> Tell() const override { return position_; }
  arrow::Status Seek(std::int64_t position) override {
    position_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<std::int64_t> GetSize() override { return file_.size_bytes; }

  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(std::int64_t position,
                                                       std::int64_t size) override {
    // A corrupt footer asks for places that are none.
    if (position < 0 || size < 0 || position > file_.size_bytes)
      return arrow::Status::Invalid("read of ", size, " bytes at ", position, " of ",
                                    file_.size_bytes);
    auto bytes =
        store_->ReadRange(file_.key, position, std::min(size, file_.size_bytes - position));
    if (!bytes) return ToArrow(bytes.error());
    return arrow::Buffer::FromString(*std::move(bytes));
  }
  arrow::Result<std::int64_t> ReadAt(std::int64_t position, std::int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position, size));
    if (buffer->size() > 0)
      std::memcpy(out, buffer->data(), static_cast<std::size_t>(buffer->size()));
    return buffer->size();
  }
  arrow::Result<std::int64_t> Read(std::int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(auto count, ReadAt(position_, size, out));
    position_ += count;
    return count;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, size));
    position_ += buffer->size();
    return buffer;
  }

 private:
  ObjectStore* store_;
  LandedFile file_;
  std::int64_t position_ = 0;
  bool is_closed_ = false;
};

Error Corrupt(const LandedFile& file, std::string_view why) {
  return {ErrorKind::kCorrupt, "file " + file.key + " cannot be read: " + std::string(why),
          "restore the file, or land the table again with --mode full"};
}

// Everything that Parquet says of a file means that the file is not what we landed; what the store
// says of it stays what it is.
Status AsRead(const LandedFile& file, const arrow::Status& status) {
  if (status.ok()) return {};
  if (status.detail() && status.detail()->type_id() == CarriedError::kTypeId)
    return Fail(FromArrow(status).While("file " + file.key));
  if (status.IsOutOfMemory()) return Fail(ErrorKind::kUnavailable, status.ToString());
  return Fail(Corrupt(file, status.ToString()));
}

// Parquet throws from some of its calls. It is caught here and not at the thread's end, as only
// here is it known to mean a corrupt file.
Status Guarded(const LandedFile& file, const std::function<arrow::Status()>& read) {
  try {
    return AsRead(file, read());
  } catch (const std::bad_alloc&) {
    return Fail(ErrorKind::kUnavailable, "out of memory while reading file " + file.key);
  } catch (const std::exception& e) {
    return Fail(Corrupt(file, e.what()));
  }
}

class ParquetRows final : public LandedReader {
 public:
  ParquetRows(ObjectStore& store, LandedFile file) : store_(&store), file_(std::move(file)) {}

  Status Start(std::span<const std::string> columns, std::int64_t memory_bytes) {
    TRY(Guarded(file_, [&] { return OpenReader(columns, memory_bytes); }));
    TRY(Guarded(file_, [&] { return Select(columns); }));
    return Guarded(file_, [&] { return StartReading(memory_bytes); });
  }

  std::span<const int> columns() const override { return positions_; }
  const arrow::Schema& schema() const override { return *rows_->schema(); }

  Result<Rows> Next() override {
    Rows rows;
    TRY(Guarded(file_, [&] { return rows_->ReadNext(&rows.batch); }));
    if (!rows.batch) return rows;
    const auto& version = rows.batch->column(version_);
    const auto& operation = rows.batch->column(operation_);
    if (version->null_count() != 0 || operation->null_count() != 0)
      return Fail(Corrupt(file_, "a row has no version or no operation"));
    rows.versions = static_cast<const arrow::Int64Array&>(*version).raw_values();
    const auto& letters = static_cast<const arrow::StringArray&>(*operation);
    auto begin = letters.value_offset(0), end = letters.value_offset(letters.length());
    for (std::int64_t i = 0; i <= letters.length(); ++i)
      if (letters.value_offset(i) - begin != i)
        return Fail(Corrupt(file_, "an operation is none of I, U, D, L"));
    rows.operations = {reinterpret_cast<const char*>(letters.raw_data()) + begin,
                       static_cast<std::size_t>(end - begin)};
    if (rows.operations.find_first_not_of("IUDL") != std::string_view::npos)
      return Fail(Corrupt(file_, "an operation is none of I, U, D, L"));
    return rows;
  }

 private:
  arrow::Status OpenReader(std::span<const std::string> columns, std::int64_t memory_bytes) {
    auto properties = parquet::default_reader_properties();
    // A row group's column would otherwise be held whole, compressed.
    properties.enable_buffered_stream();
    properties.set_buffer_size(
        std::clamp(memory_bytes / (std::ssize(columns) + 2), kBufferBytesMin, kBufferBytesMax));
    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Open(std::make_shared<ObjectFile>(*store_, file_), properties));
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_pre_buffer(false);
    ARROW_ASSIGN_OR_RAISE(reader_, builder.properties(arrow_properties)->Build());
    return arrow::Status::OK();
  }

  // The leaves to read, and where the columns will stand in batches: leaves come in the file's
  // order.
  arrow::Status Select(std::span<const std::string> columns) {
    const auto& fields = reader_->manifest().schema_fields;
    positions_.assign(columns.size(), -1);
    for (const auto& field : fields) {
      const auto& name = field.field->name();
      auto wanted = std::ranges::find(columns, name);
      if (wanted == columns.end() && name != kVersionColumn && name != kOperationColumn) continue;
      if (field.column_index < 0) return arrow::Status::Invalid("column \"", name, "\" is nested");
      auto position = static_cast<int>(leaves_.size());
      leaves_.push_back(field.column_index);
      if (name == kVersionColumn)
        version_ = position;
      else if (name == kOperationColumn)
        operation_ = position;
      else
        positions_[static_cast<std::size_t>(wanted - columns.begin())] = position;
    }
    if (version_ < 0 || operation_ < 0)
      return arrow::Status::Invalid("column \"", version_ < 0 ? kVersionColumn : kOperationColumn,
                                    "\" is not there");
    return arrow::Status::OK();
  }

  arrow::Status StartReading(std::int64_t memory_bytes) {
    auto metadata = reader_->parquet_reader()->metadata();
    std::vector<int> groups;
    // The widest row group decides, as the number of rows of a batch is one for all.
    std::int64_t row_bytes = 1;
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      groups.push_back(group);
      auto row_group = metadata->RowGroup(group);
      std::int64_t bytes = 0;
      for (int leaf : leaves_) bytes += row_group->ColumnChunk(leaf)->total_uncompressed_size();
      row_bytes = std::max(row_bytes, bytes / std::max<std::int64_t>(row_group->num_rows(), 1));
    }
    reader_->set_batch_size(std::clamp(memory_bytes / 2 / row_bytes, kBatchRowsMin, kBatchRowsMax));
    ARROW_ASSIGN_OR_RAISE(rows_, reader_->GetRecordBatchReader(groups, leaves_));
    if (rows_->schema()->field(version_)->type()->id() != arrow::Type::INT64)
      return arrow::Status::Invalid("column \"", kVersionColumn, "\" is not int64");
    if (rows_->schema()->field(operation_)->type()->id() != arrow::Type::STRING)
      return arrow::Status::Invalid("column \"", kOperationColumn, "\" is not text");
    return arrow::Status::OK();
  }

  ObjectStore* store_;
  LandedFile file_;
  std::vector<int> leaves_, positions_;
  int version_ = -1, operation_ = -1;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> rows_;  // Invariant: goes before reader_
};

}  // namespace

Result<std::unique_ptr<LandedReader>> LandedReader::Open(ObjectStore& store, const LandedFile& file,
                                                         std::span<const std::string> columns,
                                                         std::int64_t memory_bytes) {
  auto reader = std::make_unique<ParquetRows>(store, file);
  TRY(reader->Start(columns, memory_bytes));
  return reader;
}

}  // namespace tidemark
