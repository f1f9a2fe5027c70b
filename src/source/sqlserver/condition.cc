#include "source/sqlserver/condition.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace tidemark::sqlserver {
namespace {

std::unexpected<Error> Refuse(const std::string& condition, const std::string& why,
                              std::string hint = {}) {
  return Fail(ErrorKind::kInvalid, "where \"" + condition + "\": " + why, std::move(hint));
}

bool IsQuote(char c) { return c == '\'' || c == '"' || c == '['; }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '@' || c == '#' || c == '$' || (c & 0x80) != 0;
}

// Where the quoted text or name that begins at `from` ends; npos: it does not.
std::size_t EndOfQuoted(std::string_view text, std::size_t from) {
  char close = text[from] == '[' ? ']' : text[from];
  for (auto at = from + 1; at < text.size(); ++at) {
    if (text[at] != close) continue;
    if (at + 1 == text.size() || text[at + 1] != close) return at;
    ++at;
  }
  return std::string_view::npos;
}

constexpr std::array<std::string_view, 12> kOtherRows = {
    "select", "exists", "from",   "union", "exec",      "execute",
    "insert", "update", "delete", "merge", "openquery", "openrowset"};
constexpr std::array<std::string_view, 16> kOtherEveryTime = {
    "getdate",           "getutcdate",   "sysdatetime",       "sysutcdatetime",
    "sysdatetimeoffset", "newid",        "current_timestamp", "rand",
    "newsequentialid",   "current_user", "session_user",      "system_user",
    "user_name",         "suser_sname",  "host_name",         "app_name"};

Status CheckWord(const std::string& condition, std::string_view word) {
  auto lower = AsciiLower(word);
  if (lower.starts_with('@'))
    return Refuse(condition, "it holds the variable " + std::string(word) +
                                 ", and there is nothing to give for it");
  if (std::ranges::find(kOtherRows, lower) != kOtherRows.end())
    return Refuse(condition,
                  "subqueries are not allowed, as rows would come and go by changes of other rows");
  if (std::ranges::find(kOtherEveryTime, lower) != kOtherEveryTime.end())
    return Refuse(condition,
                  lower + " is another at every sync, so rows would come and go without a change",
                  "compare with a fixed value, and narrow it further when reading the files");
  return {};
}

}  // namespace

Status CheckConditionText(const std::string& condition) {
  auto text = std::string_view(condition);
  int depth = 0;
  for (std::size_t at = 0; at < text.size() && depth >= 0; ++at) {
    auto rest = text.substr(at);
    char c = text[at];
    if (IsQuote(c)) {
      at = EndOfQuoted(text, at);
      if (at == text.npos) return Refuse(condition, std::string("a ") + c + " is never closed");
    } else if (rest.starts_with("--") || rest.starts_with("/*")) {
      return Refuse(condition, "comments are not allowed");
    } else if (c == ';') {
      return Refuse(condition, "it must be one condition, without ';'");
    } else if (c == '\0') {
      return Refuse(condition, "it holds a NUL");
    } else if (IsWord(c)) {
      auto end = std::ranges::find_if_not(rest, IsWord);
      auto word = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
      TRY(CheckWord(condition, word));
      at += word.size() - 1;
    } else {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
  }
  if (depth == 0) return {};
  return Refuse(condition, depth < 0 ? "a ')' closes nothing" : "a '(' is never closed");
}

}  // namespace tidemark::sqlserver
