#include "cli/track_server.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "cli/output.h"
#include "cli/quantities.h"
#include "source/sqlserver/tracking_commands.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Columns::Align;

std::string Dump(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ScriptJson(const sqlserver::TrackScript& script) {
  Json document = {{"database", script.database}, {"statements", Json::array()}};
  for (const auto& statement : script.statements)
    document["statements"].push_back({{"table", statement.table},
                                      {"statement", statement.text},
                                      {"because", statement.because},
                                      {"is_done", statement.is_done}});
  return Dump(document);
}

// A script that sqlcmd and every other client takes as it is.
std::string ScriptText(const sqlserver::TrackScript& script, bool applies) {
  std::string text;
  std::size_t count = 0;
  for (const auto& statement : script.statements) {
    if (statement.text.empty()) {
      text += fmt::format("-- {}: {}\n", Printable(statement.table), Printable(statement.because));
      continue;
    }
    ++count;
    text += Printable(statement.text) + ";\n";
  }
  if (count == 0) return text + "-- nothing to do\n";
  if (applies) return text + fmt::format("-- done: {}\n", count);
  return text + "-- nothing was run; --apply runs these statements\n";
}

std::string StatusJson(const std::vector<sqlserver::TrackedTable>& tables) {
  Json document = {{"tables", Json::array()}};
  for (const auto& table : tables)
    document["tables"].push_back({{"table", table.table},
                                  {"is_tracked", table.is_tracked},
                                  {"because", table.because},
                                  {"version", table.version},
                                  {"min_valid_version", table.min_valid_version},
                                  {"retention_seconds", table.retention_seconds},
                                  {"warnings", table.warnings}});
  return Dump(document);
}

std::string StatusText(const std::vector<sqlserver::TrackedTable>& tables) {
  Columns columns(
      {{"table"}, {"tracked"}, {"version", kRight}, {"since", kRight}, {"kept for"}, {""}});
  for (const auto& table : tables) {
    if (!table.is_tracked) {
      columns.Add({Printable(table.table), "no", "-", "-", "-", Printable(table.because)});
      continue;
    }
    columns.Add({Printable(table.table), "yes", Grouped(table.version),
                 Grouped(table.min_valid_version),
                 table.retention_seconds > 0 ? SpanText(table.retention_seconds) : "ever", ""});
  }
  return columns.is_empty() ? "no tables\n" : columns.Text();
}

}  // namespace

Result<std::string> TrackServer(const Arguments& arguments, const std::stop_token& stop) {
  constexpr std::string_view kScheme = "sqlserver:";
  constexpr std::int64_t kDayMs = 86'400'000;
  const auto& operands = arguments.operands();
  const auto& action = operands[0];
  sqlserver::TrackRequest request;
  request.location = operands[1].substr(kScheme.size());
  request.tables.assign(operands.begin() + 2, operands.end());
  request.applies = arguments.Has("--apply");
  request.options.stop = stop;
  request.options.lock_timeout_ms =
      TRY(arguments.Milliseconds("--lock-timeout")).value_or(request.options.lock_timeout_ms);
  if (auto retention_ms = TRY(arguments.Milliseconds("--retention")))
    request.retention_days =
        static_cast<int>(std::max<std::int64_t>(1, (*retention_ms + kDayMs - 1) / kDayMs));
  bool is_json = arguments.Has("--json");
  if (action == "status") {
    auto tables = TRY(sqlserver::TrackingStatusOf(request));
    for (const auto& table : tables)
      for (const auto& warning : table.warnings) PrintWarning(warning);
    return is_json ? StatusJson(tables) : StatusText(tables);
  }
  if (action == "clean")
    return Fail(ErrorKind::kUnsupported, "SQL Server removes old changes by itself",
                "how long they are kept is set by `track enable --retention`");
  auto script = TRY(action == "enable" ? sqlserver::EnableScript(request)
                                       : sqlserver::DisableScript(request));
  return is_json ? ScriptJson(script) : ScriptText(script, request.applies);
}

}  // namespace tidemark::cli
