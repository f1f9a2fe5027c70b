// A program of somebody else's: lands a database from options and from a file, and prints what it
// was told.
#include <tidemark/tidemark.h>

#include <atomic>
#include <cstdio>
#include <string>

namespace {

int Fail(const char* what, const tidemark::Failure& failure) {
  std::printf("%s failed: %s\n", what, failure.message.c_str());
  return 1;
}

}  // namespace

// consumer DATABASE DEST CONFIG
int main(int argc, char** argv) {
  if (argc != 4) return 2;
  tidemark::PipelineOptions options;
  options.to = argv[2];
  options.databases = {{.name = "shop",
                        .source = std::string("sqlite:") + argv[1],
                        .schemas = {{.name = "main", .tables = {{.name = "t"}}}}}};
  auto pipeline = tidemark::Pipeline::FromOptions(options);
  if (!pipeline) return Fail("options", pipeline.error());

  auto plan = pipeline->Plan();
  if (!plan) return Fail("plan", plan.error());
  std::printf("plan %s %s\n", plan->tables.at(0).table.name.c_str(),
              plan->tables.at(0).reason.c_str());

  std::atomic<std::int64_t> rows = 0, ended = 0;
  auto result = pipeline->Sync({.progress = [&](const tidemark::ProgressEvent& event) {
    if (event.kind == tidemark::ProgressEvent::Kind::kAdvanced) rows += event.rows;
    if (event.kind == tidemark::ProgressEvent::Kind::kEnded) ++ended;
  }});
  if (!result) return Fail("sync", result.error());
  std::printf("sync %lld rows, told %lld, tables ended %lld, failed %d\n",
              static_cast<long long>(result->rows), static_cast<long long>(rows),
              static_cast<long long>(ended), result->failed);

  auto check = pipeline->Verify();
  if (!check) return Fail("verify", check.error());
  std::printf("verify %s\n", check->tables.at(0).is_equal ? "equal" : "differs");
  auto status = pipeline->Status();
  if (!status) return Fail("status", status.error());
  std::printf("status %lld rows\n", static_cast<long long>(status->tables.at(0).rows));

  int runs = 0;
  pipeline->SyncEvery(1000, {}, [&](const tidemark::ServiceRun& run) {
    bool is_idle = run.result && run.result->rows == 0 && run.result->tables.at(0).attempts == 1 &&
                   run.next_us > run.started_us;
    return is_idle && ++runs < 3;
  });
  std::printf("service %d runs\n", runs);

  auto compacted = pipeline->Compact();
  if (!compacted) return Fail("compact", compacted.error());
  const auto& base = compacted->tables.at(0);
  std::printf("compact %lld rows, %s\n", static_cast<long long>(base.rows),
              std::string(tidemark::Name(base.outcome)).c_str());

  std::stop_source stop;
  stop.request_stop();
  auto stopped = pipeline->Sync({.mode = "full", .stop = stop.get_token()});
  std::printf("stopped %d\n",
              !stopped && stopped.error().kind == tidemark::FailureKind::kCancelled);

  auto from_file = tidemark::Pipeline::FromFile(argv[3]);
  if (!from_file) return Fail("file", from_file.error());
  auto again = from_file->Sync();
  if (!again) return Fail("sync of the file", again.error());
  std::printf("again %lld rows, %zu tables\n", static_cast<long long>(again->rows),
              again->tables.size());

  auto elsewhere = options;
  elsewhere.databases[0].source = "oracle://me:secret@there/db?password=secret";
  auto unknown = tidemark::Pipeline::FromOptions(elsewhere)->Plan();
  std::printf("unknown %s about %s\n",
              unknown ? "no" : std::string(tidemark::Name(unknown.error().kind)).c_str(),
              unknown ? "" : unknown.error().about.c_str());
  elsewhere.stores = {{"s3.regoin", "eu"}};
  auto misspelt = tidemark::Pipeline::FromOptions(elsewhere);
  std::printf("misspelt %s\n", misspelt ? "no" : misspelt.error().message.c_str());

  auto refused = tidemark::Pipeline::FromFile("no such file.yaml");
  std::printf("refused %d: %s\n",
              !refused && refused.error().kind == tidemark::FailureKind::kNotFound,
              refused.error().message.c_str());
  return 0;
}
