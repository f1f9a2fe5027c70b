#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/sqlite/catalog.h"

namespace tidemark::sqlite {

struct TriggerText {
  std::string name;
  std::string sql;  // as sqlite_schema keeps it
};

// The triggers that note every key a statement on the table touches, in the log `id`. A function of
// the declaration alone: other texts in the database mean that the table is no longer covered.
std::vector<TriggerText> TriggersOf(const CatalogTable& table, std::int64_t id);

// Order does not matter: the digest of several triggers is the sum.
std::uint64_t DigestOf(std::string_view trigger_name, std::string_view trigger_sql);

// The collations by which the primary key tells rows apart, in key order; they may be other than
// those of its columns.
std::vector<std::string> KeyCollations(const CatalogTable& table);

// A unique index whose conflicts no trigger can foresee, and why; empty: none.
std::string UnforeseeableIndex(const CatalogTable& table);

}  // namespace tidemark::sqlite
