#include "base/log.h"
#include "commit/manifest_text.h"
#include "commit/view_files.h"

namespace tidemark::commit {
namespace {

constexpr const char* kManifest = "output.yaml";
constexpr int kAttemptsMax = 100;

// The lines from the first part of the path that is missing.
std::string EntryText(const ManifestGap& gap, const ManifestPath& path, const TableLayout& layout,
                      const LandedState& state) {
  std::string text;
  int indent = gap.indent;
  auto add = [&](const std::string& line) {
    text += std::string(static_cast<std::size_t>(indent), ' ') + line + "\n";
  };
  for (int depth = gap.depth; depth < 4; ++depth) {
    auto name = YamlText(path[static_cast<std::size_t>(depth)]);
    add(name + ":");
    indent += 2;
    if (depth == 1) add("uc_catalog_name: " + name);
    if (depth == 2) add("uc_schema_name: " + name);
    if (depth == 3) add("uc_table_name: " + name);
  }
  auto folder = layout.DataPrefix();
  folder.pop_back();
  add("file_path: " + YamlText(folder));
  add("file_type: parquet");
  if (!state.key.empty()) {
    std::string key;
    for (const auto& column : state.key) key += (key.empty() ? "" : ", ") + YamlText(column);
    add("primary_key: [" + key + "]");
  }
  return text;
}

}  // namespace

Result<std::optional<std::string>> WithManifestEntry(std::string_view text,
                                                     const TableLayout& layout,
                                                     const LandedState& state) {
  // Names as they can stand in a text, also those that are not UTF-8.
  auto name = [](const std::string& raw) { return LossyTextJson(raw).get<std::string>(); };
  ManifestPath path = {"databases", name(layout.name.database), name(layout.name.schema),
                       name(layout.name.name)};
  std::string manifest(text);
  auto gap = FindManifestGap(manifest, path);
  if (!gap) {
    manifest = TRY(PlainManifest(text));
    gap = FindManifestGap(manifest, path);
  }
  if (!gap) return Fail(ErrorKind::kCorrupt, "databases are not mappings of schemas and tables");
  if (gap->depth == 4) return std::optional<std::string>();
  auto entry = EntryText(*gap, path, layout, state);
  if (gap->at > 0 && manifest[gap->at - 1] != '\n') entry.insert(0, "\n");
  return std::optional<std::string>(manifest.insert(gap->at, entry));
}

// Shared by all tables of a destination, so replaced under its etag until nobody came between.
Status WriteManifestEntry(ObjectStore& store, const TableLayout& layout, const LandedState& state) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    auto stored = TRY(GetIfThere(store, kManifest));
    auto text = WithManifestEntry(stored ? stored->bytes : std::string(), layout, state);
    if (!text) {
      TRY(KeepAside(store, kManifest, *stored, state.last_run.finished_us, text.error().message));
      text = WithManifestEntry("", layout, state);
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
