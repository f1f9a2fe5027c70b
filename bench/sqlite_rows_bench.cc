// Nanoseconds per value of both ways of reading rows, on a table like lineitem that it makes
// itself.
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>

#include "source/sqlite/btree.h"
#include "source/sqlite/column_types.h"

namespace tidemark::sqlite {
namespace {

constexpr int kColumns = 16;

// Of this thread alone: other programs must not count.
double ThreadNs() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

void Make(const std::string& path, std::int64_t rows) {
  sqlite3* db = nullptr;
  sqlite3_open(path.c_str(), &db);
  auto sql = fmt::format(
      "pragma journal_mode = off; pragma synchronous = off;"
      "create table lineitem(orderkey integer, partkey integer, suppkey integer, linenumber "
      "integer,"
      " quantity real, extendedprice real, discount real, tax real, returnflag text, linestatus "
      "text,"
      " shipinstruct text, shipmode text, comment text, shipdate date, commitdate date,"
      " receiptdate date);"
      "with recursive c(n) as (values (1) union all select n + 1 from c where n < {})"
      "insert into lineitem select n / 4, abs(random()) % 200000, abs(random()) % 10000, n % 7 + 1,"
      " n % 50 + 0.0, (abs(random()) % 10000000) / 100.0, (n % 11) / 100.0, (n % 9) / 100.0,"
      " substr('ANR', n % 3 + 1, 1), substr('OF', n % 2 + 1, 1),"
      " 'DELIVER IN PERSON', substr('TRUCKSHIP  AIR  ', (n % 3) * 5 + 1, 5),"
      " substr('carefully final deposits sleep across the', n % 20 + 1, 10 + n % 17),"
      " date('1992-01-01', (n % 2500) || ' days'), date('1992-02-01', (n % 2400) || ' days'),"
      " date('1992-03-01', (n % 2300) || ' days') from c",
      rows);
  char* message = nullptr;
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message) != SQLITE_OK) {
    fmt::print(stderr, "{}\n", message);
    std::exit(1);
  }
  sqlite3_close(db);
}

Result<double> Measure(Connection& connection, PageReader* reader, const RowRequest& request) {
  auto start = ThreadNs();
  auto stream = TRY(OpenRows(connection, reader, request));
  std::int64_t rows = 0;
  while (auto batch = TRY(stream->Next())) rows += batch->num_rows();
  return (ThreadNs() - start) / static_cast<double>(rows * kColumns);
}

Status Run(const std::string& path) {
  auto connection = TRY(Connection::Open(path, Access::kReadOnly, 1000));
  auto reader = TRY(PageReader::Begin(connection));
  auto catalog = TRY(ReadCatalogTable(connection, "lineitem"));
  Table table;
  table.name = {"bench", "main", "lineitem"};
  for (const auto& column : catalog.columns)
    table.columns.push_back(
        {column.name, PromisedType(column.declared_type), column.declared_type, std::nullopt, {}});
  RowRequest request{&catalog, &table, std::monostate(), {}, {}};
  for (int round = 0; round < 3; ++round) {
    auto by_sql = TRY(Measure(connection, nullptr, request));
    auto by_pages = TRY(Measure(connection, &reader, request));
    fmt::print("sql {:.1f} ns a value, pages {:.1f} ns a value\n", by_sql, by_pages);
  }
  return {};
}

}  // namespace
}  // namespace tidemark::sqlite

int main(int argc, char** argv) {
  std::int64_t rows = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  auto path = (std::filesystem::temp_directory_path() / "sqlite_rows_bench.db").string();
  std::filesystem::remove(path);
  tidemark::sqlite::Make(path, rows);
  auto done = tidemark::sqlite::Run(path);
  std::filesystem::remove(path);
  if (!done) fmt::print(stderr, "{}\n", done.error().message);
  return done ? 0 : 1;
}
