#include "model/table.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <utility>

namespace tidemark {

std::shared_ptr<arrow::Schema> RowSchema(const Table& table) {
  arrow::FieldVector fields;
  for (const auto& column : table.columns) fields.push_back(arrow::field(column.name, column.type));
  return arrow::schema(std::move(fields));
}

namespace {

// As Arrow's own Parquet reader and others call it.
std::shared_ptr<arrow::Field> FieldOf(std::string name, std::shared_ptr<arrow::DataType> type,
                                      std::int64_t field_id) {
  if (field_id == 0) return arrow::field(std::move(name), std::move(type));
  return arrow::field(std::move(name), std::move(type), /*nullable=*/true,
                      arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(field_id)}));
}

}  // namespace

std::shared_ptr<arrow::Schema> ChangeSchema(const Table& table) {
  arrow::FieldVector fields = {FieldOf(kVersionColumn, arrow::int64(), 1),
                               FieldOf(kCreationVersionColumn, arrow::int64(), 2),
                               FieldOf(kOperationColumn, arrow::utf8(), kLastLeadFieldId)};
  for (const auto& column : table.columns)
    fields.push_back(FieldOf(column.name, column.type, column.field_id));
  return arrow::schema(std::move(fields));
}

std::string Display(const TableName& name) { return name.schema + "." + name.name; }

}  // namespace tidemark
