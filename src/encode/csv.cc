#include <arrow/record_batch.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/text.h"
#include "encode/row_text.h"
#include "encode/text_columns.h"

namespace tidemark {
namespace {

constexpr std::uint64_t kEach = 0x0101010101010101;
constexpr std::uint64_t kHigh = 0x8080808080808080;

constexpr std::uint64_t Zeros(std::uint64_t word) { return (word - kEach) & ~word & kHigh; }

// Whether a field needs quotes for what it holds: , " or an end of line. Eight bytes at once.
bool HoldsMarks(std::string_view text) {
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    if ((Zeros(word ^ (kEach * ',')) | Zeros(word ^ (kEach * '"')) | Zeros(word ^ (kEach * '\n')) |
         Zeros(word ^ (kEach * '\r'))) != 0)
      return true;
  }
  return std::any_of(at, at + left,
                     [](char c) { return c == ',' || c == '"' || c == '\n' || c == '\r'; });
}

// Blanks at the ends are dropped by some readers; PostgreSQL takes \. for the end of its input and
// \N, where it was asked to, for NULL.
bool NeedsQuotes(std::string_view text) {
  return text.empty() || text.front() == ' ' || text.back() == ' ' || text == "\\." ||
         text == "\\N" || HoldsMarks(text);
}

bool IsFormula(std::string_view text) {
  return !text.empty() && std::string_view("=+-@\t\r").contains(text.front());
}

// Header and rows as RFC 4180 has them, lines ended by a line feed alone. NULL stands without
// quotes and an empty text in quotes.
class Csv final : public RowText {
 public:
  Csv(std::vector<TextColumn> columns, const TextOptions& options)
      : columns_(std::move(columns)),
        odd_texts_(columns_.size()),
        options_(options),
        null_(options.csv_null == TextOptions::CsvNull::kEmpty ? "" : "\\N") {}

  std::string Begin() const override {
    std::string header;
    text::Output out(header);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) text::Append(",", out);
      AppendField(columns_[i].name, out);
    }
    text::Append("\n", out);
    out.Sync();
    return header;
  }

  Status Append(const arrow::RecordBatch& rows, bool, std::string* to) const override;

  std::vector<std::string> Warnings() const override {
    std::vector<std::string> warnings;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      WarnOfCount(columns_[i], odd_texts_[i], "texts that are not UTF-8 stand as base64", warnings);
    return warnings;
  }

 private:
  static void AppendField(std::string_view text, text::Output& out) {
    if (NeedsQuotes(text)) {
      text::AppendDoubling(text, '"', out);
    } else {
      text::Append(text, out);
    }
  }
  void AppendText(std::string_view text, text::Output& out) const {
    if (!options_.guards_formulas || !IsFormula(text)) return AppendField(text, out);
    AppendField("'" + std::string(text), out);
  }
  void AppendBlob(std::string_view bytes, text::Output& out) const {
    if (bytes.empty()) return text::Append("\"\"", out);  // NULL has no quotes
    if (options_.blob == TextOptions::Blob::kHex) return text::AppendHex(bytes, out);
    text::AppendBase64(bytes, out);
  }
  void AppendStored(const TextCells& cells, std::size_t column, std::int64_t row,
                    text::Output& out) const;

  const std::vector<TextColumn> columns_;
  mutable std::vector<std::atomic<std::int64_t>> odd_texts_;  // by column
  const TextOptions options_;
  const std::string_view null_;
};

void Csv::AppendStored(const TextCells& cells, std::size_t column, std::int64_t row,
                       text::Output& out) const {
  const std::string_view value = cells.cells().Bytes(row);
  switch (cells.ClassOf(row)) {
    case StorageClass::kInteger:
      return text::Append(value, out);
    case StorageClass::kReal:
      return out.MoveTo(text::PutReal(out.Room(text::kValueBytesMax), RealOf(value)));
    case StorageClass::kText:
      if (IsUtf8(value)) return AppendText(value, out);
      ++odd_texts_[column];
      return text::AppendBase64(value, out);
    case StorageClass::kBlob:
      return AppendBlob(value, out);
  }
}

Status Csv::Append(const arrow::RecordBatch& rows, bool, std::string* to) const {
  const auto cells = CellsOf(columns_, rows);
  text::Output out(*to);
  for (std::int64_t row = 0; row < rows.num_rows(); ++row) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const TextCells& column = cells[i];
      char* at = out.Room(text::kValueBytesMax + 2);
      if (i > 0) {
        *at++ = ',';
        out.MoveTo(at);
      }
      if (column.IsNull(row)) {
        text::Append(null_, out);
      } else if (column.has_classes()) {
        AppendStored(column, i, row, out);
      } else if (columns_[i].type.is_text()) {
        AppendText(column.cells().Bytes(row), out);
      } else if (columns_[i].type.is_bytes()) {
        AppendBlob(column.cells().Bytes(row), out);
      } else {
        out.MoveTo(column.cells().Put(at, row));
      }
    }
    *out.Room(1) = '\n';
    out.MoveTo(out.Room(1) + 1);
  }
  out.Sync();
  return {};
}

}  // namespace

Result<std::unique_ptr<RowText>> MakeCsv(const RowTextRequest& request) {
  return std::make_unique<Csv>(TRY(TextColumnsOf(request.read, request.promised)), request.options);
}

}  // namespace tidemark
