#pragma once
#include <string>
#include <vector>

#include "source/sqlite/tracking.h"

namespace tidemark::sqlite {

// kDenied: the file or its folder cannot be written.
Result<Connection> OpenForTracking(const std::string& path, const TrackOptions& options);

// BEGIN IMMEDIATE; rolled back unless committed. The connection must outlive it.
class WriteTransaction {
 public:
  static Result<WriteTransaction> Begin(Connection& connection);
  WriteTransaction(WriteTransaction&& other) noexcept;
  ~WriteTransaction();
  Status Commit();

 private:
  explicit WriteTransaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;  // null: ended
};

struct ChosenTables {
  std::vector<const CatalogTable*> tables;  // by name
  std::vector<TrackedTableReport> refused;  // what was named and is no table, such as a view
};
// Those that names or globs ask for, without case; all of them when there are none. kNotFound: one
// that matches nothing.
Result<ChosenTables> ChooseTables(Connection& connection, const std::vector<CatalogTable>& catalog,
                                  const std::vector<std::string>& patterns);

}  // namespace tidemark::sqlite
