#pragma once
#include <string_view>

#include "base/result.h"

namespace tidemark {

// Whether a key may name an object: no part empty, "." or "..", no NUL. kInvalid names it.
Status CheckKey(std::string_view key);

// Whether a prefix may be listed: as a key, but its last part may be cut short or empty.
Status CheckPrefix(std::string_view prefix);

// Whether a run id may stand in a token: letters, digits, '-'; 1 to 100 of them.
Status CheckOwner(std::string_view owner);

// What AppendLine writes into `text`: the length that is kept of it (a torn last line is cut off),
// or nothing to do because a whole line contains `unless_contains`.
struct AppendPlan {
  bool is_there = false;
  std::size_t kept_bytes = 0;
};
AppendPlan PlanAppend(std::string_view text, std::string_view unless_contains);

}  // namespace tidemark
