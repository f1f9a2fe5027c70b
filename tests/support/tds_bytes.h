#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "source/sqlserver/tds/text.h"
#include "source/sqlserver/tds/wire.h"

// What servers say, spelled byte by byte for tests of those who listen.
namespace tidemark::test {

// One message: payload in packets of at most `room` bytes each; `is_whole` false: more would
// follow.
inline std::string Packets(std::string_view payload, std::size_t room = 4088,
                           bool is_whole = true) {
  std::string packets;
  do {
    const std::string_view part = payload.substr(0, room);
    payload.remove_prefix(part.size());
    const std::size_t length = part.size() + 8;
    packets += '\x04';
    packets += static_cast<char>(payload.empty() && is_whole ? 1 : 0);
    packets += static_cast<char>(length >> 8);
    packets += static_cast<char>(length);
    packets += std::string_view("\0\x35\1\0", 4);
    packets += part;
  } while (!payload.empty());
  return packets;
}

inline std::string ShortText(std::string_view utf8) {
  const std::string utf16 = tds::ToUtf16(utf8);
  return static_cast<char>(utf16.size() / 2) + utf16;
}
inline std::string LongText(std::string_view utf8) {
  const std::string utf16 = tds::ToUtf16(utf8);
  std::string text;
  tds::Store(static_cast<std::uint16_t>(utf16.size() / 2), &text);
  return text + utf16;
}
// A token whose length comes first.
inline std::string Token(int token, std::string_view body) {
  std::string text(1, static_cast<char>(token));
  tds::Store(static_cast<std::uint16_t>(body.size()), &text);
  return text + std::string(body);
}
inline std::string EnvChangeText(int type, std::string_view now, std::string_view before = "") {
  return Token(0xE3, static_cast<char>(type) + ShortText(now) + ShortText(before));
}
inline std::string EnvChangeBytes(int type, std::string_view now, std::string_view before = "") {
  std::string body(1, static_cast<char>(type));
  body += static_cast<char>(now.size());
  body += now;
  body += static_cast<char>(before.size());
  body += before;
  return Token(0xE3, body);
}
inline std::string Routing(std::string_view host, std::uint16_t port) {
  std::string value(1, '\0');
  tds::Store(port, &value);
  value += LongText(host);
  std::string body(1, '\x14');
  tds::Store(static_cast<std::uint16_t>(value.size()), &body);
  body += value;
  body += std::string(2, '\0');
  return Token(0xE3, body);
}
struct Message {
  std::int32_t number = 0;
  int state = 1, severity = 16;
  std::string text = "text", procedure = {};
  std::int32_t line = 1;
};
inline std::string ErrorToken(const Message& message, int token = 0xAA) {
  std::string body;
  tds::Store(message.number, &body);
  body += static_cast<char>(message.state);
  body += static_cast<char>(message.severity);
  body += LongText(message.text) + ShortText("SRV") + ShortText(message.procedure);
  tds::Store(message.line, &body);
  return Token(token, body);
}
inline std::string DoneToken(int status = 0, int command = 0, std::uint64_t rows = 0,
                             int token = 0xFD) {
  std::string text(1, static_cast<char>(token));
  tds::Store(static_cast<std::uint16_t>(status), &text);
  tds::Store(static_cast<std::uint16_t>(command), &text);
  tds::Store(rows, &text);
  return text;
}
inline std::string LoginAckToken(std::uint32_t version = 0x74000004) {
  std::string body(1, '\x01');
  tds::Store(__builtin_bswap32(version), &body);
  body += ShortText(std::string("Microsoft SQL Server") + '\0' + '\0');
  body += std::string("\x10\x00\x10\x63", 4);
  return Token(0xAD, body);
}
// `encryption`: 0 login only, 1 on, 2 none, 3 required.
inline std::string PreloginPayload(int encryption, bool has_federated = false) {
  std::string options(
      "\x00\x00\x1a\x00\x06\x01\x00\x20\x00\x01\x02\x00\x21\x00\x01\x03\x00\x22\x00"
      "\x00\x04\x00\x22\x00\x01\xff",
      26);
  std::string values("\x10\x00\x10\x63\x00\x00", 6);
  values += static_cast<char>(encryption);
  values += std::string(2, '\0');
  if (has_federated) {
    // One option more moves all values by five bytes.
    for (std::size_t i = 0; i < 25; i += 5) options[i + 2] = static_cast<char>(options[i + 2] + 5);
    options.insert(25, std::string("\x06\x00\x28\x00\x01", 5));
    values += '\x01';
  }
  return options + values;
}
inline std::string LoginPayload(std::string_view database = "master") {
  return EnvChangeText(1, database, "master") +
         ErrorToken({.number = 5701, .state = 2, .severity = 0, .text = "Changed database."},
                    0xAB) +
         EnvChangeBytes(7, std::string("\x09\x04\xd0\x00\x34", 5)) + LoginAckToken() +
         EnvChangeText(4, "4096", "4096") + std::string("\xae\x0a\1\0\0\0\1\xff", 8) + DoneToken();
}
// One column "n" of type int with the values 1 to `count`, and the end.
inline std::string IntMetadata(std::string_view name = "n") {
  return std::string("\x81\1\0\0\0\0\0\x09\0\x26\x04", 11) + ShortText(name);
}
inline std::string IntRow(std::int32_t value) {
  std::string row("\xd1\x04");
  tds::Store(value, &row);
  return row;
}
inline std::string IntResult(int count) {
  std::string text = IntMetadata();
  for (int i = 1; i <= count; ++i) text += IntRow(i);
  return text + DoneToken(0x10, 0xC1, static_cast<std::uint64_t>(count));
}

}  // namespace tidemark::test
