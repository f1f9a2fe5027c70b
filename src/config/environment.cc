#include "config/environment.h"

#include <fmt/format.h>

#include <cstdlib>

#include "config/document.h"

namespace tidemark::config {
namespace {

bool IsNamePart(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

class DotEnvReader {
 public:
  DotEnvReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Status Read(std::map<std::string, std::string>& into) {
    for (;;) {
      SkipBlanksAndLines();
      if (at_ >= text_.size()) return {};
      if (text_[at_] == '#') {
        SkipLine();
        continue;
      }
      auto name = TRY(VariableName());
      into[name] = TRY(Value(name));
    }
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  void SkipBlanks() {
    while (Peek() == ' ' || Peek() == '\t') ++at_;
  }
  void SkipBlanksAndLines() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (!std::string_view(" \t\r\n").contains(text_[at_])) return;
    }
  }
  void SkipLine() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }
  // Without the line itself: it may hold a secret.
  Error Wrong(int line, std::string_view what) const {
    return {ErrorKind::kInvalid, fmt::format("{}:{}: {}", name_, line, what),
            "lines are NAME=VALUE, and comments begin with #"};
  }

  Result<std::string> VariableName() {
    if (text_.substr(at_).starts_with("export ") || text_.substr(at_).starts_with("export\t")) {
      at_ += 7;
      SkipBlanks();
    }
    auto begin = at_;
    while (IsNamePart(Peek())) ++at_;
    auto name = std::string(text_.substr(begin, at_ - begin));
    SkipBlanks();
    if (name.empty() || (name[0] >= '0' && name[0] <= '9') || Peek() != '=')
      return Fail(Wrong(line_, "this is not a variable and its value"));
    ++at_;
    SkipBlanks();
    return name;
  }

  Result<std::string> Value(const std::string& name) {
    if (Peek() == '"' || Peek() == '\'') return Quoted(name, Peek());
    auto begin = at_;
    SkipLine();
    auto value = text_.substr(begin, at_ - begin);
    // A comment needs a blank before it: passwords hold #.
    for (std::size_t i = 0; i < value.size(); ++i)
      if (value[i] == '#' && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t'))
        value = value.substr(0, i);
    auto last = value.find_last_not_of(" \t\r");
    return std::string(value.substr(0, last == value.npos ? 0 : last + 1));
  }

  // May go over several lines.
  Result<std::string> Quoted(const std::string& name, char quote) {
    int began = line_;
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      char c = text_[at_];
      if (c == '\n') ++line_;
      if (c == '\\' && quote == '"' && at_ + 1 < text_.size()) {
        char next = text_[++at_];
        if (next == '\n') ++line_;
        if (next == 'n' || next == 't')
          value.push_back(next == 'n' ? '\n' : '\t');
        else if (next == '"' || next == '\\' || next == '$')
          value.push_back(next);
        else
          value.append({'\\', next});
      } else if (c != '\r' || at_ + 1 >= text_.size() || text_[at_ + 1] != '\n') {
        value.push_back(c);
      }
    }
    if (at_ >= text_.size())
      return Fail(
          Wrong(began, fmt::format("the quote that ends the value of {} is missing", name)));
    ++at_;
    SkipBlanks();
    if (Peek() == '#') SkipLine();
    if (Peek() != '\n' && Peek() != '\r')
      return Fail(Wrong(line_, fmt::format("something follows the quoted value of {}", name)));
    return value;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

Environment::Environment()
    : process_([](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (!value) return std::nullopt;
        return value;
      }) {}

Status Environment::AddDotEnv(std::string_view text, const std::string& name) {
  if (text.size() > kFileBytesMax)
    return Fail(ErrorAt(name, {}, "the file is too large", "at most 2 MiB"));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return DotEnvReader(text, name).Read(dot_env_);
}

std::optional<std::string> Environment::Get(const std::string& name) const {
  if (auto value = process_(name)) return value;
  auto found = dot_env_.find(name);
  if (found == dot_env_.end()) return std::nullopt;
  return found->second;
}

}  // namespace tidemark::config
