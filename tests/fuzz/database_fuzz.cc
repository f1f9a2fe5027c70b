// A database file of any bytes is read, by pages and by SQL, or refused with an error.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "source/source.h"

namespace tidemark {
namespace {

Status ReadTable(Snapshot& snapshot, const TableName& name) {
  auto status = TRY(snapshot.Inspect(name, nullptr));
  if (!status.unsupported_because.empty()) return {};
  for (const auto& slice : TRY(snapshot.Split(status.table, 100))) {
    auto rows = TRY(snapshot.Read(status.table, slice));
    while (TRY(rows->Next())) {
    }
  }
  return {};
}

Status ReadAll(const std::string& path) {
  SourceOptions options{.lock_timeout_ms = 0};
  auto source = TRY(OpenSource("sqlite:" + path, options));
  auto names = TRY(source->ListTables());
  auto snapshot = TRY(source->OpenSnapshot(/*temp_dir=*/{}));
  std::vector<ReadPlan> plans;
  for (const auto& name : names)
    if (auto status = snapshot->Inspect(name, nullptr))
      plans.push_back({.table = status->table, .since_version = std::nullopt});
  TRY(snapshot->Prepare(plans));
  // One table that cannot be read says nothing of the others.
  for (const auto& name : names) static_cast<void>(ReadTable(*snapshot, name).has_value());
  return {};
}

}  // namespace
}  // namespace tidemark

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size_bytes) {
  static const std::string kPath = "/tmp/tidemark-fuzz-" + std::to_string(::getpid()) + ".db";
  std::FILE* file = std::fopen(kPath.c_str(), "wb");
  TIDEMARK_CHECK(file != nullptr);
  TIDEMARK_CHECK(std::fwrite(bytes, 1, size_bytes, file) == size_bytes);
  TIDEMARK_CHECK(std::fclose(file) == 0);
  static_cast<void>(tidemark::ReadAll(kPath).has_value());
  std::remove(kPath.c_str());
  return 0;
}
