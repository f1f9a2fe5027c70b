#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "encode/parquet/byte_buffer.h"

// How values are spelt, in every format whose values are text: one place for all of them. Quotes
// and what stands between values are the formats'.
namespace tidemark::text {

// No value but text and bytes takes more.
inline constexpr std::size_t kValueBytesMax = 64;

// Each puts a value at `out`, which has room for kValueBytesMax, and returns where it ends.
char* PutInteger(char* out, std::int64_t value);
char* PutUnsigned(char* out, std::uint64_t value);
// The shortest digits that give the same bits back, always with a point or an exponent; NaN,
// Infinity, -Infinity.
char* PutReal(char* out, double value);
char* PutReal(char* out, float value);
// `scale` digits stand behind the point.
char* PutDecimal(char* out, __int128 value, int scale);
// Dates and times as ISO 8601 has them; no fraction where it is zero.
char* PutDate(char* out, std::int64_t days);
// `digits`: how many of a second's fraction one of `count` is: 0, 3, 6 or 9.
char* PutTime(char* out, std::int64_t count, int digits);
char* PutTimestamp(char* out, std::int64_t count, int digits, bool has_zone);

// Where values are put one after the other; the size of what it fills is right once Sync() was
// called, and until then only this may touch it.
class Output {
 public:
  explicit Output(pq::ByteBuffer& buffer) : buffer_(&buffer) {
    begin_ = reinterpret_cast<char*>(buffer.data());
    at_ = begin_ + buffer.size();
    end_ = begin_ + buffer.capacity();
  }
  explicit Output(std::string& string) : string_(&string) { Reset(string.size()); }

  char* Room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) [[unlikely]]
      Grow(bytes);
    return at_;
  }
  void MoveTo(char* at) { at_ = at; }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  char* begin() { return begin_; }
  void Sync();

 private:
  static constexpr std::size_t kGrowthBytesMax = 4 << 20;
  void Grow(std::size_t bytes);
  void Reset(std::size_t size);

  pq::ByteBuffer* buffer_ = nullptr;  // either this
  std::string* string_ = nullptr;     // or that
  char *begin_ = nullptr, *at_ = nullptr, *end_ = nullptr;
};

void Append(std::string_view bytes, Output& out);
// With its quotes; only what JSON demands is escaped. False: the text is not UTF-8, and what was
// put so far is to be thrown away.
bool AppendJsonText(std::string_view text, Output& out);
void AppendBase64(std::string_view bytes, Output& out);  // RFC 4648, padded
void AppendHex(std::string_view bytes, Output& out);     // lower case
// Between two quotes, with those inside doubled.
void AppendDoubling(std::string_view text, char quote, Output& out);

// As AppendJsonText; what is not UTF-8 becomes U+FFFD.
std::string JsonQuoted(std::string_view text);

}  // namespace tidemark::text
