#include "source/sqlite/condition.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace tidemark::sqlite {
namespace {

std::unexpected<Error> Refuse(const std::string& condition, const std::string& why,
                              std::string hint = {}) {
  return Fail(ErrorKind::kInvalid, "where \"" + condition + "\": " + why, std::move(hint));
}

bool IsQuote(char c) { return c == '\'' || c == '"' || c == '`' || c == '['; }

// Where the quoted text or name that begins at `from` ends; npos: it does not.
std::size_t EndOfQuoted(std::string_view text, std::size_t from) {
  char close = text[from] == '[' ? ']' : text[from];
  for (auto at = from + 1; at < text.size(); ++at) {
    if (text[at] != close) continue;
    bool is_doubled = close != ']' && at + 1 < text.size() && text[at + 1] == close;
    if (!is_doubled) return at;
    ++at;
  }
  return std::string_view::npos;
}

// What SQLite would understand, but not as a part of our statement.
Status CheckText(const std::string& condition) {
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
    } else {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
  }
  if (depth == 0) return {};
  return Refuse(condition, depth < 0 ? "a ')' closes nothing" : "a '(' is never closed");
}

// Whether a function of times may be given the time it is: 'now', or nothing at all.
bool MayMeanNow(std::string_view text) {
  char before = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == ')' && before == '(') return true;
    if (IsQuote(c)) {
      auto end = std::min(EndOfQuoted(text, at), text.size());
      auto inner = text.substr(at + 1, end - at - 1);
      if (c == '\'' && EqualsNoCase(inner, "now")) return true;
      at = end;
    }
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') before = c;
  }
  return false;
}

// What SQLite asks leave for while it parses the condition.
struct Overheard {
  int selects = 0;
  bool asks_times = false;        // calls a function of times
  std::string changes_by_itself;  // a function that needs no change of the row for another result
};

int Overhear(void* context, int action, const char*, const char* name, const char*, const char*) {
  auto& heard = *static_cast<Overheard*>(context);
  if (action == SQLITE_SELECT) ++heard.selects;
  if (action != SQLITE_FUNCTION || !name) return SQLITE_OK;
  auto is_one_of = [&](auto... names) { return (... || EqualsNoCase(name, names)); };
  if (is_one_of("date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"))
    heard.asks_times = true;
  if (is_one_of("random", "randomblob", "changes", "total_changes", "last_insert_rowid",
                "current_date", "current_time", "current_timestamp", "load_extension"))
    heard.changes_by_itself = name;
  return SQLITE_OK;
}

// While it lives: the connection tells what it is asked, and "abc" is a name and never a text, so
// that a misspelt column is found.
class Listening {
 public:
  Listening(sqlite3* db, Overheard* heard) : db_(db) {
    sqlite3_set_authorizer(db_, Overhear, heard);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, -1, &takes_names_as_text_);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  }
  ~Listening() {
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, takes_names_as_text_, nullptr);
    sqlite3_set_authorizer(db_, nullptr, nullptr);
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  sqlite3* db_;
  int takes_names_as_text_ = 0;
};

std::string NamesOf(const CatalogTable& table) {
  constexpr std::size_t kMost = 30;
  std::string names;
  for (std::size_t i = 0; i < std::min(table.columns.size(), kMost); ++i)
    names += (i > 0 ? ", " : "") + table.columns[i].name;
  return table.columns.size() > kMost ? names + ", …" : names;
}

}  // namespace

Status CheckCondition(Connection& connection, const CatalogTable& table,
                      const std::string& condition) {
  TRY(CheckText(condition));
  Overheard heard;
  auto statement = [&] {
    Listening listening(connection.raw(), &heard);
    return connection.Prepare("select 1 from main." + QuoteIdentifier(table.name) + " where (" +
                              condition + "\n)");
  }();
  if (heard.selects > 1)
    return Refuse(condition,
                  "subqueries are not allowed, as rows would come and go by changes of other rows");
  if (!statement) {
    bool is_name = statement.error().message.find("no such column") != std::string::npos;
    return Refuse(condition, statement.error().message,
                  is_name ? "columns: " + NamesOf(table) : std::string());
  }
  if (sqlite3_bind_parameter_count(statement->raw()) > 0)
    return Refuse(condition, "it holds a parameter, and there is nothing to give for it");
  if (heard.asks_times && MayMeanNow(condition)) heard.changes_by_itself = "the present time";
  if (!heard.changes_by_itself.empty())
    return Refuse(condition,
                  heard.changes_by_itself +
                      " is another at every sync, so rows would come and go without a change",
                  "compare with a fixed value, and narrow it further when reading the files");
  return {};
}

}  // namespace tidemark::sqlite
