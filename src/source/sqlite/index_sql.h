#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::sqlite {

// What a CREATE INDEX says, as written; of a CREATE TABLE, its columns and constraints as the
// terms.
struct IndexSql {
  std::vector<std::string> terms;  // without COLLATE, ASC and DESC behind them
  std::string where;               // empty: not partial
};
// Of a text that SQLite accepted; an automatic index has none: no terms.
IndexSql ParseIndexSql(std::string_view sql);

// The identifier that the text begins with, unquoted; empty: it begins with something else.
std::string FirstName(std::string_view sql);

// How often the text names the identifier, quoted or not, without case.
int CountMentions(std::string_view sql, std::string_view identifier);

}  // namespace tidemark::sqlite
