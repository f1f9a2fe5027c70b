#include "source/sqlite/index_sql.h"

#include <cctype>

#include "base/text.h"

namespace tidemark::sqlite {
namespace {

struct Token {
  enum class Kind { kWord, kQuotedName, kText, kOther } kind;
  std::size_t begin, end;  // bytes of the text
};

bool IsWordByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || (c & 0x80);
}

// Behind the closing quote; a doubled quote stands for itself.
std::size_t EndOfQuoted(std::string_view sql, std::size_t begin, char quote) {
  std::size_t i = begin + 1;
  for (; i < sql.size(); ++i) {
    if (sql[i] != quote) continue;
    if (quote != ']' && i + 1 < sql.size() && sql[i + 1] == quote) {
      ++i;
      continue;
    }
    return i + 1;
  }
  return i;
}

std::size_t EndOfBlank(std::string_view sql, std::size_t i) {
  while (i < sql.size()) {
    if (std::isspace(static_cast<unsigned char>(sql[i]))) {
      ++i;
    } else if (sql.substr(i, 2) == "--") {
      while (i < sql.size() && sql[i] != '\n') ++i;
    } else if (sql.substr(i, 2) == "/*") {
      auto end = sql.find("*/", i + 2);
      i = end == std::string_view::npos ? sql.size() : end + 2;
    } else {
      break;
    }
  }
  return i;
}

std::vector<Token> Tokens(std::string_view sql) {
  std::vector<Token> tokens;
  for (std::size_t i = EndOfBlank(sql, 0); i < sql.size(); i = EndOfBlank(sql, i)) {
    Token token{Token::Kind::kOther, i, i + 1};
    char c = sql[i];
    if (c == '\'') {
      token = {Token::Kind::kText, i, EndOfQuoted(sql, i, '\'')};
    } else if (c == '"' || c == '`') {
      token = {Token::Kind::kQuotedName, i, EndOfQuoted(sql, i, c)};
    } else if (c == '[') {
      token = {Token::Kind::kQuotedName, i, EndOfQuoted(sql, i, ']')};
    } else if (IsWordByte(c)) {
      token.kind = Token::Kind::kWord;
      while (token.end < sql.size() && IsWordByte(sql[token.end])) ++token.end;
    }
    tokens.push_back(token);
    i = token.end;
  }
  return tokens;
}

std::string_view TextOf(std::string_view sql, const Token& token) {
  return sql.substr(token.begin, token.end - token.begin);
}

bool IsWord(std::string_view sql, const Token& token, std::string_view word) {
  return token.kind == Token::Kind::kWord && EqualsNoCase(TextOf(sql, token), word);
}

std::string Unquoted(std::string_view text) {
  std::string name;
  char quote = text.back();
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    name.push_back(text[i]);
    if (text[i] == quote && quote != ']') ++i;
  }
  return name;
}

std::string NameIn(std::string_view sql, const Token& token) {
  if (token.kind == Token::Kind::kWord) return std::string(TextOf(sql, token));
  return token.kind == Token::Kind::kQuotedName ? Unquoted(TextOf(sql, token)) : std::string();
}

std::string TermText(std::string_view sql, std::vector<Token> term) {
  auto is_order = [&](const Token& token) {
    return IsWord(sql, token, "asc") || IsWord(sql, token, "desc");
  };
  if (term.size() > 1 && is_order(term.back())) term.pop_back();
  if (term.size() > 2 && IsWord(sql, term[term.size() - 2], "collate"))
    term.resize(term.size() - 2);
  if (term.empty()) return {};
  return std::string(sql.substr(term.front().begin, term.back().end - term.front().begin));
}

}  // namespace

IndexSql ParseIndexSql(std::string_view sql) {
  IndexSql index;
  auto tokens = Tokens(sql);
  std::vector<Token> term;
  int depth = 0;
  bool is_behind_terms = false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto text = TextOf(sql, tokens[i]);
    if (is_behind_terms) {
      if (IsWord(sql, tokens[i], "where") && i + 1 < tokens.size())
        index.where = sql.substr(tokens[i + 1].begin, tokens.back().end - tokens[i + 1].begin);
      break;
    }
    if (text == "(" && ++depth == 1) continue;
    if (text == ")" && --depth == 0) is_behind_terms = true;
    if (is_behind_terms || (text == "," && depth == 1)) {
      index.terms.push_back(TermText(sql, std::move(term)));
      term.clear();
    } else if (depth > 0) {
      term.push_back(tokens[i]);
    }
  }
  return index;
}

std::string FirstName(std::string_view sql) {
  auto tokens = Tokens(sql);
  return tokens.empty() ? std::string() : NameIn(sql, tokens[0]);
}

int CountMentions(std::string_view sql, std::string_view identifier) {
  int count = 0;
  for (auto& token : Tokens(sql))
    if (EqualsNoCase(NameIn(sql, token), identifier)) ++count;
  return count;
}

}  // namespace tidemark::sqlite
