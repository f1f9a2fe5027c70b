#include "fold/base_merge.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace tidemark {
namespace {

constexpr char kHasEnd = 1, kIsCurrent = 2, kIsDeleted = 4;

}  // namespace

void WriteVersionHead(const RowVersion& version, char (&head)[kVersionHeadBytes]) {
  auto end = version.end.value_or(0);
  std::memcpy(head, &end, sizeof end);
  head[8] = static_cast<char>((version.end ? kHasEnd : 0) | (version.is_current ? kIsCurrent : 0) |
                              (version.is_deleted ? kIsDeleted : 0));
}

Status BaseMerge::CheckStop() const {
  if (!options_.stop.stop_requested()) return {};
  return Fail(ErrorKind::kCancelled, "stopped while compacting");
}

Status BaseMerge::Run(const RecordSet& older, const RecordSet& changes, PartitionLevel level) {
  for (int partition = 0; partition < changes.partitions->count(); ++partition)
    TRY(MergePartition(older, changes, level, partition, 0));
  return {};
}

Status BaseMerge::MergePartition(const RecordSet& older, const RecordSet& changes,
                                 PartitionLevel level, int partition, int depth) {
  TRY(CheckStop());
  items_.clear();
  bytes_.clear();
  bool is_bounded = depth < kSplitsMax;
  bool fits = TRY(Load(older, partition, true, is_bounded)) &&
              TRY(Load(changes, partition, false, is_bounded));
  return fits ? MergeKeys() : SplitPartition(older, changes, level, partition, depth);
}

Status BaseMerge::SplitPartition(const RecordSet& older, const RecordSet& changes,
                                 PartitionLevel level, int partition, int depth) {
  auto next = SplitLevel(level);
  auto split = [&](const RecordSet& set) {
    return SplitOf(*folder_, *set.partitions, partition, options_.partition_bytes);
  };
  Partitions older_parts = split(older), changes_parts = split(changes);
  RecordSet older_set{older.shape, &older_parts}, changes_set{changes.shape, &changes_parts};
  TRY(Spread(older, partition, older_set, next, options_.stop));
  TRY(Spread(changes, partition, changes_set, next, options_.stop));
  for (int part = 0; part < older_parts.count(); ++part)
    TRY(MergePartition(older_set, changes_set, next, part, depth + 1));
  return {};
}

Result<bool> BaseMerge::Load(const RecordSet& set, int partition, bool is_older, bool is_bounded) {
  RecordReader reader(set.shape, *set.partitions, partition);
  Record record;
  while (TRY(reader.Next(record))) {
    auto held = (items_.size() + 1) * sizeof(Item) + bytes_.size() + record.payload.size();
    if (is_bounded && !items_.empty() && held > static_cast<std::size_t>(options_.table_bytes))
      return false;
    items_.push_back({.key = record.key,
                      .version = record.version,
                      .rank = record.rank,
                      .number = static_cast<std::uint32_t>(items_.size()),
                      .key_size = record.key_size,
                      .operation = is_older ? 'O' : record.operation,
                      .begin = bytes_.size(),
                      .size = record.payload.size()});
    bytes_.insert(bytes_.end(), record.payload.begin(), record.payload.end());
  }
  return true;
}

Status BaseMerge::MergeKeys() {
  // What the base has comes first, in its own order; then files in order of time, versions in them.
  std::ranges::sort(items_, {}, [](const Item& item) {
    bool is_change = item.operation != 'O';
    return std::tuple(item.key.high, item.key.low, is_change, is_change ? item.rank : 0,
                      is_change ? item.version : 0, item.number);
  });
  for (std::size_t begin = 0, end = 0; begin < items_.size(); begin = end) {
    while (end < items_.size() && items_[end].key == items_[begin].key) ++end;
    TRY(MergeKey(begin, end));
  }
  return {};
}

RowVersion BaseMerge::VersionOf(const Item& item) const {
  auto bytes = BytesOf(item);
  RowVersion version{.start = item.version, .row = bytes};
  if (item.operation != 'O') return version;
  std::int64_t end = 0;
  std::memcpy(&end, bytes.data(), sizeof end);
  char flags = bytes[8];
  if (flags & kHasEnd) version.end = end;
  version.is_current = flags & kIsCurrent;
  version.is_deleted = flags & kIsDeleted;
  version.row = bytes.substr(kVersionHeadBytes);
  return version;
}

Status BaseMerge::MergeKey(std::size_t begin, std::size_t end) {
  std::optional<RowVersion> live, gone;  // at most one of them: what the key is so far
  auto close = [&](std::int64_t version) {
    live->end = version;
    live->is_current = false;
  };
  for (auto i = begin; i < end; ++i) {
    const auto& item = items_[i];
    if (item.operation == 'D') {
      if (!live) continue;  // of a key that nothing is known of, or that is gone already
      close(item.version);
      gone = std::exchange(live, std::nullopt);
      continue;
    }
    auto version = VersionOf(item);
    if (item.operation != 'O' && live && live->row == version.row) continue;
    if (live) close(item.version);
    if (gone) gone->is_deleted = false;
    if (live) TRY(sink_(*live));
    if (gone) TRY(sink_(*gone));
    live.reset();
    gone.reset();
    (version.is_current ? live : gone) = version;
  }
  if (gone) {
    gone->is_deleted = true;
    TRY(sink_(*gone));
  }
  if (live) TRY(sink_(*live));
  return {};
}

}  // namespace tidemark
