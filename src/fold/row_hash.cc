#include "fold/row_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/random.h"

namespace tidemark {

RowHash::RowHash(Random& random) {
  static_assert(sizeof secret_ >= XXH3_SECRET_SIZE_MIN);
  for (auto& word : secret_) word = random.Next();
}

Hash128 RowHash::Of(std::string_view bytes) const {
  auto hash = XXH3_128bits_withSecret(bytes.data(), bytes.size(), secret_.data(), sizeof secret_);
  return {hash.high64, hash.low64};
}

}  // namespace tidemark
