#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark::commit {

using Json = nlohmann::ordered_json;

// A JSON text; kCorrupt: it is none.
Result<Json> ParseJson(std::string_view text);

// One line without its end. Members that are not UTF-8 must have been made with TextJson.
std::string DumpJson(const Json& json, int indent = -1);

// A text as JSON, exact for any bytes: what is not UTF-8 becomes {"hex": "…"}.
Json TextJson(std::string_view text);

// A text for people and other programs: what is not UTF-8 is replaced.
Json LossyTextJson(std::string_view text);

// Reads the members of one object. The first that is missing or does not fit is what Done reports;
// the values read after it are not to be used.
class Fields {
 public:
  explicit Fields(const Json& json) : json_(&json) {}

  void Read(const char* name, std::string& value);
  void Read(const char* name, std::int64_t& value);
  void Read(const char* name, bool& value);
  void Read(const char* name, std::optional<std::int64_t>& value);  // null: none
  void Read(const char* name, std::vector<std::string>& value);
  // Calls `read` for every element of the array `name`.
  template <class F>
  void ReadEach(const char* name, F read) {
    const Json* array = Member(name);
    if (!array) return;
    if (!array->is_array()) return Misfit(name);
    for (const auto& element : *array)
      if (Status done = read(element); !done && error_.empty()) error_ = done.error().message;
  }
  // Calls `read` for the object `name`.
  template <class F>
  void ReadObject(const char* name, F read) {
    const Json* object = Member(name);
    if (!object) return;
    if (Status done = read(*object); !done && error_.empty()) error_ = done.error().message;
  }
  Status Done() const;  // kCorrupt names the member

 private:
  const Json* Member(const char* name);
  void Misfit(const char* name);

  const Json* json_;
  std::string error_;
};

}  // namespace tidemark::commit
