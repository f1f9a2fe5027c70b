#pragma once
#include <string>

#include "base/result.h"

namespace tidemark::sqlserver {

// Whether a condition of the user's may stand within our statements: one expression, closed in
// itself, over the row's own columns, and the same at every sync. Its grammar is the server's to
// check. kInvalid says what is wrong.
Status CheckConditionText(const std::string& condition);

}  // namespace tidemark::sqlserver
