#include "fold/record_set.h"

#include <algorithm>
#include <bit>
#include <string>

namespace tidemark {
namespace {

constexpr std::int64_t kPartitionsMin = 16, kPartitionsMax = 256;
constexpr int kSplitBits = 4;

}  // namespace

PartitionLevel FirstLevel(std::int64_t bytes, std::int64_t partition_bytes) {
  auto wanted = std::clamp(bytes / partition_bytes, kPartitionsMin, kPartitionsMax);
  return {std::countr_zero(std::bit_ceil(static_cast<std::uint64_t>(wanted))), 0};
}

PartitionLevel SplitLevel(const PartitionLevel& level) {
  return {kSplitBits, level.shift + level.bits};
}

Partitions SplitOf(TempFolder& folder, const Partitions& from, int partition,
                   std::int64_t memory_bytes) {
  return Partitions(folder, from.name() + "-" + std::to_string(partition), 1 << kSplitBits,
                    memory_bytes);
}

Status Spread(const RecordSet& from, int partition, const RecordSet& to,
              const PartitionLevel& level, const std::stop_token& stop) {
  RecordReader reader(from.shape, *from.partitions, partition);
  Record record;
  for (std::int64_t count = 0; TRY(reader.Next(record)); ++count) {
    if (count % kRecordsPerStopCheck == 0 && stop.stop_requested())
      return Fail(ErrorKind::kCancelled, "stopped while folding");
    TRY(to.Append(level, record));
  }
  return {};
}

}  // namespace tidemark
