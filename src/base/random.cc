#include "base/random.h"

#include <sys/random.h>

#include <cstdio>

#include "base/result.h"

namespace tidemark {
namespace {

class KernelRandom final : public Random {
 public:
  std::uint64_t Next() override {
    std::uint64_t value = 0;
    TIDEMARK_CHECK(getrandom(&value, sizeof value, 0) == sizeof value);
    return value;
  }
};

}  // namespace

Random& SystemRandom() {
  static KernelRandom random;
  return random;
}

std::string RandomHex16(Random& random) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random.Next()));
  return text;
}

}  // namespace tidemark
