#include "commit/manifest_text.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "commit/json_fields.h"

namespace tidemark::commit {
namespace {

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '/' || c == '%' || c == '-';
}

// Whether a plain scalar on one line stays the same scalar when it is written again.
bool IsPlainValue(std::string_view text) {
  if (text.empty() || text.ends_with(' ') || text.ends_with(':')) return false;
  if (std::string_view(" \t?:,[]{}#&*!|>'\"%@`").find(text[0]) != std::string_view::npos)
    return false;
  if (text[0] == '-' && (text.size() == 1 || text[1] == ' ' || text.starts_with("---")))
    return false;
  if (text.find(": ") != text.npos || text.find(" #") != text.npos) return false;
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

// The text of a scalar in double quotes, as JSON spells it, or in single quotes.
std::optional<std::string> Unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back()) return std::nullopt;
  if (text.front() == '"') {
    auto json = ParseJson(text);
    if (!json || !json->is_string()) return std::nullopt;
    return json->get<std::string>();
  }
  auto inner = text.substr(1, text.size() - 2);
  if (text.front() != '\'' || inner.find('\'') != inner.npos) return std::nullopt;
  return std::string(inner);
}

// A list or mapping within one line: brackets outside quotes close what they opened.
bool IsFlowValue(std::string_view text) {
  if (text.empty() || (text.front() != '[' && text.front() != '{')) return false;
  std::string open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '#' && text[i - 1] == ' ') return false;
    if (c == '"' || c == '\'') {
      // Only our own quoting and what is as simple.
      auto end = text.find(c, i + 1);
      if (end == text.npos || text.substr(i, end - i).find('\\') != text.npos) return false;
      i = end;
    } else if (c == '[' || c == '{') {
      open.push_back(c == '[' ? ']' : '}');
    } else if (c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return false;
      open.pop_back();
      if (open.empty()) return i + 1 == text.size();
    }
  }
  return false;
}

bool IsValue(std::string_view text) {
  return IsPlainValue(text) || Unquoted(text) || IsFlowValue(text);
}

struct Line {
  int indent = 0;
  bool is_item = false;  // of a list
  std::string key;
  bool has_value = false;
};

// "key:", "key: value" or "- value", without indentation.
std::optional<Line> ReadLine(std::string_view text) {
  Line line;
  if (text.starts_with("- ")) {
    line.is_item = true;
    return IsValue(text.substr(2)) ? std::optional(line) : std::nullopt;
  }
  std::size_t end = 0;
  if (text.front() == '"' || text.front() == '\'') {
    end = text.find(std::string(1, text.front()) + ":", 1);
    if (end == text.npos) return std::nullopt;
    auto key = Unquoted(text.substr(0, ++end));
    if (!key) return std::nullopt;
    line.key = *key;
  } else {
    end = text.find(':');
    if (end == text.npos || !IsPlainValue(text.substr(0, end))) return std::nullopt;
    line.key = text.substr(0, end);
  }
  auto rest = text.substr(end + 1);
  while (rest.ends_with(' ')) rest.remove_suffix(1);
  if (rest.empty()) return line;
  line.has_value = true;
  if (rest[0] != ' ') return std::nullopt;
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return IsValue(rest) ? std::optional(line) : std::nullopt;
}

// One mapping on the way to a table's entry, while the lines pass by.
struct Level {
  bool is_found = false;
  bool has_value = false;
  int indent = -1;
  int child_indent = -1;
  std::size_t end = 0;
};

class GapSearch {
 public:
  explicit GapSearch(const ManifestPath& path) : path_(&path) { levels_[0].is_found = true; }

  // False: the text has another shape.
  bool Take(const Line& line, std::size_t end) {
    if (line.is_item) {
      // Below a key without a value, at its own indentation or deeper.
      if (open_.empty() || open_.back().has_value || line.indent < open_.back().indent)
        return false;
    } else {
      while (!open_.empty() && open_.back().indent >= line.indent) open_.pop_back();
      auto& siblings = open_.empty() ? root_child_indent_ : open_.back().child_indent;
      if (siblings < 0) siblings = line.indent;
      if (siblings != line.indent || (!open_.empty() && open_.back().has_value)) return false;
      bool is_on_path = matched() == static_cast<int>(open_.size()) && open_.size() < 4 &&
                        line.key == (*path_)[open_.size()];
      open_.push_back({line.key, line.indent, -1, line.has_value, is_on_path});
    }
    Extend(line, end);
    return true;
  }

  ManifestGap gap() const {
    ManifestGap gap;
    while (gap.depth < 4 && levels_[static_cast<std::size_t>(gap.depth) + 1].is_found) ++gap.depth;
    const auto& level = levels_[static_cast<std::size_t>(gap.depth)];
    gap.at = level.end;
    gap.indent = level.child_indent >= 0 ? level.child_indent
                 : gap.depth == 0        ? 0
                                         : level.indent + 2;
    return gap;
  }
  // A value stands where a mapping should.
  bool is_blocked() const {
    auto depth = gap().depth;
    return depth < 4 && levels_[static_cast<std::size_t>(depth)].has_value;
  }

 private:
  struct OpenKey {
    std::string key;
    int indent, child_indent;
    bool has_value, is_on_path;
  };

  int matched() const {
    int count = 0;
    while (count < static_cast<int>(open_.size()) &&
           open_[static_cast<std::size_t>(count)].is_on_path)
      ++count;
    return count;
  }

  void Extend(const Line& line, std::size_t end) {
    auto depth = static_cast<std::size_t>(matched());
    for (std::size_t d = 0; d <= depth; ++d) levels_[d].end = end;
    if (line.is_item) {
      if (depth == open_.size()) levels_[depth].has_value = true;
      return;
    }
    if (depth > 0 && depth == open_.size() && !levels_[depth].is_found) {
      levels_[depth].is_found = true;
      levels_[depth].indent = line.indent;
      levels_[depth].has_value = line.has_value;
    }
    auto parent = open_.size() - 1;
    if (parent <= depth) levels_[parent].child_indent = line.indent;
  }

  const ManifestPath* path_;
  std::array<Level, 5> levels_;
  std::vector<OpenKey> open_;
  int root_child_indent_ = -1;
};

std::string Indented(int depth) { return std::string(static_cast<std::size_t>(depth) * 2, ' '); }

Result<std::string> ScalarText(const YAML::Node& node, bool is_in_flow) {
  if (node.IsNull()) return std::string("null");
  if (node.Tag() != "!" && node.Tag() != "?" && !node.Tag().empty())
    return Fail(ErrorKind::kCorrupt, "the tag " + node.Tag() + " is not known");
  const auto& text = node.Scalar();
  bool is_plain = node.Tag() != "!" && IsPlainValue(text) &&
                  !(is_in_flow && text.find_first_of(",[]{}") != text.npos);
  return is_plain ? text : DumpJson(LossyTextJson(text));
}

Result<std::string> FlowText(const YAML::Node& node) {
  if (!node.IsSequence() && !node.IsMap()) return ScalarText(node, true);
  std::string text = node.IsMap() ? "{" : "[";
  for (const auto& element : node) {
    if (text.size() > 1) text += ", ";
    if (node.IsMap())
      text += TRY(FlowText(element.first)) + ": " + TRY(FlowText(element.second));
    else
      text += TRY(FlowText(element));
  }
  return text + (node.IsMap() ? "}" : "]");
}

Status AppendMapping(const YAML::Node& node, int depth, std::string& text) {
  for (const auto& member : node) {
    text += Indented(depth) + TRY(ScalarText(member.first, false)) + ":";
    const auto& value = member.second;
    bool may_grow = depth < 3;
    if (value.IsMap() && (value.size() > 0 || may_grow)) {
      text += "\n";
      TRY(AppendMapping(value, depth + 1, text));
    } else if (value.IsNull() && may_grow) {
      text += "\n";
    } else {
      text += " " + TRY(FlowText(value)) + "\n";
    }
  }
  return {};
}

}  // namespace

std::optional<ManifestGap> FindManifestGap(std::string_view text, const ManifestPath& path) {
  GapSearch search(path);
  std::size_t begin = 0;
  while (begin < text.size()) {
    auto end = std::min(text.find('\n', begin), text.size());
    auto whole = text.substr(begin, end - begin);
    begin = std::min(end + 1, text.size());
    auto indent = whole.find_first_not_of(' ');
    if (indent == whole.npos || whole[indent] == '#') continue;
    auto line = ReadLine(whole.substr(indent));
    if (!line) return std::nullopt;
    line->indent = static_cast<int>(indent);
    if (!search.Take(*line, begin)) return std::nullopt;
  }
  if (search.is_blocked()) return std::nullopt;
  return search.gap();
}

std::set<ManifestPath> ManifestEntries(std::string_view text) {
  std::set<ManifestPath> entries;
  std::vector<std::pair<int, std::string>> open;
  while (!text.empty()) {
    auto whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    auto indent = whole.find_first_not_of(' ');
    if (indent == whole.npos || whole[indent] == '#') continue;
    auto line = ReadLine(whole.substr(indent));
    if (!line || line->is_item) continue;
    while (!open.empty() && open.back().first >= static_cast<int>(indent)) open.pop_back();
    open.emplace_back(static_cast<int>(indent), std::move(line->key));
    if (open.size() == 4)
      entries.insert({open[0].second, open[1].second, open[2].second, open[3].second});
  }
  return entries;
}

Result<std::string> PlainManifest(std::string_view text) {
  // The one place that talks to yaml-cpp, which throws.
  try {
    auto documents = YAML::LoadAll(std::string(text));
    if (documents.empty() || (documents.size() == 1 && documents[0].IsNull())) return std::string();
    if (documents.size() > 1 || !documents[0].IsMap())
      return Fail(ErrorKind::kCorrupt, "not one YAML mapping");
    std::string plain;
    TRY(AppendMapping(documents[0], 0, plain));
    return plain;
  } catch (const YAML::Exception& e) {
    return Fail(ErrorKind::kCorrupt, "not valid YAML (" + std::string(e.what()) + ")");
  }
}

std::string YamlText(std::string_view text) {
  bool is_word = !text.empty() && std::ranges::all_of(text, IsWordByte) &&
                 ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'));
  if (is_word) {
    auto folded = AsciiLower(text);
    // YAML 1.1 readers take these for something else; "e" and "inf" cannot begin a number here.
    for (auto word : {"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
      if (folded == word) is_word = false;
  }
  return is_word ? std::string(text) : DumpJson(LossyTextJson(text));
}

}  // namespace tidemark::commit
