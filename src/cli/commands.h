#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::cli {

// One option of the command line. Parsing, help, completion and error messages all read this table.
struct Option {
  std::string_view name;                       // "--table"
  std::string_view short_name;                 // "-q", or empty
  std::string_view value;                      // "GLOB"; empty: a switch
  std::string_view text;                       // what it does
  std::vector<std::string_view> choices = {};  // what the value may be; empty: anything
  bool is_repeatable = false;
  bool is_path = false;
};

struct Command {
  std::string_view name;
  std::string_view operands;  // "SOURCE --to DEST"
  std::string_view text;      // one sentence, for the list of commands
  std::string_view details;   // paragraphs for its own help; may be empty
  std::vector<const Option*> options;
  std::vector<std::string_view> first_words;  // what the first operand may be; empty: a path
  std::vector<std::string_view> examples;
};

std::span<const Command> Commands();
const Command* FindCommand(std::string_view name);  // null: there is none

// Options that every command takes.
std::span<const Option* const> OptionsEverywhere();

// What --help prints.
std::string HelpText();
std::string HelpText(const Command& command);

// The script that completes tidemark's command line in a shell; empty: an unknown shell.
std::string CompletionScript(std::string_view shell);

}  // namespace tidemark::cli
