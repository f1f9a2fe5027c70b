#include "sync/verify_sample.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "base/random.h"
#include "fold/fold.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

std::int64_t WantedRows(const SampleOptions& sample, std::int64_t estimated_rows) {
  if (sample.rows > 0) return sample.rows;
  return static_cast<std::int64_t>(sample.share * static_cast<double>(estimated_rows));
}

double ShareOf(const SampleOptions& sample, std::int64_t estimated_rows) {
  auto wanted_rows = WantedRows(sample, estimated_rows);
  if (estimated_rows <= wanted_rows) return 1;
  return static_cast<double>(wanted_rows) / static_cast<double>(estimated_rows);
}

RowHash SeededHash(std::uint64_t seed) {
  SeededRandom random(seed);
  return RowHash(random);
}

std::vector<Column> KeyColumns(const Table& table) {
  std::vector<Column> columns;
  for (const auto& name : table.key)
    columns.push_back(*std::ranges::find(table.columns, name, &Column::name));
  return columns;
}

std::vector<int> PlacesOf(const std::vector<std::string>& key, const arrow::Schema& schema) {
  std::vector<int> places;
  for (const auto& name : key) places.push_back(schema.GetFieldIndex(name));
  return places;
}

}  // namespace

Result<std::vector<Slice>> SampleSlices(const RunContext& context, const Table& table,
                                        std::int64_t estimated_rows) {
  constexpr std::int64_t kSlicesASample = 20;
  const auto& sample = context.options.sample;
  auto slice_rows = std::max<std::int64_t>(1, WantedRows(sample, estimated_rows) / kSlicesASample);
  auto slices = TRY(context.snapshot.Split(table, slice_rows));
  auto share = ShareOf(sample, estimated_rows);
  if (share >= 1) return slices;
  auto count = static_cast<std::size_t>(std::ceil(share * static_cast<double>(slices.size())));
  SeededRandom random(sample.seed);
  for (std::size_t i = 0; i < std::min(count, slices.size()); ++i)
    std::swap(slices[i], slices[i + random.Next() % (slices.size() - i)]);
  slices.resize(std::clamp<std::size_t>(count, 1, slices.size()));
  return slices;
}

GoneSample::GoneSample(const RunContext& context, const Table& table, std::int64_t estimated_rows)
    : snapshot_(context.snapshot),
      table_(table),
      share_(ShareOf(context.options.sample, estimated_rows)),
      hash_(SeededHash(context.options.sample.seed)),
      spelling_(KeyColumns(table)) {
  if (table.key.empty()) unknown_because_ = "it has no key";
}

bool GoneSample::Chooses(std::string_view key_bytes) const {
  constexpr double kHashes = 18'446'744'073'709'551'616.0;
  return share_ >= 1 || static_cast<double>(hash_.Of(key_bytes).high) < share_ * kHashes;
}

Status GoneSample::LookUp(const arrow::RecordBatch& keys) {
  if (!unknown_because_.empty()) return {};
  auto found = snapshot_.FindKeys(table_, keys);
  if (found) return Count(keys, **found);
  if (found.error().kind != ErrorKind::kUnsupported) return Fail(std::move(found.error()));
  unknown_because_ = found.error().message;
  return {};
}

Status GoneSample::Count(const arrow::RecordBatch& keys, const arrow::RecordBatch& found) {
  auto key_columns = static_cast<int>(table_.key.size());
  std::unordered_set<std::string> there;
  RowEncoder encoder;
  TRY(encoder.Start(found, PlacesOf(table_.key, *found.schema()), key_columns));
  while (TRY(encoder.Next()))
    for (std::int64_t i = 0; i < encoder.rows(); ++i) there.emplace(spelling_.Of(encoder.Key(i)));
  auto places = PlacesOf(table_.key, *keys.schema());
  TRY(encoder.Start(keys, places, key_columns));
  while (TRY(encoder.Next()))
    for (std::int64_t i = 0; i < encoder.rows(); ++i) {
      auto key = encoder.Key(i);
      if (there.contains(std::string(spelling_.Of(key)))) continue;
      ++gone_;
      if (examples_.size() < FoldExamples::kEachMax)
        examples_.push_back(TRY(KeyText(*keys.schema(), places, key)));
    }
  return {};
}

}  // namespace tidemark
