#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tidemark/tidemark.h"

namespace tidemark::cli {

// How a run ended, for --metrics.
struct RunMetrics {
  std::int64_t started_us = 0, duration_us = 0;
  const SyncResult* result = nullptr;  // null: nothing could be done at all
  bool is_success() const { return result && result->failed == 0; }
};

// Prometheus' text format, for the textfile collector of its node exporter. `run` null: no run has
// just ended, only the state is told. `before`: what the file held, whose counters go on.
std::string MetricsText(std::span<const TableStanding> tables, const RunMetrics* run,
                        std::string_view before);

// Replaces `path` in one step, so that nobody reads half of it.
Status WriteMetrics(const std::string& path, std::span<const TableStanding> tables,
                    const RunMetrics* run);

}  // namespace tidemark::cli
