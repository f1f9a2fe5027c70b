#pragma once
#include <cstdint>
#include <memory>

namespace arrow {
class Table;
}

namespace tidemark {

// For tests: a table with every type a file may hold, each filled in several ways (edge values with
// nulls between, few and many distinct values, sorted, all null, hardly any). The same for the same
// arguments. Columns are called "<type>_<way>".
std::shared_ptr<arrow::Table> SampleRows(std::int64_t rows, std::uint64_t seed);

}  // namespace tidemark
