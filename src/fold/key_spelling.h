#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/table.h"

namespace tidemark {

// Brings keys that are one to their database to one spelling, as bytes of RowEncoder. One thread at
// a time.
class KeySpelling {
 public:
  // `key`: its columns, in their order.
  explicit KeySpelling(const std::vector<Column>& key);
  KeySpelling() = default;

  bool is_exact() const { return spellings_.empty(); }
  // What is to be hashed in place of `key`; good until the next call.
  std::string_view Of(std::string_view key);

 private:
  std::vector<Spelling> spellings_;  // empty: every spelling is a key of its own
  std::string canonical_;
};

// Letters in lower case, whatever the locale of the process; not UTF-8: as it is.
void AppendLower(std::string_view text, std::string& to);

}  // namespace tidemark
