#pragma once
#include <cstdint>
#include <memory>

#include "source/sqlserver/tds/connection.h"

namespace tidemark::sqlserver {

// Opens sessions that are set as this source wants them. Thread-safe.
class Connector {
 public:
  Connector(tds::ConnectOptions options, std::int64_t lock_timeout_ms)
      : options_(std::move(options)), lock_timeout_ms_(lock_timeout_ms) {}

  Result<std::unique_ptr<tds::Connection>> Open() const;
  const tds::ConnectOptions& options() const { return options_; }

 private:
  const tds::ConnectOptions options_;
  const std::int64_t lock_timeout_ms_;
};

}  // namespace tidemark::sqlserver
