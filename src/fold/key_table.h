#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "fold/row_hash.h"

namespace tidemark {

// The keys of one partition with what the newest row of each says. One thread at a time.
class KeyTable {
 public:
  struct Entry {
    Hash128 key, row;
    std::int64_t version = 0;  // of the newest row; a table without a key: landed minus source
    const char* key_bytes = nullptr;
    std::uint32_t key_size = 0;
    std::uint32_t rank = 0;  // of the newest row's file, in order of timestamp
    bool is_live = false;
    bool is_matched = false;  // in the source
    bool is_pending = false;
  };

  // Null: not there. Good until the next Insert.
  Entry* Find(const Hash128& key);
  // Of a key that is not there; its bytes are copied.
  Entry& Insert(const Hash128& key, std::string_view key_bytes);
  void Clear();

  std::int64_t memory_bytes() const;
  std::size_t size() const { return size_; }
  Entry& at(std::size_t i) { return blocks_[i / kBlockEntries][i % kBlockEntries]; }

 private:
  static constexpr std::size_t kBlockEntries = 128;

  void Grow();
  const char* Keep(std::string_view bytes);

  // Blocks, as a vector that grows holds everything twice for a moment.
  std::vector<std::unique_ptr<Entry[]>> blocks_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> slots_;  // index + 1; 0: free. A power of two
  std::vector<std::unique_ptr<char[]>> texts_;
  char *text_at_ = nullptr, *text_end_ = nullptr;
  std::int64_t text_bytes_ = 0;
};

}  // namespace tidemark
