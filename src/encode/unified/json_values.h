#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "encode/parquet/byte_buffer.h"

namespace tidemark::json {

// No value but text and bytes takes more, quotes included.
inline constexpr std::size_t kValueBytesMax = 64;

// Each puts a value at `out`, which has room for kValueBytesMax, and returns where it ends.
char* PutInteger(char* out, std::int64_t value);
char* PutUnsigned(char* out, std::uint64_t value);
char* PutReal(char* out, double value);
char* PutReal(char* out, float value);
// `scale` digits stand behind the point.
char* PutDecimal(char* out, __int128 value, int scale);
char* PutDate(char* out, std::int64_t days);
// `digits`: how many of a second's fraction one of `count` is: 0, 3, 6 or 9.
char* PutTime(char* out, std::int64_t count, int digits);
char* PutTimestamp(char* out, std::int64_t count, int digits, bool has_zone);

// Where values are put one after the other; its buffer's size is right once Sync() was called.
class Output {
 public:
  explicit Output(pq::ByteBuffer& buffer) : buffer_(&buffer) { Reset(); }

  char* Room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) [[unlikely]]
      Grow(bytes);
    return at_;
  }
  void MoveTo(char* at) { at_ = at; }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  char* begin() { return begin_; }
  void Sync() { buffer_->Advance(size() - buffer_->size()); }

 private:
  void Grow(std::size_t bytes) {
    Sync();
    buffer_->Room(bytes);
    Reset();
  }
  void Reset() {
    begin_ = reinterpret_cast<char*>(buffer_->data());
    at_ = begin_ + buffer_->size();
    end_ = begin_ + buffer_->capacity();
  }

  pq::ByteBuffer* buffer_;
  char *begin_ = nullptr, *at_ = nullptr, *end_ = nullptr;
};

// False: the text is not UTF-8, and what was put so far is to be thrown away.
bool AppendText(std::string_view text, Output& out);
void AppendBase64(std::string_view bytes, Output& out);

// A name or a text with its quotes; what is not UTF-8 becomes U+FFFD.
std::string Quoted(std::string_view text);

}  // namespace tidemark::json
