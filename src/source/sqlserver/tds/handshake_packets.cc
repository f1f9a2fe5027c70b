#include <algorithm>
#include <array>

#include "source/sqlserver/tds/packet.h"
#include "source/sqlserver/tds/tls.h"

namespace tidemark::tds {

Result<std::size_t> HandshakePackets::Read(std::span<std::uint8_t> room) {
  while (is_wrapped_ && packet_left_ == 0) {
    std::array<std::uint8_t, kPacketHeaderBytes> header;
    for (std::size_t got = 0; got < header.size();) {
      const std::size_t more = TRY(stream_->Read(std::span(header).subspan(got)));
      if (more == 0) return std::size_t{0};
      got += more;
    }
    packet_left_ = TRY(DecodeReplyHeader(header.data())).payload_bytes;
  }
  if (packet_left_ == 0) return stream_->Read(room);
  const std::size_t got = TRY(stream_->Read(room.first(std::min(room.size(), packet_left_))));
  packet_left_ -= got;
  return got;
}

Status HandshakePackets::Write(std::span<const std::uint8_t> bytes) {
  if (!is_wrapped_) return stream_->Write(bytes);
  flight_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return {};
}

Status HandshakePackets::Flush() {
  if (flight_.empty()) return stream_->Flush();
  const std::string flight = std::exchange(flight_, {});
  return SendMessage(*stream_, MessageType::kPrelogin, flight, kPacketBytesAtLogin);
}

}  // namespace tidemark::tds
