// A configuration of any bytes, as YAML or as JSON, is read or refused with an error that says
// where.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"

namespace tidemark::config {
namespace {

constexpr std::string_view kSecret = "a-value-of-a-variable";

// Half of all variables are set.
std::optional<std::string> Lookup(const std::string& name) {
  if (name.size() % 2 == 0) return std::nullopt;
  return std::string(kSecret);
}

void ReadAs(std::string_view text, const std::string& name) {
  static const Environment kEnvironment(Lookup);
  auto config = Read(text, name, kEnvironment);
  if (config) return;
  const auto& error = config.error();
  TIDEMARK_CHECK(error.kind == ErrorKind::kInvalid);
  TIDEMARK_CHECK(error.message.starts_with(name) ||
                 error.message.starts_with("environment variable "));
  TIDEMARK_CHECK(error.message.find(kSecret) == error.message.npos);
  TIDEMARK_CHECK(error.hint.find(kSecret) == error.hint.npos);
}

}  // namespace
}  // namespace tidemark::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size_bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size_bytes);
  tidemark::config::ReadAs(text, "fuzz.yaml");
  tidemark::config::ReadAs(text, "fuzz.json");
  return 0;
}
