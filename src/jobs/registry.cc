#include <fmt/format.h>

#include <array>

#include "jobs/sqlite_store.h"

namespace tidemark {
namespace {

constexpr std::array kKinds = {
    JobStoreKind{.scheme = "sqlite", .open = SqliteJobStore::Open},
};

}  // namespace

std::span<const JobStoreKind> JobStoreKinds() { return kKinds; }

Result<std::unique_ptr<JobStore>> OpenJobStore(const std::string& text,
                                               const JobStoreOptions& options) {
  auto colon = text.find(':');
  for (const auto& kind : kKinds) {
    if (colon != text.npos && kind.scheme == text.substr(0, colon)) {
      return kind.open(text.substr(colon + 1), options);
    }
  }
  if (text.find("://") != text.npos) {
    return Fail(ErrorKind::kInvalid, fmt::format("{}: there is no such kind of job store", text),
                "use sqlite:PATH");
  }
  return SqliteJobStore::Open(text, options);
}

}  // namespace tidemark
