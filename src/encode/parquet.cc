#include "encode/parquet.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "base/arrow_result.h"
#include "encode/codec.h"

namespace tidemark {
namespace {

class SinkStream final : public arrow::io::OutputStream {
 public:
  explicit SinkStream(ByteSink& sink) : sink_(&sink) {}
  arrow::Status Close() override {
    is_closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return is_closed_; }
  arrow::Result<std::int64_t> Tell() const override { return position_; }
  arrow::Status Write(const void* bytes, std::int64_t size) override {
    auto status = sink_->Write({static_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)});
    if (!status) return ToArrow(status.error());
    position_ += size;
    return arrow::Status::OK();
  }

 private:
  ByteSink* sink_;
  std::int64_t position_ = 0;
  bool is_closed_ = false;
};

parquet::Compression::type ArrowType(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return parquet::Compression::UNCOMPRESSED;
    case Codec::kSnappy:
      return parquet::Compression::SNAPPY;
    case Codec::kGzip:
      return parquet::Compression::GZIP;
    case Codec::kBrotli:
      return parquet::Compression::BROTLI;
    case Codec::kLz4:
      return parquet::Compression::LZ4;
    case Codec::kZstd:
      return parquet::Compression::ZSTD;
  }
  return parquet::Compression::UNCOMPRESSED;
}

class ParquetEncoder final : public Encoder {
 public:
  ParquetEncoder(std::unique_ptr<SinkStream> stream, std::unique_ptr<parquet::arrow::FileWriter> file,
                 const FormatOptions& options)
      : stream_(std::move(stream)), file_(std::move(file)), options_(options) {}

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    TRY(file_->WriteRecordBatch(*rows));
    rows_ += rows->num_rows();
    for (const auto& column : rows->columns())
      for (const auto& buffer : column->data()->buffers)
        if (buffer) bytes_ += buffer->size();
    if (rows_ >= options_.row_group_rows || bytes_ >= options_.row_group_bytes) {
      TRY(file_->NewBufferedRowGroup());
      rows_ = bytes_ = 0;
    }
    return {};
  }
  Status Finish() override { return AsResult(file_->Close()); }
  std::int64_t buffered_bytes() const override { return bytes_; }

 private:
  std::unique_ptr<SinkStream> stream_;
  std::unique_ptr<parquet::arrow::FileWriter> file_;
  const FormatOptions options_;
  std::int64_t rows_ = 0, bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Encoder>> OpenParquet(std::shared_ptr<arrow::Schema> schema,
                                             const FormatOptions& options, ByteSink& sink) {
  TRY(CheckLevel(options.codec, options.level));
  parquet::WriterProperties::Builder properties;
  properties.created_by("tidemark")->compression(ArrowType(options.codec));
  properties.max_row_group_length(options.row_group_rows);
  if (options.level != -1)
    properties.compression_level(options.level);
  else if (options.codec == Codec::kZstd)
    properties.compression_level(1);
  auto stream = std::make_unique<SinkStream>(sink);
  std::shared_ptr<arrow::io::OutputStream> borrowed(std::shared_ptr<void>(), stream.get());
  auto file = TRY(parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), borrowed,
                                                   properties.build()));
  return std::make_unique<ParquetEncoder>(std::move(stream), std::move(file), options);
}

}  // namespace tidemark
