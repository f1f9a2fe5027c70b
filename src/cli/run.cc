#include "cli/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <thread>

#include "base/random.h"
#include "cli/output.h"
#include "cli/progress_bars.h"
#include "cli/progress_lines.h"
#include "encode/codec.h"

namespace tidemark::cli {
namespace {

// Below this a row group and a fold have no room to work in.
constexpr std::int64_t kMemoryMin = 16 << 20;

Status CheckFolder(const Arguments& arguments, std::string_view option) {
  auto dir = arguments.Text(option);
  std::error_code ignored;
  if (!dir || std::filesystem::is_directory(*dir, ignored)) return {};
  return Fail(ErrorKind::kInvalid, fmt::format("{} \"{}\" is not a folder", option, *dir),
              "name a folder that is there");
}

Status OverrideSource(const Arguments& arguments, SourceOptions& source) {
  source.lock_timeout_ms =
      TRY(arguments.Milliseconds("--lock-timeout")).value_or(source.lock_timeout_ms);
  return {};
}

// azsql_ct has a folder for data and one for watermarks; here both stand under one destination.
Result<std::string> OutputDir(const Arguments& arguments) {
  auto folder_of = [&](std::string_view option, std::string_view name) {
    auto path = std::filesystem::path(arguments.Text(option).value_or("")).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    if (path.filename() != name) return path.string();
    return path.has_parent_path() ? path.parent_path().string() : std::string(".");
  };
  auto data = folder_of("--output-dir", "data");
  auto watermarks = folder_of("--watermark-dir", "watermarks");
  if (data.empty()) return watermarks;
  if (!watermarks.empty() && watermarks != data)
    return Fail(ErrorKind::kInvalid,
                fmt::format("--watermark-dir \"{}\" is not beside --output-dir \"{}\"",
                            *arguments.Text("--watermark-dir"), *arguments.Text("--output-dir")),
                "data and watermarks stand in one folder: --to DIR");
  return data;
}

// The destination by the command line; empty: it does not say.
Result<std::string> ToOf(const Arguments& arguments) {
  auto dir = TRY(OutputDir(arguments));
  auto to = arguments.Text("--to");
  if (to && !dir.empty())
    return Fail(ErrorKind::kInvalid, "--to and --output-dir or --watermark-dir are given",
                "--to DIR is enough");
  return to.value_or(dir);
}

Result<Setup> SetupOfWords(const Arguments& arguments) {
  TRY(arguments.ExpectOperands(1, 1));
  Setup setup;
  auto& database = setup.databases.emplace_back();
  database.source = arguments.operands().front();
  database.source_options.database = arguments.Text("--database").value_or("");
  return setup;
}

// `--database` chooses one of the file's.
Result<Setup> SetupOfFile(const Arguments& arguments) {
  auto file = *arguments.Text("--config");
  if (!arguments.operands().empty())
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: \"{}\" and --config are both given", arguments.command().name,
                            arguments.operands().front()),
                "the configuration names the source");
  auto setup = TRY(SetupOf(TRY(config::Load(file))));
  if (setup.databases.empty())
    return Fail(ErrorKind::kInvalid, file + ": no databases are chosen",
                "databases: {NAME: {schemas: {main: {tables: \"*\"}}}}");
  auto wanted = arguments.Text("--database");
  if (!wanted) return setup;
  std::string names;
  for (const auto& database : setup.databases) names += (names.empty() ? "" : ", ") + database.name;
  std::erase_if(setup.databases, [&](const auto& database) { return database.name != *wanted; });
  if (setup.databases.empty())
    return Fail(ErrorKind::kInvalid, fmt::format("{}: there is no database \"{}\"", file, *wanted),
                "databases: " + names);
  return setup;
}

Result<Setup> SetupOf(const Arguments& arguments) {
  auto setup = TRY(arguments.Has("--config") ? SetupOfFile(arguments) : SetupOfWords(arguments));
  if (auto to = TRY(ToOf(arguments)); !to.empty()) setup.to = to;
  if (setup.to.empty())
    return Fail(ErrorKind::kInvalid, fmt::format("{}: --to is missing", arguments.command().name),
                arguments.Has("--config")
                    ? "storage: {ingest_pipeline: DEST} in the configuration, or --to DEST"
                    : fmt::format("usage: tidemark {} SOURCE --to DEST", arguments.command().name));
  for (auto& database : setup.databases) {
    database.options = TRY(SyncOptionsOf(arguments, std::move(database.options)));
    TRY(OverrideSource(arguments, database.source_options));
    if (arguments.Has("--mode"))
      for (auto& table : database.tables) table.settings.mode.reset();
  }
  return setup;
}

template <class Report>
int ExitCodeOfDatabases(const Report& report) {
  int exit_code = kAllDone;
  for (const auto& database : report.databases) {
    if (!database.error) return kSomeFailed;
    auto code = ExitCodeOfOpening(database.source, *database.error);
    exit_code = exit_code == kAllDone || exit_code == code ? code : kUnusable;
  }
  return exit_code;
}

}  // namespace

// kInvalid for something that is there (a folder in place of a file) is not the user's spelling.
int ExitCodeOfOpening(const std::string& text, const Error& error) {
  auto path = text.substr(text.starts_with("sqlite:") ? 7 : text.starts_with("file:") ? 5 : 0);
  std::error_code ignored;
  int code = ExitCodeOf(error);
  return code == kWrongUsage && std::filesystem::exists(path, ignored) ? int{kUnusable} : code;
}

Refusal Opening(const std::string& text, Error error) {
  auto exit_code = ExitCodeOfOpening(text, error);
  return {std::move(error), exit_code};
}

namespace {

// "5000" rows or "2.5%" of them.
Result<SampleOptions> SampleOf(const Arguments& arguments) {
  SampleOptions sample;
  auto text = arguments.Text("--sample");
  auto seed = TRY(arguments.Integer("--seed", 0));
  if (!text && !seed) return sample;
  auto refuse = [](std::string why) {
    return Fail(ErrorKind::kInvalid, std::move(why),
                "give a number of rows, as 5000, or a part of them, as 1%");
  };
  if (!text) return refuse("--seed chooses nothing without --sample");
  double number = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  std::string_view rest(end, text->data() + text->size());
  bool is_share = rest == "%";
  if (error != std::errc() || !(number > 0) || !(is_share || rest.empty()) ||
      number > (is_share ? 100.0 : 1e15))
    return refuse(fmt::format("--sample \"{}\" is neither", *text));
  if (is_share)
    sample.share = number / 100;
  else
    sample.rows = std::max<std::int64_t>(1, static_cast<std::int64_t>(number));
  // Short enough to be typed again.
  sample.seed = seed ? static_cast<std::uint64_t>(*seed) : SystemRandom().Next() % 1'000'000;
  return sample;
}

}  // namespace

Result<SyncOptions> SyncOptionsOf(const Arguments& arguments, SyncOptions options) {
  options.include = arguments.Texts("--table");
  options.exclude = arguments.Texts("--exclude");
  if (auto mode = arguments.Text("--mode")) options.mode = TRY(ParseMode(*mode));
  if (auto format = arguments.Text("--format")) options.format = *format;
  if (auto text = arguments.Text("--compression")) {
    auto codec = TRY(ParseCodec(*text));
    // A level belongs to its codec.
    if (codec != options.encoding.codec) options.encoding.level = -1;
    options.encoding.codec = codec;
  }
  if (auto level = TRY(arguments.Integer("--compression-level", 0)))
    options.encoding.level = static_cast<int>(std::min<std::int64_t>(*level, 1000));
  TRY(CheckLevel(options.encoding.codec, options.encoding.level));
  options.encoding.row_group_rows =
      TRY(arguments.Integer("--row-group-rows", 1)).value_or(options.encoding.row_group_rows);
  options.max_rows_per_file =
      TRY(arguments.Integer("--max-rows-per-file", 1)).value_or(options.max_rows_per_file);
  options.workers = static_cast<int>(std::min<std::int64_t>(
      TRY(arguments.Integer("--workers", 1)).value_or(options.workers), 1024));
  options.memory_bytes =
      TRY(arguments.Bytes("--memory", kMemoryMin)).value_or(options.memory_bytes);
  TRY(CheckFolder(arguments, "--temp-dir"));
  options.temp_dir = arguments.Text("--temp-dir").value_or(options.temp_dir);
  if (auto retries = TRY(arguments.Integer("--retries", 0)))
    options.retry.attempts = static_cast<int>(std::min<std::int64_t>(*retries, 1000)) + 1;
  options.sample = TRY(SampleOf(arguments));
  options.adopts_moved_source = arguments.Has("--adopt");
  return options;
}

std::expected<Opened, Refusal> OpenRun(const Arguments& arguments, Access access,
                                       std::stop_token stop, Progress* progress) {
  auto setup = SetupOf(arguments);
  if (!setup) {
    // A configuration that cannot be read is no source and no destination: wrong usage.
    return std::unexpected(Refusal{std::move(setup.error()), kWrongUsage});
  }
  for (auto& database : setup->databases) {
    database.options.stop = stop;
    database.options.progress = progress;
  }
  auto opened = Open(std::move(*setup), access);
  if (!opened)
    return std::unexpected(Opening(opened.error().about, std::move(opened.error().error)));
  return std::move(*opened);
}

Result<std::string> DestinationOf(const Arguments& arguments) {
  if (!arguments.Has("--config")) {
    TRY(arguments.ExpectOperands(1, 1));
    return arguments.operands().front();
  }
  auto to = TRY(SetupOfFile(arguments)).to;
  if (!to.empty()) return to;
  return Fail(ErrorKind::kInvalid, *arguments.Text("--config") + ": the destination is missing",
              "storage: {ingest_pipeline: DEST}");
}

Result<SyncOptions> OptionsOfDestination(const Arguments& arguments) {
  SyncOptions options;
  if (arguments.Has("--config")) {
    options = std::move(TRY(SetupOfFile(arguments)).databases.front().options);
    // Names that belong to one database; the states of all have theirs.
    options.catalog.clear();
    options.catalog_schemas.clear();
  }
  return SyncOptionsOf(arguments, std::move(options));
}

// A disk that filled in mid-run is a failure like any other: it is no fault of how the run was
// started.
int ExitCodeOf(const SyncReport& report) {
  if (report.failed() == 0) return kAllDone;
  if (!report.databases.empty()) return ExitCodeOfDatabases(report);
  for (const auto& table : report.tables) {
    bool is_unusable = table.error && (table.error->kind == ErrorKind::kCorrupt ||
                                       table.error->kind == ErrorKind::kDenied);
    if (table.outcome == TableOutcome::kOk || !is_unusable) return kSomeFailed;
  }
  return kUnusable;
}

int ExitCodeOf(const VerifyReport& report) {
  if (report.failed() == 0) return kAllDone;
  return report.databases.empty() ? int{kSomeFailed} : ExitCodeOfDatabases(report);
}

std::unique_ptr<Progress> ProgressFor(const Arguments& arguments) {
  auto format = arguments.Text("--progress").value_or("bars");
  if (format == "none" || arguments.Has("--no-progress")) return nullptr;
  if (format == "json") return std::make_unique<ProgressLines>(stderr, SystemClock());
  const char* term = std::getenv("TERM");
  bool is_dumb = !term || std::string_view(term) == "dumb";
  if (is_dumb || !::isatty(STDERR_FILENO) || arguments.Has("--quiet")) return nullptr;
  return std::make_unique<ProgressBars>();
}

int EndWith(const Error& error, const StopOnSignal& signals) {
  return EndWith(Refusal{error, ExitCodeOf(error)}, signals);
}

int EndWith(const Refusal& failure, const StopOnSignal& signals) {
  if (signals.exit_code() != 0) {
    PrintError({ErrorKind::kCancelled, "interrupted; what was committed stays",
                "run the same command again to go on"});
    return signals.exit_code();
  }
  PrintError(failure.error);
  return failure.exit_code;
}

}  // namespace tidemark::cli
