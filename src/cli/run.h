#pragma once
#include "cli/arguments.h"
#include "cli/stop_on_signal.h"
#include "tidemark/tidemark.h"

namespace tidemark::cli {

// What a command is asked for, by the command line over the configuration file, if one is given.
struct Asked {
  Pipeline pipeline;
  RunOptions run;
};

// Of sync, plan and verify. kInvalid: the words are wrong; a configuration's errors. Nothing was
// opened.
Result<Asked> AskedOfRun(const Arguments& arguments);

// Of a command that needs no source: its destination is its operand, or the configuration's.
Result<Asked> AskedOfDestination(const Arguments& arguments);

// A failure to begin, and whether it was the words or the thing they name.
struct Refusal {
  Error error;
  int exit_code;
};
// Of the source or destination that `text` names: 3 rather than 2 where it is there.
Refusal Opening(const std::string& text, Error error);
Refusal WrongWords(Error error);

// Where nothing at all could be done, and for one reason, that reason is the exit code.
int ExitCodeOf(const SyncResult& result);
int ExitCodeOf(const VerifyResult& result);

// Prints the error and gives the exit code; an interruption wins.
int EndWith(const Refusal& refusal, const StopOnSignal& signals);
int EndWith(const Failure& failure, const StopOnSignal& signals);

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
