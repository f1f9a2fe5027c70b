#include "source/sqlserver/tds/request.h"

#include "source/sqlserver/tds/text.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

constexpr std::uint16_t kProcedureById = 0xFFFF, kExecuteSql = 10;

void AppendHeaders(const RequestHeaders& headers, std::string* to) {
  constexpr std::uint32_t kAllBytes = 22, kTransactionBytes = 18;
  constexpr std::uint16_t kTransactionHeader = 2;
  Store(kAllBytes, to);
  Store(kTransactionBytes, to);
  Store(kTransactionHeader, to);
  Store(headers.transaction, to);
  Store(std::uint32_t{1}, to);  // requests that are under way: this one
}

// A parameter without a name of type nvarchar; texts too long for that go as nvarchar(max).
void AppendText(const RequestHeaders& headers, std::string_view utf8, std::string* to) {
  constexpr std::size_t kShortBytes = 8000;
  const std::string utf16 = ToUtf16(utf8);
  const bool is_short = utf16.size() <= kShortBytes;
  Store(std::uint16_t{0}, to);  // no name, no flags
  Store(std::uint8_t{kTypeNVarChar}, to);
  Store(static_cast<std::uint16_t>(is_short ? kShortBytes : 0xFFFF), to);
  *to += headers.collation;
  if (is_short) {
    Store(static_cast<std::uint16_t>(utf16.size()), to);
    *to += utf16;
    return;
  }
  Store(static_cast<std::uint64_t>(utf16.size()), to);
  Store(static_cast<std::uint32_t>(utf16.size()), to);
  *to += utf16;
  Store(std::uint32_t{0}, to);
}

}  // namespace

std::string EncodeBatch(const RequestHeaders& headers, std::string_view sql) {
  std::string payload;
  AppendHeaders(headers, &payload);
  return payload += ToUtf16(sql);
}

std::string EncodeExecuteSql(const RequestHeaders& headers, std::string_view sql,
                             std::span<const Parameter> parameters) {
  std::string declarations;
  for (const Parameter& parameter : parameters) {
    if (!declarations.empty()) declarations += ", ";
    declarations += parameter.name + " " + parameter.declaration;
  }
  std::string payload;
  AppendHeaders(headers, &payload);
  Store(kProcedureById, &payload);
  Store(kExecuteSql, &payload);
  Store(std::uint16_t{0}, &payload);
  AppendText(headers, sql, &payload);
  AppendText(headers, declarations, &payload);
  for (const Parameter& parameter : parameters) {
    const std::string name = ToUtf16(parameter.name);
    Store(static_cast<std::uint8_t>(name.size() / 2), &payload);
    payload += name;
    Store(std::uint8_t{0}, &payload);
    payload += parameter.type_info;
    payload += parameter.value;
  }
  return payload;
}

}  // namespace tidemark::tds
