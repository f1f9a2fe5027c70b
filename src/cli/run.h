#pragma once
#include <memory>
#include <optional>
#include <stop_token>

#include "cli/arguments.h"
#include "cli/stop_on_signal.h"
#include "library/opened.h"
#include "sync/sync.h"

namespace tidemark::cli {

// A failure to begin, and whether it was the words or the thing they name.
struct Refusal {
  Error error;
  int exit_code;
};

// The exit code of an error about the source or destination that `text` names: 3 rather than 2 when
// it is there.
int ExitCodeOfOpening(const std::string& text, const Error& error);
Refusal Opening(const std::string& text, Error error);

// What sync, plan and verify have in common: sources, a destination and what to do between them, by
// the command line and the configuration file, if one is given. `progress` may be null.
std::expected<Opened, Refusal> OpenRun(const Arguments& arguments, Access access,
                                       std::stop_token stop, Progress* progress);

// Where a command that needs no source finds its destination: its operand, or the configuration.
Result<std::string> DestinationOf(const Arguments& arguments);

// The options of a command that needs no source, by the command line over the configuration.
Result<SyncOptions> OptionsOfDestination(const Arguments& arguments);

// The options of sync, plan and verify, over those of `options`. kInvalid.
Result<SyncOptions> SyncOptionsOf(const Arguments& arguments, SyncOptions options = {});

// Where nothing at all could be done, and for one reason, that reason is the exit code.
int ExitCodeOf(const SyncReport& report);
int ExitCodeOf(const VerifyReport& report);

// How the run is told of while it goes on: bars on a terminal, or lines of JSON where they are
// asked for; null: not at all.
std::unique_ptr<Progress> ProgressFor(const Arguments& arguments);

// Prints the error and gives the exit code; an interruption wins.
int EndWith(const Error& error, const StopOnSignal& signals);
int EndWith(const Refusal& failure, const StopOnSignal& signals);

// One function a command; each gives the exit code.
int RunSync(const Arguments& arguments);
int RunPlan(const Arguments& arguments);
int RunVerify(const Arguments& arguments);
int RunCompact(const Arguments& arguments);
int RunStatus(const Arguments& arguments);
int RunSchema(const Arguments& arguments);
int RunTrack(const Arguments& arguments);
int RunCompletion(const Arguments& arguments);
int RunVersion(const Arguments& arguments);
int RunHelp(const Arguments& arguments);

}  // namespace tidemark::cli
