#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "base/units.h"
#include "config/keys.h"

namespace tidemark::config {
namespace {

using Kind = Shape::Kind;

constexpr std::size_t kShownMax = 60;

// "did you mean "x"? allowed: …"
std::string Allowed(std::string_view found, const std::vector<std::string_view>& words) {
  std::string_view nearest;
  auto least = std::max<std::size_t>(1, std::min<std::size_t>(found.size(), 12) / 3) + 1;
  if (found.size() <= kShownMax) {
    for (auto word : words) {
      auto distance = EditDistance(found, word);
      if (distance < least && word.size() > 1) nearest = word, least = distance;
    }
  }
  auto hint = fmt::format("allowed: {}", fmt::join(words, ", "));
  return nearest.empty() ? hint : fmt::format("did you mean \"{}\"? {}", nearest, hint);
}

std::vector<std::string_view> NamesOf(std::span<const Key> keys) {
  std::vector<std::string_view> names;
  for (const auto& key : keys) names.push_back(key.name);
  return names;
}

std::string_view KindName(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return {};
}

bool IsVariableName(std::string_view name) {
  auto is_part = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, is_part);
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  std::string digits;  // 500_000, as YAML 1.1 has it
  for (char c : text)
    if (c != '_') digits.push_back(c);
  if (text.starts_with('_') || text.ends_with('_')) return std::nullopt;
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<bool> ParseBoolean(const Node& node) {
  if (node.is_quoted && !node.is_from_variables) return std::nullopt;
  auto word = AsciiLower(node.text);
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}

class Checker {
 public:
  Checker(const Environment& environment, const std::string& file)
      : environment_(environment), file_(file) {}

  Status CheckFile(Node& root) {
    if (root.kind == Node::Kind::kNull)
      return Fail(ErrorAt(file_, {}, "the configuration is empty",
                          "it begins with connection: and databases:"));
    if (root.kind == Node::Kind::kMap) {
      // Keys that begin with x- are for anchors and notes.
      std::erase_if(root.members,
                    [](const Member& member) { return member.key.starts_with("x-"); });
    }
    return CheckValue(root, FileShape(), {}, false);
  }

 private:
  Error Wrong(const Node& node, const std::string& path, std::string message,
              std::string hint) const {
    auto where = path.empty() ? std::string("the file") : path;
    if (!node.origin.empty())
      return {ErrorKind::kInvalid,
              fmt::format("environment variable {} ({}): {}", node.origin, where, message),
              std::move(hint)};
    return ErrorAt(file_, node.place, fmt::format("{}: {}", where, message), std::move(hint));
  }
  static std::string Shown(const Node& node, bool is_secret) {
    if (is_secret) return "the value";
    const auto& text = node.written;
    if (text.size() <= kShownMax) return fmt::format("\"{}\"", text);
    auto cut = kShownMax;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
    return fmt::format("\"{}…\"", text.substr(0, cut));
  }
  Error NotOfShape(const Node& node, const Shape& shape, const std::string& path) const {
    std::string hint;
    if (shape.kind == Kind::kSection)
      hint = fmt::format("allowed: {}", fmt::join(NamesOf(shape.keys), ", "));
    return Wrong(node, path, fmt::format("{} is found, {} is wanted", KindName(node), shape.noun),
                 hint);
  }

  Status CheckValue(Node& node, const Shape& shape, const std::string& path, bool is_secret) {
    if (node.kind == Node::Kind::kNull) return {};
    switch (shape.kind) {
      case Kind::kEither:
        return CheckEither(node, shape, path, is_secret);
      case Kind::kList:
        return CheckList(node, shape, path, is_secret);
      case Kind::kMap:
        return CheckMap(node, shape, path, is_secret);
      case Kind::kSection:
        return CheckSection(node, shape, path);
      default:
        if (node.kind != Node::Kind::kScalar) return Fail(NotOfShape(node, shape, path));
        TRY(Expand(node, path));
        if (node.kind == Node::Kind::kNull) return {};
        return CheckScalar(node, shape, path, is_secret);
    }
  }

  Status CheckEither(Node& node, const Shape& shape, const std::string& path, bool is_secret) {
    for (const auto* choice : shape.choices) {
      bool is_list = choice->kind == Kind::kList;
      bool is_map = choice->kind == Kind::kMap || choice->kind == Kind::kSection;
      bool fits = node.kind == Node::Kind::kList  ? is_list
                  : node.kind == Node::Kind::kMap ? is_map
                                                  : !is_list && !is_map;
      if (fits) return CheckValue(node, *choice, path, is_secret);
    }
    return Fail(NotOfShape(node, shape, path));
  }

  Status CheckList(Node& node, const Shape& shape, const std::string& path, bool is_secret) {
    if (node.kind != Node::Kind::kList) return Fail(NotOfShape(node, shape, path));
    if (node.items.empty() && !shape.may_be_empty)
      return Fail(Wrong(node, path, "the list is empty", {}));
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      auto item_path = fmt::format("{}[{}]", path, i);
      if (node.items[i].kind == Node::Kind::kNull)
        return Fail(Wrong(node.items[i], item_path,
                          fmt::format("nothing is found, {} is wanted", shape.item->noun), {}));
      TRY(CheckValue(node.items[i], *shape.item, item_path, is_secret));
    }
    return {};
  }

  Status CheckMap(Node& node, const Shape& shape, const std::string& path, bool is_secret) {
    if (node.kind != Node::Kind::kMap) return Fail(NotOfShape(node, shape, path));
    if (node.members.empty() && !shape.may_be_empty)
      return Fail(Wrong(node, path, "the map is empty", {}));
    for (auto& member : node.members) {
      auto member_path = PathOf(path, member.key);
      if (member.key.empty())
        return Fail(ErrorAt(file_, member.place, fmt::format("{}: a name is empty", path)));
      TRY(CheckEmpty(member, *shape.item, member_path));
      TRY(CheckValue(member.value, *shape.item, member_path, is_secret));
    }
    return {};
  }

  // A key with nothing behind it counts as not given, except where that cannot be meant.
  Status CheckEmpty(const Member& member, const Shape& shape, const std::string& path) const {
    if (member.value.kind != Node::Kind::kNull || shape.may_be_empty) return {};
    return Fail(ErrorAt(file_, member.place,
                        fmt::format("{}: nothing is found, {} is wanted", path, shape.noun)));
  }

  Status CheckSection(Node& node, const Shape& shape, const std::string& path) {
    if (node.kind != Node::Kind::kMap) return Fail(NotOfShape(node, shape, path));
    if (node.members.empty() && !shape.may_be_empty)
      return Fail(Wrong(node, path, "the map is empty",
                        fmt::format("allowed: {}", fmt::join(NamesOf(shape.keys), ", "))));
    for (auto& member : node.members) TRY(CheckMember(node, member, shape, path));
    for (const auto& key : shape.keys) {
      AddFromEnvironment(node, key);
      const auto* value = node.Find(key.name);
      bool is_there = value && value->kind != Node::Kind::kNull;
      if (key.is_required && !is_there)
        return Fail(Wrong(node, path, fmt::format("the key {} is missing", key.name),
                          std::string(key.text)));
    }
    // Those that came from the environment.
    for (auto& member : node.members)
      if (!member.value.origin.empty()) TRY(CheckMember(node, member, shape, path));
    return {};
  }

  Status CheckMember(const Node& section, Member& member, const Shape& shape,
                     const std::string& path) {
    auto member_path = PathOf(path, member.key);
    bool was_serving = is_serving_;
    if (path.empty()) is_serving_ = IsForServing(member.key);
    for (const auto& key : shape.keys) {
      if (key.name != member.key) continue;
      TRY(CheckEmpty(member, *key.shape, member_path));
      auto checked = CheckValue(member.value, *key.shape, member_path, key.is_secret);
      is_serving_ = was_serving;
      return checked;
    }
    is_serving_ = was_serving;
    // A scalar is a misspelled key, unless it chooses all tables.
    bool is_name = member.value.kind != Node::Kind::kScalar || member.value.text == "*";
    bool is_other_name = shape.item && is_name && !section.Find("schemas");
    if (!is_other_name)
      return Fail(ErrorAt(file_, member.place, fmt::format("{}: there is no such key", member_path),
                          Allowed(member.key, NamesOf(shape.keys))));
    TRY(CheckEmpty(member, *shape.item, member_path));
    return CheckValue(member.value, *shape.item, member_path, false);
  }

  static bool HasEnvironment(const Shape& shape) {
    return shape.kind == Kind::kSection && std::ranges::any_of(shape.keys, [](const Key& key) {
             return !key.environment[0].empty();
           });
  }

  void AddFromEnvironment(Node& node, const Key& key) {
    auto found = std::ranges::find(node.members, key.name, &Member::key);
    bool is_there = found != node.members.end() && found->value.kind != Node::Kind::kNull;
    if (is_there) return;
    Node value;
    for (auto name : key.environment) {
      if (name.empty() || value.kind != Node::Kind::kNull) continue;
      auto text = environment_.Get(std::string(name));
      if (!text || text->empty()) continue;
      value = {.kind = Node::Kind::kScalar,
               .text = *text,
               .written = *text,
               .origin = std::string(name)};
    }
    if (HasEnvironment(*key.shape)) {
      Node section{.kind = Node::Kind::kMap};
      for (const auto& inner : key.shape->keys) AddFromEnvironment(section, inner);
      if (!section.members.empty()) value = std::move(section), value.origin = "of its keys";
    }
    if (value.kind == Node::Kind::kNull) return;
    if (found != node.members.end())
      found->value = std::move(value);
    else
      node.members.push_back(
          {.key = std::string(key.name), .place = {}, .value = std::move(value)});
  }

  // ${NAME} becomes the variable's value, $${ becomes ${.
  Status Expand(Node& node, const std::string& path) {
    if (!node.origin.empty() || !node.text.contains("${")) return {};
    std::string expanded;
    std::string_view rest = node.text;
    for (;;) {
      auto at = rest.find("${");
      if (at == rest.npos) break;
      if (at > 0 && rest[at - 1] == '$') {
        expanded += rest.substr(0, at - 1);
        expanded += "${";
        rest.remove_prefix(at + 2);
        continue;
      }
      expanded += rest.substr(0, at);
      auto end = rest.find('}', at);
      auto name = end == rest.npos ? std::string_view() : rest.substr(at + 2, end - at - 2);
      if (!IsVariableName(name))
        return Fail(
            Wrong(node, path, "\"${\" is not followed by a variable's name and \"}\"",
                  "${NAME} stands for a variable; write $${ for the characters themselves"));
      auto value = environment_.Get(std::string(name));
      if (!value && is_serving_) {
        node.kind = Node::Kind::kNull;
        return {};
      }
      if (!value)
        return Fail(Wrong(node, path, fmt::format("variable {} is not set", name),
                          "set it in the environment or in a file .env"));
      expanded += *value;
      node.is_from_variables = true;
      rest.remove_prefix(end + 1);
    }
    expanded += rest;
    node.text = std::move(expanded);
    return {};
  }

  Status CheckScalar(Node& node, const Shape& shape, const std::string& path, bool is_secret) {
    auto shown = Shown(node, is_secret);
    auto not_one = [&] { return fmt::format("{} is not {}", shown, shape.noun); };
    switch (shape.kind) {
      case Kind::kWord:
        if (std::ranges::find(shape.words, node.text) != shape.words.end()) return {};
        return Fail(Wrong(node, path, not_one(),
                          Allowed(node.written, {shape.words.begin(), shape.words.end()})));
      case Kind::kInteger:
        return CheckInteger(node, shape, path, shown);
      case Kind::kBoolean:
        if (auto value = ParseBoolean(node)) {
          node.text = *value ? "true" : "false";
          return {};
        }
        return Fail(Wrong(node, path, not_one(),
                          node.is_quoted ? "without quotes" : "allowed: true, false"));
      case Kind::kSize:
        if (ParseBytes(node.text)) return {};
        return Fail(Wrong(node, path, not_one(), {}));
      case Kind::kTime:
        if (ParseMilliseconds(node.text)) return {};
        return Fail(Wrong(node, path, not_one(), {}));
      default:
        if (!node.text.empty()) return {};
        if (node.is_from_variables)
          return Fail(Wrong(node, path, fmt::format("{} is empty", Shown(node, false)), {}));
        return Fail(
            Wrong(node, path, fmt::format("the text is empty, {} is wanted", shape.noun), {}));
    }
  }

  Status CheckInteger(Node& node, const Shape& shape, const std::string& path,
                      const std::string& shown) {
    bool has_end = shape.max != std::numeric_limits<std::int64_t>::max();
    auto range = has_end ? fmt::format("allowed: {} to {}", shape.min, shape.max)
                         : fmt::format("allowed: whole numbers from {}", shape.min);
    if (has_end && shape.max - shape.min == 1)
      range = fmt::format("allowed: {}, {}", shape.min, shape.max);
    auto number = ParseInteger(node.text);
    if (!number || *number < shape.min || *number > shape.max)
      return Fail(Wrong(node, path,
                        fmt::format("{} is not {}", shown, number ? "in the range" : shape.noun),
                        range));
    node.text = fmt::format("{}", *number);
    return {};
  }

  const Environment& environment_;
  const std::string& file_;
  bool is_serving_ = false;  // within a part that is for serving alone
};

}  // namespace

std::string PathOf(std::string_view parent, std::string_view key) {
  bool is_plain = !key.empty() && std::ranges::none_of(key, [](char c) {
    return c == '.' || c == '[' || c == ']' || c == '"' || static_cast<unsigned char>(c) <= ' ';
  });
  auto name = is_plain ? std::string(key) : fmt::format("\"{}\"", key);
  return parent.empty() ? name : fmt::format("{}.{}", parent, name);
}

Status Check(Node& root, const Environment& environment, const std::string& file) {
  return Checker(environment, file).CheckFile(root);
}

}  // namespace tidemark::config
