#pragma once
#include <expected>
#include <functional>
#include <vector>

#include "sync/sync.h"
#include "tidemark/tidemark.h"

namespace tidemark {

// What runs tell, as callers of the library see it. `about`: a spelling of a source or a
// destination; what it holds of secrets is left out.
Failure FailureOf(Error error, const std::string& about = {});
std::unexpected<Failure> Failed(Error error, const std::string& about = {});

SyncResult ResultOf(const SyncReport& report);
VerifyResult ResultOf(const VerifyReport& report);
CompactResult ResultOf(const CompactReport& report);
TableStanding StandingOf(const StatusTable& table);

// Passes on how a run goes on; `call` may be empty and outlives it.
class ProgressCalls final : public Progress {
 public:
  explicit ProgressCalls(const std::function<void(const ProgressEvent&)>& call) : call_(call) {}
  void Planned(int tables, std::int64_t estimated_rows) override;
  void Began(const TableName& table, std::int64_t estimated_rows) override;
  void Retried(const TableName& table) override;
  void Resumed(const TableName& table, std::int64_t rows) override;
  void Advanced(const TableName& table, std::int64_t rows, std::int64_t bytes) override;
  void Ended(const TableName& table, bool is_ok) override;

 private:
  void Tell(const ProgressEvent& event) const {
    if (call_) call_(event);
  }
  const std::function<void(const ProgressEvent&)>& call_;
};

}  // namespace tidemark
