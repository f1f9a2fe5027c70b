#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace tidemark {

// The beginning of `text` that is a whole number, 0 or more, and what follows it.
std::optional<std::pair<std::int64_t, std::string_view>> LeadingInteger(std::string_view text);

// "128MiB", "1G", "4096": bytes. K, M, G, T with or without "iB" are powers of 1024; "MB" is too.
std::optional<std::int64_t> ParseBytes(std::string_view text);
// "500ms", "10s", "2m", "1h", "7d", "10" (seconds): milliseconds.
std::optional<std::int64_t> ParseMilliseconds(std::string_view text);

}  // namespace tidemark
