#include "encode/parquet/column.h"

#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>
#include <fmt/format.h>

#include <bit>
#include <vector>

#include "encode/parquet/bits.h"
#include "encode/parquet/columns.h"

namespace tidemark::pq {
namespace {

constexpr std::int64_t kPageBytes = 1 << 20;

// What pages of this thread are made in; a page of a large value gives the memory back.
ByteBuffer& BodyOfThread() {
  static thread_local ByteBuffer body;
  body.Clear();
  return body;
}

std::int64_t NullsIn(const ColumnSlice& slice) {
  if (!slice.array->MayHaveNulls()) return 0;
  if (slice.is_repeated) {
    return arrow::bit_util::GetBit(slice.array->buffers[0]->data(),
                                   slice.array->offset + slice.from)
               ? 0
               : slice.rows;
  }
  return slice.rows - arrow::internal::CountSetBits(slice.array->buffers[0]->data(),
                                                    slice.array->offset + slice.from, slice.rows);
}

// Of a 32- or 64-bit offset type.
template <class Offset>
std::int64_t TextBytes(const ColumnSlice& slice) {
  const Offset* const offsets = slice.array->GetValues<Offset>(1) + slice.from;
  return offsets[slice.is_repeated ? 1 : slice.rows] - offsets[0];
}

bool HasLargeOffsets(const Leaf& leaf) {
  return leaf.type->id() == arrow::Type::LARGE_STRING ||
         leaf.type->id() == arrow::Type::LARGE_BINARY;
}

// One bit a row: whether it holds a value.
const std::uint8_t* ValidBits(std::span<const ColumnSlice> slices, std::int64_t rows) {
  static thread_local std::vector<std::uint8_t> bits;
  bits.assign(static_cast<std::size_t>(rows) / 8 + 1, 0);
  std::int64_t at = 0;
  for (const ColumnSlice& slice : slices) {
    if (slice.array->MayHaveNulls() && !slice.is_repeated) {
      arrow::internal::CopyBitmap(slice.array->buffers[0]->data(), slice.array->offset + slice.from,
                                  slice.rows, bits.data(), at);
    } else {
      arrow::bit_util::SetBitsTo(bits.data(), at, slice.rows, NullsIn(slice) == 0);
    }
    at += slice.rows;
  }
  return bits.data();
}

void AppendLevels(std::span<const ColumnSlice> slices, std::int64_t rows, std::int64_t nulls,
                  int level_max, ByteBuffer& body) {
  const std::size_t length_at = body.size();
  body.AppendU32(0);
  const auto count = static_cast<std::size_t>(rows);
  const int width = std::bit_width(static_cast<unsigned>(level_max));
  if (nulls == 0 || nulls == rows) {
    AppendRun(count, static_cast<std::uint32_t>(nulls == 0 ? level_max : level_max - 1), width,
              body);
  } else if (level_max == 1) {
    AppendLevelBits(ValidBits(slices, rows), count, body);
  } else {
    const std::uint8_t* const bits = ValidBits(slices, rows);
    std::vector<std::uint32_t> levels(count);
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_valid = arrow::bit_util::GetBit(bits, static_cast<std::int64_t>(i));
      levels[i] = static_cast<std::uint32_t>(level_max - (is_valid ? 0 : 1));
    }
    AppendRle(levels, width, body);
  }
  const auto length = static_cast<std::uint32_t>(body.size() - length_at - 4);
  std::memcpy(body.data() + length_at, &length, 4);
}

// How many rows of the slice, at least one, until their bytes reach `bytes`.
std::int64_t RowsUntil(const Leaf& leaf, const ColumnSlice& slice, std::int64_t bytes) {
  std::int64_t low = 1, high = slice.rows;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (RawBytes(leaf, {slice.array, slice.from, middle, slice.is_repeated}) >= bytes) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

std::int64_t RawBytes(const Leaf& leaf, const ColumnSlice& slice) {
  if (leaf.physical == Physical::kBytes) {
    return (HasLargeOffsets(leaf) ? TextBytes<std::int64_t>(slice)
                                  : TextBytes<std::int32_t>(slice)) +
           4 * (slice.is_repeated ? 1 : slice.rows);
  }
  return std::max<std::int64_t>(1, leaf.type->byte_width()) * (slice.is_repeated ? 1 : slice.rows);
}

Status ColumnEncoder::Append(std::span<const ColumnSlice> slices, std::int64_t group_rows) {
  std::int64_t bytes = 0;
  for (const ColumnSlice& slice : slices) bytes += RawBytes(leaf_, slice);
  // Equal pages rather than full ones and a small rest.
  const std::int64_t page_bytes =
      bytes / std::max<std::int64_t>(1, (bytes + kPageBytes / 2) / kPageBytes) + 1;
  std::vector<ColumnSlice> page;
  std::int64_t room = page_bytes;
  for (ColumnSlice rest : slices) {
    while (rest.rows > 0) {
      const std::int64_t taken = RowsUntil(leaf_, rest, room);
      page.push_back({rest.array, rest.from, taken, rest.is_repeated});
      room -= RawBytes(leaf_, page.back());
      if (!rest.is_repeated) rest.from += taken;
      rest.rows -= taken;
      if (room > 0) continue;
      TRY(AddPage(page, group_rows));
      page.clear();
      room = page_bytes;
    }
  }
  if (!page.empty()) TRY(AddPage(page, group_rows));
  return {};
}

Status ColumnEncoder::AddPage(std::span<const ColumnSlice> slices, std::int64_t group_rows) {
  constexpr std::size_t kKeptBytes = 4 << 20;
  PageRows rows = {slices, 0, 0, group_rows};
  for (const ColumnSlice& slice : slices) {
    rows.rows += slice.rows;
    rows.nulls += NullsIn(slice);
  }
  if (rows.nulls != 0 && !leaf_.is_nullable) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("column \"{}\" holds null but was declared without", leaf_.name));
  }
  DataPage page = {rows.rows, rows.nulls, Encoding::kPlain, {}};
  ByteBuffer& body = BodyOfThread();
  if (leaf_.level_max() > 0) AppendLevels(slices, rows.rows, rows.nulls, leaf_.level_max(), body);
  if (rows.nulls != rows.rows) TRY(EncodeValues(rows, body, page));
  if (page.bounds) {
    std::optional<Bounds>& all = pages_.bounds();
    if (!all) all = page.bounds;
    if (IsLess(page.bounds->min, all->min)) all->min = page.bounds->min;
    if (IsLess(all->max, page.bounds->max)) all->max = page.bounds->max;
  }
  TRY(pages_.AddDataPage(page, body));
  body.ClearAndTrim(kKeptBytes);
  return {};
}

const ColumnSlice* ColumnEncoder::OnlyValue(const PageRows& rows) {
  const ColumnSlice& first = rows.slices.front();
  if (rows.nulls != 0) return nullptr;
  for (const ColumnSlice& slice : rows.slices) {
    if (!slice.is_repeated || slice.array != first.array || slice.from != first.from)
      return nullptr;
  }
  return &first;
}

std::unique_ptr<ColumnEncoder> ColumnEncoder::Make(const Leaf& leaf, Codec codec, int level) {
  switch (leaf.physical) {
    case Physical::kBytes:
      return MakeTextColumn(leaf, codec, level);
    case Physical::kBoolean:
    case Physical::kFixed:
      return MakePlainColumn(leaf, codec, level);
    default:
      return MakeNumberColumn(leaf, codec, level);
  }
}

}  // namespace tidemark::pq
