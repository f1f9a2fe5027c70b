// Bytes that real servers sent, and what they decode to: every entry of every *.json in the folder
// that TIDEMARK_TDS_VECTORS names (else ../shared/tds-vectors) goes through our readers.
#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "source/sqlserver/tds/decode.h"
#include "source/sqlserver/tds/scalars.h"
#include "source/sqlserver/tds/tokens.h"
#include "source/sqlserver/tds/wire.h"
#include "tests/support/tds_columns.h"

namespace tidemark::tds {
namespace {

using nlohmann::json;

struct Entry {
  std::string label;
  json content;
};

std::string FolderOfVectors() {
  const char* named = std::getenv("TIDEMARK_TDS_VECTORS");
  return named != nullptr ? named : "../shared/tds-vectors";
}

std::vector<Entry> Entries() {
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(FolderOfVectors(), none))
    if (file.path().extension() == ".json") files.push_back(file.path());
  std::sort(files.begin(), files.end());
  std::vector<Entry> entries;
  for (const auto& file : files) {
    std::ifstream stream(file);
    for (auto& entry : json::parse(stream)) {
      auto label = file.stem().string() + "_" + entry["name"].get<std::string>();
      for (auto& letter : label)
        if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
      entries.push_back({label + "_" + std::to_string(entries.size()), std::move(entry)});
    }
  }
  return entries;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (unsigned char byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// The error as a failure of the test, in a function that returns nothing.
#define READ(place, ...)                                         \
  auto place##_result = (__VA_ARGS__);                           \
  ASSERT_TRUE(place##_result) << place##_result.error().message; \
  auto place = std::move(*place##_result)

// ---- packets

void Unpack(const Entry& entry, std::string* payload) {
  auto bytes = FromHex(entry.content["hex"]);
  if (entry.content["form"] != "packets") {
    *payload = bytes;
    return;
  }
  std::vector<std::size_t> lengths;
  std::string_view left = bytes;
  while (!left.empty()) {
    ASSERT_GE(left.size(), 8U);
    std::size_t length =
        static_cast<unsigned char>(left[2]) * 256U + static_cast<unsigned char>(left[3]);
    ASSERT_GE(length, 8U);
    ASSERT_LE(length, left.size());
    payload->append(left.substr(8, length - 8));
    lengths.push_back(length - 8);
    left.remove_prefix(length);
  }
  const auto& expected = entry.content["decodes_to"];
  if (!expected.contains("packets")) return;
  ASSERT_EQ(expected["packets"].size(), lengths.size());
  for (std::size_t i = 0; i < lengths.size(); ++i)
    EXPECT_EQ(expected["packets"][i]["payload_len"], lengths[i]);
}

// ---- values

const std::map<int, std::string>& TypeNames() {
  static const std::map<int, std::string> names = {{0x22, "image"},
                                                   {0x23, "text"},
                                                   {0x24, "uniqueidentifier"},
                                                   {0x26, "intn"},
                                                   {0x28, "date"},
                                                   {0x29, "time"},
                                                   {0x2A, "datetime2"},
                                                   {0x2B, "datetimeoffset"},
                                                   {0x30, "tinyint"},
                                                   {0x32, "bit"},
                                                   {0x34, "smallint"},
                                                   {0x38, "int"},
                                                   {0x3A, "smalldatetime"},
                                                   {0x3B, "real"},
                                                   {0x3C, "money"},
                                                   {0x3D, "datetime"},
                                                   {0x3E, "float"},
                                                   {0x62, "sql_variant"},
                                                   {0x63, "ntext"},
                                                   {0x68, "bitn"},
                                                   {0x6A, "decimaln"},
                                                   {0x6C, "numericn"},
                                                   {0x6D, "floatn"},
                                                   {0x6E, "moneyn"},
                                                   {0x6F, "datetimen"},
                                                   {0x7A, "smallmoney"},
                                                   {0x7F, "bigint"},
                                                   {0xA5, "varbinary"},
                                                   {0xA7, "varchar"},
                                                   {0xAD, "binary"},
                                                   {0xAF, "char"},
                                                   {0xE7, "nvarchar"},
                                                   {0xEF, "nchar"},
                                                   {0xF0, "udt"},
                                                   {0xF1, "xml"},
                                                   {0xF4, "json"},
                                                   {0xF5, "vector"}};
  return names;
}

json AsJson(const TypeInfo& type, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return nullptr;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    if (type.kind() == Kind::kBit) return *integer != 0;
    return *integer;
  }
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (type.kind() == Kind::kBinary || type.kind() == Kind::kUdt)
    return json{{"bytes", ToHex(std::get<std::string>(value))}};
  return std::get<std::string>(value);
}

json AsJson(std::span<const ResultColumn> columns, const Row& row) {
  auto values = json::array();
  for (std::size_t i = 0; i < row.size(); ++i) values.push_back(AsJson(columns[i].type, row[i]));
  return values;
}

void ExpectType(const json& expected, const TypeInfo& type) {
  // In a request `type` is the name.
  const std::string byte = ToHex(std::string(1, static_cast<char>(type.type)));
  const std::string wanted = expected.value("type", byte);
  EXPECT_EQ(wanted.size() == 2 ? wanted : byte, byte);
  EXPECT_EQ(expected.value("len", type.max_length), type.max_length);
  EXPECT_EQ(expected.value("precision", type.precision), type.precision);
  EXPECT_EQ(expected.value("scale", type.scale), type.scale);
  auto collation = ToHex(AsText(type.collation.bytes.data(), type.collation.bytes.size()));
  EXPECT_EQ(expected.value("collation", collation), collation);
  ASSERT_TRUE(TypeNames().contains(type.type));
}

void ExpectColumn(const json& expected, const ResultColumn& column) {
  ExpectType(expected, column.type);
  EXPECT_EQ(expected["name"], TypeNames().at(column.type.type));
  EXPECT_EQ(expected["column"], column.name);
  EXPECT_EQ(expected["user_type"], column.user_type);
  EXPECT_EQ(expected["flags"], column.flags);
}

// ---- tokens

using Columns = std::vector<ResultColumn>;

void ExpectDone(const json& expected, Input& input) {
  READ(done, ReadDone(input));
  EXPECT_EQ(expected["status"], done.status);
  EXPECT_EQ(expected["curcmd"], done.command);
  EXPECT_EQ(expected["rowcount"], done.rows);
}

void ExpectEnvChange(const json& expected, Input& input) {
  READ(change, ReadEnvChange(input));
  EXPECT_EQ(expected["type"], change.type);
  if (expected.contains("trailing")) {
    EXPECT_EQ(expected["trailing"], ToHex(change.new_value));
    return;
  }
  if (change.type == kEnvRouting) {
    EXPECT_EQ(expected["protocol"], change.protocol);
    EXPECT_EQ(expected["port"], change.port);
    EXPECT_EQ(expected["server"], change.host);
    EXPECT_EQ(expected.value("old", ""), ToHex(change.old_value));
    return;
  }
  bool is_text = change.type == kEnvDatabase || change.type == kEnvLanguage ||
                 change.type == kEnvPacketSize || change.type == kEnvMirror ||
                 change.type == kEnvInstance;
  EXPECT_EQ(expected["new"], is_text ? change.new_value : ToHex(change.new_value));
  EXPECT_EQ(expected["old"], is_text ? change.old_value : ToHex(change.old_value));
  if (!expected.contains("new_collation")) return;
  Collation collation;
  ASSERT_EQ(change.new_value.size(), collation.bytes.size());
  std::memcpy(collation.bytes.data(), change.new_value.data(), 5);
  EXPECT_EQ(expected["new_collation"]["lcid"], collation.language());
  EXPECT_EQ(expected["new_collation"]["sort_id"], collation.sort_order());
  EXPECT_EQ(expected["new_collation"]["utf8"], collation.is_utf8());
  EXPECT_TRUE(collation.CodePage());
}

void ExpectMessage(const json& expected, Input& input) {
  READ(message, ReadServerMessage(input));
  EXPECT_EQ(expected["number"], message.number);
  EXPECT_EQ(expected["state"], message.state);
  EXPECT_EQ(expected["class"], message.severity);
  EXPECT_EQ(expected["message"], message.text);
  EXPECT_EQ(expected["server"], message.server);
  EXPECT_EQ(expected["proc"], message.procedure);
  EXPECT_EQ(expected["line"], message.line);
}

void ExpectLoginAck(const json& expected, Input& input) {
  READ(ack, ReadLoginAck(input));
  EXPECT_EQ(expected["interface"], ack.interface);
  EXPECT_EQ(expected["tds_version"], fmt::format("{:08x}", ack.tds_version));
  EXPECT_EQ(expected["program"], ack.program);
  EXPECT_EQ(expected["version"], fmt::format("{}.{}.{}", ack.major, ack.minor, ack.build));
}

void ExpectFeatures(const json& expected, Input& input) {
  READ(acks, ReadFeatureAcks(input));
  ASSERT_EQ(expected["features"].size(), acks.size());
  for (std::size_t i = 0; i < acks.size(); ++i) {
    EXPECT_EQ(expected["features"][i]["feature"], acks[i].feature);
    EXPECT_EQ(expected["features"][i]["data"], ToHex(acks[i].bytes));
  }
}

void ExpectReturnValue(const json& expected, Input& input) {
  READ(returned, ReadReturnValue(input));
  EXPECT_EQ(expected["ordinal"], returned.ordinal);
  EXPECT_EQ(expected["name"], returned.name);
  EXPECT_EQ(expected["status"], returned.status);
  EXPECT_EQ(expected["user_type"], returned.user_type);
  EXPECT_EQ(expected["flags"], returned.flags);
  ExpectType(expected["type_info"], returned.type);
  EXPECT_EQ(expected["value"], AsJson(returned.type, returned.value));
}

void ExpectTableNames(const json& expected, Input& input) {
  READ(bytes, ReadBlock(input));
  MemoryInput inner(bytes);
  Fields fields(&inner);
  auto tables = json::array();
  while (inner.size() > 0) {
    READ(parts, fields.Read<std::uint8_t>());
    auto table = json::array();
    for (int i = 0; i < parts; ++i) {
      READ(part, fields.ReadLongText());
      table.push_back(part);
    }
    tables.push_back(table);
  }
  EXPECT_EQ(expected["tables"], tables);
}

void ExpectColumnInfo(const json& expected, Input& input) {
  READ(bytes, ReadBlock(input));
  ASSERT_EQ(bytes.size(), 3 * expected["columns"].size());
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto& column = expected["columns"][i / 3];
    EXPECT_EQ(column["column"], static_cast<unsigned char>(bytes[i]));
    EXPECT_EQ(column["table"], static_cast<unsigned char>(bytes[i + 1]));
    EXPECT_EQ(column["status"], static_cast<unsigned char>(bytes[i + 2]));
  }
}

void ExpectSessionState(const json& expected, Input& input) {
  READ(bytes, ReadSessionState(input));
  ASSERT_GE(bytes.size(), 7U);
  EXPECT_EQ(expected["seq"], Load<std::uint32_t>(bytes.data()));
  EXPECT_EQ(expected["status"], static_cast<unsigned char>(bytes[4]));
  EXPECT_EQ(expected["states"][0]["id"], static_cast<unsigned char>(bytes[5]));
  EXPECT_EQ(expected["states"][0]["data"], ToHex(bytes.substr(7)));
}

void ExpectRow(const json& expected, Input& input, const Columns& columns, bool is_nbc) {
  READ(row, is_nbc ? ReadNbcRow(input, columns) : ReadRow(input, columns));
  EXPECT_EQ(expected["values"], AsJson(columns, row));
}

void ExpectColMetadata(const json& expected, Input& input, Columns* columns) {
  READ(read, ReadColMetadata(input));
  ASSERT_EQ(expected["columns"].size(), read.size());
  for (std::size_t i = 0; i < read.size(); ++i) ExpectColumn(expected["columns"][i], read[i]);
  *columns = std::move(read);
}

void ExpectToken(const json& expected, Input& input, Columns* columns) {
  ASSERT_TRUE(input.Need(1));
  const std::uint8_t token = *input.begin();
  input.Skip(1);
  SCOPED_TRACE(expected.dump().substr(0, 400));
  const std::string name = expected["token"];
  static const std::map<std::string, int> bytes = {{"DONE", kTokenDone},
                                                   {"DONEPROC", kTokenDoneProc},
                                                   {"DONEINPROC", kTokenDoneInProc},
                                                   {"ENVCHANGE", kTokenEnvChange},
                                                   {"ERROR", kTokenError},
                                                   {"INFO", kTokenInfo},
                                                   {"LOGINACK", kTokenLoginAck},
                                                   {"FEATUREEXTACK", kTokenFeatureExtAck},
                                                   {"COLMETADATA", kTokenColMetadata},
                                                   {"ROW", kTokenRow},
                                                   {"NBCROW", kTokenNbcRow},
                                                   {"RETURNSTATUS", kTokenReturnStatus},
                                                   {"RETURNVALUE", kTokenReturnValue},
                                                   {"ORDER", kTokenOrder},
                                                   {"TABNAME", kTokenTableNames},
                                                   {"COLINFO", kTokenColumnInfo},
                                                   {"SESSIONSTATE", kTokenSessionState}};
  ASSERT_TRUE(bytes.contains(name));
  ASSERT_EQ(token, bytes.at(name));
  switch (token) {
    case kTokenDone:
    case kTokenDoneProc:
    case kTokenDoneInProc:
      return ExpectDone(expected, input);
    case kTokenEnvChange:
      return ExpectEnvChange(expected, input);
    case kTokenError:
    case kTokenInfo:
      return ExpectMessage(expected, input);
    case kTokenLoginAck:
      return ExpectLoginAck(expected, input);
    case kTokenFeatureExtAck:
      return ExpectFeatures(expected, input);
    case kTokenColMetadata:
      return ExpectColMetadata(expected, input, columns);
    case kTokenRow:
    case kTokenNbcRow:
      return ExpectRow(expected, input, *columns, token == kTokenNbcRow);
    case kTokenReturnStatus: {
      READ(status, ReadReturnStatus(input));
      EXPECT_EQ(expected["value"], status);
      return;
    }
    case kTokenReturnValue:
      return ExpectReturnValue(expected, input);
    case kTokenTableNames:
      return ExpectTableNames(expected, input);
    case kTokenColumnInfo:
      return ExpectColumnInfo(expected, input);
    case kTokenSessionState:
      return ExpectSessionState(expected, input);
    default: {
      READ(block, ReadBlock(input));
      EXPECT_FALSE(block.empty());
    }
  }
}

// Without the table of keys that a session with column encryption has: 00 00 after the count. We
// never ask for it.
std::string WithoutKeys(std::string payload) {
  auto place = payload.find('\x81');
  EXPECT_NE(place, std::string::npos);
  while (place != std::string::npos) {
    EXPECT_EQ(payload.substr(place + 3, 2), std::string(2, '\0'));
    payload.erase(place + 3, 2);
    place = payload.find(std::string("\x81\x02\x00", 3), place + 3);
  }
  return payload;
}

// `step`: how many bytes more the input shows whenever it is asked.
void ExpectTokens(const json& tokens, const std::string& payload, std::size_t step) {
  MemoryInput input(payload, step);
  Columns columns;
  for (const auto& token : tokens) {
    ExpectToken(token, input, &columns);
    if (testing::Test::HasFatalFailure()) return;
  }
  auto at_end = input.AtEnd();
  ASSERT_TRUE(at_end);
  EXPECT_TRUE(*at_end);
}

// ---- requests

void SkipAllHeaders(Input& input, const json& expected) {
  Fields fields(&input);
  READ(total, fields.Read<std::uint32_t>());
  READ(rest, fields.ReadBytes(total - 4));
  ASSERT_EQ(expected["all_headers"].size(), 1U);
  EXPECT_EQ(rest.size(), 18U);
  EXPECT_EQ(expected["all_headers"][0]["type"], Load<std::uint16_t>(rest.data() + 4));
}

void ExpectTable(const json& expected, Input& input) {
  Fields fields(&input);
  READ(table_type, fields.Read<std::uint8_t>());
  ASSERT_EQ(table_type, 0xF3);
  READ(database, fields.ReadShortText());
  READ(schema, fields.ReadShortText());
  READ(name, fields.ReadShortText());
  EXPECT_EQ(expected["db"], database);
  EXPECT_EQ(expected["schema"], schema);
  EXPECT_EQ(expected["type_name"], name);
  READ(columns, ReadColMetadata(input));
  ASSERT_EQ(columns.size(), expected["columns"].size());
  READ(end_of_metadata, fields.Read<std::uint8_t>());
  EXPECT_EQ(end_of_metadata, 0);
  for (const auto& row : expected["rows"]) {
    READ(row_token, fields.Read<std::uint8_t>());
    EXPECT_EQ(row_token, 1);
    READ(values, ReadRow(input, columns));
    EXPECT_EQ(row, AsJson(columns, values));
  }
  READ(end_of_rows, fields.Read<std::uint8_t>());
  EXPECT_EQ(end_of_rows, 0);
}

void ExpectParameter(const json& expected, Input& input) {
  Fields fields(&input);
  READ(name, fields.ReadShortText());
  EXPECT_EQ(expected["name"], name);
  READ(status, fields.Read<std::uint8_t>());
  EXPECT_EQ(expected["status"], status);
  if (expected["type"] == "tvp") return ExpectTable(expected, input);
  READ(type, ReadTypeInfo(input, TypePlace::kRequest));
  ExpectType(expected, type);
  EXPECT_EQ(expected["type"], TypeNames().at(type.type));
  READ(value, ReadValue(input, type));
  EXPECT_EQ(expected["value"], AsJson(type, value));
}

void ExpectCalls(const json& expected, const std::string& payload) {
  MemoryInput input(payload);
  SkipAllHeaders(input, expected);
  Fields fields(&input);
  for (const auto& call : expected["calls"]) {
    READ(length, fields.Read<std::uint16_t>());
    if (length == 0xFFFF) {
      READ(number, fields.Read<std::uint16_t>());
      EXPECT_EQ(call["proc_id"], number);
    } else {
      READ(name, fields.ReadText(length));
      EXPECT_EQ(call["proc"], name);
    }
    READ(options, fields.Read<std::uint16_t>());
    EXPECT_EQ(call["options"], options);
    for (const auto& parameter : call["params"]) {
      ExpectParameter(parameter, input);
      if (testing::Test::HasFatalFailure()) return;
    }
    if (!call.contains("batch_flag")) continue;
    READ(flag, fields.Read<std::uint8_t>());
    EXPECT_EQ(call["batch_flag"], flag);
  }
  EXPECT_EQ(input.size(), 0U);
}

void ExpectBatch(const json& expected, const std::string& payload) {
  MemoryInput input(payload);
  SkipAllHeaders(input, expected);
  EXPECT_EQ(expected["sql"], FromUtf16(AsText(input.begin(), input.size())));
}

// ---- values alone

TypeInfo TypeOf(const std::string& bytes) {
  MemoryInput input(bytes);
  return ReadTypeInfo(input).value();
}

void ExpectVariant(const json& expected, const std::string& cell) {
  MemoryInput input(cell);
  const auto type = TypeOf(std::string("\x62\x49\x1F\x00\x00", 5));
  READ(bytes, ReadCell(input, type));
  VariantValue inner;
  ASSERT_TRUE(bytes && ParseVariant(*bytes, &inner));
  EXPECT_EQ(expected["base"], TypeNames().at(inner.type.type));
  EXPECT_EQ(expected["props"], ToHex(bytes->substr(2, bytes->size() - 2 - inner.bytes.size())));
  READ(value, ToValue(type, *bytes));
  EXPECT_EQ(expected["value"], AsJson(inner.type, value));
}

void ExpectRaw(const json& expected, const std::string& bytes) {
  if (expected.contains("vector")) {
    VectorValue vector;
    ASSERT_TRUE(ParseVector(bytes, &vector));
    EXPECT_EQ(expected["vector"]["dims"], vector.count);
    for (std::size_t i = 0; i < vector.count; ++i)
      EXPECT_EQ(expected["vector"]["values"][i], vector.At(i));
    return;
  }
  if (expected.contains("type")) {
    auto type = TypeOf(bytes);
    EXPECT_EQ(expected["type"], ToHex(std::string(1, static_cast<char>(type.type))));
    EXPECT_EQ(expected["len"], type.max_length);
    return;
  }
  // CLR values pass as they are; what they mean is the server's business.
  std::string cell;
  Store(std::uint64_t{bytes.size()}, &cell);
  if (!bytes.empty()) Store(static_cast<std::uint32_t>(bytes.size()), &cell);
  cell += bytes;
  Store(std::uint32_t{0}, &cell);
  TypeInfo type;
  type.type = kTypeUdt;
  type.is_plp = true;
  MemoryInput input(cell);
  READ(value, ReadValue(input, type));
  ASSERT_TRUE(std::holds_alternative<std::string>(value));
  EXPECT_EQ(std::get<std::string>(value), bytes);
  if (!expected.contains("srid")) return;
  EXPECT_EQ(expected["srid"], Load<std::int32_t>(bytes.data()));
  EXPECT_EQ(expected["version"], static_cast<unsigned char>(bytes[4]));
}

// ---- rows as columns

// A value of a batch as the vectors write it.
json AsJson(const arrow::Array& array, std::int64_t row) {
  using arrow::Type;
  if (array.IsNull(row)) return nullptr;
  switch (array.type_id()) {
    case Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row);
    case Type::INT16:
      return static_cast<const arrow::Int16Array&>(array).Value(row);
    case Type::INT32:
      return static_cast<const arrow::Int32Array&>(array).Value(row);
    case Type::INT64:
      return static_cast<const arrow::Int64Array&>(array).Value(row);
    case Type::FLOAT:
      return double{static_cast<const arrow::FloatArray&>(array).Value(row)};
    case Type::DOUBLE:
      return static_cast<const arrow::DoubleArray&>(array).Value(row);
    case Type::DECIMAL128:
      return static_cast<const arrow::Decimal128Array&>(array).FormatValue(row);
    case Type::STRING:
      return static_cast<const arrow::StringArray&>(array).GetString(row);
    case Type::LARGE_STRING:
      return static_cast<const arrow::LargeStringArray&>(array).GetString(row);
    case Type::BINARY:
      return json{{"bytes", ToHex(static_cast<const arrow::BinaryArray&>(array).GetView(row))}};
    case Type::TIMESTAMP: {
      // In milliseconds, the finest that a vector's row has.
      char room[32];
      const auto micros = static_cast<const arrow::TimestampArray&>(array).Value(row);
      Moment moment{static_cast<std::uint32_t>(micros / kMicrosPerDay + kDaysOf1970),
                    static_cast<std::uint64_t>(micros % kMicrosPerDay) * 10};
      return std::string(room, WriteMoment(moment, 3, room));
    }
    default:
      ADD_FAILURE() << array.type()->ToString();
      return nullptr;
  }
}

// As many rows as stand here, in batches of `rows`.
void ExpectColumns(const std::vector<json>& expected, Input& input, const Columns& columns,
                   std::int64_t rows) {
  auto made = MakeDefaultColumns(columns);
  READ(decoder, RowDecoder::Make(columns, made.outputs, made.schema, {.rows = rows}));
  std::vector<json> values;
  bool is_full = true;
  while (is_full) {
    READ(full, decoder.Decode(input));
    READ(batch, decoder.Finish());
    is_full = full;
    if (!batch) break;
    ASSERT_TRUE(batch->ValidateFull().ok());
    for (std::int64_t row = 0; row < batch->num_rows(); ++row) {
      auto cells = json::array();
      for (int i = 0; i < batch->num_columns(); ++i)
        if (made.outputs[static_cast<std::size_t>(i)].part == Part::kValue)
          cells.push_back(AsJson(*batch->column(i), row));
      values.push_back(cells);
    }
  }
  EXPECT_EQ(expected, values);
}

void ExpectColumnsOf(const json& tokens, const std::string& payload, std::size_t step,
                     std::int64_t rows) {
  // Some entries end with a row, and no reply does.
  const std::string whole = payload + "\xFD";
  MemoryInput input(whole, step);
  Columns columns;
  auto is_row = [&](std::size_t i) {
    return i < tokens.size() && (tokens[i]["token"] == "ROW" || tokens[i]["token"] == "NBCROW");
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!is_row(i)) {
      ExpectToken(tokens[i], input, &columns);
    } else {
      std::vector<json> expected;
      while (is_row(i)) expected.push_back(tokens[i++]["values"]);
      --i;
      ExpectColumns(expected, input, columns, rows);
    }
    if (testing::Test::HasFatalFailure()) return;
  }
}

// ---- every entry

// PRELOGIN, LOGIN7, attention and SSPI are the client's own; its tests read them.
bool HasValues(const Entry& entry) {
  const auto& expected = entry.content["decodes_to"];
  return expected.contains("tokens") || expected.contains("calls") || expected.contains("sql") ||
         entry.content["form"] == "variant" || entry.content["form"] == "raw";
}

bool HasRows(const Entry& entry) {
  const auto& expected = entry.content["decodes_to"];
  return expected.contains("tokens") && expected.dump().find("\"values\"") != std::string::npos;
}

std::vector<Entry> EntriesThat(bool (*holds)(const Entry&)) {
  auto entries = Entries();
  std::erase_if(entries, [&](const Entry& entry) { return !holds(entry); });
  return entries;
}

class Vector : public testing::TestWithParam<Entry> {};
class VectorRows : public testing::TestWithParam<Entry> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Vector);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(VectorRows);

TEST_P(Vector, DecodesToWhatItSays) {
  const auto& entry = GetParam();
  const auto& expected = entry.content["decodes_to"];
  SCOPED_TRACE(entry.content["name"]);
  std::string payload;
  ASSERT_NO_FATAL_FAILURE(Unpack(entry, &payload));
  if (entry.content.value("column_encryption_acked", false)) payload = WithoutKeys(payload);
  if (entry.content["tds"] == "7.1" && expected.contains("tokens")) {
    // Its count has four bytes, which we must refuse and not guess.
    MemoryInput input(std::string_view(payload).substr(1));
    auto done = ReadDone(input);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::kCorrupt);
    return;
  }
  if (expected.contains("tokens"))
    for (std::size_t step : {SIZE_MAX, std::size_t{1}, std::size_t{7}})
      ExpectTokens(expected["tokens"], payload, step);
  if (expected.contains("calls")) ExpectCalls(expected, payload);
  if (expected.contains("sql")) ExpectBatch(expected, payload);
  if (entry.content["form"] == "variant") ExpectVariant(expected["value"], payload);
  if (entry.content["form"] == "raw") ExpectRaw(expected, payload);
}

// The same rows, straight into Arrow's columns, however the bytes come.
TEST_P(VectorRows, DecodeIntoColumns) {
  const auto& entry = GetParam();
  const auto& expected = entry.content["decodes_to"];
  std::string payload;
  ASSERT_NO_FATAL_FAILURE(Unpack(entry, &payload));
  if (entry.content.value("column_encryption_acked", false)) payload = WithoutKeys(payload);
  for (std::size_t step : {SIZE_MAX, std::size_t{1}, std::size_t{5}})
    for (std::int64_t rows : {1000, 1}) ExpectColumnsOf(expected["tokens"], payload, step, rows);
}

INSTANTIATE_TEST_SUITE_P(tds_vectors, Vector, testing::ValuesIn(EntriesThat(HasValues)),
                         [](const auto& info) { return info.param.label; });
INSTANTIATE_TEST_SUITE_P(tds_vectors, VectorRows, testing::ValuesIn(EntriesThat(HasRows)),
                         [](const auto& info) { return info.param.label; });

// Whoever has the vectors runs all of them.
TEST(tds_vectors, AreThere) {
  if (Entries().empty() && std::getenv("CI") == nullptr)
    GTEST_SKIP() << "no vectors in " << FolderOfVectors()
                 << "; TIDEMARK_TDS_VECTORS names another folder";
  EXPECT_FALSE(Entries().empty()) << FolderOfVectors();
}

}  // namespace
}  // namespace tidemark::tds
