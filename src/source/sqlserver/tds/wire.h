#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "source/sqlserver/tds/input.h"

namespace tidemark::tds {

// Everything on the wire is little-endian, as is every machine we build for.
static_assert(std::endian::native == std::endian::little);

template <class T>
T Load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void Store(T value, std::string* to) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  to->append(bytes, sizeof(T));
}

inline std::string_view AsText(const std::uint8_t* from, std::size_t bytes) {
  return {reinterpret_cast<const char*>(from), bytes};
}
inline const std::uint8_t* AsBytes(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

// One field after the other off an input; what was read can be kept as the wire had it.
class Fields {
 public:
  explicit Fields(Input* input, std::string* kept = nullptr) : input_(input), kept_(kept) {}

  template <class T>
  Result<T> Read() {
    TRY(input_->Need(sizeof(T)));
    T value = Load<T>(input_->begin());
    Take(sizeof(T));
    return value;
  }
  // Bytes as they are. Memory grows with what has come, never by what is announced.
  Result<std::string> ReadBytes(std::size_t bytes);
  // UTF-16 of so many units, as UTF-8; lone surrogates as U+FFFD.
  Result<std::string> ReadText(std::size_t units);
  // B_VARCHAR and US_VARCHAR: the length in units comes first.
  Result<std::string> ReadShortText() { return ReadText(TRY(Read<std::uint8_t>())); }
  Result<std::string> ReadLongText() { return ReadText(TRY(Read<std::uint16_t>())); }

 private:
  void Take(std::size_t bytes) {
    if (kept_) kept_->append(AsText(input_->begin(), bytes));
    input_->Skip(bytes);
  }

  Input* input_;
  std::string* kept_;
};

}  // namespace tidemark::tds
