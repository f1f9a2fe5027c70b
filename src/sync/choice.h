#pragma once
#include <memory>

#include "sync/sync.h"

namespace tidemark {

// The snapshot as the settings of its tables have it, for all that comes after: tables have only
// the chosen columns (the key always), rows only where `where` holds, and hashed columns hold
// hashes, in keys and changes too. A table without such settings passes untouched.
//
// Inspect: kInvalid: a setting names a column that is not there, or a condition that cannot be
// used. `options` must outlive the snapshot.
std::unique_ptr<Snapshot> WithChoices(std::unique_ptr<Snapshot> source, const SyncOptions& options);

// kInvalid: something is to be hashed and there is no key.
Status CheckHashKey(const SyncOptions& options);

// The nearest of `names` to a misspelt one, nearest first, for people; few, perhaps none.
std::vector<std::string> NearestNames(std::string_view misspelt,
                                      const std::vector<std::string>& names);

}  // namespace tidemark
