#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "model/table.h"
#include "source/sqlserver/column_types.h"
#include "source/sqlserver/cut.h"
#include "source/sqlserver/tds/decode.h"

namespace tidemark::sqlserver {

// What policies did to a table's rows, for people.
struct RowCounts {
  std::int64_t lone_surrogates = 0, undecodable_bytes = 0, cut_100ns = 0;
  std::int64_t vanished_rows = 0;  // noted as changed, and gone before they could be read
  std::int64_t early_rows = 0;     // newer than the version that is noted: they come again
  void Add(const RowCounts& other);
  std::vector<std::string> Sentences() const;
};

// A session that a stream has for itself: one of the cut's, or one of its own.
struct Seat {
  std::optional<Cut::Lease> lease;
  std::unique_ptr<tds::Connection> own;
  tds::Connection& connection() const { return own ? *own : **lease; }
};

// What is asked of the server, and how its answer becomes batches.
struct RowRequest {
  std::string sql;
  std::vector<tds::Parameter> parameters;
  std::vector<tds::OutputColumn> outputs;  // columns of `schema`
  std::shared_ptr<arrow::Schema> schema;
  tds::DecodeLimits limits;
  std::vector<bool> ignores_cut;  // of outputs: the digit that is cut off is landed beside it
  // On the same session, before the first row and after the last.
  std::function<Status(tds::Connection&)> before = {}, after = {};
};

// Rows of one statement. Holds its seat to the end of the rows or to the first error.
class RowStream : public BatchStream {
 public:
  // `count`: told once what was counted.
  RowStream(Seat seat, RowRequest request, std::function<void(const RowCounts&)> count,
            std::stop_token stop);
  ~RowStream() override;

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override;
  RowCounts& counts() { return counts_; }

 private:
  Status Begin();
  Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch();
  void Leave();

  std::optional<Seat> seat_;
  RowRequest request_;
  std::function<void(const RowCounts&)> count_;
  const std::stop_token stop_;
  std::optional<tds::RowDecoder> decoder_;
  RowCounts counts_;
  bool is_at_end_ = false;  // of the rows; the decoder may still have some
};

// The columns that a statement asks for, each once, and what becomes of them in batches of `table`.
struct ReadColumns {
  std::vector<ColumnRef> refs;
  std::vector<tds::OutputColumn> outputs;
  std::vector<bool> ignores_cut;
};
// `lead`: columns of the result in front of them. kInternal: `table` has a column that `described`
// does not.
Result<ReadColumns> ReadColumnsOf(const Table& table, const DescribedTable& described, int lead);

// Changes as the statement of ChangesText gives them, where `?` marks rows that were noted as
// changed and are not there. `is_snapshot`: then that cannot be, and fails with kCorrupt; else they
// are left out and counted, as they were deleted a moment ago, which the next changes tell.
class ChangeStream final : public BatchStream {
 public:
  // `version`: up to which the table counts as read.
  ChangeStream(std::unique_ptr<RowStream> rows, std::string table, bool is_snapshot,
               std::int64_t version)
      : rows_(std::move(rows)),
        table_(std::move(table)),
        is_snapshot_(is_snapshot),
        version_(version) {}
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override;

 private:
  std::unique_ptr<RowStream> rows_;
  const std::string table_;
  const bool is_snapshot_;
  const std::int64_t version_;
};

}  // namespace tidemark::sqlserver
