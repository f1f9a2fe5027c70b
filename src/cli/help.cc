#include <fmt/format.h>

#include "cli/commands.h"

namespace tidemark::cli {
namespace {

constexpr const char* kExitCodes =
    "exit codes:\n"
    "  0  all done\n"
    "  1  some tables failed, or verify found a difference\n"
    "  2  wrong usage\n"
    "  3  the source or the destination cannot be used\n"
    "  4  another run holds the lock\n"
    "  130, 143  interrupted by SIGINT, SIGTERM\n";

std::string Spelled(const Option& option) {
  auto text = option.short_name.empty() ? fmt::format("    {}", option.name)
                                        : fmt::format("{}, {}", option.short_name, option.name);
  if (!option.value.empty()) text += fmt::format(" {}", option.value);
  return text;
}

std::string Listed(std::span<const Option* const> options) {
  std::string text;
  for (const auto* option : options)
    text += fmt::format("  {:<27} {}\n", Spelled(*option), option->text);
  return text;
}

}  // namespace

std::string HelpText() {
  std::string text =
      "tidemark lands SQL databases as Parquet files: whole, or only what changed, exactly "
      "once.\n\n"
      "usage: tidemark COMMAND ...\n\ncommands:\n";
  for (const auto& command : Commands())
    text += fmt::format("  {:<12} {}\n", command.name, command.text);
  text += "\neverywhere:\n" + Listed(OptionsEverywhere());
  text +=
      "\nexamples:\n"
      "  tidemark sync shop.db --to landing      all tables, as Parquet files under landing/data\n"
      "  tidemark track enable shop.db           from now on a sync costs what changed\n"
      "  tidemark verify shop.db --to landing    compare, row by row\n\n";
  return text + kExitCodes + "\ntidemark help COMMAND tells more.\n";
}

std::string HelpText(const Command& command) {
  auto text = fmt::format("usage: tidemark {}{}{}{}\n\n{}\n", command.name,
                          command.operands.empty() ? "" : " ", command.operands,
                          command.options.empty() ? "" : " [option...]", command.text);
  if (!command.details.empty()) text += fmt::format("\n{}\n", command.details);
  if (!command.options.empty()) text += "\noptions:\n" + Listed(command.options);
  text += "\neverywhere:\n" + Listed(OptionsEverywhere());
  text += "\nexamples:\n";
  for (auto example : command.examples) text += fmt::format("  {}\n", example);
  return text;
}

}  // namespace tidemark::cli
