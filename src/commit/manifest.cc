#include <algorithm>
#include <tuple>

#include "commit/manifest_text.h"
#include "commit/view_files.h"

namespace tidemark::commit {
namespace {

constexpr int kAttemptsMax = 100;

// Names as they can stand in a text, also those that are not UTF-8.
ManifestPath PathOf(const TableName& table) {
  auto name = [](const std::string& raw) { return LossyTextJson(raw).get<std::string>(); };
  return {"databases", name(table.database), name(table.schema), name(table.name)};
}

// The lines from the first part of the path that is missing.
std::string EntryText(const ManifestGap& gap, const ManifestPath& path, const SharedTable& table) {
  const auto& state = *table.state;
  const auto& shown = state.presentation;
  std::string text;
  int indent = gap.indent;
  auto add = [&](const std::string& line) {
    text += std::string(static_cast<std::size_t>(indent), ' ') + line + "\n";
  };
  for (int depth = gap.depth; depth < 4; ++depth) {
    auto name = YamlText(path[static_cast<std::size_t>(depth)]);
    add(name + ":");
    indent += 2;
    if (depth == 1)
      add("uc_catalog_name: " + (shown.catalog.empty() ? name : YamlText(shown.catalog)));
    if (depth == 2)
      add("uc_schema_name: " + (shown.schema.empty() ? name : YamlText(shown.schema)));
    if (depth == 3) add("uc_table_name: " + name);
  }
  auto folder = table.layout->DataPrefix();
  folder.pop_back();
  add("file_path: " + YamlText(folder));
  add("file_type: parquet");
  if (shown.scd_type != 0) add("scd_type: " + std::to_string(shown.scd_type));
  if (shown.soft_delete)
    add(std::string("soft_delete: ") + (*shown.soft_delete ? "true" : "false"));
  if (!state.key.empty()) {
    std::string key;
    for (const auto& column : state.key) key += (key.empty() ? "" : ", ") + YamlText(column);
    add("primary_key: [" + key + "]");
  }
  return text;
}

class Manifest {
 public:
  static Result<Manifest> Of(std::string_view text) {
    // Whether it is of the plain shape says the search for any path.
    Manifest manifest;
    manifest.text_ = text;
    if (!FindManifestGap(text, {"databases", "", "", ""}))
      manifest.text_ = TRY(PlainManifest(text));
    manifest.entries_ = ManifestEntries(manifest.text_);
    return manifest;
  }

  // Tables of one schema, together: the text is searched and grows once for all of them.
  Status Add(std::span<const SharedTable> tables) {
    std::string added;
    ManifestGap at;
    for (const auto& table : tables) {
      auto path = PathOf(table.layout->name);
      if (entries_.contains(path)) continue;
      auto gap = at;
      if (added.empty()) {
        auto found = FindManifestGap(text_, path);
        if (!found)
          return Fail(ErrorKind::kCorrupt, "databases are not mappings of schemas and tables");
        if (found->depth == 4) continue;
        at = gap = *found;
      } else {
        gap.indent += 2 * (3 - gap.depth);
        gap.depth = 3;
      }
      added += EntryText(gap, path, table);
    }
    if (added.empty()) return {};
    if (at.at > 0 && text_[at.at - 1] != '\n') added.insert(0, "\n");
    text_.insert(at.at, added);
    has_grown_ = true;
    return {};
  }

  bool has_grown() const { return has_grown_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::set<ManifestPath> entries_;
  bool has_grown_ = false;
};

}  // namespace

Result<std::optional<std::string>> WithManifestEntries(std::string_view text,
                                                       std::span<const SharedTable> tables) {
  std::vector<SharedTable> sorted(tables.begin(), tables.end());
  std::ranges::sort(sorted, {}, [](const SharedTable& table) { return table.layout->name; });
  auto manifest = TRY(Manifest::Of(text));
  auto schema_of = [](const SharedTable& table) {
    return std::tie(table.layout->name.database, table.layout->name.schema);
  };
  for (std::span<const SharedTable> rest(sorted); !rest.empty();) {
    auto end = std::ranges::find_if(
        rest, [&](const SharedTable& table) { return schema_of(table) != schema_of(rest[0]); });
    auto count = static_cast<std::size_t>(end - rest.begin());
    TRY(manifest.Add(rest.first(count)));
    rest = rest.subspan(count);
  }
  if (!manifest.has_grown()) return std::optional<std::string>();
  return std::optional<std::string>(manifest.text());
}

// Shared by all tables of a destination, so replaced under its etag until nobody came between.
Status WriteManifest(ObjectStore& store, std::span<const SharedTable> tables) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    auto stored = TRY(GetIfThere(store, kManifest));
    auto text = WithManifestEntries(stored ? stored->bytes : std::string(), tables);
    if (!text) {
      TRY(KeepAside(store, kManifest, *stored, tables[0].state->last_run.finished_us,
                    text.error().message));
      text = WithManifestEntries("", tables);
    }
    if (!text) return Fail(text.error());
    if (!*text) return {};
    auto put =
        store.Put(kManifest, **text, {.if_absent = !stored, .if_etag = stored ? stored->etag : ""});
    if (put) return {};
    if (put.error().kind != ErrorKind::kConflict) return Fail(put.error());
  }
  return Fail(ErrorKind::kConflict, std::string(kManifest) + ": others keep changing it");
}

}  // namespace tidemark::commit
