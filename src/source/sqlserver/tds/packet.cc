#include "source/sqlserver/tds/packet.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

namespace tidemark::tds {
namespace {

constexpr std::uint8_t kLastPacket = 0x01;
// Large enough that a system call is nothing, small enough to stay in a core's cache.
constexpr std::size_t kReceiveBytes = std::size_t{256} << 10;

}  // namespace

std::array<std::uint8_t, kPacketHeaderBytes> Encode(const PacketHeader& header,
                                                    std::uint8_t packet_id) {
  const std::size_t length = header.payload_bytes + kPacketHeaderBytes;
  return {header.type,
          header.is_last ? kLastPacket : std::uint8_t{0},
          static_cast<std::uint8_t>(length >> 8),
          static_cast<std::uint8_t>(length),
          0,
          0,
          packet_id,
          0};
}

Result<PacketHeader> DecodeReplyHeader(const std::uint8_t* bytes) {
  const std::size_t length = (std::size_t{bytes[2]} << 8) | bytes[3];
  const bool is_known = bytes[0] == static_cast<std::uint8_t>(MessageType::kReply) ||
                        bytes[0] == static_cast<std::uint8_t>(MessageType::kPrelogin);
  if (!is_known || length < kPacketHeaderBytes) {
    std::string seen;
    for (std::size_t i = 0; i < kPacketHeaderBytes; ++i) seen += fmt::format(" {:02x}", bytes[i]);
    return Fail(
        ErrorKind::kInvalid,
        fmt::format("what answers does not speak TDS: it sent{} where a packet begins", seen),
        "check that host and port are those of a SQL Server");
  }
  return PacketHeader{bytes[0], (bytes[1] & kLastPacket) != 0, length - kPacketHeaderBytes};
}

Status SendMessage(ByteStream& stream, MessageType type, std::string_view payload,
                   std::size_t packet_bytes) {
  std::string packet;
  packet.reserve(std::min(packet_bytes, payload.size() + kPacketHeaderBytes));
  const std::size_t room = packet_bytes - kPacketHeaderBytes;
  std::uint8_t packet_id = 1;
  Status sent;
  do {
    const std::string_view part = payload.substr(0, room);
    payload.remove_prefix(part.size());
    const auto header =
        Encode({static_cast<std::uint8_t>(type), payload.empty(), part.size()}, packet_id++);
    packet.assign(header.begin(), header.end());
    packet += part;
    sent = stream.Write({reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size()});
  } while (sent && !payload.empty());
  packet.resize(packet.capacity());
  OPENSSL_cleanse(packet.data(), packet.size());
  if (!sent) return sent;
  return stream.Flush();
}

ReplyInput::ReplyInput(ByteStream* stream)
    : stream_(stream),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kReceiveBytes)),
      capacity_(kReceiveBytes),
      raw_begin_(buffer_.get()),
      raw_end_(buffer_.get()) {
  begin_ = end_ = buffer_.get();
}

void ReplyInput::NextMessage() {
  TIDEMARK_CHECK(begin_ == end_ && packet_left_ == 0 && is_last_);
  is_last_ = false;
}

Result<std::string> ReplyInput::SkipMessage(std::size_t kept) {
  while (true) {
    if (size() > kept) Skip(size() - kept);
    if (!TRY(Extend(size() + 1))) break;
  }
  std::string tail(reinterpret_cast<const char*>(begin_), size());
  Skip(size());
  return tail;
}

Result<bool> ReplyInput::Extend(std::size_t bytes) {
  while (size() < bytes) {
    if (packet_left_ == 0) {
      if (is_last_) return false;
      TRY(TakePacket());
      continue;
    }
    if (raw_begin_ == raw_end_) TRY(Receive(bytes));
    Join(std::min(packet_left_, static_cast<std::size_t>(raw_end_ - raw_begin_)));
  }
  return true;
}

// Makes the received payload stand right behind what is left in the window, by moving whichever is
// the smaller.
void ReplyInput::Join(std::size_t payload_bytes) {
  const std::size_t left = size();
  auto* window = buffer_.get() + (begin_ - buffer_.get());
  if (left <= payload_bytes) {
    std::memmove(raw_begin_ - left, window, left);
    begin_ = raw_begin_ - left;
    end_ = raw_begin_ + payload_bytes;
  } else {
    std::memmove(window + left, raw_begin_, payload_bytes);
    end_ = window + left + payload_bytes;
  }
  raw_begin_ += payload_bytes;
  packet_left_ -= payload_bytes;
}

Status ReplyInput::TakePacket() {
  while (static_cast<std::size_t>(raw_end_ - raw_begin_) < kPacketHeaderBytes) {
    TRY(Receive(kPacketHeaderBytes));
  }
  const PacketHeader header = TRY(DecodeReplyHeader(raw_begin_));
  raw_begin_ += kPacketHeaderBytes;
  packet_left_ = header.payload_bytes;
  is_last_ = header.is_last;
  return {};
}

// Receives more behind raw_end_; the window is to hold `bytes` in the end. Never asks for more
// memory than the largest window and one packet.
Status ReplyInput::Receive(std::size_t bytes) {
  const std::size_t room_min = kPacketBytesMax + kPacketHeaderBytes;
  const auto raw = static_cast<std::size_t>(raw_end_ - raw_begin_);
  const std::size_t kept = size();
  const auto free = static_cast<std::size_t>(buffer_.get() + capacity_ - raw_end_);
  if (free < room_min || kept + raw == 0) {
    // All that is here goes to the front; what is to come follows.
    const std::size_t wanted = std::max(kept, bytes) + raw + 2 * room_min;
    std::unique_ptr<std::uint8_t[]> larger;
    if (wanted > capacity_) larger = std::make_unique_for_overwrite<std::uint8_t[]>(2 * wanted);
    std::uint8_t* front = larger ? larger.get() : buffer_.get();
    std::memmove(front, begin_, kept);
    std::memmove(front + kept, raw_begin_, raw);
    begin_ = front;
    end_ = raw_begin_ = front + kept;
    raw_end_ = raw_begin_ + raw;
    if (larger) {
      buffer_ = std::move(larger);
      capacity_ = 2 * wanted;
    }
  }
  const auto room = static_cast<std::size_t>(buffer_.get() + capacity_ - raw_end_);
  const std::size_t got = TRY(stream_->Read({raw_end_, room}));
  if (got == 0) {
    return Fail(ErrorKind::kUnavailable,
                "the server closed the connection before its answer was complete");
  }
  raw_end_ += got;
  return {};
}

}  // namespace tidemark::tds
