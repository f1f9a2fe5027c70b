#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace tidemark::pq {

// Bytes that grow. Unlike std::vector it does not fill what is about to be overwritten, and gives
// memory back in place, which halves the peak when one value is hundreds of megabytes.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(ByteBuffer&& other) noexcept { Swap(other); }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~ByteBuffer() { std::free(bytes_); }

  std::uint8_t* data() { return bytes_; }
  const std::uint8_t* data() const { return bytes_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }

  void Clear() { size_ = 0; }
  // Gives back what is beyond `bytes`, once empty.
  void ClearAndTrim(std::size_t bytes) {
    size_ = 0;
    if (capacity_ > bytes) Reallocate(bytes);
  }
  void ShrinkToFit() { Reallocate(size_); }
  void Reserve(std::size_t capacity) {
    if (capacity > capacity_) Reallocate(capacity);
  }
  // Room for `count` more bytes, whose content is undefined; Advance() says how many were written.
  std::uint8_t* Room(std::size_t count) {
    if (size_ + count > capacity_) {
      // Doubling is for many small additions; a huge one gets what it needs.
      Reallocate(size_ + std::max(count, std::min(capacity_, kGrowthBytesMax)));
    }
    return bytes_ + size_;
  }
  void Advance(std::size_t count) { size_ += count; }
  void DropFront(std::size_t count) {
    size_ -= count;
    std::memmove(bytes_, bytes_ + count, size_);
  }
  void Append(const void* bytes, std::size_t count) {
    if (count == 0) return;
    std::memcpy(Room(count), bytes, count);
    size_ += count;
  }
  void Append(std::string_view bytes) { Append(bytes.data(), bytes.size()); }
  void AppendByte(std::uint8_t byte) {
    *Room(1) = byte;
    ++size_;
  }
  void AppendU32(std::uint32_t value) {
    Append(&value, sizeof value);
  }  // x86 and ARM: little-endian
  void AppendVarint(std::uint64_t value) {
    std::uint8_t* out = Room(10);
    std::size_t count = 0;
    while (value >= 0x80) {
      out[count++] = static_cast<std::uint8_t>(value | 0x80);
      value >>= 7;
    }
    out[count++] = static_cast<std::uint8_t>(value);
    size_ += count;
  }
  void AppendZigzag(std::int64_t value) {
    AppendVarint((static_cast<std::uint64_t>(value) << 1) ^
                 static_cast<std::uint64_t>(value >> 63));
  }

 private:
  static constexpr std::size_t kGrowthBytesMax = 4 << 20;

  void Swap(ByteBuffer& other) {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  void Reallocate(std::size_t capacity) {
    if (capacity == 0) {
      std::free(std::exchange(bytes_, nullptr));
    } else {
      void* bytes = std::realloc(bytes_, capacity);
      if (!bytes) throw std::bad_alloc();  // as every container does
      bytes_ = static_cast<std::uint8_t*>(bytes);
    }
    capacity_ = capacity;
  }

  std::uint8_t* bytes_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace tidemark::pq
