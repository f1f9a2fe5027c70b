#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "fold/row_hash.h"

namespace tidemark {

// Whether a key may have been added (a Bloom filter): never no for one that was. Of a fixed size,
// so that rows of a table can be told apart by millions of changed keys within a budget. One thread
// at a time while keys are added.
class KeyFilter {
 public:
  explicit KeyFilter(std::int64_t memory_bytes)
      : words_(std::bit_floor(
            static_cast<std::uint64_t>(std::max<std::int64_t>(memory_bytes / 8, 512)))) {}

  void Add(const Hash128& key) {
    has_any_ = true;
    for (int i = 0; i < kProbes; ++i) Word(key, i) |= Bit(key, i);
  }
  bool MayHave(const Hash128& key) const {
    if (!has_any_) return false;
    for (int i = 0; i < kProbes; ++i)
      if ((words_[Index(key, i)] & Bit(key, i)) == 0) return false;
    return true;
  }

 private:
  static constexpr int kProbes = 4;
  // The two halves of a key are independent hashes; so is each of their sums.
  static std::uint64_t Probe(const Hash128& key, int i) {
    return key.low + static_cast<std::uint64_t>(i) * (key.high | 1);
  }
  std::size_t Index(const Hash128& key, int i) const {
    return Probe(key, i) >> 6 & (words_.size() - 1);
  }
  static std::uint64_t Bit(const Hash128& key, int i) {
    return std::uint64_t{1} << (Probe(key, i) & 63);
  }
  std::uint64_t& Word(const Hash128& key, int i) { return words_[Index(key, i)]; }

  std::vector<std::uint64_t> words_;
  bool has_any_ = false;
};

}  // namespace tidemark
