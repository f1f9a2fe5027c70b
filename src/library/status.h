#pragma once
#include "library/setup.h"

namespace tidemark {

// What the destination says of the tables that are chosen, and the names of the others there. Where
// no tables of a database are chosen by name, all of it are.
Result<StatusResult> StatusOf(ObjectStore& store, const Setup& setup);

// Adds what the sources know: what a sync would do, versions that are not landed, tables that never
// were. A source that cannot be asked is told in `status.databases`. kCancelled: asked to stop.
Status AskSources(const Setup& setup, StatusResult& status);

}  // namespace tidemark
