#pragma once
#include <string>

#include "source/sqlite/catalog.h"
#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// Whether `condition` can stand in parentheses behind WHERE, as one expression over the columns of
// one row of the table and nothing else. kInvalid says what is wrong: text that would end the
// parentheses, the statement or itself (comments), a parameter, a subquery, a column that is not
// there, a function whose result changes by itself. Nothing is read.
Status CheckCondition(Connection& connection, const CatalogTable& table,
                      const std::string& condition);

}  // namespace tidemark::sqlite
