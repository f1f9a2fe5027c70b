#pragma once
#include <optional>
#include <string>
#include <vector>

#include "encode/cells.h"

namespace tidemark {

// Which class a value has that was read as it is stored.
enum class StorageClass : std::uint8_t { kInteger, kReal, kText, kBlob };

// A column that formats of rows' texts spell.
struct TextColumn {
  std::string name;
  int position = 0;         // in batches
  int class_position = -1;  // of the storage classes; -1: the type says it
  CellType type;
  bool expects_bytes = false;  // the source declares bytes
};
// Of `read`, see RowTextRequest. kUnsupported names a column and its type; kInternal: the two
// tables do not match.
Result<std::vector<TextColumn>> TextColumnsOf(const Table& read, const Table& promised);

// One column of one batch, with the storage classes of its values where they were asked for.
class TextCells {
 public:
  TextCells(const TextColumn& column, const arrow::RecordBatch& rows);
  bool IsNull(std::int64_t row) const { return cells_.IsNull(row); }
  bool has_classes() const { return classes_.has_value(); }
  const Cells& cells() const { return cells_; }
  StorageClass ClassOf(std::int64_t row) const {
    switch (classes_->Bytes(row).front()) {
      case 'i':
        return StorageClass::kInteger;
      case 'r':
        return StorageClass::kReal;
      case 't':
        return StorageClass::kText;
      default:
        return StorageClass::kBlob;
    }
  }

 private:
  Cells cells_;
  std::optional<Cells> classes_;
};
std::vector<TextCells> CellsOf(const std::vector<TextColumn>& columns,
                               const arrow::RecordBatch& rows);

// The real whose text stands in a column that was read as it is stored.
double RealOf(std::string_view text);

// "column "a": 3 texts are ...": a warning, where there is anything to warn of.
void WarnOfCount(const TextColumn& column, std::int64_t count, std::string_view what,
                 std::vector<std::string>& warnings);

}  // namespace tidemark
