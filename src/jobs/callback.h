#pragma once
#include <string>

#include "jobs/job.h"

namespace tidemark {

// What the receiver of a job's notification is sent, as compat.md D has it: JSON of a job that
// ended.
std::string CallbackBody(const Job& job);

}  // namespace tidemark
