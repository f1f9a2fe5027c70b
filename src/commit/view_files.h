#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "commit/json_fields.h"
#include "commit/landing.h"

namespace tidemark::commit {

// One function for each view; all may be repeated, and write nothing that is there already.
Status WriteWatermarks(ObjectStore& store, const TableLayout& layout, const LandedState& state);
Status AppendHistory(ObjectStore& store, const TableLayout& layout, const LandedState& state);
Status WriteSchemaHistory(ObjectStore& store, const TableLayout& layout, const LandedState& state);
Status WriteManifestEntry(ObjectStore& store, const TableLayout& layout, const LandedState& state);

// Copies what stands in `key` to `<key>.broken-<timestamp>`, with a warning that says why.
Status KeepAside(ObjectStore& store, std::string_view key, const Stored& stored,
                 std::int64_t timestamp_us, std::string_view why);

// What stands in `key`; nothing: there is no such object.
Result<std::optional<Stored>> GetIfThere(ObjectStore& store, std::string_view key);

// output.yaml with the table's entry added, or nothing when it has one. kCorrupt: `text` is no such
// file and must be kept aside.
Result<std::optional<std::string>> WithManifestEntry(std::string_view text,
                                                     const TableLayout& layout,
                                                     const LandedState& state);

}  // namespace tidemark::commit
