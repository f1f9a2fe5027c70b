#pragma once
#include <cstdint>
#include <stop_token>
#include <string_view>

#include "fold/record.h"

namespace tidemark {

// One kind of records, spread over partitions.
struct RecordSet {
  RecordShape shape;
  Partitions* partitions = nullptr;

  // `before_payload` counts as the payload's beginning.
  Status Append(const PartitionLevel& level, const Record& record,
                std::string_view before_payload = {}) const {
    char head[RecordShape::kHeadMax];
    auto partition = level.Of(record.key);
    auto payload_bytes = before_payload.size() + record.payload.size();
    TRY(partitions->Append(partition, shape.WriteHead(record, payload_bytes, head)));
    if (!before_payload.empty()) TRY(partitions->Append(partition, before_payload));
    if (!record.payload.empty()) TRY(partitions->Append(partition, record.payload));
    return {};
  }
};

inline constexpr std::int64_t kRecordsPerStopCheck = 1 << 16;

// How many partitions records start with, when each of them should come to `partition_bytes`.
// A wrong guess costs another split, not memory.
PartitionLevel FirstLevel(std::int64_t bytes, std::int64_t partition_bytes);

// What does not fit into memory is split by further bits of the hash. Beyond this only a few huge
// keys can be left, and no bound is kept.
inline constexpr int kSplitsMax = 8;
PartitionLevel SplitLevel(const PartitionLevel& level);

// Empty partitions for what is in one of `from`.
Partitions SplitOf(TempFolder& folder, const Partitions& from, int partition,
                   std::int64_t memory_bytes);
// Puts the records of one partition into those of `to`. kCancelled: stopped.
Status Spread(const RecordSet& from, int partition, const RecordSet& to,
              const PartitionLevel& level, const std::stop_token& stop);

}  // namespace tidemark
