#include "source/sqlserver/row_stream.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/arrow_result.h"

namespace tidemark::sqlserver {
namespace {

constexpr int kOperationIndex = 2;  // of ChangeSchema

}  // namespace

void RowCounts::Add(const RowCounts& other) {
  lone_surrogates += other.lone_surrogates;
  undecodable_bytes += other.undecodable_bytes;
  cut_100ns += other.cut_100ns;
  vanished_rows += other.vanished_rows;
  early_rows += other.early_rows;
}

std::vector<std::string> RowCounts::Sentences() const {
  std::vector<std::string> sentences;
  if (lone_surrogates > 0)
    sentences.push_back(fmt::format(
        "{} halves of characters (lone surrogates) were landed as U+FFFD", lone_surrogates));
  if (undecodable_bytes > 0)
    sentences.push_back(fmt::format(
        "{} bytes that their code page does not have were landed as U+FFFD", undecodable_bytes));
  if (cut_100ns > 0)
    sentences.push_back(
        fmt::format("{} times lost their last digit (100 ns), as asked for", cut_100ns));
  if (vanished_rows > 0)
    sentences.push_back(
        fmt::format("{} rows that were noted as changed were deleted before they were read; the "
                    "next sync lands that",
                    vanished_rows));
  if (early_rows > 0)
    sentences.push_back(fmt::format(
        "{} changes were committed as the run began: they are landed, and the next sync lands them "
        "once more",
        early_rows));
  return sentences;
}

RowStream::RowStream(Seat seat, RowRequest request, std::function<void(const RowCounts&)> count,
                     std::stop_token stop)
    : seat_(std::move(seat)),
      request_(std::move(request)),
      count_(std::move(count)),
      stop_(std::move(stop)) {}

RowStream::~RowStream() { Leave(); }

void RowStream::Leave() {
  seat_.reset();
  if (!count_) return;
  if (decoder_)
    for (std::size_t i = 0; i < decoder_->counts().size(); ++i) {
      const auto& of_column = decoder_->counts()[i];
      counts_.lone_surrogates += of_column.lone_surrogates;
      counts_.undecodable_bytes += of_column.undecodable_bytes;
      if (!request_.ignores_cut[i]) counts_.cut_100ns += of_column.cut_100ns;
    }
  std::exchange(count_, nullptr)(counts_);
}

Status RowStream::Begin() {
  auto& connection = seat_->connection();
  if (request_.before) TRY(request_.before(connection));
  TRY(connection.Send(request_.sql, request_.parameters));
  auto columns = TRY(connection.NextResult());
  if (!columns)
    return Fail(ErrorKind::kCorrupt, "the server gives no rows where it was asked for some");
  decoder_.emplace(TRY(tds::RowDecoder::Make(std::move(*columns), request_.outputs, request_.schema,
                                             request_.limits)));
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> RowStream::ReadBatch() {
  if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (!is_at_end_) {
    auto& connection = seat_->connection();
    if (!decoder_) TRY(Begin());
    is_at_end_ = !TRY(connection.ReadRows(*decoder_));
    // An error of the server may come behind the last row.
    if (is_at_end_) {
      while (TRY(connection.NextResult())) {
      }
      if (request_.after) TRY(request_.after(connection));
    }
  }
  return TRY(decoder_->Finish());
}

Result<std::shared_ptr<arrow::RecordBatch>> RowStream::Next() {
  if (!seat_) return nullptr;
  auto batch = ReadBatch();
  // Others may be waiting for the session.
  if (!batch || !*batch) Leave();
  return batch;
}

Result<ReadColumns> ReadColumnsOf(const Table& table, const DescribedTable& described, int lead) {
  ReadColumns columns;
  for (const auto& column : table.columns) {
    auto landed = std::ranges::find(described.columns, column.name, [](const LandedColumn& c) {
      return std::string_view(c.column.name);
    });
    if (landed == described.columns.end())
      return Fail(ErrorKind::kInternal, "column \"" + column.name + "\" is not one of the table");
    auto is_same = [&](const ColumnRef& ref) {
      return ref.name == landed->read.name && ref.form == landed->read.form;
    };
    auto ref = std::ranges::find_if(columns.refs, is_same);
    auto place = static_cast<int>(ref - columns.refs.begin());
    if (ref == columns.refs.end()) columns.refs.push_back(landed->read);
    bool is_key = std::ranges::find(table.key, column.name) != table.key.end();
    columns.outputs.push_back({.result_column = lead + place,
                               .part = landed->part,
                               .type = column.type,
                               .is_key = is_key});
    bool has_fine_part = std::ranges::any_of(table.columns, [&](const Column& other) {
      return other.beside == column.name && other.name.starts_with(column.name + "__100ns");
    });
    columns.ignores_cut.push_back(landed->part != tds::Part::kValue || has_fine_part);
  }
  return columns;
}

Result<std::shared_ptr<arrow::RecordBatch>> ChangeStream::Next() {
  for (;;) {
    auto batch = TRY(rows_->Next());
    if (!batch) return batch;
    const auto& operations =
        static_cast<const arrow::StringArray&>(*batch->column(kOperationIndex));
    const auto& versions = static_cast<const arrow::Int64Array&>(*batch->column(0));
    for (std::int64_t i = 0; i < versions.length(); ++i)
      rows_->counts().early_rows += versions.Value(i) > version_;
    arrow::BooleanBuilder is_there;
    std::int64_t vanished = 0;
    for (std::int64_t i = 0; i < operations.length(); ++i) {
      bool has_vanished = operations.GetView(i) == "?";
      vanished += has_vanished;
      TRY(is_there.Append(!has_vanished));
    }
    if (vanished == 0) return batch;
    if (is_snapshot_)
      return Fail(
          ErrorKind::kCorrupt,
          fmt::format("table {}: {} rows are noted as changed and are not there, within one "
                      "snapshot",
                      table_, vanished),
          "a security policy may hide rows from this login: exempt it, or leave the table "
          "out");
    rows_->counts().vanished_rows += vanished;
    if (vanished == operations.length()) continue;
    auto mask = TRY(is_there.Finish());
    arrow::ArrayVector columns;
    for (const auto& column : batch->columns())
      columns.push_back(TRY(arrow::compute::Filter(column, mask)).make_array());
    return arrow::RecordBatch::Make(batch->schema(), operations.length() - vanished,
                                    std::move(columns));
  }
}

}  // namespace tidemark::sqlserver
