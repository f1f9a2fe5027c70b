#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "source/sqlserver/tds/types.h"
#include "source/sqlserver/tds/values.h"

namespace tidemark::tds {

// The byte that begins each part of a reply.
enum Token : std::uint8_t {
  kTokenReturnStatus = 0x79,
  kTokenColMetadata = 0x81,
  kTokenTableNames = 0xA4,
  kTokenColumnInfo = 0xA5,
  kTokenOrder = 0xA9,
  kTokenError = 0xAA,
  kTokenInfo = 0xAB,
  kTokenReturnValue = 0xAC,
  kTokenLoginAck = 0xAD,
  kTokenFeatureExtAck = 0xAE,
  kTokenRow = 0xD1,
  kTokenNbcRow = 0xD2,
  kTokenEnvChange = 0xE3,
  kTokenSessionState = 0xE4,
  kTokenSspi = 0xED,
  kTokenFedAuthInfo = 0xEE,
  kTokenDone = 0xFD,
  kTokenDoneProc = 0xFE,
  kTokenDoneInProc = 0xFF,
};

enum DoneStatus : std::uint16_t {
  kDoneMore = 0x01,
  kDoneError = 0x02,
  kDoneInTransaction = 0x04,
  kDoneCount = 0x10,
  kDoneAttention = 0x20,
  kDoneInBatch = 0x80,
  kDoneServerError = 0x100,
};

enum EnvChangeType : std::uint8_t {
  kEnvDatabase = 1,
  kEnvLanguage = 2,
  kEnvPacketSize = 4,
  kEnvCollation = 7,
  kEnvBegin = 8,
  kEnvCommit = 9,
  kEnvRollback = 10,
  kEnvMirror = 13,
  kEnvReset = 18,
  kEnvInstance = 19,
  kEnvRouting = 20,
  kEnvRoutingWithDatabase = 21,
};

// ERROR and INFO.
struct ServerMessage {
  std::int32_t number = 0;
  std::uint8_t state = 0, severity = 0;
  std::string text, server, procedure;
  std::int32_t line = 0;
};

// DONE, DONEPROC and DONEINPROC.
struct Done {
  std::uint16_t status = 0, command = 0;
  std::uint64_t rows = 0;
};

struct EnvChange {
  std::uint8_t type = 0;
  // Names and numbers as UTF-8; collations and transactions as bytes; of a type that is not known,
  // all its bytes stand in new_value.
  std::string new_value, old_value;
  std::uint8_t protocol = 0;  // of routing: 0, TCP
  std::uint16_t port = 0;
  std::string host, database;  // where to go instead; a database only with kEnvRoutingWithDatabase
};

struct LoginAck {
  std::uint8_t interface = 0;
  std::uint32_t tds_version = 0;  // 0x74000004: 7.4
  std::string program;            // without the zeros it ends with
  std::uint8_t major = 0, minor = 0;
  std::uint16_t build = 0;
};

struct FeatureAck {
  std::uint8_t feature = 0;
  std::string bytes;
};

struct FedAuthInfo {
  std::string sts_url, spn;
};

struct ReturnValue {
  std::uint16_t ordinal = 0;
  std::string name;
  std::uint8_t status = 0;
  std::uint32_t user_type = 0;
  std::uint16_t flags = 0;
  TypeInfo type;
  Value value;
};

// Each reads what follows the token's byte. kCorrupt: the server's lengths contradict each other.
Result<std::vector<ResultColumn>> ReadColMetadata(Input& input);
Result<ServerMessage> ReadServerMessage(Input& input);
Result<Done> ReadDone(Input& input);
Result<EnvChange> ReadEnvChange(Input& input);
Result<LoginAck> ReadLoginAck(Input& input);
Result<std::vector<FeatureAck>> ReadFeatureAcks(Input& input);
Result<FedAuthInfo> ReadFedAuthInfo(Input& input);
Result<std::int32_t> ReadReturnStatus(Input& input);
Result<ReturnValue> ReadReturnValue(Input& input);
// ORDER, TABNAME, COLINFO and SSPI: the bytes of it, which nobody reads but SSPI's.
Result<std::string> ReadBlock(Input& input);
Result<std::string> ReadSessionState(Input& input);

// Of a byte that begins no token: never a guess how long it is.
Error UnknownToken(std::uint8_t token);

}  // namespace tidemark::tds
