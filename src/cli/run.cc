#include "cli/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/random.h"
#include "cli/output.h"

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

// `--database` chooses one of the file's.
Result<PipelineOptions> OptionsOfFile(const Arguments& arguments) {
  auto file = *arguments.Text("--config");
  if (!arguments.operands().empty())
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: \"{}\" and --config are both given", arguments.command().name,
                            arguments.operands().front()),
                "the configuration names the source");
  auto options = PipelineOptions::FromFile(file);
  if (!options) return Fail(ErrorOf(options.error()));
  auto wanted = arguments.Text("--database");
  if (!wanted) return std::move(*options);
  std::string names;
  for (const auto& database : options->databases)
    names += (names.empty() ? "" : ", ") + database.name;
  std::erase_if(options->databases, [&](const auto& database) { return database.name != *wanted; });
  if (options->databases.empty())
    return Fail(ErrorKind::kInvalid, fmt::format("{}: there is no database \"{}\"", file, *wanted),
                "databases: " + names);
  return std::move(*options);
}

Result<PipelineOptions> OptionsOfWords(const Arguments& arguments) {
  const auto& words = arguments.operands();
  if (words.size() == 2 && !arguments.Has("--to"))
    return Fail(
        ErrorKind::kInvalid,
        fmt::format("{}: \"{}\" is one operand too many", arguments.command().name, words[1]),
        fmt::format("the destination follows --to: tidemark {} SOURCE --to {}",
                    arguments.command().name, words[1]));
  TRY(arguments.ExpectOperands(1, 1));
  PipelineOptions options;
  options.databases = {{.name = arguments.Text("--database").value_or(""),
                        .source = arguments.operands().front(),
                        .schemas = {}}};
  return options;
}

// The words that say how, over what `options` say.
Status Override(const Arguments& arguments, PipelineOptions& options) {
  if (auto format = arguments.Text("--format")) options.format = *format;
  if (auto compression = arguments.Text("--compression")) {
    // A level belongs to its codec.
    auto before = options.compression.empty() ? "zstd" : options.compression;
    if (*compression != before) options.compression_level.reset();
    options.compression = *compression;
  }
  if (auto level = TRY(arguments.Integer("--compression-level", 0)))
    options.compression_level = level;
  options.row_group_rows =
      TRY(arguments.Integer("--row-group-rows", 1)).value_or(options.row_group_rows);
  options.max_rows_per_file =
      TRY(arguments.Integer("--max-rows-per-file", 1)).value_or(options.max_rows_per_file);
  options.workers = static_cast<int>(std::min<std::int64_t>(
      TRY(arguments.Integer("--workers", 1)).value_or(options.workers), 1024));
  options.memory_bytes =
      TRY(arguments.Bytes("--memory", kMemoryMin)).value_or(options.memory_bytes);
  if (auto time = TRY(arguments.Milliseconds("--lock-timeout"))) options.lock_timeout_ms = time;
  TRY(CheckFolder(arguments, "--temp-dir"));
  options.temp_dir = arguments.Text("--temp-dir").value_or(options.temp_dir);
  if (auto retries = TRY(arguments.Integer("--retries", 0)))
    options.attempts = static_cast<int>(std::min<std::int64_t>(*retries, 1000)) + 1;
  return {};
}

// "5000" rows or "2.5%" of them.
Result<Sample> SampleOf(const Arguments& arguments) {
  Sample sample;
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

Result<Asked> AskedOf(const Arguments& arguments, PipelineOptions options) {
  TRY(Override(arguments, options));
  auto pipeline = Pipeline::FromOptions(options);
  if (!pipeline) return Fail(ErrorOf(pipeline.error()));
  return Asked{.pipeline = std::move(*pipeline),
               .run = {.include = arguments.Texts("--table"),
                       .exclude = arguments.Texts("--exclude"),
                       .mode = arguments.Text("--mode").value_or(""),
                       .adopts_moved_source = arguments.Has("--adopt"),
                       .sample = TRY(SampleOf(arguments)),
                       .prunes = arguments.Has("--prune"),
                       .stop = {},
                       .progress = {}}};
}

// kInvalid for something that is there (a folder in place of a file) is not the user's spelling.
int ExitCodeOfOpening(const std::string& text, const Error& error) {
  auto path = text.substr(text.starts_with("sqlite:") ? 7 : text.starts_with("file:") ? 5 : 0);
  std::error_code ignored;
  int code = ExitCodeOf(error);
  return code == kWrongUsage && std::filesystem::exists(path, ignored) ? int{kUnusable} : code;
}

int ExitCodeOfFailure(const Failure& failure) {
  return ExitCodeOfOpening(failure.about, ErrorOf(failure));
}

int ExitCodeOf(const std::vector<DatabaseResult>& databases) {
  int exit_code = kAllDone;
  for (const auto& database : databases) {
    if (!database.failure) return kSomeFailed;
    auto code = ExitCodeOfFailure(*database.failure);
    exit_code = exit_code == kAllDone || exit_code == code ? code : kUnusable;
  }
  return exit_code;
}

}  // namespace

Result<Asked> AskedOfRun(const Arguments& arguments) {
  bool has_file = arguments.Has("--config");
  auto options = TRY(has_file ? OptionsOfFile(arguments) : OptionsOfWords(arguments));
  if (auto to = TRY(ToOf(arguments)); !to.empty()) options.to = to;
  if (options.to.empty())
    return Fail(ErrorKind::kInvalid, fmt::format("{}: --to is missing", arguments.command().name),
                has_file
                    ? "storage: {ingest_pipeline: DEST} in the configuration, or --to DEST"
                    : fmt::format("usage: tidemark {} SOURCE --to DEST", arguments.command().name));
  return AskedOf(arguments, std::move(options));
}

Result<Asked> AskedOfDestination(const Arguments& arguments) {
  PipelineOptions options;
  if (arguments.Has("--config")) {
    options = TRY(OptionsOfFile(arguments));
    options.to = arguments.Text("--to").value_or(options.to);
    if (options.to.empty())
      return Fail(ErrorKind::kInvalid, *arguments.Text("--config") + ": the destination is missing",
                  "storage: {ingest_pipeline: DEST}");
  } else {
    TRY(arguments.ExpectOperands(1, 1));
    options.to = arguments.operands().front();
    if (arguments.Has("--to"))
      return Fail(
          ErrorKind::kInvalid,
          fmt::format("{}: \"{}\" and --to are both given", arguments.command().name, options.to),
          "--to goes with --config");
  }
  return AskedOf(arguments, std::move(options));
}

Refusal Opening(const std::string& text, Error error) {
  auto exit_code = ExitCodeOfOpening(text, error);
  return {std::move(error), exit_code};
}

Refusal WrongWords(Error error) { return {std::move(error), kWrongUsage}; }

// A disk that filled in mid-run is a failure like any other: it is no fault of how the run was
// started.
int ExitCodeOf(const SyncResult& result) {
  if (result.failed == 0) return kAllDone;
  if (!result.databases.empty()) return ExitCodeOf(result.databases);
  for (const auto& table : result.tables) {
    bool is_unusable = table.failure && (table.failure->kind == FailureKind::kCorrupt ||
                                         table.failure->kind == FailureKind::kDenied);
    if (table.outcome == Outcome::kOk || !is_unusable) return kSomeFailed;
  }
  return kUnusable;
}

int ExitCodeOf(const VerifyResult& result) {
  if (result.failed == 0) return kAllDone;
  return result.databases.empty() ? int{kSomeFailed} : ExitCodeOf(result.databases);
}

int EndWith(const Failure& failure, const StopOnSignal& signals) {
  return EndWith(Refusal{ErrorOf(failure), ExitCodeOfFailure(failure)}, signals);
}

int EndWith(const Refusal& refusal, const StopOnSignal& signals) {
  if (signals.exit_code() != 0) {
    PrintError({ErrorKind::kCancelled, "interrupted; what was committed stays",
                "run the same command again to go on"});
    return signals.exit_code();
  }
  PrintError(refusal.error);
  return refusal.exit_code;
}

}  // namespace tidemark::cli
