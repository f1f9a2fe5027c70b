#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "cli/output.h"
#include "cli/quantities.h"
#include "cli/run.h"
#include "cli/track_server.h"
#include "source/source.h"
#include "source/sqlite/tracking.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Columns::Align;
using sqlite::TrackOptions;

std::string Dump(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ReportJson(const sqlite::TrackReport& report) {
  Json document = {{"tables", Json::array()}};
  for (const auto& table : report.tables)
    document["tables"].push_back({{"table", table.table},
                                  {"status", Name(table.outcome)},
                                  {"because", table.because},
                                  {"removed_entries", table.removed_entries}});
  return Dump(document);
}

std::string ReportText(const sqlite::TrackReport& report, bool cleans) {
  Columns columns({{"table"}, {"status"}, {cleans ? "changes removed" : "", kRight}, {""}});
  for (const auto& table : report.tables)
    columns.Add({Printable(table.table), std::string(Name(table.outcome)),
                 cleans ? Grouped(table.removed_entries) : "", Printable(table.because)});
  std::string text = columns.is_empty() ? std::string() : columns.Text();
  text +=
      fmt::format("{} {}", report.tables.size(), report.tables.size() == 1 ? "table" : "tables");
  std::map<std::string_view, int> counts;
  for (const auto& table : report.tables) ++counts[Name(table.outcome)];
  std::string_view between = ": ";
  for (auto [name, count] : counts) {
    text += fmt::format("{}{} {}", between, count, name);
    between = ", ";
  }
  return text + "\n";
}

std::string StatusJson(const std::vector<sqlite::TrackedTableStatus>& tables) {
  Json document = {{"tables", Json::array()}};
  for (const auto& table : tables)
    document["tables"].push_back({{"table", table.table},
                                  {"is_tracked", table.is_tracked},
                                  {"because", table.because},
                                  {"version", table.version},
                                  {"min_valid_version", table.min_valid_version},
                                  {"entries", table.entries},
                                  {"oldest_entry_age_seconds", table.oldest_entry_age_seconds},
                                  {"retention_seconds", table.retention_seconds},
                                  {"warnings", table.warnings}});
  return Dump(document);
}

std::string StatusText(const std::vector<sqlite::TrackedTableStatus>& tables) {
  Columns columns({{"table"},
                   {"tracked"},
                   {"version", kRight},
                   {"since", kRight},
                   {"changes kept", kRight},
                   {"oldest"},
                   {"kept for"},
                   {""}});
  for (const auto& table : tables) {
    if (!table.is_tracked) {
      columns.Add(
          {Printable(table.table), "no", "-", "-", "-", "-", "-", Printable(table.because)});
      continue;
    }
    columns.Add({Printable(table.table), "yes", Grouped(table.version),
                 Grouped(table.min_valid_version), Grouped(table.entries),
                 table.entries > 0 ? SpanText(table.oldest_entry_age_seconds) : "-",
                 SpanText(table.retention_seconds), Printable(table.because)});
  }
  return columns.is_empty() ? "no tables\n" : columns.Text();
}

Result<TrackOptions> TrackOptionsOf(const Arguments& arguments, std::string_view action) {
  TrackOptions options;
  const auto& operands = arguments.operands();
  options.tables.assign(operands.begin() + 2, operands.end());
  options.lock_timeout_ms =
      TRY(arguments.Milliseconds("--lock-timeout")).value_or(options.lock_timeout_ms);
  if (arguments.Has("--retention") && action != "enable")
    return Fail(ErrorKind::kInvalid,
                fmt::format("track {}: --retention has no meaning here", action),
                "give it to track enable");
  if (auto retention_ms = TRY(arguments.Milliseconds("--retention")))
    options.retention_seconds = *retention_ms / 1000;
  return options;
}

// Prints what was found. The text of the result.
Result<std::string> Track(const std::string& action, const std::string& path,
                          const TrackOptions& options, bool is_json) {
  if (action == "status") {
    auto tables = TRY(sqlite::TrackingStatusOf(path, options));
    for (const auto& table : tables)
      for (const auto& warning : table.warnings) PrintWarning(warning);
    return is_json ? StatusJson(tables) : StatusText(tables);
  }
  auto run = action == "enable"    ? sqlite::EnableTracking
             : action == "disable" ? sqlite::DisableTracking
                                   : sqlite::CleanTracking;
  auto report = TRY(run(path, options));
  return is_json ? ReportJson(report) : ReportText(report, action == "clean");
}

}  // namespace

int RunTrack(const Arguments& arguments) {
  StopOnSignal signals;
  if (auto expected = arguments.ExpectOperands(2, SIZE_MAX); !expected)
    return EndWith(WrongWords(std::move(expected.error())), signals);
  const auto& action = arguments.operands()[0];
  const auto& words = arguments.command().first_words;
  if (std::ranges::find(words, action) == words.end())
    return EndWith(
        WrongWords({ErrorKind::kInvalid, fmt::format("track: there is no \"{}\"", action),
                    "allowed: enable, disable, status, clean"}),
        signals);
  auto options = TrackOptionsOf(arguments, action);
  if (!options) return EndWith(WrongWords(std::move(options.error())), signals);
  options->stop = signals.token();
  auto path = arguments.operands()[1];
  if (path.starts_with("sqlite:")) path.erase(0, 7);
  bool is_server = path.starts_with("sqlserver://");
  if (arguments.Has("--apply") && !is_server)
    return EndWith(WrongWords({ErrorKind::kInvalid, "track: --apply is for a server's databases",
                               "a file is written at once"}),
                   signals);
  auto text = is_server ? TrackServer(arguments, signals.token())
                        : Track(action, path, *options, arguments.Has("--json"));
  if (!text) return EndWith(Opening(WithoutSecrets(path), std::move(text.error())), signals);
  if (arguments.Has("--quiet") && !arguments.Has("--json")) text->clear();
  return PrintResult(*text) ? kAllDone : kSomeFailed;
}

}  // namespace tidemark::cli
