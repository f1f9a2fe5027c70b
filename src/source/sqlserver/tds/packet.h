#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "source/sqlserver/tds/byte_stream.h"
#include "source/sqlserver/tds/input.h"

namespace tidemark::tds {

enum class MessageType : std::uint8_t {
  kBatch = 0x01,
  kRpc = 0x03,
  kReply = 0x04,
  kAttention = 0x06,
  kFederatedToken = 0x08,
  kLogin7 = 0x10,
  kPrelogin = 0x12,
};

inline constexpr std::size_t kPacketHeaderBytes = 8;
inline constexpr std::size_t kPacketBytesMax = 32'767;
// What both sides keep to until the login is answered.
inline constexpr std::size_t kPacketBytesAtLogin = 4096;

// The payload as one message, in packets of at most `packet_bytes`. What was copied for that is
// wiped: logins pass here.
Status SendMessage(ByteStream& stream, MessageType type, std::string_view payload,
                   std::size_t packet_bytes);

// The header in front of a packet's payload. Exposed for the handshake of TLS, which travels so.
struct PacketHeader {
  std::uint8_t type;
  bool is_last;               // of its message
  std::size_t payload_bytes;  // without the header
};
std::array<std::uint8_t, kPacketHeaderBytes> Encode(const PacketHeader& header,
                                                    std::uint8_t packet_id);
// kInvalid: what answers does not speak TDS.
Result<PacketHeader> DecodeReplyHeader(const std::uint8_t* bytes);

// The messages that a server sends, one after the other. Much is received at once, and packet
// headers are removed in place: only what was left of one packet moves, up to the next one's start.
class ReplyInput final : public Input {
 public:
  // The stream may be exchanged between messages (TLS begins or ends), as long as nothing waits.
  explicit ReplyInput(ByteStream* stream);
  void SetStream(ByteStream* stream) { stream_ = stream; }

  // Bytes behind this message are here already.
  bool has_more() const { return raw_begin_ != raw_end_; }
  // Goes to the message after the one that was read to its end.
  void NextMessage();
  // Reads what is left of this message and drops it but for its last `kept` bytes at most.
  Result<std::string> SkipMessage(std::size_t kept);

 protected:
  Result<bool> Extend(std::size_t bytes) override;

 private:
  Status TakePacket();
  Status Receive(std::size_t bytes);
  void Join(std::size_t payload_bytes);

  // [begin_, end_) payload of this message; [end_, raw_begin_) free; [raw_begin_, raw_end_)
  // received, of which the first `packet_left_` bytes are payload of the packet that was begun.
  ByteStream* stream_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t capacity_;
  std::uint8_t* raw_begin_;
  std::uint8_t* raw_end_;
  std::size_t packet_left_ = 0;
  bool is_last_ = true;  // the packet that was begun is the message's last; true before the first
};

}  // namespace tidemark::tds
