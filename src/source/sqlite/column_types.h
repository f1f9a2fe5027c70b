#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

namespace arrow {
class DataType;
}

namespace tidemark::sqlite {

// What SQLite converts values to before it stores them, from the declared type's words.
enum class Affinity : std::uint8_t { kInteger, kText, kBlob, kReal, kNumeric };
Affinity AffinityOf(std::string_view declared_type);

// The Arrow type that a declaration promises: one of bool, int64, double, date32, timestamp[us],
// utf8 and binary. A promise only: values that break it are found while reading (kMisfit).
std::shared_ptr<arrow::DataType> PromisedType(std::string_view declared_type);

// YYYY-MM-DD, a real day of the proleptic Gregorian calendar: days since 1970. False: not that.
bool ParseDate(std::string_view text, std::int32_t* days);

// YYYY-MM-DD[ T]HH:MM:SS[.f], at most six digits of fraction: microseconds since 1970. False: not
// that.
bool ParseTimestamp(std::string_view text, std::int64_t* microseconds);

}  // namespace tidemark::sqlite
