#pragma once
#include <string>
#include <vector>

#include "config/config.h"
#include "config/document.h"

namespace tidemark::config {

// What `databases` and `tables` of a checked file choose, all forms in one. kInvalid: a table that
// is chosen twice (also by case, unless the source is PostgreSQL), a hash without a key, no table
// at all.
Result<std::vector<Database>> ReadTables(const Node& root, const std::string& type,
                                         bool has_hash_key, const std::string& file);

}  // namespace tidemark::config
