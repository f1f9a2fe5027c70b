#pragma once
#include <functional>
#include <stop_token>
#include <string>

#include "fold/fold.h"
#include "fold/key_table.h"
#include "fold/record_set.h"

namespace tidemark {

// Three sets spread alike: what landed, in the order of the files; the source's rows; pending keys.
struct RecordSets {
  RecordSet landed, source, pending;
  PartitionLevel level;
};

struct ComparisonOptions {
  bool has_key = true;
  bool compares_rows = true;
  std::int64_t table_bytes = 0;      // for the keys of one partition
  std::int64_t partition_bytes = 0;  // for each set of a partition that is split
  std::stop_token stop;
};

// Called once per difference. Payloads are good during the call.
struct ComparisonSinks {
  std::function<Status(const Record& source)> missing;
  std::function<Status(const Record& source)> different;
  std::function<Status(std::string_view key_bytes)> extra;
};

// Folds the landed records and compares them with the source's, partition by partition; a partition
// whose keys do not fit into memory is split by further bits of the hash. The sets stay as they
// are.
//
// Per key the row of the newest file wins, then the one of the highest version, then the later one.
// The last rule never has to choose between a D and another operation: changes are net, one row per
// key and file, and a load lands D only for keys that it has no L for.
class Comparison {
 public:
  Comparison(TempFolder& folder, ComparisonOptions options, ComparisonSinks sinks)
      : folder_(&folder), options_(std::move(options)), sinks_(std::move(sinks)) {}

  Result<FoldCounts> Run(const RecordSets& sets);

 private:
  Status ComparePartition(const RecordSets& sets, int partition, int depth);
  Status SplitPartition(const RecordSets& sets, int partition, int depth);
  // False: the table is full.
  Result<bool> LoadLanded(const RecordSet& landed, int partition, bool is_bounded);
  Result<bool> LoadPending(const RecordSet& pending, int partition, bool is_bounded);
  Status MatchSource(const RecordSet& source, int partition);
  Status MatchWithKey(const Record& record);
  Status MatchWithoutKey(const Record& record);
  Status CountLanded();
  Status CheckStop() const;

  TempFolder* folder_;
  ComparisonOptions options_;
  ComparisonSinks sinks_;
  KeyTable table_;
  FoldCounts counts_;
};

}  // namespace tidemark
