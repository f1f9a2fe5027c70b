#pragma once
#include <string>
#include <utility>
#include <vector>

#include "commit/state.h"
#include "source/source.h"

namespace tidemark {

// What became of a table's columns since it was landed. Storage classes go with their column.
struct Evolution {
  std::vector<Column> added;
  std::vector<Column> dropped;                               // as landed
  std::vector<std::pair<std::string, std::string>> renamed;  // former and present name
  // No other statement can have touched the table's definition: the database counts them, and there
  // were no more than it takes.
  bool is_certain = false;

  bool any() const { return !added.empty() || !dropped.empty() || !renamed.empty(); }
  // The present name of what was landed under `former`.
  std::string NameNow(const std::string& former) const;
};

// Pure. Where every column has an identity, that alone decides. Else a column is renamed when it
// has the identity of one that is gone, or its place and its declared type; at the end of a table,
// where an added column would stand too, only if the number of statements proves it. All else
// counts as dropped and added.
Evolution Evolve(const LandedState& state, const TableStatus& status);

// The landed columns under the names that they have now.
std::vector<Column> PresentColumns(const LandedState& state, const Evolution& evolution);

// What is remembered of older files once `table` is landed (columns, their field ids, names that
// are gone), as a state; `table` gets its field ids. `renamed_at_us`: the timestamp of the first
// files with the new names where renamed columns are to be followed; 0: their rows are landed
// again.
LandedState Evolved(const LandedState& state, const Evolution& evolution, Table& table,
                    std::int64_t renamed_at_us);

// The names of `table`'s columns that older files have with another type: they do not mix.
std::vector<std::string> MixedColumns(const LandedState& state, const Table& table);

}  // namespace tidemark
