#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "source/sqlserver/tds/parameter.h"

namespace tidemark::tds {

struct RequestHeaders {
  std::uint64_t transaction = 0;  // the descriptor that the server gave at BEGIN; 0: none
  std::string_view collation;     // five bytes, of the texts that go along
};

// The payload of a batch, and of a call of sp_executesql. `sql` in UTF-8.
std::string EncodeBatch(const RequestHeaders& headers, std::string_view sql);
std::string EncodeExecuteSql(const RequestHeaders& headers, std::string_view sql,
                             std::span<const Parameter> parameters);

}  // namespace tidemark::tds
