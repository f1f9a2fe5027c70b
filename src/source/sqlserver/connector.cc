#include "source/sqlserver/connector.h"

#include "source/sqlserver/statements.h"

namespace tidemark::sqlserver {

Result<std::unique_ptr<tds::Connection>> Connector::Open() const {
  auto connection = TRY(tds::Connection::Open(options_));
  TRY_WHILE("set up the session", connection->Execute(SessionText(lock_timeout_ms_)));
  return connection;
}

}  // namespace tidemark::sqlserver
