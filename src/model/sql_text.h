#pragma once
#include <string>
#include <string_view>

namespace tidemark {

// A name as SQL spells it: "…" with inner quotes doubled; some engines' mark is a backtick, SQL
// Server's is '[': […] with inner ']' doubled. The one place where identifiers are quoted.
std::string QuoteIdentifier(std::string_view name, char mark = '"');
// A text literal: '…' with inner quotes doubled. The text must not hold NUL.
std::string QuoteText(std::string_view text);

}  // namespace tidemark
