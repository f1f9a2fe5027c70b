#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "encode/parquet/byte_buffer.h"

namespace tidemark::pq {

// Beyond this a dictionary stops paying: it no longer fits the caches of whoever reads it.
inline constexpr std::size_t kDictionaryBytesMax = 1 << 20;
// A longer text is hardly ever repeated often enough.
inline constexpr std::size_t kDictionaryTextBytesMax = 4 << 10;

// The distinct values of a column in the order they were seen. Numbers are told apart by their
// bits, so that -0.0 and every NaN come back as they were. Empty again after Clear().
template <class U>
class NumberDictionary {
 public:
  // The index of each value. False: the limit was reached, and `indices` is not to be used.
  bool Find(std::span<const U> values, std::uint32_t* indices);
  std::size_t count() const { return keys_.size(); }
  std::size_t plain_bytes() const { return keys_.size() * sizeof(U); }
  const std::vector<U>& keys() const { return keys_; }
  void AppendPlain(ByteBuffer& out) const { out.Append(keys_.data(), plain_bytes()); }
  void Clear();

 private:
  struct Slot {
    U key;
    std::uint32_t index_plus_1;  // 0: free
  };
  void Grow();

  std::vector<Slot> slots_;
  int shift_ = 0;
  std::vector<U> keys_;
};

class TextDictionary {
 public:
  bool Find(std::span<const std::string_view> values, std::uint32_t* indices);
  std::size_t count() const { return starts_.size(); }
  std::size_t plain_bytes() const { return plain_.size(); }
  std::string_view key(std::size_t index) const;
  void AppendPlain(ByteBuffer& out) const { out.Append(plain_.data(), plain_.size()); }
  void Clear();

 private:
  struct Slot {
    std::uint32_t hash;
    std::uint32_t index_plus_1;  // 0: free
  };
  void Grow();
  std::uint32_t Insert(std::string_view value, Slot& slot, std::uint32_t hash);

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> starts_;
  ByteBuffer plain_;  // 4 bytes of length before each value
};

extern template class NumberDictionary<std::uint32_t>;
extern template class NumberDictionary<std::uint64_t>;

// How many distinct values a column of `rows` values has, judged by a sample of `sampled` values of
// which `distinct` differ, as if every value were as frequent as any other.
double EstimateDistinct(std::size_t sampled, std::size_t distinct, double rows);

}  // namespace tidemark::pq
