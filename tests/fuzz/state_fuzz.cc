// A state object of any bytes is read or refused; what is read is written the same again.
#include <cstdint>
#include <string_view>

#include "commit/state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size_bytes) {
  auto state = tidemark::ParseState({reinterpret_cast<const char*>(bytes), size_bytes});
  if (!state) return 0;
  auto text = tidemark::Serialize(*state);
  auto again = tidemark::ParseState(text);
  TIDEMARK_CHECK(again.has_value() && tidemark::Serialize(*again) == text);
  return 0;
}
