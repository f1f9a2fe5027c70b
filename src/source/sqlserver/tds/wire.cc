#include "source/sqlserver/tds/wire.h"

#include <algorithm>

#include "source/sqlserver/tds/text.h"

namespace tidemark::tds {

Result<std::string> Fields::ReadBytes(std::size_t bytes) {
  std::string read;
  while (read.size() < bytes) {
    TRY(input_->Need(1));
    auto piece = std::min(bytes - read.size(), input_->size());
    read.append(AsText(input_->begin(), piece));
    Take(piece);
  }
  return read;
}

Result<std::string> Fields::ReadText(std::size_t units) {
  auto bytes = TRY(ReadBytes(units * 2));
  return FromUtf16(bytes);
}

}  // namespace tidemark::tds
