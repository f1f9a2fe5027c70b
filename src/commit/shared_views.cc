#include <algorithm>
#include <charconv>
#include <map>

#include "base/failpoint.h"
#include "commit/view_files.h"

namespace tidemark {
namespace commit {
namespace {

constexpr std::string_view kFirstWords = "-- tidemark: ";
constexpr std::string_view kPartWords = "-- view ";
constexpr std::string_view kEndLine = "-- end\n";
constexpr int kAttemptsMax = 100;

// A part's first line: how many bytes follow, and what they are of. The length, as names may hold
// anything, lines that look like a part's first too.
std::string PartText(const TableName& name, const std::string& stamp,
                     const std::string& statements) {
  Json json = {{"table", {TextJson(name.database), TextJson(name.schema), TextJson(name.name)}},
               {"stamp", TextJson(stamp)}};
  return std::string(kPartWords) + std::to_string(statements.size()) + " " + DumpJson(json) + "\n" +
         statements;
}

// The part that `text` begins with.
std::optional<ViewPart> ReadViewPart(std::string_view text) {
  auto line_end = text.find('\n');
  if (line_end == text.npos) return std::nullopt;
  auto rest = text.substr(kPartWords.size(), line_end - kPartWords.size());
  std::size_t bytes = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), bytes);
  if (error != std::errc() || bytes > text.size() - line_end - 1) return std::nullopt;
  auto json = ParseJson(rest.substr(static_cast<std::size_t>(end - rest.data())));
  if (!json) return std::nullopt;
  ViewPart part;
  std::vector<std::string> names;
  Fields fields(*json);
  fields.Read("table", names);
  fields.Read("stamp", part.stamp);
  if (!fields.Done() || names.size() != 3) return std::nullopt;
  part.name = {std::move(names[0]), std::move(names[1]), std::move(names[2])};
  part.text = text.substr(0, line_end + 1 + bytes);
  return part;
}

bool IsDue(const std::map<TableName, ViewPart>& parts, const SharedTable& table) {
  auto found = parts.find(table.layout->name);
  return found == parts.end() || found->second.stamp != Stamp(*table.state);
}

// The text with the parts of `tables` that are not of their states written again; nothing: all are.
std::optional<std::string> WithParts(std::string_view text, std::vector<ViewPart> read,
                                     const ViewDialect& dialect,
                                     std::span<const SharedTable> tables) {
  std::map<TableName, ViewPart> parts;
  for (auto& part : read) parts[part.name] = part;
  std::vector<SharedTable> due;
  for (const auto& table : tables)
    if (IsDue(parts, table)) due.push_back(table);
  if (due.empty() && !text.empty()) return std::nullopt;
  for (const auto& table : due) parts[table.layout->name].name = table.layout->name;
  ViewNames names;
  for (const auto& [name, part] : parts) names.Add(name);

  std::vector<std::string> written;
  written.reserve(due.size());
  for (const auto& table : due) {
    auto statements = dialect.statements(*table.layout, *table.state, names);
    auto& part = parts[table.layout->name];
    part.text = written.emplace_back(PartText(part.name, Stamp(*table.state), statements));
  }
  std::string whole = std::string(kFirstWords) + dialect.header;
  for (const auto& [name, part] : parts) whole += part.text;
  whole += kEndLine;
  return whole + dialect.ending(names);
}

}  // namespace

std::optional<std::vector<ViewPart>> ReadViewParts(std::string_view text) {
  if (!text.starts_with(kFirstWords)) return std::nullopt;
  while (!text.starts_with(kPartWords) && !text.starts_with(kEndLine)) {
    auto end = text.find('\n');
    if (!text.starts_with("--") || end == text.npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  std::vector<ViewPart> parts;
  while (!text.starts_with(kEndLine)) {
    if (!text.starts_with(kPartWords)) return std::nullopt;
    auto part = ReadViewPart(text);
    if (!part) return std::nullopt;
    text.remove_prefix(part->text.size());
    parts.push_back(std::move(*part));
  }
  return parts;
}

Status WriteViewParts(ObjectStore& store, const ViewDialect& dialect,
                      std::span<const SharedTable> tables) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    auto stored = TRY(GetIfThere(store, dialect.key));
    std::string_view text = stored ? std::string_view(stored->bytes) : std::string_view();
    auto parts = ReadViewParts(text);
    if (!parts && stored)
      TRY(KeepAside(store, dialect.key, *stored, tables[0].state->last_run.finished_us,
                    "not as tidemark writes it"));
    if (!parts) text = {};
    auto whole = WithParts(text, parts.value_or(std::vector<ViewPart>()), dialect, tables);
    if (!whole) return {};
    auto put = store.Put(dialect.key, *whole,
                         {.if_absent = !stored, .if_etag = stored ? stored->etag : ""});
    if (put) return {};
    if (put.error().kind != ErrorKind::kConflict) return Fail(put.error());
  }
  return Fail(ErrorKind::kConflict, std::string(dialect.key) + ": others keep changing it");
}

}  // namespace commit

namespace {

Result<bool> IsThere(ObjectStore& store, const char* key) {
  auto first = store.ReadRange(key, 0, 1);
  if (first) return true;
  if (first.error().kind == ErrorKind::kNotFound) return false;
  return Fail(first.error());
}

// The tables whose part in the views that are written last is not of their state; all, where one of
// the other files is gone.
Result<std::vector<SharedTable>> Due(ObjectStore& store, std::span<const SharedTable> tables) {
  std::vector<SharedTable> due;
  std::map<TableName, commit::ViewPart> parts;
  auto stored = TRY(commit::GetIfThere(store, commit::DuckDbViews().key));
  bool is_whole = stored && TRY(IsThere(store, commit::SparkViews().key)) &&
                  TRY(IsThere(store, commit::kManifest));
  auto read = is_whole ? commit::ReadViewParts(stored->bytes) : std::nullopt;
  if (read)
    for (auto& part : *read) parts[part.name] = part;
  for (const auto& table : tables)
    if (table.state->is_loaded && commit::IsDue(parts, table)) due.push_back(table);
  return due;
}

}  // namespace

// DuckDB's views come last: what they say was written from is in the others too.
Status WriteSharedViews(ObjectStore& store, std::span<const SharedTable> tables) {
  auto due = TRY(Due(store, tables));
  if (due.empty()) return {};
  FAILPOINT(shared_views_before);
  TRY(commit::WriteManifest(store, due));
  TRY(commit::WriteViewParts(store, commit::SparkViews(), due));
  TRY(commit::WriteViewParts(store, commit::DuckDbViews(), due));
  FAILPOINT(shared_views_after);
  return {};
}

}  // namespace tidemark
