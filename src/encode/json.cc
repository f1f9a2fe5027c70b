#include <arrow/record_batch.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "encode/json_cell.h"
#include "encode/row_text.h"
#include "encode/text_columns.h"

namespace tidemark {
namespace {

// What stands between and around the objects.
struct Framing {
  std::string_view begin, before_first, before_other, after, end;
};
constexpr Framing kArray = {
    .begin = "[", .before_first = "\n", .before_other = ",\n", .after = "", .end = "\n]"};
constexpr Framing kLines = {
    .begin = "", .before_first = "", .before_other = "", .after = "\n", .end = ""};

// Objects with the columns as members. A value that could be taken for another one is an object
// with one member that says what it is:
//   {"$base64": "…"}       bytes in a column that does not declare bytes
//   {"$text": "…"}         a text in a column that does
//   {"$text_base64": "…"}  a text that is not UTF-8
class Json final : public RowText {
 public:
  Json(std::vector<TextColumn> columns, const TextOptions& options, const Framing& framing)
      : columns_(std::move(columns)),
        odd_texts_(columns_.size()),
        options_(options),
        framing_(framing) {
    for (const TextColumn& column : columns_)
      leads_.emplace_back((leads_.empty() ? '{' : ',') + text::JsonQuoted(column.name) + ':');
  }

  std::string Begin() const override { return std::string(framing_.begin); }
  std::string End() const override { return std::string(framing_.end); }
  Status Append(const arrow::RecordBatch& rows, bool is_first, std::string* to) const override;

  std::vector<std::string> Warnings() const override {
    std::vector<std::string> warnings;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      WarnOfCount(columns_[i], odd_texts_[i],
                  "texts that are not UTF-8 stand as {\"$text_base64\": …}", warnings);
    return warnings;
  }

 private:
  static bool IsLong(const CellType& type) {
    return type.kind == CellType::Kind::kInt64 || type.kind == CellType::Kind::kUInt64;
  }
  void AppendBytes(std::string_view bytes, text::Output& out) const {
    text::Append("\"", out);
    if (options_.blob == TextOptions::Blob::kHex) {
      text::AppendHex(bytes, out);
    } else {
      text::AppendBase64(bytes, out);
    }
    text::Append("\"", out);
  }
  void AppendText(std::string_view text, std::size_t column, text::Output& out) const;
  void AppendBlob(std::string_view bytes, std::size_t column, text::Output& out) const;
  void AppendStored(const TextCells& cells, std::size_t column, std::int64_t row,
                    text::Output& out) const;
  void AppendCell(const TextCells& cells, std::size_t column, std::int64_t row,
                  text::Output& out) const;

  const std::vector<TextColumn> columns_;
  mutable std::vector<std::atomic<std::int64_t>> odd_texts_;  // by column
  const TextOptions options_;
  const Framing framing_;
  std::vector<Lead> leads_;
};

void Json::AppendText(std::string_view text, std::size_t column, text::Output& out) const {
  const bool is_utf8 = IsUtf8(text);
  if (is_utf8 && !columns_[column].expects_bytes) {
    TIDEMARK_CHECK(text::AppendJsonText(text, out));
    return;
  }
  text::Append(is_utf8 ? R"({"$text":)" : R"({"$text_base64":")", out);
  if (is_utf8) {
    TIDEMARK_CHECK(text::AppendJsonText(text, out));
    return text::Append("}", out);
  }
  ++odd_texts_[column];
  text::AppendBase64(text, out);
  text::Append("\"}", out);
}

void Json::AppendBlob(std::string_view bytes, std::size_t column, text::Output& out) const {
  if (columns_[column].expects_bytes) return AppendBytes(bytes, out);
  text::Append(options_.blob == TextOptions::Blob::kHex ? R"({"$hex":)" : R"({"$base64":)", out);
  AppendBytes(bytes, out);
  text::Append("}", out);
}

void Json::AppendStored(const TextCells& cells, std::size_t column, std::int64_t row,
                        text::Output& out) const {
  const std::string_view value = cells.cells().Bytes(row);
  switch (cells.ClassOf(row)) {
    case StorageClass::kInteger: {
      const std::string_view quote = options_.int64 == TextOptions::Int64::kString ? "\"" : "";
      text::Append(quote, out);
      text::Append(value, out);
      return text::Append(quote, out);
    }
    case StorageClass::kReal: {
      const double real = RealOf(value);
      const std::string_view quote = std::isfinite(real) ? "" : "\"";
      text::Append(quote, out);
      out.MoveTo(text::PutReal(out.Room(text::kValueBytesMax), real));
      return text::Append(quote, out);
    }
    case StorageClass::kText:
      return AppendText(value, column, out);
    case StorageClass::kBlob:
      return AppendBlob(value, column, out);
  }
}

void Json::AppendCell(const TextCells& cells, std::size_t column, std::int64_t row,
                      text::Output& out) const {
  const CellType& type = columns_[column].type;
  if (cells.has_classes()) return AppendStored(cells, column, row, out);
  if (type.is_bytes()) return AppendBytes(cells.cells().Bytes(row), out);
  if (options_.int64 == TextOptions::Int64::kString && IsLong(type)) {
    char* to = out.Room(text::kValueBytesMax);
    *to++ = '"';
    to = cells.cells().Put(to, row);
    *to++ = '"';
    return out.MoveTo(to);
  }
  const std::size_t begin = out.size();
  if (AppendJsonCell(cells.cells(), row, out)) return;
  // Columns of text hold UTF-8 alone, unless a source errs.
  out.MoveTo(out.begin() + begin);
  AppendText(cells.cells().Bytes(row), column, out);
}

Status Json::Append(const arrow::RecordBatch& rows, bool is_first, std::string* to) const {
  const auto cells = CellsOf(columns_, rows);
  text::Output out(*to);
  for (std::int64_t row = 0; row < rows.num_rows(); ++row) {
    text::Append(std::exchange(is_first, false) ? framing_.before_first : framing_.before_other,
                 out);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      char* at = leads_[i].Put(out.Room(leads_[i].room() + 4));
      if (cells[i].IsNull(row)) {
        out.MoveTo(std::ranges::copy(std::string_view("null"), at).out);
        continue;
      }
      out.MoveTo(at);
      AppendCell(cells[i], i, row, out);
    }
    text::Append("}", out);
    text::Append(framing_.after, out);
  }
  out.Sync();
  return {};
}

Result<std::unique_ptr<RowText>> Make(const RowTextRequest& request, const Framing& framing) {
  return std::make_unique<Json>(TRY(TextColumnsOf(request.read, request.promised)), request.options,
                                framing);
}

}  // namespace

Result<std::unique_ptr<RowText>> MakeJson(const RowTextRequest& request) {
  return Make(request, kArray);
}
Result<std::unique_ptr<RowText>> MakeNdjson(const RowTextRequest& request) {
  return Make(request, kLines);
}

}  // namespace tidemark
