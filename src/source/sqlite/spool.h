#pragma once
#include <memory>
#include <string>

#include "model/table.h"

namespace tidemark::sqlite {

// Batches of one stream, kept aside so that their database can be let go of: in memory as long as
// they are small, else in a file without a name. Thread-safe once filled.
class Spool {
 public:
  // Takes all batches of `stream`. Its errors come through; kUnavailable: `folder` has no room.
  static Result<std::unique_ptr<Spool>> Fill(BatchStream& stream, const std::string& folder,
                                             std::int64_t memory_bytes);
  virtual ~Spool() = default;
  // All batches again; must not outlive the spool.
  virtual Result<std::unique_ptr<BatchStream>> Replay() const = 0;
};

}  // namespace tidemark::sqlite
