#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/sqlite/catalog.h"
#include "source/sqlite/column_builder.h"
#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// Turns records of one table, as they lie in its leaf pages, into rows of a builder. One thread.
class RecordDecoder {
 public:
  // kUnsupported: columns that records do not hold.
  static Result<RecordDecoder> Make(const CatalogTable& catalog, const Table& table);

  enum class Outcome : std::uint8_t { kRow, kMisfit, kUnreadable };
  // Appends and ends one row. At least PageReader::kSlack bytes behind the record may be read too.
  Outcome Decode(const std::uint8_t* record, std::uint64_t size, std::int64_t rowid,
                 BatchBuilder* builder);
  int misfit_column() const { return misfit_column_; }  // index in Table::columns

 private:
  // One value of the record, in the order of storage.
  struct Step {
    BatchBuilder::Kind kind;
    bool is_wanted = false;
    bool is_rowid = false;          // stored as NULL
    bool is_real_affinity = false;  // whole numbers are stored as integers and mean reals
    int column = -1;                // index in Table::columns
  };
  // What a record that is older than the column stands for.
  struct Default {
    std::vector<std::uint8_t> value;  // as in a record, with slack behind
    std::uint64_t serial = 0;
  };
  static std::optional<Default> EvaluateDefault(const CatalogColumn& column);
  bool Append(const Step& step, std::uint64_t serial, const std::uint8_t* value,
              BatchBuilder* builder);
  bool AppendAny(const Step& step, std::uint64_t serial, const std::uint8_t* value,
                 BatchBuilder* builder);
  bool AppendShortText(BatchBuilder::ColumnBuffers& column, const std::uint8_t* value,
                       std::uint64_t size, BatchBuilder* builder);
  Outcome AppendMissing(std::size_t index, std::int64_t rowid, BatchBuilder* builder);
  Outcome Misfit(const Step& step);

  RecordDecoder() = default;

  std::vector<Step> steps_;
  std::vector<CatalogColumn> columns_;            // for defaults
  std::vector<std::optional<Default>> defaults_;  // evaluated when a record lacks one
  int misfit_column_ = -1;
};

// A varint of at most nine bytes; `*at` moves behind it. Up to nine bytes are read.
inline std::uint64_t ReadVarint(const std::uint8_t** at) {
  const std::uint8_t* p = *at;
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) {
    value = value << 7 | (p[i] & 0x7f);
    if (p[i] < 0x80) {
      *at = p + i + 1;
      return value;
    }
  }
  *at = p + 9;
  return value << 8 | p[8];
}

}  // namespace tidemark::sqlite
