#pragma once
#include <cstdint>

#include "model/table.h"

namespace tidemark {

// Told how a run goes on. Called from many threads, at batches, never per value; must not block.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void Planned(int tables, std::int64_t estimated_rows) = 0;
  virtual void Began(const TableName& table, std::int64_t estimated_rows) = 0;
  // A table that ended is tried again.
  virtual void Retried(const TableName& /*table*/) {}
  // Rows that an earlier run has read already.
  virtual void Resumed(const TableName& table, std::int64_t rows) { Advanced(table, rows, 0); }
  virtual void Advanced(const TableName& table, std::int64_t rows, std::int64_t bytes) = 0;
  virtual void Ended(const TableName& table, bool is_ok) = 0;
};

}  // namespace tidemark
