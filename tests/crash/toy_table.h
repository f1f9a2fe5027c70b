#pragma once
#include <cstdint>
#include <string>

#include "commit/landing.h"
#include "object/object_store.h"

namespace tidemark::test {

// A table of 30 keys, loaded at version kLoaded, then changed once a version; what a sync lands of
// it is text: "L key version" or "U key version" a line, twelve lines a file.
inline constexpr int kKeys = 30;
inline constexpr std::int64_t kLoaded = 10;

TableLayout ToyLayout();

struct ToyRun {
  std::string run_id;
  std::int64_t version = 0;           // of the source now
  bool replaces_older_files = false;  // a keyless table: every sync lands it whole
  std::int64_t now_us = 0;            // 0: a second per version
};

// One sync of the table, up to the run's version.
Status SyncToy(ObjectStore& store, const ToyRun& run);

// What is wrong with the folder as a reader sees it, in words; empty: every row is there exactly
// once. `version`: of the last sync. Needs nothing but the visible files.
std::string WrongRows(ObjectStore& store, std::int64_t version, bool replaces_older_files = false);

// What is wrong with the views, given that no run is under way.
std::string WrongViews(ObjectStore& store);

// Sealed or unfinished files that nobody will ever publish.
std::string WrongStaging(ObjectStore& store);

std::string Wrong(ObjectStore& store, std::int64_t version, bool replaces_older_files = false);

}  // namespace tidemark::test
