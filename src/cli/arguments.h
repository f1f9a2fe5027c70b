#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"

namespace tidemark::cli {

// A command line that was understood: a command, its operands, and the options that were given.
class Arguments {
 public:
  // kInvalid: the sentence names what is wrong, the hint what is allowed. `--help` gives the
  // command "help" with the command it was asked of as operand.
  static Result<Arguments> Parse(const std::vector<std::string>& words);

  const Command& command() const { return *command_; }
  const std::vector<std::string>& operands() const { return operands_; }

  bool Has(std::string_view option) const { return values_.contains(option); }
  std::optional<std::string> Text(std::string_view option) const;
  std::vector<std::string> Texts(std::string_view option) const;  // of a repeatable one
  // Nothing: not given. kInvalid: not a whole number of at least `min`.
  Result<std::optional<std::int64_t>> Integer(std::string_view option, std::int64_t min) const;
  Result<std::optional<std::int64_t>> Bytes(std::string_view option, std::int64_t min) const;
  Result<std::optional<std::int64_t>> Milliseconds(std::string_view option) const;

  // kInvalid unless there are at least `min` and at most `max` operands; `names` for the sentence.
  Status ExpectOperands(std::size_t min, std::size_t max) const;

 private:
  const Command* command_ = nullptr;
  std::vector<std::string> operands_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace tidemark::cli
