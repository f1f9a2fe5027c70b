#pragma once
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/result.h"

namespace arrow {
class Buffer;
class DataType;
class ResizableBuffer;
struct ArrayData;
}  // namespace arrow

namespace tidemark::tds {

// The buffers of one output column while rows come. Written to directly; only growing is a call.
class ColumnBuffers {
 public:
  enum class Shape : std::uint8_t {
    kBool,    // a byte a row until Finish
    kFixed,   // `width` bytes a row
    kEnds32,  // bytes, and where each row's end
    kEnds64,
    kFloats,  // as kEnds32, counting floats and not bytes
  };

  ColumnBuffers(Shape shape, int width, bool is_key);
  ColumnBuffers(ColumnBuffers&&) noexcept;
  ~ColumnBuffers();

  // Room for so many rows; false: memory ran out. Row `capacity` itself may not be written.
  bool GrowRows(std::int64_t capacity);
  // Room for `more` bytes after those there are; null: memory ran out.
  char* Room(std::int64_t more) {
    // Not ">": a first value of no bytes needs a place as well.
    if (more >= bytes_capacity_ - bytes_size_) [[unlikely]]
      if (!GrowBytes(more)) return nullptr;
    return bytes_ + bytes_size_;
  }

  template <class T>
  void Put(std::int64_t row, T value) {
    std::memcpy(values_ + row * static_cast<std::int64_t>(sizeof(T)), &value, sizeof(T));
  }
  // As many bytes as the column is wide.
  void PutBytes(std::int64_t row, const void* bytes) {
    std::memcpy(values_ + row * width_, bytes, static_cast<std::size_t>(width_));
  }
  // `size` bytes were written to Room.
  template <class End>
  void PutEnd(std::int64_t row, std::int64_t size) {
    bytes_size_ += size;
    Put(row + 1, static_cast<End>(bytes_size_));
  }
  // A row of text or bytes, whatever its ends are.
  void EndValue(std::int64_t row, std::int64_t size);
  // Written piece by piece; EndValue(row, 0) ends it.
  void Keep(std::int64_t size) { bytes_size_ += size; }
  std::int64_t size_of_value(std::int64_t row) const;
  // False: the column is a key, or memory ran out.
  bool PutNull(std::int64_t row);

  std::int64_t bytes_size() const { return bytes_size_; }
  int width() const { return width_; }
  bool is_key() const { return is_key_; }
  bool is_out_of_memory() const { return is_out_of_memory_; }
  bool has_32_bit_ends() const { return shape_ == Shape::kEnds32 || shape_ == Shape::kFloats; }

  // The first `rows` rows; then it is empty, with room for as many rows as before. `keep_last`:
  // what there is of the row after them becomes row 0.
  Result<std::shared_ptr<arrow::ArrayData>> Finish(const std::shared_ptr<arrow::DataType>& type,
                                                   std::int64_t rows, bool keep_last);

 private:
  // The row that stays when all before it go.
  struct LastRow {
    const char* value = nullptr;
    const char* bytes = nullptr;
    std::int64_t bytes_size = 0;
    bool is_null = false;
  };

  bool RunOut();
  bool GrowBytes(std::int64_t more);
  bool MakeValidity();
  bool Clear();
  bool StartWith(const LastRow& last);
  std::int64_t EndOf(std::int64_t row) const;
  void SetEnd(std::int64_t row, std::int64_t end);
  Result<std::shared_ptr<arrow::Buffer>> Bits(std::int64_t rows) const;

  char* values_ = nullptr;
  char* bytes_ = nullptr;
  std::int64_t bytes_size_ = 0, bytes_capacity_ = 0;
  std::uint8_t* validity_ = nullptr;  // a bit a row; null as long as no value was
  std::int64_t null_count_ = 0, capacity_ = 0;
  std::int64_t expected_ = 0;  // bytes, by the batch before
  Shape shape_;
  int width_;
  bool is_key_;
  bool is_out_of_memory_ = false;
  std::shared_ptr<arrow::ResizableBuffer> values_buffer_, bytes_buffer_, validity_buffer_;
};

}  // namespace tidemark::tds
