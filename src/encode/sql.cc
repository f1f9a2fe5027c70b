#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "encode/row_text.h"
#include "encode/sql_real.h"
#include "encode/text_columns.h"
#include "model/sql_text.h"

namespace tidemark {
namespace {

// A statement ends at whichever comes first; a single larger row is one by itself. Some services
// take no statement above 100,000 bytes.
constexpr std::size_t kStatementBytesMax = 64 << 10;
constexpr int kStatementRowsMax = 1000;

constexpr std::uint64_t kEach = 0x0101010101010101;
constexpr std::uint64_t kHigh = 0x8080808080808080;
constexpr std::uint64_t Zeros(std::uint64_t word) { return (word - kEach) & ~word & kHigh; }

// Where the next byte stands that cannot be copied as it is: ' NUL or return.
const char* FindSpecial(const char* at, const char* end) {
  for (; end - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    if ((Zeros(word) | Zeros(word ^ (kEach * '\'')) | Zeros(word ^ (kEach * '\r'))) != 0) break;
  }
  return std::find_if(at, end, [](char c) { return c == '\0' || c == '\'' || c == '\r'; });
}

// False: as a literal the text would not come back: SQLite ends it at a NUL, and its command line
// drops a return before a line feed. What was put is to be thrown away.
bool AppendLiteral(std::string_view text, text::Output& out) {
  text::Append("'", out);
  const char *at = text.data(), *const end = at + text.size();
  while (at < end) {
    const char* special = FindSpecial(at, end);
    if (special < end && *special != '\'') {
      const bool is_harmless = *special == '\r' && !(special + 1 < end && special[1] == '\n');
      if (!is_harmless) return false;
    }
    const char* const stop = std::min(special + 1, end);
    text::Append({at, static_cast<std::size_t>(stop - at)}, out);
    if (special < end && *special == '\'') text::Append("'", out);
    at = stop;
  }
  text::Append("'", out);
  return true;
}

// `text` is UTF-8.
std::string Utf16Of(std::string_view text, bool is_little) {
  std::string bytes;
  auto put = [&](std::uint32_t unit) {
    const char high = static_cast<char>(unit >> 8), low = static_cast<char>(unit & 0xff);
    bytes += is_little ? low : high;
    bytes += is_little ? high : low;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto length =
        static_cast<std::size_t>(std::max(1, Utf8Length(text.data() + at, text.size() - at)));
    const auto first = static_cast<unsigned char>(text[at]);
    std::uint32_t code = length == 1 ? first : first & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i)
      code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
    if (code >= 0x10000) {
      put(0xd800 + ((code - 0x10000) >> 10));
      put(0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
      put(code);
    }
    at += length;
  }
  return bytes;
}

class Sql final : public RowText {
 public:
  Sql(std::vector<TextColumn> columns, std::string insert_head, TextEncoding encoding)
      : columns_(std::move(columns)), head_(std::move(insert_head) + '\n'), encoding_(encoding) {}

  Status Append(const arrow::RecordBatch& rows, bool is_first, std::string* to) const override;

 private:
  void AppendBlob(std::string_view bytes, text::Output& out) const {
    text::Append("X'", out);
    text::AppendHex(bytes, out);
    text::Append("'", out);
  }
  void AppendText(std::string_view text, bool may_be_odd, text::Output& out) const;
  Status AppendReal(double value, SqlReals& reals, text::Output& out) const {
    out.MoveTo(TRY(reals.Put(out.Room(SqlReals::kBytesMax), value)));
    return {};
  }
  Status AppendStored(const TextCells& cells, std::int64_t row, SqlReals& reals,
                      text::Output& out) const;
  Status AppendCell(const TextCells& cells, std::int64_t row, SqlReals& reals,
                    text::Output& out) const;
  Status AppendRow(const std::vector<TextCells>& cells, std::int64_t row, SqlReals& reals,
                   text::Output& out) const;

  const std::vector<TextColumn> columns_;
  const std::string head_;
  const TextEncoding encoding_;
};

// Bytes that are cast to a text are taken in the encoding of the database that is restored.
void Sql::AppendText(std::string_view text, bool may_be_odd, text::Output& out) const {
  const std::size_t begin = out.size();
  if (!(may_be_odd && !IsUtf8(text)) && AppendLiteral(text, out)) return;
  out.MoveTo(out.begin() + begin);
  text::Append("CAST(", out);
  if (encoding_ == TextEncoding::kUtf8) {
    AppendBlob(text, out);
  } else {
    AppendBlob(Utf16Of(text, encoding_ == TextEncoding::kUtf16Le), out);
  }
  text::Append(" AS TEXT)", out);
}

Status Sql::AppendStored(const TextCells& cells, std::int64_t row, SqlReals& reals,
                         text::Output& out) const {
  const std::string_view value = cells.cells().Bytes(row);
  switch (cells.ClassOf(row)) {
    case StorageClass::kInteger:
      text::Append(value, out);
      break;
    case StorageClass::kReal:
      return AppendReal(RealOf(value), reals, out);
    case StorageClass::kText:
      AppendText(value, /*may_be_odd=*/true, out);
      break;
    case StorageClass::kBlob:
      AppendBlob(value, out);
      break;
  }
  return {};
}

Status Sql::AppendCell(const TextCells& cells, std::int64_t row, SqlReals& reals,
                       text::Output& out) const {
  if (cells.IsNull(row)) {
    text::Append("NULL", out);
    return {};
  }
  if (cells.has_classes()) return AppendStored(cells, row, reals, out);
  const CellType& type = cells.cells().type();
  if (type.is_real()) return AppendReal(cells.cells().Real(row), reals, out);
  if (type.is_text()) {
    AppendText(cells.cells().Bytes(row), /*may_be_odd=*/false, out);
  } else if (type.is_bytes()) {
    AppendBlob(cells.cells().Bytes(row), out);
  } else {
    char* to = out.Room(text::kValueBytesMax + 2);
    const bool has_quotes = !type.is_bare();
    if (has_quotes) *to++ = '\'';
    to = cells.cells().Put(to, row);
    if (has_quotes) *to++ = '\'';
    out.MoveTo(to);
  }
  return {};
}

Status Sql::AppendRow(const std::vector<TextCells>& cells, std::int64_t row, SqlReals& reals,
                      text::Output& out) const {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    char* const to = out.Room(1);
    *to = i == 0 ? '(' : ',';
    out.MoveTo(to + 1);
    TRY(AppendCell(cells[i], row, reals, out));
  }
  text::Append(")", out);
  return {};
}

// Puts `text` where `count` bytes stand at `at`.
void Replace(text::Output& out, std::size_t at, std::size_t count, std::string_view text) {
  const std::size_t behind = out.size() - at - count;
  out.Room(text.size());
  std::memmove(out.begin() + at + text.size(), out.begin() + at + count, behind);
  std::memcpy(out.begin() + at, text.data(), text.size());
  out.MoveTo(out.begin() + at + text.size() + behind);
}

Status Sql::Append(const arrow::RecordBatch& rows, bool, std::string* to) const {
  constexpr std::string_view kBetween = ",\n", kEnd = ";\n";
  const std::string next_statement = std::string(kEnd) + head_;
  const auto cells = CellsOf(columns_, rows);
  SqlReals reals;
  text::Output out(*to);
  std::size_t statement = out.size();
  int statement_rows = 0;
  for (std::int64_t row = 0; row < rows.num_rows(); ++row) {
    const std::size_t lead = out.size();
    text::Append(row == 0 ? std::string_view(head_) : kBetween, out);
    TRY(AppendRow(cells, row, reals, out));
    ++statement_rows;
    const bool is_full =
        out.size() - statement > kStatementBytesMax || statement_rows > kStatementRowsMax;
    if (!is_full || statement_rows == 1) continue;
    // This row begins the next statement.
    Replace(out, lead, kBetween.size(), next_statement);
    statement = lead + kEnd.size();
    statement_rows = 1;
  }
  if (statement_rows > 0) text::Append(kEnd, out);
  out.Sync();
  return {};
}

}  // namespace

Result<std::unique_ptr<RowText>> MakeSql(const RowTextRequest& request) {
  std::string head = request.insert_head;
  if (head.empty()) {
    std::string names;
    for (const Column& column : request.promised.columns)
      names += fmt::format("{}{}", names.empty() ? "" : ",", QuoteIdentifier(column.name));
    head = fmt::format("INSERT INTO {}({}) VALUES", QuoteIdentifier(request.promised.name.name),
                       names);
  }
  return std::make_unique<Sql>(TRY(TextColumnsOf(request.read, request.promised)), std::move(head),
                               request.encoding);
}

}  // namespace tidemark
