// Apart from connection.cc, which small results do without: here Arrow comes in.
#include "source/sqlserver/tds/connection.h"
#include "source/sqlserver/tds/decode.h"

namespace tidemark::tds {

Result<bool> Connection::ReadRows(RowDecoder& decoder) {
  while (TRY(FindRow()) != RowNext::kNone) {
    auto is_full = decoder.Decode(link_->reply());
    if (!is_full) return Broken(std::move(is_full).error());
    if (*is_full) return true;
  }
  return false;
}

}  // namespace tidemark::tds
