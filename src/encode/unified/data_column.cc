#include "encode/unified/data_column.h"

#include <arrow/record_batch.h>

#include <bit>
#include <cstring>

#include "encode/parquet/bits.h"

namespace tidemark {
namespace {

constexpr std::size_t kPageBytes = 1 << 20;
constexpr std::size_t kKeptBytes = 4 << 20;
// Room before the values for the levels, which say how many rows there are: 4 bytes of length, up
// to 5 of count, 1 of level.
constexpr std::size_t kLevelsBytesMax = 10;
// Below this many values handing rows to other threads costs more than it saves.
constexpr std::int64_t kParallelValuesMin = 16 << 10;

}  // namespace

DataColumn::DataColumn(RowJson rows, Codec codec, int level, WorkerPool* pool)
    : rows_(std::move(rows)), codec_(codec), level_(level), pool_(pool) {
  parts_.push_back(std::make_unique<Part>(codec, level));
}

std::int64_t DataColumn::held_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& part : parts_)
    bytes += part->pages.held_bytes() + static_cast<std::int64_t>(part->body.size());
  return bytes;
}

// No value of this column is ever null.
Status DataColumn::EndPage(Part& part) {
  if (part.rows == 0) return {};
  pq::ByteBuffer levels;
  pq::AppendRun(static_cast<std::size_t>(part.rows), 1, 1, levels);
  const std::size_t begin = kLevelsBytesMax - 4 - levels.size();
  const auto length = static_cast<std::uint32_t>(levels.size());
  std::memcpy(part.body.data() + begin, &length, 4);
  std::memcpy(part.body.data() + begin + 4, levels.data(), levels.size());
  TRY(part.pages.AddDataPage({part.rows, 0, pq::Encoding::kPlain, {}}, part.body, begin));
  part.rows = 0;
  part.body.ClearAndTrim(kKeptBytes);
  return {};
}

Result<std::int64_t> DataColumn::AppendTo(Part& part, const arrow::RecordBatch& rows,
                                          std::int64_t row, std::int64_t end,
                                          std::int64_t bytes_max) const {
  const std::int64_t until = part.raw_bytes + bytes_max;
  do {
    if (part.rows == 0) {
      part.body.Clear();
      part.body.Reserve(kPageBytes + kPageBytes / 8);
      part.body.Room(kLevelsBytesMax);
      part.body.Advance(kLevelsBytesMax);
    }
    const std::size_t before = part.body.size();
    const auto room = static_cast<std::size_t>(std::max<std::int64_t>(1, until - part.raw_bytes));
    const std::int64_t next =
        TRY(rows_.Append(rows, row, end, std::min(kPageBytes, before + room), part.body));
    part.rows += next - row;
    part.raw_bytes += static_cast<std::int64_t>(part.body.size() - before);
    row = next;
    if (part.body.size() >= kPageBytes) TRY(EndPage(part));
  } while (row < end && part.raw_bytes < until);
  return row;
}

// Pages are made side by side and put in order afterwards.
Status DataColumn::AppendOnPool(const arrow::RecordBatch& rows, std::int64_t row,
                                std::int64_t end) {
  const auto threads = static_cast<std::int64_t>(pool_->threads());
  while (std::ssize(parts_) < threads) parts_.push_back(std::make_unique<Part>(codec_, level_));
  const std::int64_t count = end - row;
  TaskGroup group(*pool_);
  for (std::int64_t i = 0; i < threads; ++i) {
    Part* const part = parts_[static_cast<std::size_t>(i)].get();
    const std::int64_t from = row + count * i / threads, to = row + count * (i + 1) / threads;
    if (from == to) continue;
    group.Add([this, part, &rows, from, to]() -> Status {
      TRY(AppendTo(*part, rows, from, to, std::numeric_limits<std::int32_t>::max()));
      return EndPage(*part);
    });
  }
  TRY(group.Wait());
  for (std::size_t i = 1; i < parts_.size(); ++i) parts_[0]->pages.TakePages(parts_[i]->pages);
  return {};
}

Result<std::int64_t> DataColumn::Append(const arrow::RecordBatch& rows, std::int64_t row,
                                        std::int64_t end, std::int64_t bytes_max) {
  const bool is_shared =
      pool_ && pool_->threads() > 1 && (end - row) * rows_.columns() >= kParallelValuesMin;
  std::int64_t next = end;
  if (is_shared) {
    TRY(AppendOnPool(rows, row, end));
  } else {
    next = TRY(AppendTo(*parts_[0], rows, row, end, bytes_max - raw_bytes_));
  }
  for (const auto& part : parts_) raw_bytes_ += std::exchange(part->raw_bytes, 0);
  return next;
}

Status DataColumn::EndChunk() { return EndPage(*parts_[0]); }

Result<pq::ChunkEntry> DataColumn::WriteTo(ByteSink& sink, std::int64_t position) {
  raw_bytes_ = 0;
  return parts_[0]->pages.WriteTo(sink, position);
}

}  // namespace tidemark
