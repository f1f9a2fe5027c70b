#include "fold/landed_parquet.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <cstring>
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

}  // namespace

LandedParquet::LandedParquet(ObjectStore& store, LandedFile file)
    : store_(&store), file_(std::move(file)) {}
LandedParquet::~LandedParquet() = default;

Error LandedParquet::Corrupt(std::string_view why) const {
  return {ErrorKind::kCorrupt, "file " + file_.key + " cannot be read: " + std::string(why),
          "restore the file, or land the table again with --mode full"};
}

// Parquet throws from some of its calls. It is caught here and not at the thread's end, as only
// here is it known to mean a corrupt file: everything that Parquet says of a file means that the
// file is not what we landed; what the store says of it stays what it is.
Status LandedParquet::Guarded(const std::function<arrow::Status()>& read) const {
  try {
    const auto status = read();
    if (status.ok()) return {};
    if (status.detail() && status.detail()->type_id() == CarriedError::kTypeId)
      return Fail(FromArrow(status).While("file " + file_.key));
    if (status.IsOutOfMemory()) return Fail(ErrorKind::kUnavailable, status.ToString());
    return Fail(Corrupt(status.ToString()));
  } catch (const std::bad_alloc&) {
    return Fail(ErrorKind::kUnavailable, "out of memory while reading file " + file_.key);
  } catch (const std::exception& e) {
    return Fail(Corrupt(e.what()));
  }
}

Status LandedParquet::Open(std::int64_t columns, std::int64_t memory_bytes) {
  return Guarded([&] {
    auto properties = parquet::default_reader_properties();
    // A row group's column would otherwise be held whole, compressed.
    properties.enable_buffered_stream();
    properties.set_buffer_size(std::clamp(memory_bytes / std::max<std::int64_t>(1, columns),
                                          kBufferBytesMin, kBufferBytesMax));
    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Open(std::make_shared<ObjectFile>(*store_, file_), properties));
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_pre_buffer(false);
    ARROW_ASSIGN_OR_RAISE(reader_, builder.properties(arrow_properties)->Build());
    return arrow::Status::OK();
  });
}

std::vector<std::string> LandedParquet::Names() const {
  std::vector<std::string> names;
  for (const auto& field : reader_->manifest().schema_fields) names.push_back(field.field->name());
  return names;
}

int LandedParquet::LeafOf(std::string_view name, std::string_view member) const {
  auto find = [](const auto& fields, std::string_view wanted) {
    auto found = std::ranges::find_if(
        fields, [&](const auto& field) { return field.field->name() == wanted; });
    return found == fields.end() ? nullptr : &*found;
  };
  const auto* field = find(reader_->manifest().schema_fields, name);
  if (field && !member.empty()) field = find(field->children, member);
  return field ? field->column_index : -1;
}

Status LandedParquet::Start(const std::vector<int>& leaves, std::int64_t memory_bytes) {
  return Guarded([&] {
    auto metadata = reader_->parquet_reader()->metadata();
    std::vector<int> groups;
    // The widest row group decides, as the number of rows of a batch is one for all.
    std::int64_t row_bytes = 1;
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      groups.push_back(group);
      auto row_group = metadata->RowGroup(group);
      std::int64_t bytes = 0;
      for (int leaf : leaves) bytes += row_group->ColumnChunk(leaf)->total_uncompressed_size();
      row_bytes = std::max(row_bytes, bytes / std::max<std::int64_t>(row_group->num_rows(), 1));
    }
    reader_->set_batch_size(std::clamp(memory_bytes / row_bytes, kBatchRowsMin, kBatchRowsMax));
    ARROW_ASSIGN_OR_RAISE(rows_, reader_->GetRecordBatchReader(groups, leaves));
    return arrow::Status::OK();
  });
}

const arrow::Schema& LandedParquet::schema() const { return *rows_->schema(); }

Result<std::shared_ptr<arrow::RecordBatch>> LandedParquet::Next() {
  std::shared_ptr<arrow::RecordBatch> batch;
  TRY(Guarded([&] { return rows_->ReadNext(&batch); }));
  return batch;
}

}  // namespace tidemark
