#include "encode/parquet/dictionary.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tidemark::pq {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio

constexpr std::size_t kSlotsMin = 64;

std::uint64_t Load8(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, 8);
  return word;
}

std::uint32_t Load4(const char* from) {
  std::uint32_t word;
  std::memcpy(&word, from, 4);
  return word;
}

std::uint64_t Mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Short texts, which are most of them, are read in two overlapping words.
std::uint32_t HashOf(std::string_view text) {
  const char* at = text.data();
  const std::size_t size = text.size();
  std::uint64_t hash = size * kOdd;
  if (size >= 8) {
    std::size_t left = size;
    for (; left > 8; left -= 8, at += 8) hash = Mix(hash ^ Load8(at), kOdd);
    hash = Mix(hash ^ Load8(text.data() + size - 8), kOdd);
  } else if (size >= 4) {
    hash = Mix(hash ^ (std::uint64_t{Load4(at)} << 32 | Load4(at + size - 4)), kOdd);
  } else if (size > 0) {
    const auto byte = [&](std::size_t i) {
      return std::uint64_t{static_cast<std::uint8_t>(at[i])};
    };
    hash = Mix(hash ^ (byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1)), kOdd);
  }
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

bool IsSame(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

template <class U>
bool NumberDictionary<U>::Find(std::span<const U> values, std::uint32_t* indices) {
  if (slots_.empty()) Grow();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const U key = values[i];
    std::size_t at = (key * kOdd) >> shift_;
    while (true) {
      Slot& slot = slots_[at];
      if (slot.index_plus_1 != 0 && slot.key == key) [[likely]] {
        indices[i] = slot.index_plus_1 - 1;
        break;
      }
      if (slot.index_plus_1 == 0) {
        if (plain_bytes() + sizeof(U) > kDictionaryBytesMax) return false;
        indices[i] = static_cast<std::uint32_t>(keys_.size());
        keys_.push_back(key);
        slot = {key, static_cast<std::uint32_t>(keys_.size())};
        if (keys_.size() * 2 > slots_.size()) Grow();
        break;
      }
      at = (at + 1) & (slots_.size() - 1);
    }
  }
  return true;
}

template <class U>
void NumberDictionary<U>::Grow() {
  const std::size_t count = std::max(kSlotsMin, slots_.size() * 2);
  slots_.assign(count, Slot{});
  shift_ = 64 - std::countr_zero(count);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    std::size_t at = (keys_[i] * kOdd) >> shift_;
    while (slots_[at].index_plus_1 != 0) at = (at + 1) & (count - 1);
    slots_[at] = {keys_[i], static_cast<std::uint32_t>(i + 1)};
  }
}

template <class U>
void NumberDictionary<U>::Clear() {
  keys_.clear();
  std::fill(slots_.begin(), slots_.end(), Slot{});
}

template class NumberDictionary<std::uint32_t>;
template class NumberDictionary<std::uint64_t>;

std::string_view TextDictionary::key(std::size_t index) const {
  const char* from = reinterpret_cast<const char*>(plain_.data()) + starts_[index];
  return {from + 4, Load4(from)};
}

bool TextDictionary::Find(std::span<const std::string_view> values, std::uint32_t* indices) {
  if (slots_.empty()) Grow();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string_view value = values[i];
    if (value.size() > kDictionaryTextBytesMax) return false;
    const std::uint32_t hash = HashOf(value);
    std::size_t at = hash & (slots_.size() - 1);
    while (true) {
      Slot& slot = slots_[at];
      if (slot.index_plus_1 == 0) {
        if (plain_.size() + 4 + value.size() > kDictionaryBytesMax) return false;
        indices[i] = Insert(value, slot, hash);
        break;
      }
      if (slot.hash == hash && IsSame(key(slot.index_plus_1 - 1), value)) {
        indices[i] = slot.index_plus_1 - 1;
        break;
      }
      at = (at + 1) & (slots_.size() - 1);
    }
  }
  return true;
}

std::uint32_t TextDictionary::Insert(std::string_view value, Slot& slot, std::uint32_t hash) {
  const auto index = static_cast<std::uint32_t>(starts_.size());
  starts_.push_back(static_cast<std::uint32_t>(plain_.size()));
  plain_.AppendU32(static_cast<std::uint32_t>(value.size()));
  plain_.Append(value);
  slot = {hash, index + 1};
  if (starts_.size() * 2 > slots_.size()) Grow();
  return index;
}

void TextDictionary::Grow() {
  const std::size_t count = std::max(kSlotsMin, slots_.size() * 2);
  std::vector<Slot> old(count);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.index_plus_1 == 0) continue;
    std::size_t at = slot.hash & (count - 1);
    while (slots_[at].index_plus_1 != 0) at = (at + 1) & (count - 1);
    slots_[at] = slot;
  }
}

void TextDictionary::Clear() {
  starts_.clear();
  plain_.Clear();
  std::fill(slots_.begin(), slots_.end(), Slot{});
}

// n draws from D equally frequent values are expected to show D * (1 - e^(-n/D)) of them.
double EstimateDistinct(std::size_t sampled, std::size_t distinct, double rows) {
  const auto n = static_cast<double>(sampled);
  const auto d = static_cast<double>(distinct);
  if (n >= rows) return d;
  double low = d, high = rows * 1000;  // the latter: as good as unique
  for (int step = 0; step < 60 && high - low > 1; ++step) {
    const double middle = (low + high) / 2;
    (middle * (1 - std::exp(-n / middle)) < d ? low : high) = middle;
  }
  // `low` is the table's number; that many draws as the row group has rows may not show them all.
  return low * (1 - std::exp(-rows / low));
}

}  // namespace tidemark::pq
