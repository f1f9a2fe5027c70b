#pragma once
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark::commit {

// Where a table's entry stands in output.yaml: databases, database, schema, table.
using ManifestPath = std::array<std::string, 4>;

// Where a new entry belongs in a text.
struct ManifestGap {
  int depth = 0;       // how many parts of the path are there already; 4: nothing to add
  std::size_t at = 0;  // byte after the deepest part that is there
  int indent = 0;      // of what is added below it
};

// Finds the gap in a text of the plain shape that we write ourselves: block mappings of one-line
// values, comments, one-line lists. Every other line of the file stays byte for byte as it is, and
// no parser is needed, which matters for the thousandth table. Nothing: the text has another shape.
std::optional<ManifestGap> FindManifestGap(std::string_view text, const ManifestPath& path);

// Every table that has an entry in a text of the plain shape (and every member four deep, which is
// none of ours).
std::set<ManifestPath> ManifestEntries(std::string_view text);

// Any YAML mapping in that plain shape; comments are lost. kCorrupt: not YAML, or not a mapping.
Result<std::string> PlainManifest(std::string_view text);

// A text as a YAML scalar that every reader takes for a string.
std::string YamlText(std::string_view text);

}  // namespace tidemark::commit
