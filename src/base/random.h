#pragma once
#include <cstdint>
#include <random>
#include <string>

namespace tidemark {

// Randomness as a parameter, so that tests own it. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t Next() = 0;
};

Random& SystemRandom();

// The same numbers for the same seed. Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t Next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// 16 hex digits.
std::string RandomHex16(Random& random);

}  // namespace tidemark
