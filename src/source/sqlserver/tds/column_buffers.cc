#include "source/sqlserver/tds/column_buffers.h"

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/arrow_result.h"

namespace tidemark::tds {
namespace {

constexpr std::int64_t kFirstBytes = 16 << 10;
// Converters write whole blocks and say afterwards how much of them counts.
constexpr std::int64_t kSlack = 64;
// What one batch's bytes tell about the next one's; a single large value tells nothing.
constexpr std::int64_t kExpectedMax = 4 << 20;

// False: memory ran out; the buffer is as it was.
bool Resize(std::shared_ptr<arrow::ResizableBuffer>* buffer, std::int64_t size) {
  if (*buffer) return (*buffer)->Resize(size, /*shrink_to_fit=*/false).ok();
  auto made = arrow::AllocateResizableBuffer(size);
  if (!made.ok()) return false;
  *buffer = std::move(made).ValueUnsafe();
  return true;
}

std::int64_t BitBytes(std::int64_t rows) { return (rows + 7) / 8; }

Error OutOfMemory() { return {ErrorKind::kUnavailable, "memory ran out for a batch of rows", {}}; }

}  // namespace

ColumnBuffers::ColumnBuffers(Shape shape, int width, bool is_key)
    : shape_(shape), width_(width), is_key_(is_key) {}
ColumnBuffers::ColumnBuffers(ColumnBuffers&&) noexcept = default;
ColumnBuffers::~ColumnBuffers() = default;

bool ColumnBuffers::RunOut() {
  is_out_of_memory_ = true;
  return false;
}

bool ColumnBuffers::GrowRows(std::int64_t capacity) {
  const bool has_ends = shape_ >= Shape::kEnds32;
  if (!Resize(&values_buffer_, (capacity + (has_ends ? 1 : 0)) * width_ + kSlack)) return RunOut();
  values_ = reinterpret_cast<char*>(values_buffer_->mutable_data());
  if (has_ends && capacity_ == 0) std::memset(values_, 0, static_cast<std::size_t>(width_));
  if (validity_ != nullptr) {
    if (!Resize(&validity_buffer_, BitBytes(capacity))) return RunOut();
    validity_ = validity_buffer_->mutable_data();
    std::memset(validity_ + BitBytes(capacity_), 0xFF,
                static_cast<std::size_t>(BitBytes(capacity) - BitBytes(capacity_)));
  }
  capacity_ = capacity;
  return true;
}

bool ColumnBuffers::GrowBytes(std::int64_t more) {
  const auto wanted =
      std::max({bytes_size_ + more, 2 * bytes_capacity_, std::max(expected_, kFirstBytes)});
  if (!Resize(&bytes_buffer_, wanted + kSlack)) return RunOut();
  bytes_ = reinterpret_cast<char*>(bytes_buffer_->mutable_data());
  bytes_capacity_ = wanted;
  return true;
}

bool ColumnBuffers::MakeValidity() {
  if (!Resize(&validity_buffer_, BitBytes(capacity_))) return RunOut();
  validity_ = validity_buffer_->mutable_data();
  std::memset(validity_, 0xFF, static_cast<std::size_t>(BitBytes(capacity_)));
  return true;
}

bool ColumnBuffers::PutNull(std::int64_t row) {
  if (is_key_) return false;
  if (validity_ == nullptr && !MakeValidity()) return false;
  validity_[row / 8] &= static_cast<std::uint8_t>(~(1U << (row % 8)));
  ++null_count_;
  if (shape_ >= Shape::kEnds32)
    SetEnd(row + 1, bytes_size_);
  else
    std::memset(values_ + row * width_, 0, static_cast<std::size_t>(width_));
  return true;
}

void ColumnBuffers::SetEnd(std::int64_t row, std::int64_t end) {
  switch (shape_) {
    case Shape::kEnds64:
      return Put(row, end);
    case Shape::kFloats:
      return Put(row, static_cast<std::int32_t>(end / 4));
    default:
      return Put(row, static_cast<std::int32_t>(end));
  }
}

std::int64_t ColumnBuffers::EndOf(std::int64_t row) const {
  const char* at = values_ + row * width_;
  if (shape_ == Shape::kEnds64) {
    std::int64_t end;
    std::memcpy(&end, at, sizeof(end));
    return end;
  }
  std::int32_t end;
  std::memcpy(&end, at, sizeof(end));
  return shape_ == Shape::kFloats ? std::int64_t{end} * 4 : end;
}

void ColumnBuffers::EndValue(std::int64_t row, std::int64_t size) {
  bytes_size_ += size;
  SetEnd(row + 1, bytes_size_);
}

std::int64_t ColumnBuffers::size_of_value(std::int64_t row) const {
  return bytes_size_ - EndOf(row);
}

Result<std::shared_ptr<arrow::Buffer>> ColumnBuffers::Bits(std::int64_t rows) const {
  auto bits = TRY(arrow::AllocateBuffer(BitBytes(rows)));
  auto* to = bits->mutable_data();
  std::memset(to, 0, static_cast<std::size_t>(BitBytes(rows)));
  for (std::int64_t row = 0; row < rows; ++row)
    to[row / 8] =
        static_cast<std::uint8_t>(to[row / 8] | ((values_[row] != 0 ? 1 : 0) << (row % 8)));
  return std::shared_ptr<arrow::Buffer>(std::move(bits));
}

// As if nothing had come, with room for as many rows as before.
bool ColumnBuffers::Clear() {
  expected_ = std::min(bytes_size_ + bytes_size_ / 8, kExpectedMax);
  values_buffer_.reset();
  bytes_buffer_.reset();
  validity_buffer_.reset();
  values_ = bytes_ = nullptr;
  validity_ = nullptr;
  bytes_size_ = bytes_capacity_ = null_count_ = 0;
  return GrowRows(std::exchange(capacity_, 0));
}

bool ColumnBuffers::StartWith(const LastRow& last) {
  if (shape_ >= Shape::kEnds32) {
    if (last.bytes_size > 0) {
      auto* to = Room(last.bytes_size);
      if (to == nullptr) return false;
      std::memcpy(to, last.bytes, static_cast<std::size_t>(last.bytes_size));
    }
    EndValue(0, last.bytes_size);
  } else {
    std::memcpy(values_, last.value, static_cast<std::size_t>(width_));
  }
  if (!last.is_null) return true;
  if (!MakeValidity()) return false;
  validity_[0] &= 0xFE;
  null_count_ = 1;
  return true;
}

Result<std::shared_ptr<arrow::ArrayData>> ColumnBuffers::Finish(
    const std::shared_ptr<arrow::DataType>& type, std::int64_t rows, bool keep_last) {
  const bool has_ends = shape_ >= Shape::kEnds32;
  const std::int64_t bytes_size = keep_last && has_ends ? EndOf(rows) : bytes_size_;
  LastRow last;
  if (keep_last) {
    last.is_null = validity_ != nullptr && ((validity_[rows / 8] >> (rows % 8)) & 1) == 0;
    last.value = values_ + rows * width_;
    last.bytes = bytes_ + bytes_size;
    last.bytes_size = bytes_size_ - bytes_size;
  }
  const std::int64_t null_count = null_count_ - (last.is_null ? 1 : 0);
  // Held until the last row is copied out of them.
  auto values_buffer = values_buffer_;
  auto bytes_buffer = bytes_buffer_;
  std::shared_ptr<arrow::Buffer> validity;
  if (null_count > 0) {
    TRY(validity_buffer_->Resize(BitBytes(rows), /*shrink_to_fit=*/false));
    validity = validity_buffer_;
  }
  std::vector<std::shared_ptr<arrow::Buffer>> buffers{validity, values_buffer};
  if (shape_ == Shape::kBool) buffers[1] = TRY(Bits(rows));
  if (!Clear() || (keep_last && !StartWith(last))) return Fail(OutOfMemory());
  TRY(values_buffer->Resize((rows + (has_ends ? 1 : 0)) * width_, /*shrink_to_fit=*/false));
  if (has_ends) {
    if (!bytes_buffer && !Resize(&bytes_buffer, 0)) return Fail(OutOfMemory());
    TRY(bytes_buffer->Resize(bytes_size, /*shrink_to_fit=*/false));
    if (shape_ != Shape::kFloats) buffers.push_back(bytes_buffer);
  }
  if (shape_ != Shape::kFloats)
    return arrow::ArrayData::Make(type, rows, std::move(buffers), null_count);
  auto floats =
      arrow::ArrayData::Make(arrow::float32(), bytes_size / 4, {nullptr, bytes_buffer}, 0);
  return arrow::ArrayData::Make(type, rows, std::move(buffers), {floats}, null_count);
}

}  // namespace tidemark::tds
