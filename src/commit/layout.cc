#include <charconv>

#include "base/hash.h"
#include "commit/landing.h"

namespace tidemark {
namespace {

constexpr std::size_t kTimestampBytes = sizeof("20261121T112805123456Z") - 1;
// Leaves room for timestamp, part and extension within the 255 bytes of a file's name.
constexpr std::size_t kNameBytesMax = 200;

std::string FileStem(const TablePath& path) {
  auto stem = path.schema + "_" + path.table;
  if (stem.size() <= kNameBytesMax) return stem;
  return stem.substr(0, kNameBytesMax - 17) + "-" + Sha256Hex(stem).substr(0, 16);
}

}  // namespace

std::string TableLayout::StateKey() const {
  return std::string(kStatePrefix) + path.Joined() + ".json";
}
std::string TableLayout::DataPrefix() const { return "data/" + path.Joined() + "/"; }
std::string TableLayout::WatermarkPrefix() const { return "watermarks/" + path.Joined() + "/"; }
std::string TableLayout::LockKey() const { return WatermarkPrefix() + ".sync.lock"; }

std::string TableLayout::BasePrefix() const { return "current/" + path.Joined() + "/"; }

std::string TableLayout::BaseKey(std::int64_t timestamp_us, int part,
                                 std::string_view extension) const {
  return BasePrefix() + FileStem(path) + "_" + FormatFileTimestamp(timestamp_us) + "_part" +
         std::to_string(part) + std::string(extension);
}

std::string TableLayout::FileKey(std::int64_t timestamp_us, int part,
                                 std::string_view extension) const {
  return DataPrefix() + FormatUtcDate(timestamp_us) + "/" + FileStem(path) + "_" +
         FormatFileTimestamp(timestamp_us) + "_part" + std::to_string(part) +
         std::string(extension);
}

std::int64_t FileTimestamp(std::string_view key) {
  auto name = key.substr(key.rfind('/') + 1);
  auto at = name.rfind("_part");
  if (at == name.npos || at < kTimestampBytes + 1 || name[at - kTimestampBytes - 1] != '_')
    return -1;
  auto tail = name.substr(at + 5);
  int part = 0;
  auto [end, code] = std::from_chars(tail.data(), tail.data() + tail.size(), part);
  if (code != std::errc() || end == tail.data() + tail.size() || *end != '.') return -1;
  return ParseFileTimestamp(name.substr(at - kTimestampBytes, kTimestampBytes));
}

}  // namespace tidemark
