#pragma once
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "library/setup.h"

namespace tidemark {

// A failure to open, and what it was about: a source's or a destination's spelling, or nothing.
struct OpenFailure {
  Error error;
  std::string about;
};

// One database that is ready for a run, or the reason why it is not.
struct OpenedDatabase {
  DatabaseSetup setup;             // with options.chosen and options.table_settings filled in
  std::unique_ptr<Source> source;  // null: see `error`
  std::optional<Error> error;
  std::vector<TableName> missing;  // chosen by name, and not in the source
};

struct Opened {
  std::unique_ptr<ObjectStore> store;  // null: no database could be opened
  std::vector<OpenedDatabase> databases;
};

// What a run may do with its destination.
enum class Access { kWrite, kRead, kReadOrNothing };  // the last: an absent one is an empty one

// kNotFound: nothing is there, and `access` needs something.
Result<std::unique_ptr<ObjectStore>> OpenDestination(const Setup& setup, Access access);

// Opens each source, once, and then the destination: a mistyped source must not leave an empty
// folder behind. One database that cannot be opened is the run's failure, one of several is told
// beside the others. kInvalid: there are none; a glob of `options.include` that matches no table of
// any of them.
std::expected<Opened, OpenFailure> Open(Setup setup, Access access);

// Each database after the other, in one report; a database that fails as a whole fails its tables
// and the others go on. As Sync, Plan and Verify otherwise.
Result<SyncReport> SyncAll(Opened& opened);
Result<SyncReport> PlanAll(Opened& opened);
Result<VerifyReport> VerifyAll(Opened& opened);

}  // namespace tidemark
