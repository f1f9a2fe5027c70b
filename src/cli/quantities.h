#pragma once
#include <cstdint>
#include <string>

namespace tidemark::cli {

// As people read them.
std::string Grouped(std::int64_t number);    // 1,234,567
std::string SizeText(std::int64_t bytes);    // 12.3 MiB
std::string DurationText(std::int64_t us);   // 0.25 s, 1:05, 2:03:04
std::string SpanText(std::int64_t seconds);  // 6 days, 5 hours, 40 minutes, 12 seconds

}  // namespace tidemark::cli
