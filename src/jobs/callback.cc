#include "jobs/callback.h"

#include <nlohmann/json.hpp>

namespace tidemark {

std::string CallbackBody(const Job& job) {
  nlohmann::ordered_json body;
  body["jobId"] = job.spec.id;
  if (job.state == JobState::kSucceeded) {
    body["status"] = "completed";
    body["downloadUrl"] = "/export/jobs/" + job.spec.id + "/download";
  } else {
    body["status"] = "failed";
    body["error_message"] = job.state == JobState::kCancelled ? "cancelled"
                            : job.error                       ? job.error->message
                                                              : "failed";
  }
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace tidemark
