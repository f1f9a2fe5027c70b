// Packets both ways, in memory: whatever the pieces in which bytes come, the payload is the same.
#include "source/sqlserver/tds/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/support/tds_bytes.h"

namespace tidemark::tds {
namespace {

using test::Packets;
using testing::HasSubstr;

// Gives `bytes` at most `step` at a time, then closes; keeps what is written.
class MemoryStream final : public ByteStream {
 public:
  explicit MemoryStream(std::string bytes = {}, std::size_t step = SIZE_MAX)
      : bytes_(std::move(bytes)), step_(step) {}
  Result<std::size_t> Read(std::span<std::uint8_t> room) override {
    const std::size_t got = std::min({room.size(), step_, bytes_.size() - at_});
    std::memcpy(room.data(), bytes_.data() + at_, got);
    at_ += got;
    largest_ = std::max(largest_, room.size());
    return got;
  }
  Status Write(std::span<const std::uint8_t> bytes) override {
    written.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::size_t largest() const { return largest_; }
  std::string written;

 private:
  std::string bytes_;
  std::size_t step_, at_ = 0, largest_ = 0;
};

std::string Pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

// Takes the message in values of `value` bytes, the last one shorter.
std::string Take(ReplyInput& input, std::size_t value) {
  std::string taken;
  while (true) {
    const auto at_end = input.AtEnd();
    if (!at_end) {
      ADD_FAILURE() << at_end.error().message;
      return taken;
    }
    if (*at_end) return taken;
    const bool has_whole = input.Need(value).has_value();
    const std::size_t bytes = has_whole ? value : input.size();
    taken.append(reinterpret_cast<const char*>(input.begin()), bytes);
    input.Skip(bytes);
  }
}

TEST(ReplyInput, GivesThePayloadHoweverItComes) {
  const std::string first = Pattern(300), second = Pattern(17);
  for (const std::size_t room : {1, 7, 100, 4088}) {
    for (const std::size_t step : {1, 5, 8, 9, 64, 100'000}) {
      for (const std::size_t value : {1, 3, 20, 299}) {
        MemoryStream stream(Packets(first, room) + Packets(second, room), step);
        ReplyInput input(&stream);
        input.NextMessage();
        ASSERT_EQ(Take(input, value), first) << room << " " << step << " " << value;
        input.NextMessage();
        ASSERT_EQ(Take(input, value), second) << room << " " << step << " " << value;
      }
    }
  }
}

TEST(ReplyInput, LargeMessagesAndLargeValues) {
  const std::string payload = Pattern(3'000'000);
  for (const std::size_t value : {std::size_t{13}, std::size_t{100'000}, kWindowMax}) {
    for (const std::size_t step : {std::size_t{1460}, std::size_t{70'000}, SIZE_MAX}) {
      MemoryStream stream(Packets(payload, 32'759), step);
      ReplyInput input(&stream);
      input.NextMessage();
      ASSERT_EQ(Take(input, value), payload) << value << " " << step;
      // Much at once, and memory that does not grow with the message.
      EXPECT_GE(stream.largest(), 100'000U);
      EXPECT_LE(stream.largest(), 3'000'000U);
    }
  }
}

TEST(ReplyInput, TellsTheEndOfAMessageFromThatOfTheConnection) {
  MemoryStream stream(Packets("abc") + Packets("defg", 2, /*is_whole=*/false));
  ReplyInput input(&stream);
  input.NextMessage();
  const auto beyond = input.Need(4);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(input.size(), 3U);
  input.Skip(3);
  ASSERT_TRUE(*input.AtEnd());
  input.NextMessage();
  ASSERT_TRUE(input.Need(4));
  const auto cut = input.Need(5);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::kUnavailable);
}

TEST(ReplyInput, SkipsToTheEndAndKeepsTheTail) {
  const std::string payload = Pattern(100'000);
  MemoryStream stream(Packets(payload, 4088) + Packets("xy"), 1000);
  ReplyInput input(&stream);
  input.NextMessage();
  ASSERT_TRUE(input.Need(10));
  input.Skip(4);
  const auto tail = input.SkipMessage(13);
  ASSERT_TRUE(tail);
  EXPECT_EQ(*tail, payload.substr(payload.size() - 13));
  input.NextMessage();
  const auto shorter = input.SkipMessage(13);
  ASSERT_TRUE(shorter);
  EXPECT_EQ(*shorter, "xy");
}

TEST(ReplyInput, EmptyPacketsAreNothing) {
  MemoryStream stream(std::string("\x04\0\0\x08\0\0\1\0", 8) +
                      std::string("\x04\0\0\x08\0\0\1\0", 8) + Packets("a"));
  ReplyInput input(&stream);
  input.NextMessage();
  EXPECT_EQ(Take(input, 1), "a");
}

TEST(ReplyInput, RefusesWhatIsNoPacket) {
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("\x04\x01\0\x07\0\0\1\0", 8),
        std::string("\x01\x01\0\x10\0\0\1\0", 8)}) {
    MemoryStream stream(bytes);
    ReplyInput input(&stream);
    input.NextMessage();
    const auto refused = input.Need(1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(refused.error().message, HasSubstr("does not speak TDS"));
  }
}

TEST(SendMessage, CutsIntoPackets) {
  MemoryStream stream;
  ASSERT_TRUE(SendMessage(stream, MessageType::kBatch, "abcdefg", 8 + 3));
  EXPECT_EQ(stream.written,
            std::string("\x01\0\0\x0b\0\0\1\0abc\x01\0\0\x0b\0\0\2\0def\x01\1\0\x09\0\0\3\0g", 31));
  MemoryStream empty;
  ASSERT_TRUE(SendMessage(empty, MessageType::kAttention, {}, 4096));
  EXPECT_EQ(empty.written, std::string("\x06\1\0\x08\0\0\1\0", 8));
}

}  // namespace
}  // namespace tidemark::tds
