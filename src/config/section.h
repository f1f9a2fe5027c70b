#pragma once
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "config/document.h"

namespace tidemark::config {

// The keys of a map that was checked: what is there is of the right kind.
class Section {
 public:
  explicit Section(const Node* node) : node_(node) {}

  bool is_there() const { return node_ && node_->kind != Node::Kind::kNull; }
  bool is_scalar() const { return node_ && node_->kind == Node::Kind::kScalar; }
  const std::string& text() const { return node_->text; }  // of a scalar
  const Node* Find(std::string_view key) const {
    const auto* found = node_ ? node_->Find(key) : nullptr;
    return found && found->kind != Node::Kind::kNull ? found : nullptr;
  }
  Section Inner(std::string_view key) const { return Section(Find(key)); }

  std::string Text(std::string_view key) const {
    const auto* found = Find(key);
    return found ? found->text : std::string();
  }
  std::optional<bool> Boolean(std::string_view key) const {
    const auto* found = Find(key);
    return found ? std::optional(found->text == "true") : std::nullopt;
  }
  std::optional<std::int64_t> Integer(std::string_view key) const {
    const auto* found = Find(key);
    if (!found) return std::nullopt;
    std::int64_t number = 0;
    std::from_chars(found->text.data(), found->text.data() + found->text.size(), number);
    return number;
  }
  std::optional<std::int64_t> Bytes(std::string_view key) const {
    const auto* found = Find(key);
    return found ? ParseBytes(found->text) : std::nullopt;
  }
  std::optional<std::int64_t> Milliseconds(std::string_view key) const {
    const auto* found = Find(key);
    return found ? ParseMilliseconds(found->text) : std::nullopt;
  }
  std::vector<std::string> Texts(std::string_view key) const {
    std::vector<std::string> texts;
    if (const auto* found = Find(key))
      for (const auto& item : found->items)
        if (item.kind == Node::Kind::kScalar) texts.push_back(item.text);
    return texts;
  }
  // Of a map of the user's own names.
  const std::vector<Member>& members() const {
    static const std::vector<Member> kNone;
    return node_ ? node_->members : kNone;
  }

 private:
  const Node* node_;
};

}  // namespace tidemark::config
