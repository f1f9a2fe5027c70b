#pragma once
#include <memory>
#include <string_view>

#include "base/result.h"

namespace tidemark {

// Reals as SQL that gives SQLite the same bits back. One thread at a time.
//
// SQLite does not read every decimal as the nearest real: up to three in a thousand literals of 17
// digits, and some of the shortest ones, come back as a neighbour. So a literal is used only where
// it is sure to be read right, and else one that the linked SQLite itself has read right; where
// there is none, whole numbers divided or multiplied by powers of two, which nothing can round.
class SqlReals {
 public:
  static constexpr std::size_t kBytesMax = 640;

  SqlReals();
  ~SqlReals();
  // `out` has room for kBytesMax. Infinities are 1e999, which every SQLite reads as such. NaN,
  // which SQLite cannot hold, is null. kInternal: SQLite could not be asked.
  Result<char*> Put(char* out, double value);

 private:
  class Parser;
  Result<char*> PutRare(char* out, double size);
  std::unique_ptr<Parser> parser_;  // made when first needed
};

// The expression that is left where no literal will do: a whole number, multiplied or divided by
// powers of two. `size`: finite and above zero.
char* PutExactReal(char* out, double size);

}  // namespace tidemark
