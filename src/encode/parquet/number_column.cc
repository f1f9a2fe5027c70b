#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>
#include <vector>

#include "encode/parquet/bits.h"
#include "encode/parquet/columns.h"
#include "encode/parquet/dictionary.h"

namespace tidemark::pq {
namespace {

template <class T>
std::string BytesOf(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T FromBytes(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// Nothing when a NaN is among them: some readers sort it above all numbers, others skip it, so no
// bounds are true for all.
template <class T>
std::optional<Bounds> BoundsOf(std::span<const T> values) {
  T low = values[0], high = values[0];
  bool has_nan = false;
  for (const T value : values) {
    low = value < low ? value : low;
    high = value > high ? value : high;
    if constexpr (std::is_floating_point_v<T>) has_nan |= value != value;
  }
  if (has_nan) return {};
  if constexpr (std::is_floating_point_v<T>) {
    // The format asks for it: readers may tell the zeros apart.
    if (low == 0) low = -T{0};
    if (high == 0) high = T{0};
  }
  return Bounds{BytesOf(low), BytesOf(high)};
}

// The values that are not null, side by side.
template <class T, class In>
void Gather(const ColumnSlice& slice, std::size_t stride, std::vector<T>& to) {
  const In* const from = slice.array->GetValues<In>(1, 0) +
                         (slice.array->offset + slice.from) * static_cast<std::int64_t>(stride);
  const std::size_t begin = to.size();
  const auto rows = static_cast<std::size_t>(slice.rows);
  to.resize(begin + rows);
  T* out = to.data() + begin;
  if (slice.is_repeated) {
    const bool is_null =
        slice.array->MayHaveNulls() &&
        !arrow::bit_util::GetBit(slice.array->buffers[0]->data(), slice.array->offset + slice.from);
    std::fill_n(out, rows, static_cast<T>(from[0]));
    if (is_null) to.resize(begin);
    return;
  }
  if (!slice.array->MayHaveNulls()) {
    for (std::size_t i = 0; i < rows; ++i) out[i] = static_cast<T>(from[i * stride]);
    return;
  }
  const std::uint8_t* const valid = slice.array->buffers[0]->data();
  const std::int64_t bit = slice.array->offset + slice.from;
  for (std::size_t i = 0; i < rows; ++i) {
    *out = static_cast<T>(from[i * stride]);
    out += arrow::bit_util::GetBit(valid, bit + static_cast<std::int64_t>(i)) ? 1 : 0;
  }
  to.resize(static_cast<std::size_t>(out - to.data()));
}

template <class T>
class NumberColumn final : public ColumnEncoder {
 public:
  NumberColumn(const Leaf& leaf, Codec codec, int level) : ColumnEncoder(leaf, codec, level) {}

  Status EndChunk() override {
    is_decided_ = false;
    return AddDictionary(dictionary_);
  }

 protected:
  Status EncodeValues(const PageRows& rows, ByteBuffer& body, DataPage& page) override {
    const ColumnSlice* const only = OnlyValue(rows);
    if (only && (!is_decided_ || encoding_ == Encoding::kRleDictionary)) {
      if (AppendOnly({only->array, only->from, 1}, rows.rows, body, page)) return {};
    }
    const std::span<const T> values = ValuesOf(rows);
    page.bounds = BoundsOf(values);
    if (!is_decided_) Decide(values, rows);
    page.encoding = encoding_;
    if (encoding_ == Encoding::kRleDictionary && AppendIndices(values, body)) return {};
    if (encoding_ == Encoding::kRleDictionary) encoding_ = page.encoding = kFallback;
    if constexpr (std::is_integral_v<T>) {
      if (encoding_ == Encoding::kDelta) {
        AppendDelta(values, body);
        return {};
      }
    }
    body.Append(values.data(), values.size_bytes());
    return {};
  }

  bool IsLess(std::string_view a, std::string_view b) const override {
    return FromBytes<T>(a) < FromBytes<T>(b);
  }

 private:
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static constexpr Encoding kFallback = std::is_integral_v<T> ? Encoding::kDelta : Encoding::kPlain;

  // Where a slice without nulls holds just these values they are not copied.
  std::span<const T> ValuesOf(const PageRows& rows) {
    const ColumnSlice& first = rows.slices.front();
    if (rows.slices.size() == 1 && rows.nulls == 0 && !first.is_repeated &&
        leaf_.type->byte_width() == sizeof(T)) {
      return {first.array->GetValues<T>(1) + first.from, static_cast<std::size_t>(first.rows)};
    }
    static thread_local std::vector<T> values;
    values.clear();
    for (const ColumnSlice& slice : rows.slices) GatherSlice(slice, values);
    return values;
  }

  void GatherSlice(const ColumnSlice& slice, std::vector<T>& values) {
    switch (leaf_.type->byte_width()) {
      case 1:
        return Gather<T, std::int8_t>(slice, 1, values);
      case 2:
        return Gather<T, std::int16_t>(slice, 1, values);
      case 16:  // a decimal that fits its low half
        return Gather<T, std::int64_t>(slice, 2, values);
      default:
        return Gather<T, T>(slice, 1, values);
    }
  }

  static std::span<const Bits> BitsOf(std::span<const T> values) {
    return {reinterpret_cast<const Bits*>(values.data()), values.size()};
  }

  // A page of one value costs one run, however many rows it has.
  bool AppendOnly(const ColumnSlice& slice, std::int64_t rows, ByteBuffer& body, DataPage& page) {
    std::vector<T> value;
    GatherSlice(slice, value);
    std::uint32_t index = 0;
    if (!dictionary_.Find(BitsOf(value), &index)) return false;
    is_decided_ = true;
    encoding_ = page.encoding = Encoding::kRleDictionary;
    const int width = IndexWidth(dictionary_.count());
    body.AppendByte(static_cast<std::uint8_t>(width));
    AppendRun(static_cast<std::size_t>(rows), index, width, body);
    page.bounds = BoundsOf<T>(value);
    return true;
  }

  bool AppendIndices(std::span<const T> values, ByteBuffer& body) {
    static thread_local std::vector<std::uint32_t> indices;
    indices.resize(values.size());
    if (!dictionary_.Find(BitsOf(values), indices.data())) return false;
    const int width = IndexWidth(dictionary_.count());
    body.AppendByte(static_cast<std::uint8_t>(width));
    AppendRle(indices, width, body);
    return true;
  }

  // Compares what a row group would take each way. Delta needs no table and no second look, so a
  // dictionary has to be clearly smaller.
  void Decide(std::span<const T> values, const PageRows& page) {
    constexpr double kPacked = 0.75;  // what compression makes of plain numbers, roughly
    constexpr double kClearly = 0.85;
    is_decided_ = true;
    const double rows = static_cast<double>(page.group_rows) * static_cast<double>(values.size()) /
                        static_cast<double>(page.rows);
    const double distinct = EstimateFrom(values, rows);
    const double dictionary =
        distinct * sizeof(T) * kPacked + rows * IndexWidth(static_cast<std::size_t>(distinct)) / 8;
    const bool fits = distinct * sizeof(T) < kDictionaryBytesMax;
    const double plain = rows * sizeof(T) * kPacked;
    encoding_ = Encoding::kPlain;
    double best = plain;
    if constexpr (std::is_integral_v<T>) {
      static thread_local ByteBuffer sample;
      sample.Clear();
      const auto first = values.first(std::min(values.size(), kSampleValues));
      AppendDelta(first, sample);
      const double delta =
          rows * static_cast<double>(sample.size()) / static_cast<double>(first.size());
      if (delta < best) {
        best = delta;
        encoding_ = Encoding::kDelta;
      }
    }
    if (fits && dictionary < best * kClearly) encoding_ = Encoding::kRleDictionary;
  }

  double EstimateFrom(std::span<const T> values, double rows) {
    static thread_local std::vector<Bits> sample;
    static thread_local std::vector<std::uint32_t> indices(kSampleValues);
    static thread_local NumberDictionary<Bits> seen;
    sample.clear();
    const auto bits = BitsOf(values);
    const std::size_t step = SampleStep(bits.size());
    for (std::size_t i = 0; i < bits.size(); i += step) sample.push_back(bits[i]);
    seen.Clear();
    seen.Find(sample, indices.data());
    return EstimateDistinct(sample.size(), seen.count(), rows);
  }

  bool is_decided_ = false;
  Encoding encoding_ = Encoding::kPlain;
  NumberDictionary<Bits> dictionary_;
};

}  // namespace

std::unique_ptr<ColumnEncoder> MakeNumberColumn(const Leaf& leaf, Codec codec, int level) {
  switch (leaf.physical) {
    case Physical::kInt32:
      return std::make_unique<NumberColumn<std::int32_t>>(leaf, codec, level);
    case Physical::kInt64:
      return std::make_unique<NumberColumn<std::int64_t>>(leaf, codec, level);
    case Physical::kFloat:
      return std::make_unique<NumberColumn<float>>(leaf, codec, level);
    default:
      return std::make_unique<NumberColumn<double>>(leaf, codec, level);
  }
}

}  // namespace tidemark::pq
