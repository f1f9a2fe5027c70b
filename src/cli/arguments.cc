#include "cli/arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/units.h"

namespace tidemark::cli {
namespace {

std::string NamesOf(std::span<const Command> commands) {
  std::vector<std::string_view> names;
  for (const auto& command : commands) names.push_back(command.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string NamesOf(const Command& command) {
  std::vector<std::string_view> names;
  for (const auto* option : command.options) names.push_back(option->name);
  for (const auto* option : OptionsEverywhere()) names.push_back(option->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

struct Parsed {
  std::map<std::string, std::vector<std::string>, std::less<>> values;
  std::map<std::string, bool, std::less<>> switches;
  std::vector<std::string> operands, unknown;
};

// CLI11 splits the words; what is allowed and how it is said stays ours, so that every message
// names the thing and lists what would do.
Result<Parsed> Split(const Command& command, std::vector<std::string> words) {
  Parsed parsed;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  auto add = [&](const Option& option) {
    auto spelled = std::string(option.name);
    if (!option.short_name.empty()) spelled += "," + std::string(option.short_name);
    if (option.value.empty())
      app.add_flag(spelled, parsed.switches[std::string(option.name)]);
    else
      app.add_option(spelled, parsed.values[std::string(option.name)])->allow_extra_args(false);
  };
  for (const auto* option : command.options) add(*option);
  for (const auto* option : OptionsEverywhere()) add(*option);
  app.add_option("operands", parsed.operands);
  try {
    std::ranges::reverse(words);  // as CLI11 wants them
    app.parse(std::move(words));
  } catch (const CLI::ArgumentMismatch& e) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: an option lacks its value ({})", command.name, e.what()),
                fmt::format("tidemark help {}", command.name));
  } catch (const CLI::Error& e) {
    return Fail(ErrorKind::kInvalid, fmt::format("{}: {}", command.name, e.what()),
                fmt::format("tidemark help {}", command.name));
  }
  parsed.unknown = app.remaining();
  std::erase(parsed.unknown, "--");  // it ends the options, and is kept as if it were none
  return parsed;
}

Status CheckValues(const Option& option, const std::vector<std::string>& values) {
  if (values.size() > 1 && !option.is_repeatable)
    return Fail(ErrorKind::kInvalid,
                fmt::format("{} is given {} times", option.name, values.size()), "give it once");
  for (const auto& value : values) {
    if (value.empty())
      return Fail(ErrorKind::kInvalid, fmt::format("{} is empty", option.name),
                  fmt::format("{} {}: {}", option.name, option.value, option.text));
    if (!option.choices.empty() && std::ranges::find(option.choices, value) == option.choices.end())
      return Fail(ErrorKind::kInvalid, fmt::format("{} \"{}\" is not known", option.name, value),
                  fmt::format("allowed: {}", fmt::join(option.choices, ", ")));
  }
  return {};
}

}  // namespace

Result<Arguments> Arguments::Parse(const std::vector<std::string>& words) {
  // Options that hold everywhere may stand before the command.
  auto is_option = [](const std::string& word) { return word.size() > 1 && word[0] == '-'; };
  auto name = std::ranges::find_if_not(words, is_option);
  // Two options of those take a value as a word of its own.
  while (name != words.begin() && name != words.end() &&
         (*std::prev(name) == "--log-format" || *std::prev(name) == "--progress"))
    name = std::find_if_not(std::next(name), words.end(), is_option);
  Arguments arguments;
  auto rest = words;
  if (name == words.end()) {
    arguments.command_ = FindCommand("help");
    for (const auto& word : words)
      if (word == "--version") arguments.command_ = FindCommand("version");
    std::erase(rest, "--version");
    if (words.empty())
      return Fail(ErrorKind::kInvalid, "no command is given",
                  fmt::format("commands: {}; tidemark help tells more", NamesOf(Commands())));
  } else {
    arguments.command_ = FindCommand(*name);
    if (!arguments.command_)
      return Fail(ErrorKind::kInvalid, fmt::format("there is no command \"{}\"", *name),
                  fmt::format("commands: {}; tidemark help tells more", NamesOf(Commands())));
    rest.erase(rest.begin() + (name - words.begin()));
  }
  const auto& command = *arguments.command_;
  auto parsed = TRY(Split(command, std::move(rest)));
  if (parsed.switches["--help"]) {
    arguments.operands_.clear();
    if (command.name != "help" || name != words.end())
      arguments.operands_ = {std::string(command.name)};
    arguments.command_ = FindCommand("help");
    return arguments;
  }
  if (!parsed.unknown.empty())
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: there is no option \"{}\"", command.name, parsed.unknown.front()),
                fmt::format("options: {}", NamesOf(command)));
  arguments.operands_ = std::move(parsed.operands);
  auto keep = [&](const Option& option) -> Status {
    auto given = std::string(option.name);
    if (option.value.empty()) {
      if (parsed.switches[given]) arguments.values_[given] = {};
    } else if (!parsed.values[given].empty()) {
      auto checked = CheckValues(option, parsed.values[given]);
      if (!checked) return checked;
      arguments.values_[given] = std::move(parsed.values[given]);
    }
    return {};
  };
  for (const auto* option : command.options) TRY(keep(*option));
  for (const auto* option : OptionsEverywhere()) TRY(keep(*option));
  return arguments;
}

std::optional<std::string> Arguments::Text(std::string_view option) const {
  auto found = values_.find(option);
  if (found == values_.end() || found->second.empty()) return std::nullopt;
  return found->second.front();
}

std::vector<std::string> Arguments::Texts(std::string_view option) const {
  auto found = values_.find(option);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<std::optional<std::int64_t>> Arguments::Integer(std::string_view option,
                                                       std::int64_t min) const {
  auto text = Text(option);
  if (!text) return std::nullopt;
  auto number = LeadingInteger(*text);
  if (!number || !number->second.empty() || number->first < min)
    return Fail(ErrorKind::kInvalid,
                fmt::format("{} \"{}\" is not a number this takes", option, *text),
                fmt::format("a whole number of at least {}", min));
  return number->first;
}

Result<std::optional<std::int64_t>> Arguments::Bytes(std::string_view option,
                                                     std::int64_t min) const {
  auto text = Text(option);
  if (!text) return std::nullopt;
  auto bytes = ParseBytes(*text);
  if (!bytes)
    return Fail(ErrorKind::kInvalid, fmt::format("{} \"{}\" is not a size", option, *text),
                "a number and a unit: 128MiB, 1GiB");
  if (*bytes < min)
    return Fail(ErrorKind::kInvalid, fmt::format("{} \"{}\" is too small", option, *text),
                fmt::format("at least {}MiB", min >> 20));
  return *bytes;
}

Result<std::optional<std::int64_t>> Arguments::Milliseconds(std::string_view option) const {
  auto text = Text(option);
  if (!text) return std::nullopt;
  auto time = ParseMilliseconds(*text);
  if (!time)
    return Fail(ErrorKind::kInvalid, fmt::format("{} \"{}\" is not a time", option, *text),
                "a number and a unit: 500ms, 10s, 2m");
  return *time;
}

Status Arguments::ExpectOperands(std::size_t min, std::size_t max) const {
  if (operands_.size() >= min && operands_.size() <= max) return {};
  auto hint = fmt::format("usage: tidemark {} {}", command_->name, command_->operands);
  if (operands_.size() > max)
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: \"{}\" is one operand too many", command_->name, operands_[max]),
                hint);
  return Fail(ErrorKind::kInvalid, fmt::format("{}: an operand is missing", command_->name), hint);
}

}  // namespace tidemark::cli
