#include "model/table.h"

#include <arrow/type.h>

namespace tidemark {

std::shared_ptr<arrow::Schema> RowSchema(const Table& table) {
  arrow::FieldVector fields;
  for (const auto& column : table.columns) fields.push_back(arrow::field(column.name, column.type));
  return arrow::schema(std::move(fields));
}

std::shared_ptr<arrow::Schema> ChangeSchema(const Table& table) {
  arrow::FieldVector fields = {arrow::field(kVersionColumn, arrow::int64()),
                               arrow::field(kCreationVersionColumn, arrow::int64()),
                               arrow::field(kOperationColumn, arrow::utf8())};
  for (const auto& column : table.columns) fields.push_back(arrow::field(column.name, column.type));
  return arrow::schema(std::move(fields));
}

std::string Display(const TableName& name) { return name.schema + "." + name.name; }

}  // namespace tidemark
