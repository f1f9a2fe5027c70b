#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "fold/record_set.h"

namespace tidemark {

// One version of a row, as a base of kind SCD 2 has it.
struct RowVersion {
  std::int64_t start = 0;
  std::optional<std::int64_t> end;
  bool is_current = true;
  bool is_deleted = false;  // the last of a key that is gone
  std::string_view row;     // its bytes, the key's first
};

// Rows of an older base lie in a record set with what they say of themselves before the row.
inline constexpr std::size_t kVersionHeadBytes = 9;
void WriteVersionHead(const RowVersion& version, char (&head)[kVersionHeadBytes]);

struct BaseMergeOptions {
  std::int64_t table_bytes = 0;      // for the records of one partition
  std::int64_t partition_bytes = 0;  // for each set of a partition that is split
  std::stop_token stop;
};

// Joins rows of an older base with what happened to their keys since, key by key, partition by
// partition; a partition that does not fit into memory is split by further bits of the hash.
// A key's versions come in order, the current one last. Equal consecutive rows are one version.
class BaseMerge {
 public:
  using Sink = std::function<Status(const RowVersion&)>;  // the row is good during the call

  BaseMerge(TempFolder& folder, BaseMergeOptions options, Sink sink)
      : folder_(&folder), options_(std::move(options)), sink_(std::move(sink)) {}

  // `older`: records with order, key size and payload: a version's head, then the row. `changes`:
  // the same without the head; a D has the key alone.
  Status Run(const RecordSet& older, const RecordSet& changes, PartitionLevel level);

 private:
  struct Item {
    Hash128 key;
    std::int64_t version = 0;
    std::uint32_t rank = 0, number = 0;  // in order of reading
    std::uint32_t key_size = 0;
    char operation = 0;               // O: of the older base
    std::size_t begin = 0, size = 0;  // in bytes_
  };

  Status MergePartition(const RecordSet& older, const RecordSet& changes, PartitionLevel level,
                        int partition, int depth);
  Status SplitPartition(const RecordSet& older, const RecordSet& changes, PartitionLevel level,
                        int partition, int depth);
  // False: there is no room for all of them.
  Result<bool> Load(const RecordSet& set, int partition, bool is_older, bool is_bounded);
  Status MergeKeys();
  Status MergeKey(std::size_t begin, std::size_t end);
  RowVersion VersionOf(const Item& item) const;
  std::string_view BytesOf(const Item& item) const {
    return {bytes_.data() + item.begin, item.size};
  }
  Status CheckStop() const;

  TempFolder* folder_;
  BaseMergeOptions options_;
  Sink sink_;
  std::vector<Item> items_;
  std::vector<char> bytes_;
};

}  // namespace tidemark
