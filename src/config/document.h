#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark::config {

// Where something stands in its file; lines and columns count from 1. 0: it is not in the file.
struct Place {
  int line = 0, column = 0;
};

struct Member;

// One value of a file. Scalars are kept as they are written: what they mean depends on the key.
struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;                // of a scalar; Check() puts the values of variables into it
  std::string written;             // of a scalar: as the file spells it
  bool is_quoted = false;          // in YAML '${A}' and "${A}" are texts whatever they hold
  bool is_from_variables = false;  // `text` holds the value of a variable: never shown
  std::string origin;              // not empty: the environment variable it comes from
  Place place;
  std::vector<Node> items;      // of a list
  std::vector<Member> members;  // of a map, in the file's order; keys are unique

  const Node* Find(std::string_view key) const;
};
struct Member {
  std::string key;
  Place place;
  Node value;
};

enum class Language { kYaml, kJson };

// A file that is larger, deeper or of more values than any configuration needs is refused before it
// costs anything; values that aliases repeat are counted as often as they stand.
inline constexpr std::size_t kFileBytesMax = 2 << 20;
inline constexpr int kDepthMax = 32;
inline constexpr std::size_t kNodesMax = 400'000;

// The one document in `text`. kInvalid, as "NAME:LINE:COLUMN: …". Keys are unique; anchors, aliases
// and merge keys ("<<") are resolved.
Result<Node> ReadDocument(std::string_view text, const std::string& name, Language language);

// The two languages; `text` is UTF-8 without a byte order mark.
Result<Node> ReadYaml(std::string_view text, const std::string& name);
Result<Node> ReadJson(std::string_view text, const std::string& name);

// "NAME:LINE:COLUMN: message"; without line and column where there is none.
Error ErrorAt(const std::string& name, Place place, std::string message, std::string hint = {});

}  // namespace tidemark::config
