#pragma once
#include <memory>

#include "encode/parquet/column.h"

namespace tidemark::pq {

std::unique_ptr<ColumnEncoder> MakeNumberColumn(const Leaf& leaf, Codec codec, int level);
// Text and bytes of any length.
std::unique_ptr<ColumnEncoder> MakeTextColumn(const Leaf& leaf, Codec codec, int level);
// Booleans and values of a fixed length, which are always written plainly.
std::unique_ptr<ColumnEncoder> MakePlainColumn(const Leaf& leaf, Codec codec, int level);

// Every so many-th value, so that at most kSampleValues are looked at.
inline constexpr std::size_t kSampleValues = 4096;
inline std::size_t SampleStep(std::size_t values) {
  return (values + kSampleValues - 1) / kSampleValues;
}

}  // namespace tidemark::pq
