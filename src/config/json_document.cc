#include <fmt/format.h>

#include <optional>
#include <unordered_set>

#include "base/text.h"
#include "config/document.h"

namespace tidemark::config {
namespace {

// JSON as RFC 8259 has it. Not by a library: none tells where a value stands, keeps a number as it
// is written and notices a key that stands twice; yaml-cpp, which reads most JSON, refuses
// surrogate pairs and keys of more than 1,024 bytes.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Result<Node> Read() {
    auto node = TRY(Value(0));
    SkipBlanks();
    if (at_ < text_.size()) return Fail(Wrong("the end of the file is wanted here"));
    return node;
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  Place Here() const { return {.line = line_, .column = static_cast<int>(at_ - line_begin_) + 1}; }
  Error Wrong(std::string_view what, std::string hint = {}) const {
    auto found = at_ >= text_.size() ? std::string("the file ends")
                                     : fmt::format("\"{}\" is found", text_[at_]);
    return ErrorAt(name_, Here(), fmt::format("not valid JSON: {}, {}", what, found),
                   std::move(hint));
  }
  void SkipBlanks() {
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '\n')
        ++line_, line_begin_ = at_ + 1;
      else if (c != ' ' && c != '\t' && c != '\r')
        return;
    }
  }

  Result<Node> Value(int depth) {
    SkipBlanks();
    if (depth > kDepthMax)
      return Fail(ErrorAt(name_, Here(), "values are nested too deeply",
                          fmt::format("at most {} levels", kDepthMax)));
    if (++nodes_ > kNodesMax)
      return Fail(ErrorAt(name_, Here(), "the file holds too many values",
                          fmt::format("at most {} values", kNodesMax)));
    Node node{.kind = Node::Kind::kScalar, .place = Here()};
    switch (Peek()) {
      case '{':
        return Map(depth);
      case '[':
        return List(depth);
      case '"':
        node.text = TRY(String());
        node.is_quoted = true;
        break;
      default:
        node.text = TRY(Bare());
        if (node.text == "null") node.kind = Node::Kind::kNull;
    }
    node.written = node.text;
    return node;
  }

  // A number, true, false or null.
  Result<std::string> Bare() {
    auto begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                  std::string_view("+-._").contains(text_[at_])))
      ++at_;
    auto word = text_.substr(begin, at_ - begin);
    if (word == "true" || word == "false" || word == "null" || IsNumber(word))
      return std::string(word);
    at_ = begin;
    return Fail(Wrong("a value is wanted here", word.empty() ? "" : "a text wants double quotes"));
  }
  static bool IsNumber(std::string_view word) {
    auto digits = [&] {
      std::size_t count = 0;
      while (!word.empty() && word[0] >= '0' && word[0] <= '9') word.remove_prefix(1), ++count;
      return count;
    };
    if (word.starts_with('-')) word.remove_prefix(1);
    bool has_leading_zero = word.starts_with('0');
    auto whole = digits();
    if (whole == 0 || (has_leading_zero && whole > 1)) return false;
    if (word.starts_with('.')) {
      word.remove_prefix(1);
      if (digits() == 0) return false;
    }
    if (word.starts_with('e') || word.starts_with('E')) {
      word.remove_prefix(1);
      if (word.starts_with('+') || word.starts_with('-')) word.remove_prefix(1);
      if (digits() == 0) return false;
    }
    return word.empty();
  }

  Result<std::string> String() {
    std::string text;
    for (++at_; Peek() != '"'; ++at_) {
      if (at_ >= text_.size() || static_cast<unsigned char>(Peek()) < 0x20)
        return Fail(Wrong("the quote that ends a text is missing"));
      if (Peek() != '\\') {
        text.push_back(Peek());
        continue;
      }
      ++at_;
      constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
      if (Peek() == 'u') {
        AppendUtf8(TRY(CodePoint()), text);
      } else if (auto which = kEscapes.find(Peek()); which != kEscapes.npos) {
        text.push_back(kMeanings[which]);
      } else {
        return Fail(Wrong("an escape is wanted here", "a backslash itself is written \\\\"));
      }
    }
    ++at_;
    return text;
  }
  // At the 'u' of \uXXXX; ends at its last digit.
  Result<std::uint32_t> CodePoint() {
    auto high = TRY(FourDigits());
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high < 0xDC00 && text_.substr(at_ + 1).starts_with("\\u")) {
      at_ += 2;
      auto low = TRY(FourDigits());
      if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    }
    return Fail(Wrong("half of a surrogate pair stands alone"));
  }
  Result<std::uint32_t> FourDigits() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      ++at_;
      auto digit =
          std::string_view("0123456789abcdef").find(static_cast<char>(std::tolower(Peek())));
      if (digit == std::string_view::npos || at_ >= text_.size())
        return Fail(Wrong("four hexadecimal digits are wanted here"));
      code = code << 4 | static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  Result<Node> List(int depth) {
    Node list{.kind = Node::Kind::kList, .place = Here()};
    ++at_;
    SkipBlanks();
    if (Peek() == ']') return ++at_, list;
    for (;;) {
      list.items.push_back(TRY(Value(depth + 1)));
      SkipBlanks();
      if (Peek() == ']') return ++at_, list;
      if (Peek() != ',') return Fail(Wrong("\",\" or \"]\" is wanted here"));
      ++at_;
    }
  }
  Result<Node> Map(int depth) {
    Node map{.kind = Node::Kind::kMap, .place = Here()};
    std::unordered_set<std::string> keys;
    ++at_;
    SkipBlanks();
    if (Peek() == '}') return ++at_, map;
    for (;;) {
      SkipBlanks();
      Member member{.key = {}, .place = Here(), .value = {}};
      if (Peek() != '"') return Fail(Wrong("a key in double quotes is wanted here"));
      member.key = TRY(String());
      if (!keys.insert(member.key).second)
        return Fail(
            ErrorAt(name_, member.place, fmt::format("key \"{}\" stands here twice", member.key)));
      SkipBlanks();
      if (Peek() != ':') return Fail(Wrong("\":\" is wanted here"));
      ++at_;
      member.value = TRY(Value(depth + 1));
      map.members.push_back(std::move(member));
      SkipBlanks();
      if (Peek() == '}') return ++at_, map;
      if (Peek() != ',') return Fail(Wrong("\",\" or \"}\" is wanted here"));
      ++at_;
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0, line_begin_ = 0, nodes_ = 0;
  int line_ = 1;
};

}  // namespace

Result<Node> ReadJson(std::string_view text, const std::string& name) {
  return Reader(text, name).Read();
}

}  // namespace tidemark::config
