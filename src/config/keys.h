#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "config/document.h"
#include "config/environment.h"

namespace tidemark::config {

struct Key;

// What a value may be. Reading, messages and the JSON Schema all come from these.
struct Shape {
  enum class Kind {
    kText,
    kWord,     // one of `words`
    kInteger,  // from `min` to `max`
    kBoolean,
    kSize,     // "128MiB"
    kTime,     // "30d"
    kList,     // of `item`
    kMap,      // names of the user's choice, each with an `item`
    kSection,  // `keys`, and where there is an `item` other names too, each a list or a map
    kEither,   // of `choices`, of which one is a scalar, one a list, one a map at most
  };
  Kind kind = Kind::kText;
  std::string_view noun = "a text";
  std::span<const std::string_view> words = {};
  std::int64_t min = 0, max = std::numeric_limits<std::int64_t>::max();
  const Shape* item = nullptr;
  std::span<const Key> keys = {};
  std::span<const Shape* const> choices = {};
  bool may_be_empty = true;  // a list, map or section
};

struct Key {
  std::string_view name;
  const Shape* shape;
  std::string_view text;  // one sentence, for the schema
  bool is_required = false;
  bool is_secret = false;
  std::array<std::string_view, 2> environment = {};  // variables that stand in for it
};

// The whole file.
const Shape& FileShape();

// Whether a key of the file is for `serve` and `worker` alone.
bool IsForServing(std::string_view key);

// Puts the values of variables into `root`, adds keys that only the environment gives, and holds
// every value against its shape. kInvalid names file, line, column, key, what is found and what is
// allowed; never a secret. A variable that is not set may stand in parts that are for serving
// alone: they become null then.
Status Check(Node& root, const Environment& environment, const std::string& file);

// "connection.password", "databases.shop", "tables[2].mode"; the name is quoted where it needs it.
std::string PathOf(std::string_view parent, std::string_view key);

// JSON Schema (draft 2020-12) of the file.
std::string JsonSchema();

}  // namespace tidemark::config
