#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace arrow {
class DataType;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace tidemark {

// JSON objects, as RowJson spells rows, back as columns. Integers come back as int64 and reals as
// double, whatever their width; all else has its own type. One thread at a time.
class JsonRows {
 public:
  struct Member {
    std::string name;
    std::shared_ptr<arrow::DataType> type;
    bool is_required = false;  // a row without it is refused
  };
  // kUnsupported: no JSON stands for a type.
  static Result<std::unique_ptr<JsonRows>> Make(const std::vector<Member>& members);
  virtual ~JsonRows() = default;

  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  // kCorrupt: the text is no such object, or a value does not fit its column; names the member.
  virtual Status Append(std::string_view object) = 0;
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Finish() = 0;  // empty again afterwards
};

}  // namespace tidemark
