#include "source/sqlserver/tds/collation.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tidemark::tds {
namespace {

// Languages by the code page of their collations, the lower 16 bits: the four above tell sort
// orders of one language apart.
constexpr std::uint16_t k874[] = {0x041E};
constexpr std::uint16_t k932[] = {0x0411};
constexpr std::uint16_t k936[] = {0x0804, 0x1004};
constexpr std::uint16_t k949[] = {0x0412};
constexpr std::uint16_t k950[] = {0x0404, 0x0C04, 0x1404};
constexpr std::uint16_t k1250[] = {0x0405, 0x040E, 0x0415, 0x0418, 0x041A, 0x041B, 0x041C,
                                   0x0424, 0x0442, 0x081A, 0x101A, 0x141A, 0x181A};
constexpr std::uint16_t k1251[] = {0x0402, 0x0419, 0x0422, 0x0423, 0x0428, 0x042F,
                                   0x043F, 0x0440, 0x0444, 0x0450, 0x046D, 0x0485,
                                   0x082C, 0x0843, 0x0850, 0x0C1A, 0x1C1A, 0x201A};
constexpr std::uint16_t k1252[] = {
    0x0403, 0x0406, 0x0407, 0x0409, 0x040A, 0x040B, 0x040C, 0x040F, 0x0410, 0x0413, 0x0414, 0x0416,
    0x0417, 0x041D, 0x0421, 0x042B, 0x042D, 0x042E, 0x0432, 0x0434, 0x0435, 0x0436, 0x0437, 0x0438,
    0x043B, 0x043E, 0x0441, 0x0452, 0x0456, 0x045D, 0x045E, 0x0462, 0x0464, 0x0468, 0x046A, 0x046B,
    0x046C, 0x046E, 0x046F, 0x0470, 0x0478, 0x047A, 0x047C, 0x047E, 0x0482, 0x0483, 0x0484, 0x0486,
    0x0487, 0x0488, 0x0807, 0x0809, 0x080A, 0x080C, 0x0810, 0x0813, 0x0814, 0x0816, 0x081D, 0x082E,
    0x083B, 0x083C, 0x083E, 0x085D, 0x085F, 0x086B, 0x0C07, 0x0C09, 0x0C0A, 0x0C0C, 0x0C3B, 0x0C6B,
    0x1007, 0x1009, 0x100A, 0x100C, 0x103B, 0x1407, 0x1409, 0x140A, 0x140C, 0x143B, 0x1809, 0x180A,
    0x180C, 0x183B, 0x1C09, 0x1C0A, 0x1C3B, 0x2009, 0x200A, 0x203B, 0x2409, 0x240A, 0x243B, 0x2809,
    0x280A, 0x2C09, 0x2C0A, 0x3009, 0x300A, 0x3409, 0x340A, 0x380A, 0x3C0A, 0x4009, 0x400A, 0x4409,
    0x440A, 0x4809, 0x480A, 0x4C0A, 0x500A, 0x540A};
constexpr std::uint16_t k1253[] = {0x0408};
constexpr std::uint16_t k1254[] = {0x041F, 0x042C, 0x0443};
constexpr std::uint16_t k1255[] = {0x040D};
constexpr std::uint16_t k1256[] = {0x0401, 0x0420, 0x0429, 0x0480, 0x048C, 0x0801, 0x0C01,
                                   0x1001, 0x1401, 0x1801, 0x1C01, 0x2001, 0x2401, 0x2801,
                                   0x2C01, 0x3001, 0x3401, 0x3801, 0x3C01, 0x4001};
constexpr std::uint16_t k1257[] = {0x0425, 0x0426, 0x0427, 0x0827};
constexpr std::uint16_t k1258[] = {0x042A};

struct Languages {
  int code_page;
  const std::uint16_t* first;
  std::size_t count;
};
constexpr Languages kLanguages[] = {
    {874, k874, std::size(k874)},    {932, k932, std::size(k932)},
    {936, k936, std::size(k936)},    {949, k949, std::size(k949)},
    {950, k950, std::size(k950)},    {1250, k1250, std::size(k1250)},
    {1251, k1251, std::size(k1251)}, {1252, k1252, std::size(k1252)},
    {1253, k1253, std::size(k1253)}, {1254, k1254, std::size(k1254)},
    {1255, k1255, std::size(k1255)}, {1256, k1256, std::size(k1256)},
    {1257, k1257, std::size(k1257)}, {1258, k1258, std::size(k1258)},
};

// The sort orders of SQL Server's own collations, from first to last.
struct SortOrders {
  std::uint8_t first, last;
  int code_page;
};
constexpr SortOrders kSortOrders[] = {
    {30, 35, 437},    {40, 45, 850},    {49, 49, 850},    {50, 54, 1252},   {55, 61, 850},
    {71, 75, 1252},   {80, 98, 1250},   {104, 108, 1251}, {112, 114, 1253}, {120, 122, 1253},
    {124, 124, 1253}, {128, 130, 1254}, {136, 138, 1255}, {144, 146, 1256}, {152, 160, 1257},
    {183, 186, 1252}, {192, 193, 932},  {194, 195, 949},  {196, 197, 950},  {198, 199, 936},
    {200, 200, 932},  {201, 201, 949},  {202, 202, 950},  {203, 203, 936},  {204, 206, 874},
    {210, 217, 1252},
};

}  // namespace

Result<int> Collation::CodePage() const {
  if (is_utf8()) return kUtf8CodePage;
  if (sort_order() != 0) {
    for (const auto& orders : kSortOrders)
      if (sort_order() >= orders.first && sort_order() <= orders.last) return orders.code_page;
  } else {
    const auto low = static_cast<std::uint16_t>(language());
    for (const auto& languages : kLanguages)
      if (std::binary_search(languages.first, languages.first + languages.count, low))
        return languages.code_page;
  }
  return Fail(ErrorKind::kUnsupported,
              fmt::format("the code page of collation {:02x}{:02x}{:02x}{:02x}{:02x} is not known",
                          bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]),
              "select the column as nvarchar");
}

}  // namespace tidemark::tds
