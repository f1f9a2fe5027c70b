#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace tidemark::tds {

// Bytes both ways, in order, with waiting. One thread.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // At least one byte; 0: the other side closed.
  virtual Result<std::size_t> Read(std::span<std::uint8_t> room) = 0;
  // All of them, or handed on by the next Flush.
  virtual Status Write(std::span<const std::uint8_t> bytes) = 0;
  virtual Status Flush() { return {}; }
};

}  // namespace tidemark::tds
