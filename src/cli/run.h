#pragma once
#include <memory>
#include <optional>
#include <stop_token>

#include "cli/arguments.h"
#include "cli/stop_on_signal.h"
#include "sync/sync.h"

namespace tidemark::cli {

// What sync, plan and verify have in common: a source, a destination and what to do between them.
struct Run {
  std::unique_ptr<Source> source;
  std::unique_ptr<ObjectStore> store;
  SyncOptions options;
};

// A failure to open, and whether it was the words or the thing they name.
struct OpenFailure {
  Error error;
  int exit_code;
};

// An error about the source or destination that `text` names: exit code 3 rather than 2 when it is
// there.
OpenFailure Opening(const std::string& text, Error error);

enum class Writes { kYes, kNo };
std::expected<Run, OpenFailure> OpenRun(const Arguments& arguments, Writes writes,
                                        std::stop_token stop);

// The options of sync, plan and verify. kInvalid.
Result<SyncOptions> SyncOptionsOf(const Arguments& arguments);

// How the run is told of while it goes on: bars on a terminal, or lines of JSON where they are
// asked for; null: not at all.
std::unique_ptr<Progress> ProgressFor(const Arguments& arguments);

// Prints the error and gives the exit code; an interruption wins.
int EndWith(const Error& error, const StopOnSignal& signals);
int EndWith(const OpenFailure& failure, const StopOnSignal& signals);

// One function a command; each gives the exit code.
int RunSync(const Arguments& arguments);
int RunPlan(const Arguments& arguments);
int RunVerify(const Arguments& arguments);
int RunStatus(const Arguments& arguments);
int RunTrack(const Arguments& arguments);
int RunCompletion(const Arguments& arguments);
int RunVersion(const Arguments& arguments);
int RunHelp(const Arguments& arguments);

}  // namespace tidemark::cli
