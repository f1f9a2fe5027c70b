#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace tidemark {

// "128MiB", "1G", "4096": bytes. K, M, G, T with or without "iB" are powers of 1024; "MB" is too.
std::optional<std::int64_t> ParseBytes(std::string_view text);
// "500ms", "10s", "2m", "1h", "7d", "10" (seconds): milliseconds.
std::optional<std::int64_t> ParseMilliseconds(std::string_view text);

}  // namespace tidemark
