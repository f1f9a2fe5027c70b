#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <unordered_set>

#include "config/document.h"

namespace tidemark::config {
namespace {

Place PlaceOf(const YAML::Mark& mark) { return {.line = mark.line + 1, .column = mark.column + 1}; }

std::size_t CountNodes(const Node& node) {
  std::size_t count = 1;
  for (const auto& item : node.items) count += CountNodes(item);
  for (const auto& member : node.members) count += CountNodes(member.value);
  return count;
}

// Builds the tree from the parser's events, so that limits hold while it grows: an alias is counted
// before it is copied. After the first error events pass by.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& name) : name_(name) {}

  Result<Node> Take() {
    if (error_) return Fail(std::move(*error_));
    return std::move(root_);
  }
  bool has_failed() const { return error_.has_value(); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      Refuse(PlaceOf(mark), "a second document begins here",
             "one file holds one document: take out \"---\"");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add({.kind = Node::Kind::kNull, .place = PlaceOf(mark)}, anchor, 1);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      Refuse(PlaceOf(mark), "an alias stands inside of what it names", {});
      return;
    }
    auto [count, depth] = sizes_[anchor];
    if (static_cast<int>(open_.size()) + depth > kDepthMax) return RefuseDepth(PlaceOf(mark));
    if (!Count(count, PlaceOf(mark))) return;
    Add(found->second, YAML::NullAnchor, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    bool is_plain = tag == "?";
    Add({.kind = Node::Kind::kScalar,
         .text = value,
         .written = value,
         .is_quoted = !is_plain,
         .place = PlaceOf(mark)},
        anchor, 1);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Begin(Node::Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { End(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Begin(Node::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { End(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::optional<Member> key;  // read, and waits for its value
    std::unordered_set<std::string> keys;
    std::vector<Node> merges;  // what "<<" names
    int depth = 1;             // of what it holds
  };

  void Refuse(Place place, std::string message, std::string hint) {
    if (!error_) error_ = ErrorAt(name_, place, std::move(message), std::move(hint));
  }
  void RefuseDepth(Place place) {
    Refuse(place, "values are nested too deeply", fmt::format("at most {} levels", kDepthMax));
  }
  bool Count(std::size_t nodes, Place place) {
    if (error_) return false;
    nodes_ += nodes;
    if (nodes_ > kNodesMax)
      Refuse(place, "the file holds too many values, aliases counted as often as they stand",
             fmt::format("at most {} values", kNodesMax));
    return !error_;
  }

  void Begin(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (!Count(1, PlaceOf(mark))) return;
    if (static_cast<int>(open_.size()) >= kDepthMax) return RefuseDepth(PlaceOf(mark));
    open_.push_back({.node = {.kind = kind, .place = PlaceOf(mark)}, .anchor = anchor});
  }
  void End() {
    if (error_) return;
    auto done = std::move(open_.back());
    open_.pop_back();
    for (auto& merge : done.merges) Merge(done, std::move(merge));
    if (!open_.empty()) open_.back().depth = std::max(open_.back().depth, done.depth + 1);
    Place(std::move(done.node), done.anchor, done.depth);
  }
  void Add(Node node, YAML::anchor_t anchor, std::size_t count) {
    if (count > 0 && !Count(count, node.place)) return;
    if (!error_) Place(std::move(node), anchor, 0);
  }
  // Puts a finished value where it belongs.
  void Place(Node node, YAML::anchor_t anchor, int depth) {
    if (anchor != YAML::NullAnchor) {
      sizes_[anchor] = {CountNodes(node), depth};
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = open_.back();
    if (parent.node.kind == Node::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      BeginMember(parent, std::move(node));
    } else if (parent.key->key == "<<") {
      KeepMerge(parent, std::move(node));
      parent.key.reset();
    } else {
      parent.key->value = std::move(node);
      parent.node.members.push_back(std::move(*parent.key));
      parent.key.reset();
    }
  }
  void BeginMember(Open& map, Node key) {
    if (key.kind == Node::Kind::kNull) key.text = "null";
    if (key.kind == Node::Kind::kList || key.kind == Node::Kind::kMap)
      return Refuse(key.place, "a list or a map cannot be a key", "write a name before the colon");
    if (!map.keys.insert(key.text).second) {
      int line = 0;
      for (const auto& member : map.node.members)
        if (member.key == key.text) line = member.place.line;
      return Refuse(key.place, fmt::format("key \"{}\" stands here twice", key.text),
                    line > 0 ? fmt::format("the other one is in line {}", line) : std::string());
    }
    map.key = Member{.key = std::move(key.text), .place = key.place, .value = {}};
  }
  void KeepMerge(Open& map, Node node) {
    if (node.kind == Node::Kind::kMap) {
      map.merges.push_back(std::move(node));
      return;
    }
    bool is_list_of_maps = node.kind == Node::Kind::kList;
    for (const auto& item : node.items) is_list_of_maps &= item.kind == Node::Kind::kMap;
    if (!is_list_of_maps)
      return Refuse(node.place, "\"<<\" wants a map, or a list of maps", "<<: *name");
    for (auto& item : node.items) map.merges.push_back(std::move(item));
  }
  // What stands in the map itself wins, then the earlier merge.
  static void Merge(Open& map, Node merge) {
    for (auto& member : merge.members)
      if (map.keys.insert(member.key).second) map.node.members.push_back(std::move(member));
  }

  const std::string& name_;
  std::optional<Error> error_;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::map<YAML::anchor_t, std::pair<std::size_t, int>> sizes_;  // values in it, levels
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

std::string_view LineOf(std::string_view text, int line) {
  for (; line > 0; --line) {
    auto end = text.find('\n');
    if (end == text.npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The parser's sentence, with what usually is the matter.
Error Explain(const YAML::ParserException& e, std::string_view text, const std::string& name) {
  auto line = LineOf(text, e.mark.line);
  auto first = line.find_first_not_of(' ');
  std::string hint;
  if (first != line.npos && line[first] == '\t')
    hint = "the line is indented with a tab: YAML wants blanks";
  else if (e.msg.starts_with("end of map flow") && line.contains("${"))
    hint = "between braces a variable wants quotes: \"${NAME}\"";
  else if (line.contains(": *") || line.contains("- *"))
    hint = "a star wants quotes: \"*\"";
  else if (e.msg == "illegal map value")
    hint = "a text that holds \": \" wants quotes";
  else if (e.msg == "unknown token")
    hint = "a text that begins with @, ` or % wants quotes";
  auto message = e.msg == "bad file" ? std::string("values are nested too deeply")
                                     : "not valid YAML: " + e.msg;
  return ErrorAt(name, PlaceOf(e.mark), std::move(message), std::move(hint));
}

}  // namespace

Result<Node> ReadYaml(std::string_view text, const std::string& name) {
  Builder builder(name);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    while (!builder.has_failed() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::ParserException& e) {
    // Limits were passed before: they are the better answer.
    if (!builder.has_failed()) return Fail(Explain(e, text, name));
  } catch (const YAML::Exception& e) {
    if (!builder.has_failed())
      return Fail(ErrorAt(name, PlaceOf(e.mark), "not valid YAML: " + e.msg));
  }
  return builder.Take();
}

}  // namespace tidemark::config
