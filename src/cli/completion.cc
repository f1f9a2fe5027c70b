#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/commands.h"

namespace tidemark::cli {
namespace {

std::vector<const Option*> AllOptions(const Command& command) {
  std::vector<const Option*> options = command.options;
  options.insert(options.end(), OptionsEverywhere().begin(), OptionsEverywhere().end());
  return options;
}

std::string CommandNames(std::string_view between) {
  std::vector<std::string_view> names;
  for (const auto& command : Commands()) names.push_back(command.name);
  return fmt::format("{}", fmt::join(names, between));
}

// Options whose value is one of a few words, each once, whatever command they stand in.
std::vector<const Option*> OptionsWithChoices() {
  std::vector<const Option*> options;
  for (const auto& command : Commands())
    for (const auto* option : AllOptions(command))
      if (!option->choices.empty() && std::ranges::find(options, option) == options.end())
        options.push_back(option);
  return options;
}

std::string Bash() {
  std::string text =
      "_tidemark() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= i "
      "words=\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    [[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]}; break; }\n"
      "  done\n"
      "  case $before in\n";
  for (const auto* option : OptionsWithChoices())
    text += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n",
                        option->name, fmt::join(option->choices, " "));
  text += "  esac\n  case $command in\n";
  text += fmt::format("    '') words='{}' ;;\n", CommandNames(" "));
  for (const auto& command : Commands()) {
    std::vector<std::string_view> words = command.first_words;
    for (const auto* option : AllOptions(command)) words.push_back(option->name);
    text += fmt::format("    {}) words='{}' ;;\n", command.name, fmt::join(words, " "));
  }
  text +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "}\n"
      "complete -o default -F _tidemark tidemark\n";
  return text;
}

// A text between single quotes of a shell.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

std::string ZshOption(const Option& option) {
  std::string text;  // what stands between brackets may hold none, and no colon
  for (char c : option.text) text += c == '[' || c == ']' || c == ':' ? ' ' : c;
  auto spec = fmt::format("{}{}[{}]", option.is_repeatable ? "*" : "", option.name, text);
  if (!option.value.empty()) {
    spec += fmt::format(":{}:", option.value);
    if (!option.choices.empty()) spec += fmt::format("({})", fmt::join(option.choices, " "));
    if (option.is_path) spec += "_files";
  }
  return Quoted(spec);
}

std::string Zsh() {
  std::string text =
      "#compdef tidemark\n"
      "_tidemark() {\n"
      "  local -a commands=(\n";
  for (const auto& command : Commands()) {
    std::string colonless;
    for (char c : command.text) colonless += c == ':' ? ',' : c;
    text += fmt::format("    {}\n", Quoted(fmt::format("{}:{}", command.name, colonless)));
  }
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
      "  local command=$words[2]\n"
      "  shift words; (( CURRENT-- ))\n"
      "  case $command in\n";
  for (const auto& command : Commands()) {
    text += fmt::format("    {}) _arguments", command.name);
    for (const auto* option : AllOptions(command)) text += " \\\n      " + ZshOption(*option);
    if (!command.first_words.empty())
      text +=
          " \\\n      " + Quoted(fmt::format("1:word:({})", fmt::join(command.first_words, " ")));
    text += " \\\n      '*:file:_files' ;;\n";
  }
  return text + "  esac\n}\n" + "if [[ $funcstack[1] == _tidemark ]]; then _tidemark \"$@\"; " +
         "else compdef _tidemark tidemark; fi\n";
}

std::string Fish() {
  auto text = fmt::format("set -l commands {}\n", CommandNames(" "));
  for (const auto& command : Commands()) {
    text += fmt::format(
        "complete -c tidemark -f -n \"not __fish_seen_subcommand_from $commands\" -a {} -d {}\n",
        command.name, Quoted(command.text));
    auto when = fmt::format("-n \"__fish_seen_subcommand_from {}\"", command.name);
    if (!command.first_words.empty())
      text += fmt::format("complete -c tidemark {} -a '{}'\n", when,
                          fmt::join(command.first_words, " "));
    for (const auto* option : AllOptions(command)) {
      text += fmt::format("complete -c tidemark {} -l {}", when, option->name.substr(2));
      if (!option->short_name.empty()) text += fmt::format(" -s {}", option->short_name.substr(1));
      if (!option->choices.empty())
        text += fmt::format(" -x -a '{}'", fmt::join(option->choices, " "));
      else if (!option->value.empty())
        text += option->is_path ? " -r -F" : " -x";
      text += fmt::format(" -d {}\n", Quoted(option->text));
    }
  }
  return text;
}

}  // namespace

std::string CompletionScript(std::string_view shell) {
  if (shell == "bash") return Bash();
  if (shell == "zsh") return Zsh();
  if (shell == "fish") return Fish();
  return {};
}

}  // namespace tidemark::cli
