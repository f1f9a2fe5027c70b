#pragma once
#include <cstdint>

#include "base/random.h"
#include "base/result.h"
#include "sync/sync.h"

namespace tidemark {

// Whether another attempt may do what this one could not: something was busy or unreachable, or
// another run was in the way. Wrong requests, missing rights and damage stay what they are.
bool IsTransient(const Error& error);

// How long to wait after attempt number `attempt` (1: the first): anywhere between nothing and a
// time that doubles with each, so that many runs that failed together do not come back together.
std::int64_t RetryWaitUs(const RetryOptions& options, int attempt, Random& random);

}  // namespace tidemark
