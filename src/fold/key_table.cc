#include "fold/key_table.h"

#include <algorithm>
#include <cstring>

namespace tidemark {
namespace {

constexpr std::size_t kSlotsMin = 256;
constexpr std::size_t kTextBlockBytes = 4 << 10;

}  // namespace

KeyTable::Entry* KeyTable::Find(const Hash128& key) {
  if (slots_.empty()) return nullptr;
  auto mask = slots_.size() - 1;
  for (auto slot = key.low & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    auto& entry = at(slots_[slot] - 1);
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

KeyTable::Entry& KeyTable::Insert(const Hash128& key, std::string_view key_bytes) {
  if ((size_ + 1) * 3 > slots_.size() * 2) Grow();
  if (size_ == blocks_.size() * kBlockEntries)
    blocks_.push_back(std::make_unique<Entry[]>(kBlockEntries));
  auto mask = slots_.size() - 1;
  auto slot = key.low & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  auto& entry = at(size_++);
  slots_[slot] = static_cast<std::uint32_t>(size_);
  entry = {};
  entry.key = key;
  entry.key_bytes = Keep(key_bytes);
  entry.key_size = static_cast<std::uint32_t>(key_bytes.size());
  return entry;
}

void KeyTable::Grow() {
  std::vector<std::uint32_t>(std::max(kSlotsMin, slots_.size() * 2)).swap(slots_);
  auto mask = slots_.size() - 1;
  for (std::size_t i = 0; i < size_; ++i) {
    auto slot = at(i).key.low & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

const char* KeyTable::Keep(std::string_view bytes) {
  if (bytes.empty()) return nullptr;
  if (bytes.size() > static_cast<std::size_t>(text_end_ - text_at_)) {
    auto size = std::max(bytes.size(), kTextBlockBytes);
    texts_.push_back(std::make_unique_for_overwrite<char[]>(size));
    text_at_ = texts_.back().get();
    text_end_ = text_at_ + size;
    text_bytes_ += static_cast<std::int64_t>(size);
  }
  std::memcpy(text_at_, bytes.data(), bytes.size());
  const char* kept = text_at_;
  text_at_ += bytes.size();
  return kept;
}

void KeyTable::Clear() {
  // Blocks of entries are used again by the next partition; texts differ too much in size.
  size_ = 0;
  std::ranges::fill(slots_, 0u);
  texts_.clear();
  text_at_ = text_end_ = nullptr;
  text_bytes_ = 0;
}

std::int64_t KeyTable::memory_bytes() const {
  auto blocks = (size_ + kBlockEntries - 1) / kBlockEntries;
  return static_cast<std::int64_t>(blocks * kBlockEntries * sizeof(Entry) +
                                   slots_.size() * sizeof(std::uint32_t)) +
         text_bytes_;
}

}  // namespace tidemark
