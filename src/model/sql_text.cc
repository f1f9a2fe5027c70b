#include "model/sql_text.h"

namespace tidemark {
namespace {

std::string Quote(std::string_view text, char open, char close) {
  std::string quoted(1, open);
  for (char c : text) {
    if (c == close) quoted.push_back(close);
    quoted.push_back(c);
  }
  quoted.push_back(close);
  return quoted;
}

}  // namespace

std::string QuoteIdentifier(std::string_view name, char mark) {
  return Quote(name, mark, mark == '[' ? ']' : mark);
}
std::string QuoteText(std::string_view text) { return Quote(text, '\'', '\''); }

}  // namespace tidemark
