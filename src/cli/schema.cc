#include "cli/output.h"
#include "cli/run.h"
#include "config/config.h"

namespace tidemark::cli {

int RunSchema(const Arguments& arguments) {
  StopOnSignal signals;
  if (auto expected = arguments.ExpectOperands(0, 0); !expected)
    return EndWith(WrongWords(std::move(expected.error())), signals);
  return PrintResult(config::JsonSchema()) ? kAllDone : kSomeFailed;
}

}  // namespace tidemark::cli
