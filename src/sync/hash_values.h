#pragma once
#include <memory>

#include "base/hash.h"
#include "model/table.h"

namespace arrow {
class Array;
}

namespace tidemark {

// Values as keyed hashes, in 64 lower-case hex digits: the HMAC-SHA-256 of a letter and the value's
// bytes. NULL stays NULL. The same value has the same hash in every column and table:
//
//   i  an integer, in decimal; so is a real that is one (2.0 is 2) and a boolean (1, 0)
//   r  any other real, as its 8 bytes of IEEE 754, the highest first
//   t  a text, in UTF-8
//   b  bytes
//
// One thread at a time.
class ValueHash {
 public:
  explicit ValueHash(std::string_view key) : hmac_(key) {}

  // `classes`: null, or the storage classes of the values, which are their texts then (see Column).
  // kUnsupported: a type that has no such form.
  Result<std::shared_ptr<arrow::Array>> Of(const arrow::Array& values, const arrow::Array* classes);

 private:
  HmacSha256 hmac_;
};

}  // namespace tidemark
