#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace tidemark {

class Random;

struct Hash128 {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Hash128&) const = default;
};

// A keyed 128-bit hash: equal hashes stand for equal bytes, and whoever writes rows cannot make
// them collide, as each fold has a secret of its own. Thread-safe.
class RowHash {
 public:
  explicit RowHash(Random& random);
  Hash128 Of(std::string_view bytes) const;

 private:
  alignas(64) std::array<std::uint64_t, 24> secret_;
};

}  // namespace tidemark
