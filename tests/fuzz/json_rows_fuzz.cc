// Any lines are read as rows or refused; rows that are read are written as JSON and read again the
// same.
#include <arrow/api.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "encode/parquet/byte_buffer.h"
#include "encode/unified/row_json.h"
#include "fold/json_rows.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

// A column of each kind that the reader tells apart, called a, b, c and so on.
std::vector<JsonRows::Member> Members() {
  const std::shared_ptr<arrow::DataType> types[] = {arrow::boolean(),
                                                    arrow::int64(),
                                                    arrow::uint64(),
                                                    arrow::float64(),
                                                    arrow::float32(),
                                                    arrow::utf8(),
                                                    arrow::binary(),
                                                    arrow::decimal128(20, 3),
                                                    arrow::date32(),
                                                    arrow::time32(arrow::TimeUnit::MILLI),
                                                    arrow::time64(arrow::TimeUnit::NANO),
                                                    arrow::timestamp(arrow::TimeUnit::MICRO),
                                                    arrow::timestamp(arrow::TimeUnit::NANO, "UTC"),
                                                    arrow::null()};
  std::vector<JsonRows::Member> members;
  for (const auto& type : types)
    members.push_back(
        {.name = std::string(1, static_cast<char>('a' + members.size())), .type = type});
  return members;
}

std::vector<JsonRows::Member> MembersOf(const arrow::Schema& schema) {
  std::vector<JsonRows::Member> members;
  for (const auto& field : schema.fields())
    members.push_back({.name = field->name(), .type = field->type()});
  return members;
}

// As the fold compares them.
std::string BytesOf(const arrow::RecordBatch& batch) {
  std::vector<int> columns;
  for (int i = 0; i < batch.num_columns(); ++i) columns.push_back(i);
  RowEncoder encoder;
  TIDEMARK_CHECK(encoder.Start(batch, columns, 0).has_value());
  std::string bytes;
  while (encoder.Next().value())
    for (std::int64_t i = 0; i < encoder.rows(); ++i) bytes += encoder.Whole(i);
  return bytes;
}

// Nothing: one of the lines is no row.
Result<std::shared_ptr<arrow::RecordBatch>> RowsOf(std::string_view text) {
  auto rows = TRY(JsonRows::Make(Members()));
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    TRY(rows->Append(line));
  }
  return rows->Finish();
}

Status WriteAndReadAgain(const arrow::RecordBatch& batch) {
  auto json = TRY(RowJson::Make(*batch.schema(), 0));
  pq::ByteBuffer text;
  // Refused: a text that is not UTF-8.
  TRY(json.Append(batch, 0, batch.num_rows(), SIZE_MAX, text));
  auto again = JsonRows::Make(MembersOf(*batch.schema())).value();
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, text.data() + at, sizeof size);
    at += sizeof size;
    TIDEMARK_CHECK(
        again->Append({reinterpret_cast<const char*>(text.data()) + at, size}).has_value());
    at += size;
  }
  TIDEMARK_CHECK(BytesOf(**again->Finish()) == BytesOf(batch));
  return {};
}

}  // namespace
}  // namespace tidemark

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size_bytes) {
  auto batch = tidemark::RowsOf({reinterpret_cast<const char*>(bytes), size_bytes});
  if (!batch || (*batch)->num_rows() == 0) return 0;
  if (auto written = tidemark::WriteAndReadAgain(**batch); !written)
    TIDEMARK_CHECK(written.error().kind == tidemark::ErrorKind::kInvalid);
  return 0;
}
