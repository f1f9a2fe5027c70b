#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "encode/encoder.h"
#include "model/table.h"

namespace tidemark {

// Rows as text, for formats whose file is the concatenation of its rows' texts. Const once made:
// many threads may spell batches at once. The text of a row depends on the values that are stored
// and on the options alone, not on the types it was read as: a slice that had to be read again as
// it is stored (Snapshot::AsStored) fits beside the others.
class RowText {
 public:
  virtual ~RowText() = default;
  virtual std::string Begin() const { return {}; }
  // Appends the batch's rows. `is_first`: nothing of the table was spelt before; a batch of no rows
  // does not count. kUnsupported names a column.
  virtual Status Append(const arrow::RecordBatch& rows, bool is_first, std::string* to) const = 0;
  virtual std::string End() const { return {}; }
  // Sentences for people about what was spelt so far and is not plain to a reader.
  virtual std::vector<std::string> Warnings() const { return {}; }
};

struct RowTextRequest {
  const Table& read;      // as batches are: columns that hold storage classes stand behind theirs
  const Table& promised;  // the same columns, without those, as the source declares them
  const TextOptions& options;
  // Only SQL: "insert into "t"("a","b") values", and the encoding of the database that is restored.
  std::string insert_head = {};
  TextEncoding encoding = TextEncoding::kUtf8;
};

// By a format's name: csv, json, ndjson, sql. kInvalid: no format of rows' texts; kUnsupported: a
// column's type.
Result<std::unique_ptr<RowText>> MakeRowText(std::string_view format, const RowTextRequest&);

Result<std::unique_ptr<RowText>> MakeCsv(const RowTextRequest& request);
Result<std::unique_ptr<RowText>> MakeJson(const RowTextRequest& request);    // an array of objects
Result<std::unique_ptr<RowText>> MakeNdjson(const RowTextRequest& request);  // an object a line
// insert statements of bounded size that give SQLite the same values, bit by bit.
Result<std::unique_ptr<RowText>> MakeSql(const RowTextRequest& request);

// Encoders of whole files over them, for encode/registry.cc.
Result<std::unique_ptr<Encoder>> OpenCsv(std::shared_ptr<arrow::Schema>, const FormatOptions&,
                                         ByteSink&);
Result<std::unique_ptr<Encoder>> OpenJson(std::shared_ptr<arrow::Schema>, const FormatOptions&,
                                          ByteSink&);
Result<std::unique_ptr<Encoder>> OpenNdjson(std::shared_ptr<arrow::Schema>, const FormatOptions&,
                                            ByteSink&);
Result<std::unique_ptr<Encoder>> OpenSql(std::shared_ptr<arrow::Schema>, const FormatOptions&,
                                         ByteSink&);

}  // namespace tidemark
