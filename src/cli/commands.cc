#include "cli/commands.h"

namespace tidemark::cli {
namespace {

const Option kTo = {.name = "--to",
                    .value = "DEST",
                    .text = "where to land: a folder or file:PATH",
                    .is_path = true};
const Option kConfig = {.name = "--config",
                        .short_name = "-c",
                        .value = "FILE",
                        .text = "read databases, tables and destination from a YAML or JSON file",
                        .is_path = true};
const Option kOutputDir = {.name = "--output-dir",
                           .value = "DIR",
                           .text = "as --to; DIR/data stands for DIR",
                           .is_path = true};
const Option kWatermarkDir = {
    .name = "--watermark-dir",
    .value = "DIR",
    .text = "as --to; watermarks stand beside the data, in DIR/watermarks",
    .is_path = true};
const Option kTable = {
    .name = "--table",
    .value = "GLOB",
    .text = "only tables like this: NAME or schema.NAME, with * and ?; repeatable",
    .is_repeatable = true};
const Option kExclude = {.name = "--exclude",
                         .value = "GLOB",
                         .text = "leave out tables like this; repeatable",
                         .is_repeatable = true};
const Option kMode = {
    .name = "--mode",
    .value = "MODE",
    .text = "full, incremental, or full_incremental: changes where possible (default)",
    .choices = {"full", "incremental", "full_incremental"}};
const Option kFormat = {.name = "--format",
                        .value = "FORMAT",
                        .text =
                            "per_table: files with the table's own columns (default); unified: "
                            "files with the same columns for every table, rows as JSON",
                        .choices = {"per_table", "unified"}};
const Option kCompression = {.name = "--compression",
                             .value = "CODEC",
                             .text = "zstd (default), snappy, gzip, brotli, lz4 or none",
                             .choices = {"zstd", "snappy", "gzip", "brotli", "lz4", "none"}};
const Option kCompressionLevel = {.name = "--compression-level",
                                  .value = "N",
                                  .text = "the codec's level (zstd: 1 unless given)"};
const Option kRowGroupRows = {
    .name = "--row-group-rows", .value = "N", .text = "rows in one row group (default 500000)"};
const Option kMaxRowsPerFile = {
    .name = "--max-rows-per-file", .value = "N", .text = "rows in one file (default 10000000)"};
const Option kWorkers = {
    .name = "--workers", .value = "N", .text = "threads that work at once (default: cores)"};
const Option kMemory = {.name = "--memory",
                        .value = "SIZE",
                        .text = "memory to work in, as 128MiB or 1GiB (default 128MiB)"};
const Option kTempDir = {.name = "--temp-dir",
                         .value = "DIR",
                         .text = "where private copies go (default: TMPDIR, else inside DEST)",
                         .is_path = true};
const Option kLockTimeout = {.name = "--lock-timeout",
                             .value = "TIME",
                             .text =
                                 "how long to wait for a locked database, as 500ms, 10s or 2m "
                                 "(default 10s)"};
const Option kRetries = {.name = "--retries",
                         .value = "N",
                         .text =
                             "how often to try again what is busy or unreachable, after waits that "
                             "grow (default 4)"};
const Option kDatabase = {.name = "--database",
                          .value = "NAME",
                          .text =
                              "the database's name in paths (default: the file's name);"
                              " with --config: this one of its databases"};
const Option kAdopt = {
    .name = "--adopt",
    .text = "the database has moved: go on with what was landed from its old place"};
const Option kPrune = {
    .name = "--prune",
    .text = "remove the data files that are folded in, once the new base is published"};
const Option kRetention = {.name = "--retention",
                           .value = "TIME",
                           .text = "enable: how long changes are kept, as 12h or 7d (default 7d)"};
const Option kEvery = {
    .name = "--every",
    .value = "TIME",
    .text = "go on until told to stop: a run every TIME (30s, 5m, 1h), none while one is at work"};
const Option kMetrics = {.name = "--metrics",
                         .value = "FILE",
                         .text = "write metrics there in Prometheus' text format",
                         .is_path = true};
const Option kSample = {
    .name = "--sample",
    .value = "N|P%",
    .text = "a quick look: only about N rows, or P percent, of each table, chosen at random"};
const Option kSeed = {.name = "--seed",
                      .value = "N",
                      .text = "with --sample: choose as the run did that printed this seed"};
const Option kApply = {.name = "--apply",
                       .text =
                           "run the statements in the server's database, rather than print "
                           "them"};
const Option kJson = {.name = "--json", .text = "print one JSON document instead of a table"};

const Option kQuiet = {
    .name = "--quiet", .short_name = "-q", .text = "print nothing but warnings and errors"};
const Option kVerbose = {.name = "--verbose",
                         .short_name = "-v",
                         .text = "list tables without changes, log what is done"};
const Option kLogFormat = {.name = "--log-format",
                           .value = "FORMAT",
                           .text = "warnings and errors as text (default) or json, a line each",
                           .choices = {"text", "json"}};
const Option kNoProgress = {.name = "--no-progress", .text = "no progress bars on a terminal"};
const Option kProgress = {.name = "--progress",
                          .value = "FORMAT",
                          .text = "bars (default, on a terminal), json: a line an event, or none",
                          .choices = {"bars", "json", "none"}};
const Option kHelp = {.name = "--help", .short_name = "-h", .text = "print this"};

const Option* const kEverywhere[] = {&kQuiet,      &kVerbose,  &kLogFormat,
                                     &kNoProgress, &kProgress, &kHelp};

const std::vector<const Option*> kSyncOptions = {&kConfig,       &kTo,
                                                 &kTable,        &kExclude,
                                                 &kMode,         &kFormat,
                                                 &kCompression,  &kCompressionLevel,
                                                 &kRowGroupRows, &kMaxRowsPerFile,
                                                 &kWorkers,      &kMemory,
                                                 &kTempDir,      &kLockTimeout,
                                                 &kRetries,      &kDatabase,
                                                 &kAdopt,        &kOutputDir,
                                                 &kWatermarkDir, &kJson};

std::vector<const Option*> WithOptions(std::vector<const Option*> options,
                                       std::initializer_list<const Option*> more) {
  options.insert(options.end(), more);
  return options;
}

const std::vector<Command> kCommands = {
    {.name = "sync",
     .operands = "SOURCE --to DEST | -c FILE",
     .text = "land tables: everything the first time, then what changed",
     .details =
         "SOURCE is a SQLite file, as PATH or sqlite:PATH. DEST is a folder. With -c FILE both\n"
         "come from a configuration file, which may name several databases; options win over it.\n"
         "A table of a database with change tracking (tidemark track) costs what changed; "
         "any other\n"
         "is read whole and compared with what was landed. Running it again after an "
         "interruption is\n"
         "always safe: a row is landed exactly once.\n"
         "With --every it keeps running. SIGTERM between two runs ends it with 0.",
     .options = WithOptions(kSyncOptions, {&kEvery, &kMetrics}),
     .first_words = {},
     .examples = {"tidemark sync shop.db --to landing",
                  "tidemark sync shop.db --to landing --table 'order*' --exclude '*_log'",
                  "tidemark sync shop.db --to landing --mode full --compression snappy",
                  "tidemark sync -c pipeline.yaml --workers 8",
                  "tidemark sync shop.db --to landing --json | jq .rows",
                  "tidemark sync shop.db --to landing --every 5m --metrics tidemark.prom"}},
    {.name = "plan",
     .operands = "SOURCE --to DEST | -c FILE",
     .text = "what a sync would do for each table, and why; writes nothing",
     .details = "Takes what sync takes. Rows are estimates.",
     .options = kSyncOptions,
     .first_words = {},
     .examples = {"tidemark plan shop.db --to landing",
                  "tidemark plan shop.db --to landing --mode full --json"}},
    {.name = "status",
     .operands = "DEST | -c FILE",
     .text = "per table: version, rows, last run, how long until changes expire",
     .details =
         "DEST alone cannot know what its databases hold by now: it says when a table was last\n"
         "known to be in step, and how long the changes since then are kept. With -c FILE the\n"
         "configured tables are shown, and their databases are asked how many versions are not\n"
         "landed and what a sync would do. Rows in files are not the table's rows: each change is\n"
         "one of its own.",
     .options = {&kConfig, &kTo, &kMetrics, &kJson},
     .first_words = {},
     .examples = {"tidemark status landing", "tidemark status landing --json",
                  "tidemark status -c pipeline.yaml",
                  "tidemark status landing --metrics /var/lib/node_exporter/tidemark.prom"}},
    {.name = "verify",
     .operands = "SOURCE --to DEST | -c FILE",
     .text = "fold what was landed and compare it with the source, row by row",
     .details =
         "Takes what sync takes. Changes that wait for the next sync count as pending, not as\n"
         "different. Ends with 1 when a table differs.",
     .options = WithOptions(kSyncOptions, {&kSample, &kSeed}),
     .first_words = {},
     .examples = {"tidemark verify shop.db --to landing",
                  "tidemark verify shop.db --to landing --table orders --json",
                  "tidemark verify shop.db --to landing --sample 1%"}},
    {.name = "compact",
     .operands = "DEST | -c FILE",
     .text = "fold landed changes into a new base (SCD 1 or 2)",
     .details =
         "For every table the rows as they are now are written to current/ in DEST; for tables of\n"
         "scd_type 2 every version of a row, with soft_delete deleted rows too. The older base is\n"
         "streamed, only what changed since is held. Later syncs fold over it. The database is "
         "not\n"
         "needed.",
     .options = {&kConfig, &kTable, &kExclude, &kPrune, &kCompression, &kCompressionLevel,
                 &kRowGroupRows, &kMaxRowsPerFile, &kWorkers, &kMemory, &kTempDir, &kJson},
     .first_words = {},
     .examples = {"tidemark compact landing", "tidemark compact landing --table 'order*' --prune",
                  "tidemark compact landing --json"}},
    {.name = "track",
     .operands = "enable|disable|status|clean SOURCE [TABLE...]",
     .text = "change tracking in a database, so that a sync costs what changed",
     .details =
         "SOURCE is a SQLite file, or sqlserver://user@host/database: of a server's database\n"
         "enable and disable print the statements, and run them with --apply.\n"
         "enable   write triggers and a log into the file (all tables, or those named)\n"
         "disable  take them out again\n"
         "status   what is tracked, since when, and how many changes are kept\n"
         "clean    remove changes that are older than the time they are kept",
     .options = {&kRetention, &kLockTimeout, &kApply, &kJson},
     .first_words = {"enable", "disable", "status", "clean"},
     .examples = {"tidemark track enable shop.db", "tidemark track enable shop.db orders customers",
                  "tidemark track status shop.db", "tidemark track clean shop.db",
                  "tidemark track enable sqlserver://sa@localhost/shop dbo.orders"}},
    {.name = "schema",
     .operands = "",
     .text = "print the JSON Schema of the configuration file, for editors",
     .details = {},
     .options = {},
     .first_words = {},
     .examples = {"tidemark schema > tidemark.schema.json"}},
    {.name = "completion",
     .operands = "bash|zsh|fish",
     .text = "print a script that completes tidemark's command line",
     .details = {},
     .options = {},
     .first_words = {"bash", "zsh", "fish"},
     .examples = {"source <(tidemark completion bash)",
                  "tidemark completion fish > ~/.config/fish/completions/tidemark.fish"}},
    {.name = "version",
     .operands = "",
     .text = "print the version, and those of Arrow and SQLite",
     .details = {},
     .options = {},
     .first_words = {},
     .examples = {"tidemark version"}},
    {.name = "help",
     .operands = "[COMMAND]",
     .text = "print what a command does, its options and examples",
     .details = {},
     .options = {},
     .first_words = {"sync", "plan", "status", "verify", "compact", "track", "schema", "completion",
                     "version"},
     .examples = {"tidemark help sync"}},
};

}  // namespace

std::span<const Command> Commands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  for (const auto& command : kCommands)
    if (command.name == name) return &command;
  return nullptr;
}

std::span<const Option* const> OptionsEverywhere() { return kEverywhere; }

}  // namespace tidemark::cli
