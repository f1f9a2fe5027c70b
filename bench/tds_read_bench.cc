// What our client spends on rows, from the socket into Arrow's columns: tds_read_bench URL SQL
// prints a line of JSON with seconds, processor seconds, rows and batches. For bench/tds.py.
#include <arrow/api.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>

#include "source/sqlserver/tds/address.h"
#include "source/sqlserver/tds/connection.h"
#include "source/sqlserver/tds/decode.h"
#include "tests/support/tds_columns.h"

namespace tidemark::tds {
namespace {

double ProcessorSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Status Run(const char* url, const char* sql) {
  const auto variables = [](const std::string&) { return std::optional<std::string>(); };
  const ConnectOptions options = TRY(Finish(TRY(ParseAddress(url)), variables, {}));
  const auto connection = TRY(Connection::Open(options));
  const double spent = ProcessorSeconds();
  const auto began = std::chrono::steady_clock::now();
  std::int64_t rows = 0, batches = 0;
  TRY(connection->Send(sql));
  while (auto columns = TRY(connection->NextResult())) {
    DefaultColumns made = MakeDefaultColumns(*columns);
    auto decoder =
        TRY(RowDecoder::Make(*std::move(columns), made.outputs, made.schema, DecodeLimits{}));
    for (bool is_full = true; is_full;) {
      is_full = TRY(connection->ReadRows(decoder));
      const auto batch = TRY(decoder.Finish());
      rows += batch == nullptr ? 0 : batch->num_rows();
      ++batches;
    }
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{{\"seconds\":{},\"processor\":{},\"rows\":{},\"batches\":{},\"peak_kib\":{}}}\n",
             wall.count(), ProcessorSeconds() - spent, rows, batches, usage.ru_maxrss);
  return {};
}

}  // namespace
}  // namespace tidemark::tds

int main(int count, char** words) {
  if (count != 3) return 2;
  const auto ran = tidemark::tds::Run(words[1], words[2]);
  if (!ran) std::fprintf(stderr, "%s\n", ran.error().message.c_str());
  return ran ? 0 : 1;
}
