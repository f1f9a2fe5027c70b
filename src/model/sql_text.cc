#include "model/sql_text.h"

namespace tidemark {
namespace {

std::string Quote(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (char c : text) {
    if (c == quote) quoted.push_back(quote);
    quoted.push_back(c);
  }
  quoted.push_back(quote);
  return quoted;
}

}  // namespace

std::string QuoteIdentifier(std::string_view name, char mark) { return Quote(name, mark); }
std::string QuoteText(std::string_view text) { return Quote(text, '\''); }

}  // namespace tidemark
