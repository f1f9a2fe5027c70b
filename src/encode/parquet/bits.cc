#include "encode/parquet/bits.h"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>
#include <utility>

namespace tidemark::pq {
namespace {

constexpr std::size_t kPackValues = 32;  // packed at once: always whole bytes

// 32 values of W bits each, the lowest bit first. With W known the compiler unrolls all of it.
template <int W, class U>
void Pack32(const U* values, std::uint8_t* out) {
  std::uint64_t word = 0;
  int used = 0;
#pragma GCC unroll 32
  for (std::size_t i = 0; i < kPackValues; ++i) {
    const std::uint64_t value = values[i];
    word |= value << used;
    used += W;
    if (used >= 64) {
      std::memcpy(out, &word, 8);
      out += 8;
      used -= 64;
      word = used == 0 ? 0 : value >> (W - used);
    }
  }
  if (used != 0) std::memcpy(out, &word, 4);  // 32 * W bits: 4 bytes are left when W is odd
}

template <class U>
using PackFunction = void (*)(const U*, std::uint8_t*);

template <class U, int... W>
constexpr auto PackTable(std::integer_sequence<int, W...>) {
  return std::array<PackFunction<U>, sizeof...(W)>{&Pack32<W, U>...};
}

template <class U>
constexpr auto kPack = PackTable<U>(std::make_integer_sequence<int, sizeof(U) * 8 + 1>());

// Whole groups of 8; the last one is filled up with zeros.
void AppendPackedRun(std::span<const std::uint32_t> values, int width, ByteBuffer& out) {
  if (values.empty()) return;
  const std::size_t groups = (values.size() + 7) / 8;
  out.AppendVarint(groups << 1 | 1);
  const std::size_t bytes = groups * static_cast<std::size_t>(width);
  std::uint8_t* to = out.Room(bytes + 4 * 32);
  const auto pack = kPack<std::uint32_t>[static_cast<std::size_t>(width)];
  std::size_t i = 0;
  for (; i + kPackValues <= values.size(); i += kPackValues, to += 4 * width) pack(&values[i], to);
  if (i < values.size()) {
    std::array<std::uint32_t, kPackValues> last = {};
    std::copy(values.begin() + static_cast<std::ptrdiff_t>(i), values.end(), last.begin());
    pack(last.data(), to);
  }
  out.Advance(bytes);
}

bool IsUniform(const std::uint32_t* group) {
  std::uint32_t difference = 0;
  for (int i = 1; i < 8; ++i) difference |= group[i] ^ group[0];
  return difference == 0;
}

// A shorter run costs more to interrupt the packing for than it saves.
constexpr std::size_t kRunValuesMin = 32;

constexpr std::size_t kBlockValues = 128;
constexpr std::size_t kMiniblocks = 4;
static_assert(kBlockValues / kMiniblocks == kPackValues);

// One block: the smallest difference, four widths, four times 32 differences above the smallest.
template <class U>
void AppendDeltaBlock(std::array<U, kBlockValues>& deltas, std::size_t count, ByteBuffer& out) {
  using S = std::make_signed_t<U>;
  S smallest = static_cast<S>(deltas[0]);
  for (std::size_t i = 1; i < count; ++i) smallest = std::min(smallest, static_cast<S>(deltas[i]));
  std::fill(deltas.begin() + static_cast<std::ptrdiff_t>(count), deltas.end(),
            static_cast<U>(smallest));
  for (U& delta : deltas) delta -= static_cast<U>(smallest);
  out.AppendZigzag(smallest);
  std::uint8_t* to = out.Room(kMiniblocks + kBlockValues * sizeof(U));
  std::uint8_t* const widths = to;
  to += kMiniblocks;
  for (std::size_t block = 0; block < kMiniblocks; ++block) {
    const U* values = &deltas[block * kPackValues];
    U any = 0;
    for (std::size_t i = 0; i < kPackValues; ++i) any |= values[i];
    const int width = std::bit_width(any);
    widths[block] = static_cast<std::uint8_t>(width);
    kPack<U>[static_cast<std::size_t>(width)](values, to);
    // A miniblock behind the last value has no bytes; padded ones have width 0, hence none too.
    to += 4 * width;
  }
  out.Advance(static_cast<std::size_t>(to - widths));
}

template <class T>
void AppendDeltas(std::span<const T> values, ByteBuffer& out) {
  using U = std::make_unsigned_t<T>;  // differences wrap around, as the format asks
  out.AppendVarint(kBlockValues);
  out.AppendVarint(kMiniblocks);
  out.AppendVarint(values.size());
  out.AppendZigzag(values[0]);
  std::array<U, kBlockValues> deltas;
  for (std::size_t at = 1; at < values.size(); at += kBlockValues) {
    const std::size_t count = std::min(kBlockValues, values.size() - at);
    const T* const from = &values[at];
    for (std::size_t i = 0; i < count; ++i) {
      deltas[i] = static_cast<U>(static_cast<U>(from[i]) - static_cast<U>(from[i - 1]));
    }
    AppendDeltaBlock(deltas, count, out);
  }
}

}  // namespace

void AppendRun(std::size_t count, std::uint32_t value, int width, ByteBuffer& out) {
  out.AppendVarint(count << 1);
  out.Append(&value, static_cast<std::size_t>(width + 7) / 8);
}

int IndexWidth(std::size_t count) {
  return count <= 2 ? 1 : static_cast<int>(std::bit_width(count - 1));
}

void AppendRle(std::span<const std::uint32_t> values, int width, ByteBuffer& out) {
  const std::size_t count = values.size();
  std::size_t packed_from = 0;
  std::size_t i = 0;
  while (i + 8 <= count) {
    if (!IsUniform(&values[i])) {
      i += 8;
      continue;
    }
    std::size_t end = i + 8;
    while (end + 8 <= count && values[end] == values[i] && IsUniform(&values[end])) end += 8;
    // Only the last run may end in the middle of a group.
    if (end + 8 > count) {
      while (end < count && values[end] == values[i]) ++end;
      if (end < count) end -= end % 8;
    }
    if (end - i >= kRunValuesMin) {
      AppendPackedRun(values.subspan(packed_from, i - packed_from), width, out);
      AppendRun(end - i, values[i], width, out);
      packed_from = end;
    }
    i = end;
  }
  AppendPackedRun(values.subspan(packed_from), width, out);
}

void AppendLevelBits(const std::uint8_t* bitmap, std::size_t count, ByteBuffer& out) {
  const std::size_t groups = (count + 7) / 8;
  out.AppendVarint(groups << 1 | 1);
  out.Append(bitmap, groups);
}

void AppendDelta(std::span<const std::int32_t> values, ByteBuffer& out) {
  AppendDeltas(values, out);
}

void AppendDelta(std::span<const std::int64_t> values, ByteBuffer& out) {
  AppendDeltas(values, out);
}

}  // namespace tidemark::pq
