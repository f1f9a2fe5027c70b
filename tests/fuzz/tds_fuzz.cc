// A reply of any bytes is read or refused, and what is read does not depend on how the bytes come:
// small rows, columns from the whole reply and columns from windows of a few bytes agree.
//
// The first byte of an input chooses the windows and the limits; the reply follows.
#include <arrow/api.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "source/sqlserver/tds/decode.h"
#include "source/sqlserver/tds/parameter.h"
#include "source/sqlserver/tds/tokens.h"
#include "tests/support/tds_columns.h"
#include "tests/support/tds_reply.h"

namespace tidemark::tds {
namespace {

// A kind of window and of limits.
struct Way {
  std::size_t step = SIZE_MAX;
  DecodeLimits limits;
};

struct Outcome {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;  // of all results
  std::vector<std::int64_t> counts;
  std::string error;
};

// Results of this many columns are enough, and each takes buffers of its own.
constexpr std::size_t kColumnsMax = 200;

Status ReadRows(Input& input, const std::vector<ResultColumn>& columns, const Way& way,
                Outcome* outcome) {
  auto made = MakeDefaultColumns(columns);
  auto decoder = TRY(RowDecoder::Make(columns, made.outputs, made.schema, way.limits));
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (bool is_full = true; is_full;) {
    is_full = TRY(decoder.Decode(input));
    auto batch = TRY(decoder.Finish());
    if (!batch) continue;
    TIDEMARK_CHECK(batch->ValidateFull().ok());
    batches.push_back(batch);
  }
  for (const auto& counts : decoder.counts())
    outcome->counts.insert(outcome->counts.end(),
                           {counts.lone_surrogates, counts.undecodable_bytes, counts.cut_100ns});
  if (batches.empty()) return {};
  auto table = arrow::Table::FromRecordBatches(batches).ValueOrDie()->CombineChunksToBatch();
  outcome->batches.push_back(table.ValueOrDie());
  return {};
}

// Each token but those of rows.
Status ReadToken(Input& input, std::uint8_t token) {
  switch (token) {
    case kTokenDone:
    case kTokenDoneProc:
    case kTokenDoneInProc:
      TRY(ReadDone(input));
      return {};
    case kTokenError:
    case kTokenInfo:
      TRY(ReadServerMessage(input));
      return {};
    case kTokenEnvChange:
      TRY(ReadEnvChange(input));
      return {};
    case kTokenLoginAck:
      TRY(ReadLoginAck(input));
      return {};
    case kTokenFeatureExtAck:
      TRY(ReadFeatureAcks(input));
      return {};
    case kTokenFedAuthInfo:
      TRY(ReadFedAuthInfo(input));
      return {};
    case kTokenReturnStatus:
      TRY(ReadReturnStatus(input));
      return {};
    case kTokenReturnValue:
      TRY(ReadReturnValue(input));
      return {};
    case kTokenSessionState:
      TRY(ReadSessionState(input));
      return {};
    case kTokenOrder:
    case kTokenTableNames:
    case kTokenColumnInfo:
    case kTokenSspi:
      TRY(ReadBlock(input));
      return {};
    default:
      return Fail(UnknownToken(token));
  }
}

Status ReadReply(Input& input, const Way& way, Outcome* outcome) {
  std::vector<ResultColumn> columns;
  while (!TRY(input.AtEnd())) {
    const std::uint8_t token = *input.begin();
    if (token == kTokenRow || token == kTokenNbcRow) {
      TRY(ReadRows(input, columns, way, outcome));
      continue;
    }
    input.Skip(1);
    if (token != kTokenColMetadata) {
      TRY(ReadToken(input, token));
      continue;
    }
    columns = TRY(ReadColMetadata(input));
    if (columns.size() > kColumnsMax) return Fail(ErrorKind::kUnsupported, "enough");
  }
  return {};
}

Outcome Read(std::string_view reply, const Way& way) {
  MemoryInput input(reply, way.step);
  Outcome outcome;
  auto status = ReadReply(input, way, &outcome);
  if (!status) outcome.error = Name(status.error().kind);
  return outcome;
}

// Small rows need not agree about what is an error: they take any value that is none for a column.
void ReadAsSmallRows(std::string_view reply) {
  MemoryInput input(reply, 3);
  std::vector<ResultColumn> columns;
  while (true) {
    auto at_end = input.AtEnd();
    if (!at_end || *at_end) return;
    const std::uint8_t token = *input.begin();
    input.Skip(1);
    if (token == kTokenColMetadata) {
      auto read = ReadColMetadata(input);
      if (!read || read->size() > kColumnsMax) return;
      columns = *std::move(read);
    } else if (token == kTokenRow) {
      if (!ReadRow(input, columns)) return;
    } else if (token == kTokenNbcRow) {
      if (!ReadRowAsParameters(input, columns, /*is_nbc=*/true)) return;
    } else if (!ReadToken(input, token)) {
      return;
    }
  }
}

std::string WithoutHeaders(std::string_view packets) {
  std::string payload;
  while (packets.size() >= 8) {
    const std::size_t length =
        static_cast<unsigned char>(packets[2]) * 256U + static_cast<unsigned char>(packets[3]);
    if (length < 8 || length > packets.size()) break;
    payload += packets.substr(8, length - 8);
    packets.remove_prefix(length);
  }
  return payload;
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds{SampleReply(1)};
  for (const auto& sample : SampleColumns())
    seeds.push_back(ColMetadata({sample.column}) + RowToken({sample.value}) +
                    NbcRow({sample.null}) + NbcRow({sample.value}) + DoneToken());
  const char* named = std::getenv("TIDEMARK_TDS_VECTORS");
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(
           named != nullptr ? named : "../shared/tds-vectors", none)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream stream(file.path());
    for (const auto& entry : nlohmann::json::parse(stream)) {
      if (entry["direction"] != "server") continue;
      auto bytes = Hex(entry["hex"].get<std::string>());
      seeds.push_back(entry["form"] == "packets" ? WithoutHeaders(bytes) : bytes);
    }
  }
  return seeds;
}

}  // namespace
}  // namespace tidemark::tds

// Fills an empty corpus, which is the first argument that is no option.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const std::filesystem::path folder = (*argv)[i];
    if ((*argv)[i][0] == '-' || !std::filesystem::is_directory(folder)) continue;
    if (!std::filesystem::is_empty(folder)) return 0;
    int number = 0;
    for (const auto& seed : tidemark::tds::Seeds()) {
      std::ofstream file(folder / ("seed-" + std::to_string(number)), std::ios::binary);
      file << static_cast<char>(number++) << seed;
    }
    return 0;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size_bytes) {
  using namespace tidemark::tds;
  if (size_bytes == 0) return 0;
  const std::uint8_t choice = *bytes;
  const auto reply = std::string_view(reinterpret_cast<const char*>(bytes) + 1, size_bytes - 1);
  const auto column_bytes = (choice & 0x80) != 0 ? std::int64_t{100} : std::int64_t{INT32_MAX};
  const auto whole = Read(reply, {.limits = {.column_bytes = column_bytes}});
  const auto pieces = Read(
      reply,
      {.step = choice & 0x0FU,
       .limits = {.rows = (choice >> 4 & 3) + 1, .bytes = 1000, .column_bytes = column_bytes}});
  TIDEMARK_CHECK(whole.error == pieces.error);
  // An error gives up its result, of which a part was a batch already where batches are small.
  if (!whole.error.empty()) {
    ReadAsSmallRows(reply);
    return 0;
  }
  TIDEMARK_CHECK(whole.counts == pieces.counts);
  TIDEMARK_CHECK(whole.batches.size() == pieces.batches.size());
  for (std::size_t i = 0; i < whole.batches.size(); ++i)
    TIDEMARK_CHECK(whole.batches[i]->Equals(*pieces.batches[i], /*check_metadata=*/false,
                                            arrow::EqualOptions::Defaults().nans_equal(true)));
  ReadAsSmallRows(reply);
  return 0;
}
