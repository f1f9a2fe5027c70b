#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace tidemark {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger = spdlog::stderr_logger_mt("tidemark");
  bool is_json = false;
  State() {
    logger->set_pattern("tidemark: %l: %v");
    logger->set_level(spdlog::level::warn);
  }
};

State& TheState() {
  static State state;
  return state;
}

spdlog::level::level_enum Level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void ConfigureLog(LogLevel lowest, bool is_json) {
  auto& state = TheState();
  state.is_json = is_json;
  state.logger->set_level(Level(lowest));
  state.logger->set_pattern(is_json
                                ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})"
                                : "tidemark: %l: %v",
                            spdlog::pattern_time_type::utc);
}

void Log(LogLevel level, std::string_view message) {
  auto& state = TheState();
  if (!state.logger->should_log(Level(level))) return;
  if (!state.is_json) return state.logger->log(Level(level), "{}", message);
  state.logger->log(Level(level), "{}", Quoted(message));
}

void LogError(std::string_view kind, std::string_view message, std::string_view hint) {
  auto& logger = *TheState().logger;
  if (TheState().is_json)
    logger.error(R"({},"kind":{},"hint":{})", Quoted(message), Quoted(kind),
                 hint.empty() ? "null" : Quoted(hint));
  else if (hint.empty())
    logger.error("{}", message);
  else
    logger.error("{}\nhint: {}", message, hint);
}

}  // namespace tidemark
