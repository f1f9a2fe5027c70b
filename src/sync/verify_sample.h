#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fold/key_spelling.h"
#include "fold/row_hash.h"
#include "sync/sync_table.h"

namespace tidemark {

// Ranges of the key that make the sample that is asked for, small enough that it has several.
// `estimated_rows`: of the table.
Result<std::vector<Slice>> SampleSlices(const RunContext& context, const Table& table,
                                        std::int64_t estimated_rows);

// Of landed keys that the sampled ranges did not meet, as large a part as of the source's rows:
// those that the source does not have either are extra. One thread at a time.
class GoneSample {
 public:
  GoneSample(const RunContext& context, const Table& table, std::int64_t estimated_rows);

  // The same of the same keys for the same seed.
  bool Chooses(std::string_view key_bytes) const;
  // Looks chosen keys up: RowSchema(table), of which the key's columns are filled in.
  Status LookUp(const arrow::RecordBatch& keys);

  std::int64_t gone() const { return gone_; }
  const std::vector<std::string>& examples() const { return examples_; }  // a few
  // Why nothing can be said; empty: it can.
  const std::string& unknown_because() const { return unknown_because_; }

 private:
  Status Count(const arrow::RecordBatch& keys, const arrow::RecordBatch& found);

  Snapshot& snapshot_;
  const Table& table_;
  const double share_;
  const RowHash hash_;
  KeySpelling spelling_;
  std::int64_t gone_ = 0;
  std::vector<std::string> examples_;
  std::string unknown_because_;
};

}  // namespace tidemark
