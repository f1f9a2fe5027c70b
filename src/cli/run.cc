#include "cli/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <thread>

#include "cli/output.h"
#include "cli/progress_bars.h"
#include "cli/progress_lines.h"
#include "encode/codec.h"
#include "object/memory.h"

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

Result<SourceOptions> SourceOptionsOf(const Arguments& arguments, const SyncOptions& options) {
  SourceOptions source;
  source.database = arguments.Text("--database").value_or("");
  source.lock_timeout_ms =
      TRY(arguments.Milliseconds("--lock-timeout")).value_or(source.lock_timeout_ms);
  source.memory_bytes = options.memory_bytes;
  source.readers = options.workers > 0
                       ? options.workers
                       : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return source;
}

std::unexpected<OpenFailure> WrongUsage(Error error) {
  return std::unexpected(OpenFailure{std::move(error), kWrongUsage});
}

}  // namespace

// kInvalid for something that is there (a folder in place of a file) is not the user's spelling.
OpenFailure Opening(const std::string& text, Error error) {
  auto path = text.substr(text.starts_with("sqlite:") ? 7 : text.starts_with("file:") ? 5 : 0);
  std::error_code ignored;
  int code = ExitCodeOf(error);
  if (code == kWrongUsage && std::filesystem::exists(path, ignored)) code = kUnusable;
  return {std::move(error), code};
}

Result<SyncOptions> SyncOptionsOf(const Arguments& arguments) {
  SyncOptions options;
  options.include = arguments.Texts("--table");
  options.exclude = arguments.Texts("--exclude");
  if (auto mode = arguments.Text("--mode")) options.mode = TRY(ParseMode(*mode));
  if (auto format = arguments.Text("--format")) options.format = *format;
  if (auto codec = arguments.Text("--compression"))
    options.encoding.codec = TRY(ParseCodec(*codec));
  if (auto level = TRY(arguments.Integer("--compression-level", 0)))
    options.encoding.level = static_cast<int>(std::min<std::int64_t>(*level, 1000));
  TRY(CheckLevel(options.encoding.codec, options.encoding.level));
  options.encoding.row_group_rows =
      TRY(arguments.Integer("--row-group-rows", 1)).value_or(options.encoding.row_group_rows);
  options.max_rows_per_file =
      TRY(arguments.Integer("--max-rows-per-file", 1)).value_or(options.max_rows_per_file);
  options.workers = static_cast<int>(
      std::min<std::int64_t>(TRY(arguments.Integer("--workers", 1)).value_or(0), 1024));
  options.memory_bytes =
      TRY(arguments.Bytes("--memory", kMemoryMin)).value_or(options.memory_bytes);
  TRY(CheckFolder(arguments, "--temp-dir"));
  options.temp_dir = arguments.Text("--temp-dir").value_or("");
  if (auto retries = TRY(arguments.Integer("--retries", 0)))
    options.retry.attempts = static_cast<int>(std::min<std::int64_t>(*retries, 1000)) + 1;
  options.adopts_moved_source = arguments.Has("--adopt");
  return options;
}

std::expected<Run, OpenFailure> OpenRun(const Arguments& arguments, Writes writes,
                                        std::stop_token stop) {
  Run run;
  if (auto expected = arguments.ExpectOperands(1, 1); !expected)
    return WrongUsage(std::move(expected.error()));
  auto to = arguments.Text("--to");
  if (!to)
    return WrongUsage(
        {ErrorKind::kInvalid, fmt::format("{}: --to is missing", arguments.command().name),
         fmt::format("usage: tidemark {} SOURCE --to DEST", arguments.command().name)});
  auto options = SyncOptionsOf(arguments);
  if (!options) return WrongUsage(std::move(options.error()));
  auto source_options = SourceOptionsOf(arguments, *options);
  if (!source_options) return WrongUsage(std::move(source_options.error()));
  run.options = std::move(*options);
  run.options.stop = stop;
  source_options->stop = stop;

  // Before the destination: a mistyped name must not leave an empty folder behind.
  const auto& from = arguments.operands().front();
  auto source = OpenSource(from, *source_options);
  if (!source) return std::unexpected(Opening(from, std::move(source.error())));
  run.source = std::move(*source);
  bool is_plan = arguments.command().name == "plan";
  auto store = OpenStore(*to, {.is_read_only = writes == Writes::kNo});
  if (store)
    run.store = std::move(*store);
  else if (is_plan && store.error().kind == ErrorKind::kNotFound)
    run.store = std::make_unique<MemoryStore>();  // what a first sync would find: nothing
  else
    return std::unexpected(Opening(*to, std::move(store.error())));
  return run;
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
  return EndWith(OpenFailure{error, ExitCodeOf(error)}, signals);
}

int EndWith(const OpenFailure& failure, const StopOnSignal& signals) {
  if (signals.exit_code() != 0) {
    PrintError({ErrorKind::kCancelled, "interrupted; what was committed stays",
                "run the same command again to go on"});
    return signals.exit_code();
  }
  PrintError(failure.error);
  return failure.exit_code;
}

}  // namespace tidemark::cli
