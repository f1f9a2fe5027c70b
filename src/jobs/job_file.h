#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "jobs/job.h"
#include "source/sqlite/database.h"

namespace tidemark {

// The SQLite file behind a job store: its schema, and statements that are prepared once. One thread
// at a time.
class JobFile {
 public:
  // Makes the file and its folder where they are missing. kInvalid: made by a newer version;
  // kCorrupt: not ours.
  static Result<JobFile> Open(const std::string& path);

  // The statement with these values bound, before its first row. Stays valid until the same text is
  // started again.
  template <class... Values>
  Result<sqlite::Statement*> Start(std::string_view sql, const Values&... values) {
    auto* statement = TRY(Prepared(sql));
    int index = 0;
    Status bound;
    ((bound = bound ? statement->Bind(++index, values) : bound), ...);
    if (!bound) return Fail(bound.error());
    return statement;
  }
  // How many rows it changed.
  template <class... Values>
  Result<int> Run(std::string_view sql, const Values&... values) {
    auto* statement = TRY(Start(sql, values...));
    auto stepped = statement->Step();
    statement->Reset();
    if (!stepped) return Fail(stepped.error());
    return Changes();
  }
  const std::string& path() const { return connection_.path(); }

 private:
  friend class JobTransaction;
  explicit JobFile(sqlite::Connection connection) : connection_(std::move(connection)) {}
  Result<sqlite::Statement*> Prepared(std::string_view sql);
  int Changes() const;

  sqlite::Connection connection_;
  std::map<std::string_view, sqlite::Statement> prepared_;  // by literals
};

// Takes the file for writing; undone unless committed.
class JobTransaction {
 public:
  // `is_durable`: it survives a loss of power, not only the end of the process. What people were
  // told needs that; what workers do may be done again, as its effects are idempotent.
  static Result<JobTransaction> Begin(JobFile& file, bool is_durable);
  JobTransaction(JobTransaction&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
  JobTransaction& operator=(JobTransaction&&) = delete;
  ~JobTransaction();
  Status Commit();

 private:
  explicit JobTransaction(JobFile& file) : file_(&file) {}
  JobFile* file_;
};

// The columns that ReadJob expects, in order.
extern const char* const kJobColumns;
Job ReadJob(const sqlite::Statement& row);

}  // namespace tidemark
