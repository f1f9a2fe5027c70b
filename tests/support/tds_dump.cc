// Our client as one of the readers of tests/support/tds_clients: tds_dump URL columns|rows|digest
//
// Standard input has a sample's name on each line; standard output gets a line of JSON for each.
// "columns" decodes into Arrow columns, "rows" reads small results, "digest" shows of each value
// only its length and a hash, and how much memory the process took at most.
#include <arrow/api.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/text.h"
#include "source/sqlserver/tds/address.h"
#include "source/sqlserver/tds/connection.h"
#include "source/sqlserver/tds/decode.h"
#include "tests/support/tds_columns.h"

namespace tidemark::tds {
namespace {

using nlohmann::json;
using Texts = std::vector<std::optional<std::string>>;

std::string Hex(std::string_view bytes) {
  std::string text = "0x";
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// FNV-1a, which the db-lib reader computes as well.
std::string Digest(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  }
  return fmt::format("{} {:016x}", bytes.size(), hash);
}

// Units of 100 ns since 1970 as a moment of the Gregorian calendar.
std::string Moment(std::int64_t microseconds, int hundreds_of_ns) {
  using namespace std::chrono;
  const auto whole =
      floor<days>(sys_time<std::chrono::microseconds>(std::chrono::microseconds(microseconds)));
  const year_month_day day{whole};
  const std::int64_t rest =
      microseconds - duration_cast<std::chrono::microseconds>(whole.time_since_epoch()).count();
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}{}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                     rest / 3'600'000'000, rest / 60'000'000 % 60, rest / 1'000'000 % 60,
                     rest % 1'000'000, hundreds_of_ns);
}

struct CellPlace {
  const arrow::RecordBatch& batch;
  int output;  // the value's column; what belongs to it follows
  std::int64_t row;
};

int Beside(const CellPlace& place, const char* suffix) {
  const std::string name = place.batch.column_name(place.output) + suffix;
  for (int i = place.output + 1; i < place.batch.num_columns() && i < place.output + 3; ++i) {
    if (place.batch.column_name(i) != name) continue;
    const auto scalar = place.batch.column(i)->GetScalar(place.row).ValueOrDie();
    return std::stoi(scalar->ToString());
  }
  return 0;
}

std::string MomentText(const CellPlace& place, const arrow::TimestampType& type) {
  const auto& values = static_cast<const arrow::TimestampArray&>(*place.batch.column(place.output));
  std::string text = Moment(values.Value(place.row), Beside(place, "__100ns"));
  return type.timezone().empty() ? text
                                 : text + fmt::format("Z{:+}", Beside(place, "__offset_min"));
}

std::string CellText(const CellPlace& place) {
  const arrow::Array& column = *place.batch.column(place.output);
  const auto scalar = column.GetScalar(place.row).ValueOrDie();
  switch (column.type_id()) {
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanScalar&>(*scalar).value ? "1" : "0";
    case arrow::Type::FLOAT:
      return fmt::format("{:.9g}", static_cast<const arrow::FloatScalar&>(*scalar).value);
    case arrow::Type::DOUBLE:
      return fmt::format("{:.17g}", static_cast<const arrow::DoubleScalar&>(*scalar).value);
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return Hex(static_cast<const arrow::BaseBinaryScalar&>(*scalar).view());
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return std::string(static_cast<const arrow::BaseBinaryScalar&>(*scalar).view());
    case arrow::Type::TIMESTAMP:
      return MomentText(place, static_cast<const arrow::TimestampType&>(*column.type()));
    case arrow::Type::LIST: {
      const auto list = static_cast<const arrow::ListScalar&>(*scalar).value;
      std::string text;
      for (std::int64_t i = 0; i < list->length(); ++i) {
        text += fmt::format("{}{:.9g}", i == 0 ? "[" : ",",
                            static_cast<const arrow::FloatArray&>(*list).Value(i));
      }
      return text + "]";
    }
    default:
      return scalar->ToString();
  }
}

// Of the bytes as they stand in the column, without a copy.
std::string CellDigest(const arrow::Array& column, std::int64_t row) {
  switch (column.type_id()) {
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return Digest(static_cast<const arrow::LargeBinaryArray&>(column).GetView(row));
    default:
      return Digest(column.GetScalar(row).ValueOrDie()->ToString());
  }
}

// Values row by row, of every result column but the first, which numbers the rows.
void AddTexts(const arrow::RecordBatch& batch, const std::vector<OutputColumn>& outputs,
              bool is_digest, Texts* texts) {
  for (std::int64_t row = 0; row < batch.num_rows(); ++row) {
    for (int i = 1; i < batch.num_columns(); ++i) {
      if (outputs[i].part != Part::kValue) continue;
      if (batch.column(i)->IsNull(row)) {
        texts->push_back(std::nullopt);
        continue;
      }
      texts->push_back(is_digest ? CellDigest(*batch.column(i), row) : CellText({batch, i, row}));
    }
  }
}

Result<Texts> ReadColumns(Connection& connection, bool is_digest) {
  Texts texts;
  while (auto columns = TRY(connection.NextResult())) {
    DefaultColumns made = MakeDefaultColumns(*columns);
    auto decoder =
        TRY(RowDecoder::Make(*std::move(columns), made.outputs, made.schema, DecodeLimits{}));
    for (bool is_full = true; is_full;) {
      is_full = TRY(connection.ReadRows(decoder));
      const auto batch = TRY(decoder.Finish());
      if (batch != nullptr) AddTexts(*batch, made.outputs, is_digest, &texts);
    }
  }
  return texts;
}

std::optional<std::string> SmallText(const Value& value, Kind kind) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:.17g}", *real);
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return std::nullopt;
  const bool is_bytes = kind == Kind::kBinary || kind == Kind::kUdt || kind == Kind::kVector ||
                        (kind == Kind::kVariant && !IsUtf8(*text));
  return is_bytes ? Hex(*text) : *text;
}

Result<Texts> ReadSmall(Connection& connection) {
  Texts texts;
  while (const auto columns = TRY(connection.NextResult())) {
    while (const auto row = TRY(connection.ReadRow())) {
      for (std::size_t i = 1; i < row->size(); ++i) {
        texts.push_back(SmallText((*row)[i], (*columns)[i].type.kind()));
      }
    }
  }
  return texts;
}

Result<Texts> Read(Connection& connection, const std::string& sample, std::string_view mode) {
  TRY(connection.Send("SELECT id, v FROM sample." + sample));
  auto texts = mode == "rows" ? ReadSmall(connection) : ReadColumns(connection, mode == "digest");
  if (!texts && connection.usable()) TRY(connection.Cancel());
  return texts;
}

// Not getrusage's figure: that begins with the size of the process that started this one.
std::int64_t PeakKib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return 0;
}

void Print(const std::string& sample, const Result<Texts>& texts) {
  json line{{"sample", sample}};
  if (texts) {
    json values = json::array();
    for (const auto& text : *texts) values.push_back(text ? json(*text) : json(nullptr));
    line["values"] = std::move(values);
  } else {
    line["error"] = texts.error().message;
  }
  line["peak_kib"] = PeakKib();
  std::cout << line.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
}

Result<std::unique_ptr<Connection>> Open(const char* url) {
  const auto variables = [](const std::string&) { return std::optional<std::string>(); };
  const ConnectOptions options = TRY(Finish(TRY(ParseAddress(url)), variables, {}));
  return Connection::Open(options);
}

}  // namespace
}  // namespace tidemark::tds

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: tds_dump URL columns|rows|digest\n");
    return 2;
  }
  auto connection = tidemark::tds::Open(arguments[1]);
  if (!connection) {
    std::fprintf(stderr, "%s\n", connection.error().message.c_str());
    return 1;
  }
  for (std::string sample; std::getline(std::cin, sample);) {
    tidemark::tds::Print(sample, tidemark::tds::Read(**connection, sample, arguments[2]));
    if (!(*connection)->usable()) connection = tidemark::tds::Open(arguments[1]);
    if (!connection) return 1;
  }
  return 0;
}
