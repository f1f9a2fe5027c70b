#pragma once
#include "model/table.h"
#include "source/source.h"
#include "source/sqlserver/catalog.h"

namespace tidemark::sqlserver {

// How far a tracked table is read at a version, with what tells its history from another one.
Position PositionOf(const DatabaseFacts& facts, const CatalogTable& table, std::int64_t version);

// What became of the history that `last` belongs to; both of PositionOf. Pure.
History HistoryOf(const Position& last, const Position& current);

// The lowest version after which all changes are kept; `table` has a minimum.
std::int64_t MinValidVersion(const CatalogTable& table);

}  // namespace tidemark::sqlserver
