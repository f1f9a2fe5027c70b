#include "fold/comparison.h"

namespace tidemark {
namespace {

bool IsNewer(const Record& record, const KeyTable::Entry& entry) {
  return record.rank != entry.rank ? record.rank > entry.rank : record.version >= entry.version;
}

}  // namespace

Status Comparison::CheckStop() const {
  if (!options_.stop.stop_requested()) return {};
  return Fail(ErrorKind::kCancelled, "stopped while comparing");
}

Result<FoldCounts> Comparison::Run(const RecordSets& sets) {
  counts_ = {};
  for (int partition = 0; partition < sets.landed.partitions->count(); ++partition)
    TRY(ComparePartition(sets, partition, 0));
  return counts_;
}

Status Comparison::ComparePartition(const RecordSets& sets, int partition, int depth) {
  TRY(CheckStop());
  table_.Clear();
  bool is_bounded = depth < kSplitsMax;
  bool fits = TRY(LoadLanded(sets.landed, partition, is_bounded)) &&
              TRY(LoadPending(sets.pending, partition, is_bounded));
  if (!fits) return SplitPartition(sets, partition, depth);
  TRY(MatchSource(sets.source, partition));
  return CountLanded();
}

Status Comparison::SplitPartition(const RecordSets& sets, int partition, int depth) {
  auto level = SplitLevel(sets.level);
  auto split = [&](const RecordSet& set) {
    return SplitOf(*folder_, *set.partitions, partition, options_.partition_bytes);
  };
  Partitions landed = split(sets.landed), source = split(sets.source),
             pending = split(sets.pending);
  RecordSets parts{{sets.landed.shape, &landed},
                   {sets.source.shape, &source},
                   {sets.pending.shape, &pending},
                   level};
  TRY(Spread(sets.landed, partition, parts.landed, level, options_.stop));
  TRY(Spread(sets.source, partition, parts.source, level, options_.stop));
  TRY(Spread(sets.pending, partition, parts.pending, level, options_.stop));
  for (int part = 0; part < landed.count(); ++part) TRY(ComparePartition(parts, part, depth + 1));
  return {};
}

Result<bool> Comparison::LoadLanded(const RecordSet& landed, int partition, bool is_bounded) {
  RecordReader reader(landed.shape, *landed.partitions, partition);
  Record record;
  for (std::int64_t count = 0; TRY(reader.Next(record)); ++count) {
    if (count % kRecordsPerStopCheck == 0) TRY(CheckStop());
    auto entry = table_.Find(record.key);
    bool is_new = entry == nullptr;
    if (is_new) {
      entry = &table_.Insert(record.key, record.payload);
      if (is_bounded && table_.memory_bytes() > options_.table_bytes) return false;
    }
    if (!options_.has_key) {
      ++entry->version;
    } else if (is_new || IsNewer(record, *entry)) {
      entry->rank = record.rank;
      entry->version = record.version;
      entry->row = record.row;
      entry->is_live = record.operation != 'D';
    }
  }
  return true;
}

Result<bool> Comparison::LoadPending(const RecordSet& pending, int partition, bool is_bounded) {
  RecordReader reader(pending.shape, *pending.partitions, partition);
  Record record;
  while (TRY(reader.Next(record))) {
    auto entry = table_.Find(record.key);
    if (!entry) {
      entry = &table_.Insert(record.key, {});
      if (is_bounded && table_.memory_bytes() > options_.table_bytes) return false;
    }
    entry->is_pending = true;
  }
  return true;
}

Status Comparison::MatchSource(const RecordSet& source, int partition) {
  RecordReader reader(source.shape, *source.partitions, partition);
  Record record;
  for (std::int64_t count = 0; TRY(reader.Next(record)); ++count) {
    if (count % kRecordsPerStopCheck == 0) TRY(CheckStop());
    ++counts_.rows_source;
    TRY(options_.has_key ? MatchWithKey(record) : MatchWithoutKey(record));
  }
  return {};
}

Status Comparison::MatchWithKey(const Record& record) {
  auto entry = table_.Find(record.key);
  if (entry && entry->is_pending) return {};
  if (!entry || !entry->is_live) {
    ++counts_.missing;
    return sinks_.missing(record);
  }
  entry->is_matched = true;
  if (!options_.compares_rows || record.row == entry->row) return {};
  ++counts_.different;
  return sinks_.different(record);
}

Status Comparison::MatchWithoutKey(const Record& record) {
  auto entry = table_.Find(record.key);
  if (entry && entry->version > 0) {
    --entry->version;
    ++counts_.rows_landed;
  } else {
    ++counts_.missing;
  }
  return {};
}

Status Comparison::CountLanded() {
  for (std::size_t i = 0; i < table_.size(); ++i) {
    const auto& entry = table_.at(i);
    if (!options_.has_key) {
      counts_.rows_landed += entry.version;
      counts_.extra += entry.version;
      continue;
    }
    if (entry.is_live) ++counts_.rows_landed;
    if (entry.is_pending) {
      ++counts_.pending;
    } else if (entry.is_live && !entry.is_matched) {
      ++counts_.extra;
      TRY(sinks_.extra({entry.key_bytes, entry.key_size}));
    }
  }
  return {};
}

}  // namespace tidemark
