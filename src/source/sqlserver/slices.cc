#include "source/sqlserver/slices.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "source/sqlserver/statements.h"

namespace tidemark::sqlserver {
namespace {

using Json = nlohmann::json;
using Bound = std::vector<tds::Parameter>;

std::unexpected<Error> BadToken() {
  return Fail(ErrorKind::kInvalid, "the token of a slice is damaged");
}

Json JsonOf(const Bound& bound) {
  auto array = Json::array();
  for (const auto& value : bound) array.push_back(HexOf(tds::Serialize(value)));
  return array;
}

Result<Bound> BoundOf(const Json& json, const char* name) {
  auto array = json.find(name);
  if (array == json.end() || !array->is_array()) return BadToken();
  Bound bound;
  for (const auto& value : *array) {
    if (!value.is_string()) return BadToken();
    auto bytes = BytesOfHex(value.get<std::string>());
    if (!bytes) return BadToken();
    auto parameter = tds::ParseParameter(*bytes);
    if (!parameter) return BadToken();
    bound.push_back(std::move(*parameter));
  }
  return bound;
}

}  // namespace

std::string TokenOf(const KeyRange& range) {
  return Json({{"after", JsonOf(range.after)}, {"up_to", JsonOf(range.up_to)}}).dump();
}

Result<KeyRange> ParseToken(const std::string& token) {
  auto json = Json::parse(token, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 2) return BadToken();
  return KeyRange{.after = TRY(BoundOf(json, "after")), .up_to = TRY(BoundOf(json, "up_to"))};
}

Result<std::vector<KeyRange>> SplitByKey(tds::Connection& connection, const CatalogTable& table,
                                         std::int64_t target_rows, const std::stop_token& stop) {
  std::vector<KeyRange> ranges;
  KeyRange range;
  const tds::Parameter step[] = {tds::IntParameter("@p1", std::max<std::int64_t>(target_rows, 1))};
  auto key = table.key_refs();
  TRY(connection.Send(BoundsText(table.ref(), key), step));
  if (!TRY(connection.NextResult()))
    return Fail(ErrorKind::kCorrupt, "the server gives no rows where it was asked for some");
  while (auto bound = TRY(connection.ReadRowAsParameters())) {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    range.up_to = *bound;
    ranges.push_back(std::move(range));
    range = {.after = std::move(*bound), .up_to = {}};
  }
  while (TRY(connection.NextResult())) {
  }
  ranges.push_back(std::move(range));
  return ranges;
}

}  // namespace tidemark::sqlserver
