#pragma once
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commit/json_fields.h"
#include "commit/landing.h"
#include "commit/views.h"

namespace tidemark::commit {

// One function for each view; all may be repeated, and write nothing that is there already.
Status WriteWatermarks(ObjectStore& store, const TableLayout& layout, const LandedState& state);
Status AppendHistory(ObjectStore& store, const TableLayout& layout, const LandedState& state);
Status WriteSchemaHistory(ObjectStore& store, const TableLayout& layout, const LandedState& state);
inline constexpr const char* kManifest = "output.yaml";
Status WriteManifest(ObjectStore& store, std::span<const SharedTable> tables);

// Copies what stands in `key` to `<key>.broken-<timestamp>`, with a warning that says why.
Status KeepAside(ObjectStore& store, std::string_view key, const Stored& stored,
                 std::int64_t timestamp_us, std::string_view why);

// What stands in `key`; nothing: there is no such object.
Result<std::optional<Stored>> GetIfThere(ObjectStore& store, std::string_view key);

// output.yaml with the entries added of tables that have none, or nothing when all have one.
// kCorrupt: `text` is no such file and must be kept aside.
Result<std::optional<std::string>> WithManifestEntries(std::string_view text,
                                                       std::span<const SharedTable> tables);

// Views over the files of tables in one engine's SQL: a part a table, each of which names its table
// and the state it was written from.
struct ViewPart {
  TableName name;
  std::string stamp;
  std::string_view text;  // with its own first line
};
// Nothing: the text is not what we wrote.
std::optional<std::vector<ViewPart>> ReadViewParts(std::string_view text);

// The names of all tables with views, so that no two views share one. Engines do not tell case
// apart.
class ViewNames {
 public:
  void Add(const TableName& name);
  std::string Current(const TableName& name) const;
  std::string Derived(const TableName& name, std::string_view suffix) const;
  const std::set<std::string>& databases() const { return databases_; }

 private:
  std::map<TableName, TableName> by_folded_;  // the first of those that differ by case only
  std::set<std::string> databases_;
};

// One engine: where its views stand and how they are spelled.
struct ViewDialect {
  const char* key;     // views/duckdb.sql
  const char* header;  // comments for people
  std::string (*statements)(const TableLayout& layout, const LandedState& state,
                            const ViewNames& names);
  std::string (*ending)(const ViewNames& names);
};
const ViewDialect& DuckDbViews();
const ViewDialect& SparkViews();
Status WriteViewParts(ObjectStore& store, const ViewDialect& dialect,
                      std::span<const SharedTable> tables);

}  // namespace tidemark::commit
