#include <fmt/format.h>

#include <array>

#include "encode/encoder.h"
#include "encode/parquet.h"
#include "encode/row_text.h"
#include "encode/unified.h"

namespace tidemark {
namespace {

constexpr std::array<Format, 6> kFormats = {{
    {"parquet", ".parquet", &OpenParquet},
    {"unified", ".parquet", &OpenUnified},
    {"csv", ".csv", &OpenCsv},
    {"json", ".json", &OpenJson},
    {"ndjson", ".ndjson", &OpenNdjson},
    {"sql", ".sql", &OpenSql},
}};

}  // namespace

std::span<const Format> Formats() { return kFormats; }

Result<const Format*> FindFormat(std::string_view name) {
  std::string known;
  for (const Format& format : kFormats) {
    if (format.name == name) return &format;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", format.name);
  }
  return Fail(ErrorKind::kInvalid, fmt::format("no format is called \"{}\"", name),
              fmt::format("one of {}", known));
}

}  // namespace tidemark
