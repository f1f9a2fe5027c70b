#include "cli/metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/output.h"

namespace tidemark::cli {
namespace {

// Between double quotes. What is no UTF-8 or a control character is spelled in other ways: the
// format has none of them.
std::string LabelValue(std::string_view text) {
  return nlohmann::json(Printable(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string LabelsOf(const TableId& name) {
  return fmt::format("{{database={},schema={},table={}}}", LabelValue(name.database),
                     LabelValue(name.schema), LabelValue(name.name));
}

using Samples = std::map<std::string, double>;  // by name and labels

Samples ReadSamples(std::string_view text) {
  Samples samples;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    auto space = line.rfind(' ');
    if (line.starts_with('#') || space == line.npos) continue;
    double value = 0;
    auto [end, error] = std::from_chars(line.data() + space + 1, line.data() + line.size(), value);
    if (error == std::errc() && end == line.data() + line.size())
      samples.insert_or_assign(std::string(line.substr(0, space)), value);
  }
  return samples;
}

// The text of one file in the making: families of samples, each told what it is.
class Exposition {
 public:
  explicit Exposition(Samples before) : before_(std::move(before)) {}

  void Family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void Gauge(const std::string& labels, double value) {
    text_ += fmt::format("{}{} {}\n", name_, labels, value);
  }
  // Goes on from where the file stood.
  void Counter(const std::string& labels, double added) {
    auto before = before_.find(name_ + labels);
    Gauge(labels, added + (before == before_.end() ? 0 : before->second));
  }
  std::string Text() && { return std::move(text_); }

 private:
  Samples before_;
  std::string name_, text_;
};

double Seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

void AddRun(Exposition& text, const RunMetrics* run) {
  if (run) {
    text.Family("tidemark_last_run_timestamp_seconds", "gauge", "When the last run ended.");
    text.Gauge("", Seconds(run->started_us + run->duration_us));
    text.Family("tidemark_last_run_duration_seconds", "gauge", "How long the last run took.");
    text.Gauge("", Seconds(run->duration_us));
    text.Family("tidemark_last_run_success", "gauge", "1: no table of the last run failed.");
    text.Gauge("", run->is_success());
    text.Family("tidemark_last_run_failed_tables", "gauge", "Tables that the last run failed at.");
    text.Gauge("", run->result ? run->result->failed : 0);
  }
  text.Family("tidemark_runs_total", "counter", "Runs that ended.");
  text.Counter("", run ? 1 : 0);
  text.Family("tidemark_run_failures_total", "counter", "Runs in which something failed.");
  text.Counter("", run && !run->is_success() ? 1 : 0);
}

// A gauge that only some tables have.
template <class F>
void AddGauge(Exposition& text, std::span<const TableStanding> tables, std::string_view name,
              std::string_view help, F value) {
  text.Family(name, "gauge", help);
  for (const auto& table : tables)
    if (std::optional<double> of_table = value(table); of_table && !table.failure)
      text.Gauge(LabelsOf(table.table), *of_table);
}

void AddTables(Exposition& text, std::span<const TableStanding> tables) {
  using Value = std::optional<double>;
  AddGauge(text, tables, "tidemark_table_version", "The version that a table was read up to.",
           [](const TableStanding& t) { return Value(t.version); });
  AddGauge(
      text, tables, "tidemark_table_last_success_timestamp_seconds",
      "When a table was last known to be in step with its source.",
      [](const TableStanding& t) { return t.checked_us > 0 ? Seconds(t.checked_us) : Value(); });
  AddGauge(text, tables, "tidemark_table_expires_timestamp_seconds",
           "When changes that a table still needs begin to be lost.",
           [](const TableStanding& t) { return t.expires_us ? Seconds(*t.expires_us) : Value(); });
  AddGauge(text, tables, "tidemark_table_failed", "1: the last run of a table failed.",
           [](const TableStanding& t) { return Value(t.last_failure ? 1 : 0); });
  AddGauge(text, tables, "tidemark_table_files", "Files that are a table.",
           [](const TableStanding& t) { return Value(t.files); });
}

template <class F>
void AddCounter(Exposition& text, std::span<const TableStanding> tables, const SyncResult* result,
                std::string_view name, std::string_view help, F value) {
  std::map<TableId, double> added;
  for (const auto& table : tables)
    if (!table.failure) added[table.table] = 0;
  if (result)
    for (const auto& table : result->tables) added[table.table] = value(table);
  text.Family(name, "counter", help);
  for (const auto& [table, amount] : added) text.Counter(LabelsOf(table), amount);
}

void AddTotals(Exposition& text, std::span<const TableStanding> tables, const SyncResult* result) {
  AddCounter(text, tables, result, "tidemark_table_rows_landed_total",
             "Rows that were landed, changes and deletes included.", [](const TableResult& t) {
               auto beside = t.is_incremental ? 0 : t.inserted + t.updated + t.deleted;
               return static_cast<double>(t.rows + beside);
             });
  AddCounter(text, tables, result, "tidemark_table_bytes_landed_total", "Bytes that were landed.",
             [](const TableResult& t) { return static_cast<double>(t.bytes); });
  AddCounter(text, tables, result, "tidemark_table_retries_total",
             "Attempts beyond the first of each run.",
             [](const TableResult& t) { return static_cast<double>(t.attempts - 1); });
}

}  // namespace

std::string MetricsText(std::span<const TableStanding> tables, const RunMetrics* run,
                        std::string_view before) {
  Exposition text(ReadSamples(before));
  AddRun(text, run);
  AddTables(text, tables);
  AddTotals(text, tables, run ? run->result : nullptr);
  return std::move(text).Text();
}

Status WriteMetrics(const std::string& path, std::span<const TableStanding> tables,
                    const RunMetrics* run) {
  std::ifstream file(path, std::ios::binary);
  std::string before{std::istreambuf_iterator<char>(file), {}};
  auto text = MetricsText(tables, run, before);
  // Beside it, under a name that the collector passes over.
  auto temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(temporary, path, error);
  if (out && !error) return {};
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  return Fail(ErrorKind::kUnavailable, "the metrics could not be written to " + path,
              "name a file in a folder that this user may write to");
}

}  // namespace tidemark::cli
