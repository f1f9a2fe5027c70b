#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark::config {

// Variables: those of the process, then those of a .env file. Read-only once made.
class Environment {
 public:
  // The process's variables alone.
  Environment();
  // `process`: what the process has; nothing: unset. For tests.
  using Lookup = std::function<std::optional<std::string>(const std::string&)>;
  explicit Environment(Lookup process) : process_(std::move(process)) {}

  // Lines NAME=VALUE; `export` before them, blanks, comments, quotes and CRLF are understood;
  // within double quotes \n, \t, \" and \\ are. Values are taken as they are: ${…} in them means
  // nothing. kInvalid names file and line, never a value.
  Status AddDotEnv(std::string_view text, const std::string& name);

  // A variable that is set to nothing is set.
  std::optional<std::string> Get(const std::string& name) const;

 private:
  Lookup process_;
  std::map<std::string, std::string> dot_env_;
};

}  // namespace tidemark::config
