#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <vector>

#include "encode/parquet/columns.h"

namespace tidemark::pq {
namespace {

bool IsValid(const ColumnSlice& slice, std::int64_t row) {
  return !slice.array->MayHaveNulls() ||
         arrow::bit_util::GetBit(slice.array->buffers[0]->data(),
                                 slice.array->offset + slice.from + row);
}

class BooleanColumn final : public ColumnEncoder {
 public:
  BooleanColumn(const Leaf& leaf, Codec codec, int level) : ColumnEncoder(leaf, codec, level) {}

 protected:
  Status EncodeValues(const PageRows& rows, ByteBuffer& body, DataPage& page) override {
    std::uint8_t byte = 0;
    std::int64_t count = 0, set = 0;
    for (const ColumnSlice& slice : rows.slices) {
      const std::uint8_t* const bits = slice.array->buffers[1]->data();
      for (std::int64_t row = 0; row < slice.rows; ++row) {
        if (!IsValid(slice, row)) continue;
        const bool value = arrow::bit_util::GetBit(bits, slice.array->offset + slice.from + row);
        byte = static_cast<std::uint8_t>(byte | (value ? 1 : 0) << (count % 8));
        set += value ? 1 : 0;
        if (++count % 8 == 0) body.AppendByte(std::exchange(byte, 0));
      }
    }
    if (count % 8 != 0) body.AppendByte(byte);
    page.bounds = Bounds{std::string(1, set == count ? 1 : 0), std::string(1, set > 0 ? 1 : 0)};
    return {};
  }
  bool IsLess(std::string_view a, std::string_view b) const override { return a[0] < b[0]; }
};

// Decimals of more than 18 digits and values of a fixed length.
class FixedColumn final : public ColumnEncoder {
 public:
  FixedColumn(const Leaf& leaf, Codec codec, int level)
      : ColumnEncoder(leaf, codec, level),
        is_decimal_(leaf.type->id() == arrow::Type::DECIMAL128),
        width_(static_cast<std::size_t>(leaf.fixed_bytes)) {}

 protected:
  Status EncodeValues(const PageRows& rows, ByteBuffer& body, DataPage& page) override {
    const auto from_width = static_cast<std::int64_t>(leaf_.type->byte_width());
    const std::size_t begin = body.size();
    body.Reserve(begin + static_cast<std::size_t>(rows.rows - rows.nulls) * width_);
    for (const ColumnSlice& slice : rows.slices) {
      const std::uint8_t* const values =
          slice.array->buffers[1]->data() + (slice.array->offset + slice.from) * from_width;
      for (std::int64_t row = 0; row < slice.rows; ++row) {
        if (IsValid(slice, row)) AppendValue(values + row * from_width, body);
      }
    }
    page.bounds = BoundsOf(body, begin);
    return {};
  }

  bool IsLess(std::string_view a, std::string_view b) const override {
    if (is_decimal_ && a[0] != b[0])
      return static_cast<signed char>(a[0]) < static_cast<signed char>(b[0]);
    return a < b;
  }

 private:
  // Arrow's decimals have the lowest byte first, Parquet's the highest.
  void AppendValue(const std::uint8_t* value, ByteBuffer& body) {
    std::uint8_t* const to = body.Room(width_);
    if (is_decimal_) {
      std::reverse_copy(value, value + width_, to);
    } else {
      std::memcpy(to, value, width_);
    }
    body.Advance(width_);
  }

  std::optional<Bounds> BoundsOf(const ByteBuffer& body, std::size_t begin) const {
    constexpr std::size_t kBoundBytesMax = 128;
    if (width_ == 0 || width_ > kBoundBytesMax) return {};
    const auto at = [&](std::size_t from) {
      return std::string_view(reinterpret_cast<const char*>(body.data()) + from, width_);
    };
    std::string_view low = at(begin), high = low;
    for (std::size_t from = begin + width_; from < body.size(); from += width_) {
      const std::string_view value = at(from);
      if (IsLess(value, low)) low = value;
      if (IsLess(high, value)) high = value;
    }
    return Bounds{std::string(low), std::string(high)};
  }

  const bool is_decimal_;
  const std::size_t width_;
};

}  // namespace

std::unique_ptr<ColumnEncoder> MakePlainColumn(const Leaf& leaf, Codec codec, int level) {
  if (leaf.physical == Physical::kBoolean)
    return std::make_unique<BooleanColumn>(leaf, codec, level);
  return std::make_unique<FixedColumn>(leaf, codec, level);
}

}  // namespace tidemark::pq
