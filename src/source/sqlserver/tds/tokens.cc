#include "source/sqlserver/tds/tokens.h"

#include <fmt/format.h>

#include "source/sqlserver/tds/text.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

constexpr std::uint16_t kNoColumns = 0xFFFF;
constexpr std::uint16_t kColumnsMax = 4096;  // of any result, by the server's own limits

// A token that says its length is taken whole; its fields must fill it, or be followed by what a
// newer server has added.
class Block {
 public:
  Block(std::string bytes, const char* name)
      : bytes_(std::move(bytes)), name_(name), left_(bytes_) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  template <class T>
  Result<T> Read() {
    auto bytes = TRY(Take(sizeof(T)));
    return Load<T>(bytes.data());
  }
  Result<std::string_view> Take(std::size_t bytes) {
    if (left_.size() < bytes)
      return Fail(ErrorKind::kCorrupt,
                  fmt::format("the server's {} is shorter than its own lengths", name_));
    auto taken = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return taken;
  }
  Result<std::string> ReadText(std::size_t units) { return FromUtf16(TRY(Take(units * 2))); }
  Result<std::string> ReadShortText() { return ReadText(TRY(Read<std::uint8_t>())); }
  Result<std::string> ReadLongText() { return ReadText(TRY(Read<std::uint16_t>())); }
  Result<std::string> ReadShortBytes() { return std::string(TRY(Take(TRY(Read<std::uint8_t>())))); }
  std::string_view left() const { return left_; }

 private:
  std::string bytes_;
  const char* name_;
  std::string_view left_;
};

Status ReadRouting(Block& block, EnvChange* change) {
  TRY(block.Read<std::uint16_t>());  // the length of what follows
  change->protocol = TRY(block.Read<std::uint8_t>());
  change->port = TRY(block.Read<std::uint16_t>());
  change->host = TRY(block.ReadLongText());
  if (change->type == kEnvRoutingWithDatabase) change->database = TRY(block.ReadLongText());
  change->old_value = std::string(block.left());  // two bytes of 0, which not everybody sends
  return {};
}

Status ReadTableName(Fields& fields) {
  auto parts = TRY(fields.Read<std::uint8_t>());
  for (int i = 0; i < parts; ++i) TRY(fields.ReadLongText());
  return {};
}

}  // namespace

Result<std::string> ReadBlock(Input& input) {
  Fields fields(&input);
  auto length = TRY(fields.Read<std::uint16_t>());
  return fields.ReadBytes(length);
}

Result<std::string> ReadSessionState(Input& input) {
  Fields fields(&input);
  auto length = TRY(fields.Read<std::uint32_t>());
  if (length > kWindowMax)
    return Fail(ErrorKind::kCorrupt,
                fmt::format("the server announces {} bytes of session state", length));
  return fields.ReadBytes(length);
}

Result<std::vector<ResultColumn>> ReadColMetadata(Input& input) {
  Fields fields(&input);
  auto count = TRY(fields.Read<std::uint16_t>());
  std::vector<ResultColumn> columns;
  if (count == kNoColumns) return columns;
  if (count > kColumnsMax)
    return Fail(ErrorKind::kCorrupt, fmt::format("the server describes {} columns", count));
  for (int i = 0; i < count; ++i) {
    ResultColumn column;
    column.user_type = TRY(fields.Read<std::uint32_t>());
    column.flags = TRY(fields.Read<std::uint16_t>());
    column.type = TRY_WHILE(fmt::format("column {} of the result", i + 1), ReadTypeInfo(input));
    if (column.type.framing() == Framing::kTextPointer) TRY(ReadTableName(fields));
    column.name = TRY(fields.ReadShortText());
    columns.push_back(std::move(column));
  }
  return columns;
}

Result<ServerMessage> ReadServerMessage(Input& input) {
  Block block(TRY(ReadBlock(input)), "message");
  ServerMessage message;
  message.number = TRY(block.Read<std::int32_t>());
  message.state = TRY(block.Read<std::uint8_t>());
  message.severity = TRY(block.Read<std::uint8_t>());
  message.text = TRY(block.ReadLongText());
  message.server = TRY(block.ReadShortText());
  message.procedure = TRY(block.ReadShortText());
  message.line = TRY(block.Read<std::int32_t>());
  return message;
}

Result<Done> ReadDone(Input& input) {
  Fields fields(&input);
  Done done;
  done.status = TRY(fields.Read<std::uint16_t>());
  done.command = TRY(fields.Read<std::uint16_t>());
  done.rows = TRY(fields.Read<std::uint64_t>());
  return done;
}

Result<EnvChange> ReadEnvChange(Input& input) {
  Block block(TRY(ReadBlock(input)), "ENVCHANGE");
  EnvChange change;
  change.type = TRY(block.Read<std::uint8_t>());
  switch (change.type) {
    case kEnvDatabase:
    case kEnvLanguage:
    case kEnvPacketSize:
    case kEnvMirror:
    case kEnvInstance:
      change.new_value = TRY(block.ReadShortText());
      change.old_value = TRY(block.ReadShortText());
      return change;
    case kEnvCollation:
    case kEnvBegin:
    case kEnvCommit:
    case kEnvRollback:
    case kEnvReset:
      change.new_value = TRY(block.ReadShortBytes());
      change.old_value = TRY(block.ReadShortBytes());
      return change;
    case kEnvRouting:
    case kEnvRoutingWithDatabase:
      TRY(ReadRouting(block, &change));
      return change;
    default:
      change.new_value = std::string(block.left());
      return change;
  }
}

Result<LoginAck> ReadLoginAck(Input& input) {
  Block block(TRY(ReadBlock(input)), "LOGINACK");
  LoginAck ack;
  ack.interface = TRY(block.Read<std::uint8_t>());
  ack.tds_version = __builtin_bswap32(TRY(block.Read<std::uint32_t>()));
  ack.program = TRY(block.ReadShortText());
  while (!ack.program.empty() && ack.program.back() == '\0') ack.program.pop_back();
  ack.major = TRY(block.Read<std::uint8_t>());
  ack.minor = TRY(block.Read<std::uint8_t>());
  ack.build = __builtin_bswap16(TRY(block.Read<std::uint16_t>()));
  return ack;
}

Result<std::vector<FeatureAck>> ReadFeatureAcks(Input& input) {
  constexpr std::uint8_t kEnd = 0xFF;
  Fields fields(&input);
  std::vector<FeatureAck> acks;
  while (true) {
    FeatureAck ack;
    ack.feature = TRY(fields.Read<std::uint8_t>());
    if (ack.feature == kEnd) return acks;
    auto length = TRY(fields.Read<std::uint32_t>());
    if (length > kWindowMax)
      return Fail(ErrorKind::kCorrupt,
                  fmt::format("the server answers feature {} with {} bytes", ack.feature, length));
    ack.bytes = TRY(fields.ReadBytes(length));
    acks.push_back(std::move(ack));
  }
}

// Places in it count from the number of options on.
Result<FedAuthInfo> ReadFedAuthInfo(Input& input) {
  constexpr std::uint8_t kStsUrl = 1, kSpn = 2;
  Fields fields(&input);
  auto length = TRY(fields.Read<std::uint32_t>());
  if (length > kWindowMax)
    return Fail(ErrorKind::kCorrupt,
                fmt::format("the server announces {} bytes of FEDAUTHINFO", length));
  const auto bytes = TRY(fields.ReadBytes(length));
  Block block(bytes, "FEDAUTHINFO");
  auto count = TRY(block.Read<std::uint32_t>());
  FedAuthInfo info;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto id = TRY(block.Read<std::uint8_t>());
    auto size = TRY(block.Read<std::uint32_t>());
    auto place = TRY(block.Read<std::uint32_t>());
    if (place > bytes.size() || size > bytes.size() - place)
      return Fail(ErrorKind::kCorrupt, "the server's FEDAUTHINFO points outside itself");
    auto text = FromUtf16(std::string_view(bytes).substr(place, size));
    if (id == kStsUrl)
      info.sts_url = std::move(text);
    else if (id == kSpn)
      info.spn = std::move(text);
  }
  return info;
}

Result<std::int32_t> ReadReturnStatus(Input& input) { return Fields(&input).Read<std::int32_t>(); }

Result<ReturnValue> ReadReturnValue(Input& input) {
  Fields fields(&input);
  ReturnValue returned;
  returned.ordinal = TRY(fields.Read<std::uint16_t>());
  returned.name = TRY(fields.ReadShortText());
  returned.status = TRY(fields.Read<std::uint8_t>());
  returned.user_type = TRY(fields.Read<std::uint32_t>());
  returned.flags = TRY(fields.Read<std::uint16_t>());
  returned.type = TRY_WHILE("return value " + returned.name, ReadTypeInfo(input));
  returned.value = TRY_WHILE("return value " + returned.name, ReadValue(input, returned.type));
  return returned;
}

Error UnknownToken(std::uint8_t token) {
  return {ErrorKind::kCorrupt,
          fmt::format("the server sends a token 0x{:02x}, which is not known", token),
          {}};
}

}  // namespace tidemark::tds
