#pragma once
#include <cstdint>
#include <span>

#include "encode/parquet/byte_buffer.h"

namespace tidemark::pq {

// The bits that hold every number below `count`; at least 1, as some readers take 0 for an error.
int IndexWidth(std::size_t count);

// RLE / bit-packing hybrid, without a length before it. Every value fits in `width` (1..32) bits.
void AppendRle(std::span<const std::uint32_t> values, int width, ByteBuffer& out);

// The same value `count` times, as one run of that.
void AppendRun(std::size_t count, std::uint32_t value, int width, ByteBuffer& out);

// Levels as they stand in `bitmap`: `count` bits, the last byte padded with anything.
void AppendLevelBits(const std::uint8_t* bitmap, std::size_t count, ByteBuffer& out);

// DELTA_BINARY_PACKED of at least one value.
void AppendDelta(std::span<const std::int32_t> values, ByteBuffer& out);
void AppendDelta(std::span<const std::int64_t> values, ByteBuffer& out);

}  // namespace tidemark::pq
