#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <vector>

#include "encode/parquet/bits.h"
#include "encode/parquet/columns.h"
#include "encode/parquet/dictionary.h"

namespace tidemark::pq {
namespace {

using Texts = std::vector<std::string_view>;

// The values that are not null.
template <class Offset>
void Gather(const ColumnSlice& slice, Texts& to) {
  const Offset* const offsets = slice.array->GetValues<Offset>(1) + slice.from;
  const auto& buffer = slice.array->buffers[2];
  const char* const bytes =
      buffer && buffer->data() ? reinterpret_cast<const char*>(buffer->data()) : "";
  const std::uint8_t* const valid =
      slice.array->MayHaveNulls() ? slice.array->buffers[0]->data() : nullptr;
  const std::int64_t bit = slice.array->offset + slice.from;
  if (slice.is_repeated) {
    if (valid && !arrow::bit_util::GetBit(valid, bit)) return;
    const std::string_view text(bytes + offsets[0],
                                static_cast<std::size_t>(offsets[1] - offsets[0]));
    to.insert(to.end(), static_cast<std::size_t>(slice.rows), text);
    return;
  }
  for (std::int64_t row = 0; row < slice.rows; ++row) {
    if (valid && !arrow::bit_util::GetBit(valid, bit + row)) continue;
    to.emplace_back(bytes + offsets[row],
                    static_cast<std::size_t>(offsets[row + 1] - offsets[row]));
  }
}

// The first 8 bytes as a number that sorts as they do; shorter texts are filled up with zeros, so
// equal numbers still have to be compared in full.
std::uint64_t PrefixOf(std::string_view text) {
  std::uint64_t word = 0;
  if (text.size() >= 8) {
    std::memcpy(&word, text.data(), 8);
  } else {
    std::memcpy(&word, text.data(), text.size());
  }
  return __builtin_bswap64(word);
}

// The least and the greatest of texts, most of which one comparison of numbers rules out.
class Extremes {
 public:
  explicit Extremes(std::string_view first)
      : low_(first), high_(first), low_prefix_(PrefixOf(first)), high_prefix_(low_prefix_) {}
  void Add(std::string_view text) {
    const std::uint64_t prefix = PrefixOf(text);
    if (prefix <= low_prefix_ && text < low_) {
      low_ = text;
      low_prefix_ = prefix;
    }
    if (prefix >= high_prefix_ && text > high_) {
      high_ = text;
      high_prefix_ = prefix;
    }
  }
  // Nothing when they are too long to be kept: a shortened bound is not understood by all readers.
  std::optional<Bounds> AsBounds() const {
    constexpr std::size_t kBoundBytesMax = 128;
    if (std::max(low_.size(), high_.size()) > kBoundBytesMax) return {};
    return Bounds{std::string(low_), std::string(high_)};
  }

 private:
  std::string_view low_, high_;
  std::uint64_t low_prefix_, high_prefix_;
};

void AppendPlainTexts(const Texts& texts, ByteBuffer& body) {
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += 4 + text.size();
  std::uint8_t* to = body.Room(bytes);
  for (const std::string_view text : texts) {
    const auto size = static_cast<std::uint32_t>(text.size());
    std::memcpy(to, &size, 4);
    std::memcpy(to + 4, text.data(), size);
    to += 4 + size;
  }
  body.Advance(bytes);
}

// DELTA_LENGTH_BYTE_ARRAY would take a tenth less, but Spark's vectorized reader either refuses it
// (3.3.0, SPARK-40128) or reads wrong values beside nulls (up to 3.5.5, SPARK-52240).
class TextColumn final : public ColumnEncoder {
 public:
  TextColumn(const Leaf& leaf, Codec codec, int level)
      : ColumnEncoder(leaf, codec, level),
        has_large_offsets_(leaf.type->id() == arrow::Type::LARGE_STRING ||
                           leaf.type->id() == arrow::Type::LARGE_BINARY) {}

  Status EndChunk() override {
    is_decided_ = false;
    return AddDictionary(dictionary_);
  }

 protected:
  Status EncodeValues(const PageRows& rows, ByteBuffer& body, DataPage& page) override {
    static thread_local Texts texts;
    texts.clear();
    const ColumnSlice* const only = OnlyValue(rows);
    if (only && (!is_decided_ || encoding_ == Encoding::kRleDictionary)) {
      if (AppendOnly({only->array, only->from, 1}, rows.rows, body, page)) return {};
    }
    for (const ColumnSlice& slice : rows.slices) {
      has_large_offsets_ ? Gather<std::int64_t>(slice, texts) : Gather<std::int32_t>(slice, texts);
    }
    if (!is_decided_) Decide(texts, rows);
    page.encoding = encoding_;
    if (encoding_ == Encoding::kRleDictionary) {
      if (AppendIndices(texts, body, page)) return {};
      encoding_ = page.encoding = Encoding::kPlain;
    }
    Extremes extremes(texts.front());
    for (const std::string_view text : texts) extremes.Add(text);
    page.bounds = extremes.AsBounds();
    AppendPlainTexts(texts, body);
    return {};
  }

  bool IsLess(std::string_view a, std::string_view b) const override { return a < b; }

 private:
  // The bounds are those of the dictionary's values that this page uses.
  bool AppendIndices(const Texts& texts, ByteBuffer& body, DataPage& page) {
    static thread_local std::vector<std::uint32_t> indices;
    static thread_local std::vector<std::uint8_t> is_used;
    indices.resize(texts.size());
    if (!dictionary_.Find(texts, indices.data())) return false;
    const int width = IndexWidth(dictionary_.count());
    body.AppendByte(static_cast<std::uint8_t>(width));
    AppendRle(indices, width, body);
    is_used.assign(dictionary_.count(), 0);
    for (const std::uint32_t index : indices) is_used[index] = 1;
    Extremes extremes(texts.front());
    for (std::size_t i = 0; i < is_used.size(); ++i) {
      if (is_used[i]) extremes.Add(dictionary_.key(i));
    }
    page.bounds = extremes.AsBounds();
    return true;
  }

  // A page of one value costs one run, however many rows it has.
  bool AppendOnly(const ColumnSlice& value, std::int64_t rows, ByteBuffer& body, DataPage& page) {
    Texts text;
    has_large_offsets_ ? Gather<std::int64_t>(value, text) : Gather<std::int32_t>(value, text);
    std::uint32_t index = 0;
    if (!dictionary_.Find(text, &index)) return false;
    is_decided_ = true;
    encoding_ = page.encoding = Encoding::kRleDictionary;
    const int width = IndexWidth(dictionary_.count());
    body.AppendByte(static_cast<std::uint8_t>(width));
    AppendRun(static_cast<std::size_t>(rows), index, width, body);
    page.bounds = Extremes(text.front()).AsBounds();
    return true;
  }

  void Decide(const Texts& texts, const PageRows& page) {
    constexpr double kPacked = 0.5;  // what compression makes of text, roughly
    constexpr double kClearly = 0.85;
    is_decided_ = true;
    encoding_ = Encoding::kPlain;
    static thread_local Texts sample;
    static thread_local std::vector<std::uint32_t> indices(kSampleValues);
    TextDictionary seen;
    sample.clear();
    double bytes = 0;
    const std::size_t step = SampleStep(texts.size());
    for (std::size_t i = 0; i < texts.size(); i += step) {
      sample.push_back(texts[i]);
      bytes += static_cast<double>(texts[i].size() + 4);
    }
    if (!seen.Find(sample, indices.data())) return;
    bytes /= static_cast<double>(sample.size());
    const double rows = static_cast<double>(page.group_rows) * static_cast<double>(texts.size()) /
                        static_cast<double>(page.rows);
    const double distinct = EstimateDistinct(sample.size(), seen.count(), rows);
    const double plain = rows * bytes * kPacked;
    const double dictionary =
        distinct * bytes * kPacked + rows * IndexWidth(static_cast<std::size_t>(distinct)) / 8;
    const bool fits = distinct * bytes < kDictionaryBytesMax;
    if (fits && dictionary < plain * kClearly) encoding_ = Encoding::kRleDictionary;
  }

  const bool has_large_offsets_;
  bool is_decided_ = false;
  Encoding encoding_ = Encoding::kPlain;
  TextDictionary dictionary_;
};

}  // namespace

std::unique_ptr<ColumnEncoder> MakeTextColumn(const Leaf& leaf, Codec codec, int level) {
  return std::make_unique<TextColumn>(leaf, codec, level);
}

}  // namespace tidemark::pq
