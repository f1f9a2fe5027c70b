#include "commit/views.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "commit/view_files.h"

namespace tidemark {

Status WriteViews(ObjectStore& store, const TableLayout& layout, const LandedState& state) {
  FAILPOINT(views_before);
  TRY(commit::WriteWatermarks(store, layout, state));
  TRY(commit::AppendHistory(store, layout, state));
  TRY(commit::WriteSchemaHistory(store, layout, state));
  FAILPOINT(views_after);
  return {};
}

namespace commit {

Result<std::optional<Stored>> GetIfThere(ObjectStore& store, std::string_view key) {
  auto stored = store.Get(key);
  if (stored) return std::optional<Stored>(*std::move(stored));
  if (stored.error().kind == ErrorKind::kNotFound) return std::optional<Stored>();
  return Fail(stored.error());
}

Status KeepAside(ObjectStore& store, std::string_view key, const Stored& stored,
                 std::int64_t timestamp_us, std::string_view why) {
  auto name = std::string(key) + ".broken-" + FormatFileTimestamp(timestamp_us);
  for (int attempt = 0;; ++attempt) {
    auto aside = attempt == 0 ? name : name + "-" + std::to_string(attempt);
    auto put = store.Put(aside, stored.bytes, {.if_absent = true, .if_etag = {}});
    if (!put && put.error().kind != ErrorKind::kConflict) return Fail(put.error());
    // Kept by whoever was here before us and died.
    bool is_there = put || TRY(store.Get(aside)).bytes == stored.bytes;
    if (!is_there) continue;
    Log(LogLevel::kWarning, std::string(key) + ": " + std::string(why) +
                                "; written again, what stood there is kept as " + aside);
    return {};
  }
}

}  // namespace commit
}  // namespace tidemark
