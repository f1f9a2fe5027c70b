#include <fmt/format.h>
#include <iconv.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "source/sqlserver/tds/collation.h"
#include "source/sqlserver/tds/single_byte_pages.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

struct CloseConversion {
  void operator()(void* conversion) const { iconv_close(conversion); }
};
using Conversion = std::unique_ptr<void, CloseConversion>;

// The one UTF-16 unit of these bytes; 0: they are none, or more than one.
std::uint16_t OneUnit(iconv_t conversion, const char* bytes, std::size_t size) {
  char room[8];
  auto* from = const_cast<char*>(bytes);  // iconv's own signature
  char* to = room;
  std::size_t left = size, space = sizeof(room);
  iconv(conversion, nullptr, nullptr, nullptr, nullptr);
  if (iconv(conversion, &from, &left, &to, &space) == static_cast<std::size_t>(-1)) return 0;
  if (left != 0 || space != sizeof(room) - 2) return 0;
  return Load<std::uint16_t>(room);
}

}  // namespace

Result<const CharacterSet*> CharacterSet::Find(int code_page) {
  static std::mutex lock;
  static std::map<int, std::unique_ptr<const CharacterSet>> made;
  const std::lock_guard guard(lock);
  auto& place = made[code_page];
  if (place) return place.get();
  for (const auto& page : kSinglePages)
    if (page.number == code_page) place.reset(new CharacterSet(OfSingleBytes(page.high)));
  if (!place) place.reset(new CharacterSet(TRY(OfDoubleBytes(code_page))));
  return place.get();
}

CharacterSet CharacterSet::OfSingleBytes(const std::uint16_t (&high)[128]) {
  CharacterSet set;
  std::memcpy(set.single_.data(), high, sizeof(high));
  return set;
}

// Asked once for every pair, so that no value goes through iconv and all of them the same way.
Result<CharacterSet> CharacterSet::OfDoubleBytes(int code_page) {
  const auto name = fmt::format("CP{}", code_page);
  auto* opened = iconv_open("UTF-16LE", name.c_str());
  // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv's own value
  if (opened == reinterpret_cast<iconv_t>(std::intptr_t{-1}))
    return Fail(ErrorKind::kUnsupported,
                fmt::format("this machine cannot convert code page {}", code_page),
                "install the system's iconv modules, or select the column as nvarchar");
  const Conversion conversion(opened);
  CharacterSet set;
  set.pairs_.resize(128 * 256);
  for (std::size_t lead = 0; lead < 128; ++lead) {
    char bytes[2] = {static_cast<char>(0x80 + lead), 0};
    auto& single = set.single_[lead];
    single = OneUnit(conversion.get(), bytes, 1);
    if (single != kNone) continue;
    for (std::size_t trail = 0x30; trail < 256; ++trail) {
      bytes[1] = static_cast<char>(trail);
      auto unit = OneUnit(conversion.get(), bytes, 2);
      set.pairs_[lead * 256 + trail] = unit;
      if (unit != kNone) single = kLead;
    }
  }
  return set;
}

Converted CharacterSet::Convert(std::string_view from, char* to, bool is_last,
                                TextFaults* faults) const {
  const char* p = from.data();
  const char* end = p + from.size();
  char* out = to;
  while (true) {
    TakeAscii8(&p, end, &out);
    if (end - p >= 8 && (Load<std::uint64_t>(p) & 0x8080808080808080ULL) == 0) {
      std::memcpy(out, p, 8);
      p += 8;
      out += 8;
    }
    if (p == end) break;
    const auto byte = static_cast<std::uint8_t>(*p);
    if (byte < 0x80) {
      *out++ = *p++;
      continue;
    }
    std::uint16_t unit = single_[byte - 0x80];
    if (unit == kLead) {
      if (end - p < 2 && !is_last) break;
      unit = end - p < 2 ? kNone : pairs_[(byte - 0x80U) * 256 + static_cast<std::uint8_t>(p[1])];
      if (unit != kNone) ++p;
    }
    if (unit == kNone) {
      unit = 0xFFFD;
      ++faults->undecodable_bytes;
    }
    ++p;
    out = PutUtf8(unit, out);
  }
  return {static_cast<std::size_t>(p - from.data()), static_cast<std::size_t>(out - to)};
}

}  // namespace tidemark::tds
