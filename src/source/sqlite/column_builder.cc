#include "source/sqlite/column_builder.h"

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/arrow_result.h"
#include "base/text.h"

namespace tidemark::sqlite {
namespace {

constexpr std::int64_t kFirstRows = 256;
constexpr std::int64_t kFirstBytes = 16 << 10;
constexpr std::int64_t kExactInDouble = std::int64_t{1} << 53;

enum StorageClass : std::uint8_t { kNullClass, kIntegerClass, kRealClass, kTextClass, kBlobClass };
constexpr std::string_view kClassNames[] = {"", "integer", "real", "text", "blob"};

// Shortest text that reads back as the same value, recognisable as a real.
std::string_view RenderReal(double value, char (&room)[40]) {
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char* end = std::to_chars(room, room + 32, value).ptr;
  if (std::find(room, end, '.') == end) {
    char* exponent = std::find(room, end, 'e');
    std::memmove(exponent + 2, exponent, static_cast<std::size_t>(end - exponent));
    exponent[0] = '.';
    exponent[1] = '0';
    end += 2;
  }
  return {room, static_cast<std::size_t>(end - room)};
}

// False: memory ran out; the buffer is as it was.
bool Resize(std::shared_ptr<arrow::ResizableBuffer>* buffer, std::int64_t size) {
  if (*buffer) return (*buffer)->Resize(size, /*shrink_to_fit=*/false).ok();
  auto made = arrow::AllocateResizableBuffer(size);
  if (!made.ok()) return false;
  *buffer = std::move(made).ValueUnsafe();
  return true;
}

}  // namespace

BatchBuilder::BatchBuilder(BatchBuilder&&) noexcept = default;
BatchBuilder& BatchBuilder::operator=(BatchBuilder&&) noexcept = default;
BatchBuilder::~BatchBuilder() = default;

Result<BatchBuilder> BatchBuilder::Make(const Table& table) {
  BatchBuilder builder;
  builder.schema_ = RowSchema(table);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    bool is_any = i + 1 < table.columns.size() && table.columns[i + 1].IsClassOf(column) &&
                  column.storage_class_of.empty();
    ColumnBuffers buffers;
    switch (column.type->id()) {
      case arrow::Type::BOOL:
        buffers.kind = Kind::kBool;
        break;
      case arrow::Type::INT64:
        buffers.kind = Kind::kInt;
        break;
      case arrow::Type::DOUBLE:
        buffers.kind = Kind::kReal;
        break;
      case arrow::Type::DATE32:
        buffers.kind = Kind::kDate;
        break;
      case arrow::Type::TIMESTAMP:
        buffers.kind = Kind::kTimestamp;
        break;
      case arrow::Type::STRING:
        buffers.kind = !column.storage_class_of.empty() ? Kind::kStorageClass
                       : is_any                         ? Kind::kAnyAsUtf8
                                                        : Kind::kUtf8;
        break;
      case arrow::Type::BINARY:
        buffers.kind = is_any ? Kind::kAnyAsBinary : Kind::kBinary;
        break;
      default:
        return Fail(ErrorKind::kUnsupported, "table " + Display(table.name) + ": column \"" +
                                                 column.name + "\" cannot be read as " +
                                                 column.type->ToString());
    }
    buffers.is_key = std::find(table.key.begin(), table.key.end(), column.name) != table.key.end();
    builder.fixed_bytes_per_row_ += WidthOf(buffers.kind);
    builder.columns_.push_back(std::move(buffers));
  }
  builder.GrowRows(kFirstRows);
  if (builder.is_out_of_memory_)
    return Fail(ErrorKind::kUnavailable, "memory ran out for table " + Display(table.name));
  return builder;
}

int BatchBuilder::WidthOf(Kind kind) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kStorageClass:
      return 1;
    case Kind::kInt:
    case Kind::kReal:
    case Kind::kTimestamp:
      return 8;
    default:
      return 4;
  }
}

bool BatchBuilder::AppendNull(int column) {
  auto& buffers = columns_[static_cast<std::size_t>(column)];
  if (buffers.is_key) return false;
  if (IsAny(buffers.kind)) SetNull(columns_[static_cast<std::size_t>(column) + 1]);
  SetNull(buffers);
  return true;
}

bool BatchBuilder::AppendIntSlowly(int column, std::int64_t value) {
  auto& buffers = columns_[static_cast<std::size_t>(column)];
  switch (buffers.kind) {
    case Kind::kBool:
      if (value != 0 && value != 1) return false;
      SetFixed(buffers, static_cast<std::uint8_t>(value));
      return true;
    case Kind::kReal:
      if (value > kExactInDouble || value < -kExactInDouble) return false;
      SetFixed(buffers, static_cast<double>(value));
      return true;
    case Kind::kAnyAsUtf8:
    case Kind::kAnyAsBinary: {
      char room[24];
      char* end = std::to_chars(room, room + sizeof(room), value).ptr;
      return SetAny(column, kIntegerClass, {room, static_cast<std::size_t>(end - room)});
    }
    default:
      return false;
  }
}

bool BatchBuilder::AppendRealSlowly(int column, double value) {
  auto& buffers = columns_[static_cast<std::size_t>(column)];
  if (!IsAny(buffers.kind)) return false;
  char room[40];
  return SetAny(column, kRealClass, RenderReal(value, room));
}

bool BatchBuilder::AppendText(int column, std::string_view value) {
  auto& buffers = columns_[static_cast<std::size_t>(column)];
  switch (buffers.kind) {
    case Kind::kUtf8:
      if (!IsUtf8(value)) return false;
      SetBytes(buffers, value);
      return true;
    case Kind::kDate: {
      std::int32_t days;
      if (!ParseDate(value, &days)) return false;
      SetFixed(buffers, days);
      return true;
    }
    case Kind::kTimestamp: {
      std::int64_t microseconds;
      if (!ParseTimestamp(value, &microseconds)) return false;
      SetFixed(buffers, microseconds);
      return true;
    }
    case Kind::kAnyAsUtf8:
      return IsUtf8(value) && SetAny(column, kTextClass, value);
    case Kind::kAnyAsBinary:
      return SetAny(column, kTextClass, value);
    default:
      return false;
  }
}

bool BatchBuilder::AppendBlob(int column, std::string_view value) {
  auto& buffers = columns_[static_cast<std::size_t>(column)];
  if (buffers.kind == Kind::kAnyAsBinary) return SetAny(column, kBlobClass, value);
  if (buffers.kind != Kind::kBinary) return false;
  SetBytes(buffers, value);
  return true;
}

bool BatchBuilder::AppendStatement(int column, sqlite3_stmt* statement, int result_column) {
  switch (sqlite3_column_type(statement, result_column)) {
    case SQLITE_INTEGER:
      return AppendInt(column, sqlite3_column_int64(statement, result_column));
    case SQLITE_FLOAT:
      return AppendReal(column, sqlite3_column_double(statement, result_column));
    case SQLITE_TEXT: {
      auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, result_column));
      auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, result_column));
      return AppendText(column, {text, size});
    }
    case SQLITE_BLOB: {
      auto* blob = static_cast<const char*>(sqlite3_column_blob(statement, result_column));
      auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, result_column));
      return AppendBlob(column, {blob, size});
    }
    default:
      return AppendNull(column);
  }
}

void BatchBuilder::SetNull(ColumnBuffers& column) {
  if (!column.validity) {
    auto size = (capacity_ + 7) / 8;
    if (!Resize(&column.validity_buffer, size)) return RunOutOfMemory();
    column.validity = column.validity_buffer->mutable_data();
    std::memset(column.validity, 0xff, static_cast<std::size_t>(size));
  }
  column.validity[rows_ >> 3] &= static_cast<std::uint8_t>(~(1u << (rows_ & 7)));
  ++column.null_count;
  switch (column.kind) {
    case Kind::kInt:
    case Kind::kReal:
    case Kind::kTimestamp:
      SetFixed(column, std::int64_t{0});
      break;
    case Kind::kDate:
      SetFixed(column, std::int32_t{0});
      break;
    case Kind::kBool:
    case Kind::kStorageClass:
      SetFixed(column, std::uint8_t{0});
      break;
    default:
      SetFixed(column, static_cast<std::int32_t>(column.bytes_size));
  }
}

bool BatchBuilder::SetAny(int column, std::uint8_t storage_class, std::string_view value) {
  SetBytes(columns_[static_cast<std::size_t>(column)], value);
  SetFixed(columns_[static_cast<std::size_t>(column) + 1], storage_class);
  variable_bytes_ += 6;
  return true;
}

bool BatchBuilder::GrowBytes(ColumnBuffers& column, std::int64_t size) {
  auto needed = column.bytes_size + size;
  auto capacity =
      std::max({kFirstBytes, needed,
                std::min(2 * column.bytes_capacity, column.bytes_capacity + (64 << 20))});
  if (needed > std::numeric_limits<std::int32_t>::max() ||
      !Resize(&column.bytes_buffer, capacity)) {
    RunOutOfMemory();
    return false;
  }
  column.bytes = reinterpret_cast<char*>(column.bytes_buffer->mutable_data());
  column.bytes_capacity = capacity;
  return true;
}

void BatchBuilder::GrowRows(std::int64_t capacity) {
  for (auto& column : columns_) {
    bool is_new = !column.values;
    if (!Resize(&column.values_buffer, (capacity + 1) * WidthOf(column.kind)))
      return RunOutOfMemory();
    column.values = reinterpret_cast<char*>(column.values_buffer->mutable_data());
    if (HasBytes(column.kind)) {
      // Row i's end stands at entry i + 1: the first entry is the 0 that Arrow wants.
      if (is_new) std::memset(column.values, 0, 4);
      column.values += 4;
    }
    if (!column.validity) continue;
    auto old_size = column.validity_buffer->size(), size = (capacity + 7) / 8;
    if (!Resize(&column.validity_buffer, size)) return RunOutOfMemory();
    column.validity = column.validity_buffer->mutable_data();
    std::memset(column.validity + old_size, 0xff, static_cast<std::size_t>(size - old_size));
  }
  capacity_ = capacity;
}

void BatchBuilder::RunOutOfMemory() {
  is_out_of_memory_ = true;
  // What was built is lost; what still comes is written over it, within the buffers that are there.
  rows_ = 0;
  for (auto& column : columns_) column.bytes_size = 0;
}

Result<std::shared_ptr<arrow::RecordBatch>> BatchBuilder::Finish() {
  if (is_out_of_memory_)
    return Fail(ErrorKind::kUnavailable, "memory ran out while reading rows",
                "fewer --jobs or a smaller --memory leave more room");
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    arrays.push_back(TRY(FinishColumn(columns_[i], schema_->field(static_cast<int>(i))->type())));
  auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
  auto capacity = std::max(kFirstRows, rows_ + 1);
  rows_ = variable_bytes_ = 0;
  // The next batch will be of the same size, most likely.
  GrowRows(capacity);
  return batch;
}

Result<std::shared_ptr<arrow::ArrayData>> BatchBuilder::FinishColumn(
    ColumnBuffers& column, const std::shared_ptr<arrow::DataType>& type) {
  std::vector<std::shared_ptr<arrow::Buffer>> buffers(2);
  if (column.validity) {
    TRY(column.validity_buffer->Resize((rows_ + 7) / 8, false));
    buffers[0] = std::move(column.validity_buffer);
  }
  if (column.kind == Kind::kStorageClass) {
    TRY(FinishClasses(column, &buffers));
  } else if (column.kind == Kind::kBool) {
    buffers[1] = TRY(arrow::AllocateBitmap(rows_));
    auto* bits = buffers[1]->mutable_data();
    std::memset(bits, 0, static_cast<std::size_t>(buffers[1]->size()));
    for (std::int64_t row = 0; row < rows_; ++row)
      bits[row >> 3] |= static_cast<std::uint8_t>(column.values[row] << (row & 7));
  } else {
    auto entries = rows_ + (HasBytes(column.kind) ? 1 : 0);
    TRY(column.values_buffer->Resize(entries * WidthOf(column.kind), false));
    buffers[1] = std::move(column.values_buffer);
  }
  if (HasBytes(column.kind)) {
    if (!column.bytes_buffer && !Resize(&column.bytes_buffer, 0))
      return Fail(ErrorKind::kUnavailable, "memory ran out while reading rows");
    TRY(column.bytes_buffer->Resize(column.bytes_size, false));
    buffers.push_back(std::move(column.bytes_buffer));
  }
  auto null_count = column.null_count;
  ColumnBuffers empty;
  empty.kind = column.kind;
  empty.is_key = column.is_key;
  column = std::move(empty);
  return arrow::ArrayData::Make(type, rows_, std::move(buffers), null_count);
}

Status BatchBuilder::FinishClasses(const ColumnBuffers& column,
                                   std::vector<std::shared_ptr<arrow::Buffer>>* buffers) {
  std::int64_t size = 0;
  for (std::int64_t row = 0; row < rows_; ++row)
    size += static_cast<std::int64_t>(kClassNames[static_cast<int>(column.values[row])].size());
  (*buffers)[1] = TRY(arrow::AllocateBuffer((rows_ + 1) * 4));
  buffers->push_back(TRY(arrow::AllocateBuffer(size)));
  auto* ends = reinterpret_cast<std::int32_t*>((*buffers)[1]->mutable_data());
  auto* text = reinterpret_cast<char*>(buffers->back()->mutable_data());
  ends[0] = 0;
  for (std::int64_t row = 0; row < rows_; ++row) {
    auto name = kClassNames[static_cast<int>(column.values[row])];
    std::copy(name.begin(), name.end(), text + ends[row]);
    ends[row + 1] = ends[row] + static_cast<std::int32_t>(name.size());
  }
  return {};
}

Error Misfit(const Table& table, int column) {
  const auto& misfit = table.columns[static_cast<std::size_t>(column)];
  return {ErrorKind::kMisfit,
          "table " + Display(table.name) + ": a value of column \"" + misfit.name +
              "\" does not fit " + misfit.type->ToString(),
          {}};
}

}  // namespace tidemark::sqlite
