#include "library/opened.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "model/table_name.h"
#include "object/memory.h"
#include "sync/survey.h"

namespace tidemark {
namespace {

// The source's own spelling of a name: exactly, or else the one that differs only by case.
const TableName* FindTable(const std::vector<TableName>& names, const ChosenTable& chosen) {
  auto is_same = [&](const TableName& name) {
    return name.name == chosen.name && EqualsNoCase(name.schema, chosen.schema);
  };
  auto is_alike = [&](const TableName& name) {
    return EqualsNoCase(name.name, chosen.name) && EqualsNoCase(name.schema, chosen.schema);
  };
  auto found = std::ranges::find_if(names, is_same);
  if (found == names.end()) found = std::ranges::find_if(names, is_alike);
  return found == names.end() ? nullptr : &*found;
}

// Turns what the configuration names into names of the source.
void Resolve(const std::vector<TableName>& names, OpenedDatabase& database) {
  auto& setup = database.setup;
  auto& options = setup.options;
  options.chosen.emplace();
  for (const auto& schema : setup.whole_schemas)
    for (const auto& name : names)
      if (EqualsNoCase(name.schema, schema)) options.chosen->insert(Display(name));
  for (const auto& table : setup.tables) {
    const auto* found = FindTable(names, table);
    // A table that was landed and is gone is told by its name.
    TableName name =
        found ? *found
              : TableName{.database = setup.name, .schema = table.schema, .name = table.name};
    options.chosen->insert(Display(name));
    options.table_settings[Display(name)] = table.settings;
    if (!found) database.missing.push_back(std::move(name));
  }
  // Nothing beside them: also tables that are gone are told.
  if (setup.tables.empty() && !setup.whole_schemas.empty()) options.chosen.reset();
}

void OpenOne(OpenedDatabase& database) {
  auto& setup = database.setup;
  auto& options = setup.source_options;
  options.memory_bytes = setup.options.memory_bytes;
  options.readers = setup.options.workers > 0
                        ? setup.options.workers
                        : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  options.stop = setup.options.stop;
  auto source = OpenSource(setup.source, options);
  if (!source) {
    database.error = std::move(source.error());
    return;
  }
  database.source = std::move(*source);
}

// Globs of the command line choose among what is configured, in whichever database that is.
Status ApplyGlobs(std::vector<OpenedDatabase>& databases,
                  const std::vector<std::vector<TableName>>& names) {
  const auto& globs = databases.front().setup.options.include;
  for (const auto& glob : globs) {
    bool has_match = false;
    for (std::size_t i = 0; i < databases.size(); ++i) {
      const auto& chosen = databases[i].setup.options.chosen;
      auto matches = [&](const TableName& name) {
        return (!chosen || chosen->contains(Display(name))) && MatchesGlob(glob, name);
      };
      has_match |= std::ranges::any_of(names[i], matches) ||
                   std::ranges::any_of(databases[i].missing, matches);
    }
    if (!has_match)
      return Fail(ErrorKind::kInvalid,
                  "--table \"" + glob + "\" matches no table of the configuration",
                  "its tables are those that `tidemark plan` lists");
  }
  for (std::size_t i = 0; i < databases.size(); ++i) {
    auto& options = databases[i].setup.options;
    if (globs.empty() && options.exclude.empty()) continue;
    std::set<std::string> chosen;
    for (const auto& list : {names[i], databases[i].missing})
      for (const auto& name : list)
        if (IsChosen(options, name)) chosen.insert(Display(name));
    std::erase_if(databases[i].missing,
                  [&](const TableName& name) { return !chosen.contains(Display(name)); });
    options.chosen = std::move(chosen);
    options.include.clear();
  }
  return {};
}

Status ResolveAll(std::vector<OpenedDatabase>& databases) {
  std::vector<std::vector<TableName>> names(databases.size());
  for (std::size_t i = 0; i < databases.size(); ++i) {
    auto& database = databases[i];
    if (!database.source || !database.setup.is_chosen) continue;
    auto listed = database.source->ListTables();
    if (!listed) {
      database.error = std::move(listed.error());
      database.source.reset();
      continue;
    }
    names[i] = std::move(*listed);
    Resolve(names[i], database);
  }
  bool is_chosen = std::ranges::all_of(databases, [](const auto& d) { return d.setup.is_chosen; });
  return is_chosen ? ApplyGlobs(databases, names) : Status();
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenDestination(const Setup& setup, Access access) {
  auto options = setup.store_options;
  options.is_read_only = access != Access::kWrite;
  options.stop = setup.options.stop;
  auto store = OpenStore(setup.to, options);
  // What a first sync would find: nothing.
  if (!store && access == Access::kReadOrNothing && store.error().kind == ErrorKind::kNotFound)
    return std::make_unique<MemoryStore>();
  return store;
}

std::expected<Opened, OpenFailure> Open(Setup setup, Access access) {
  if (setup.databases.empty())
    return std::unexpected(
        OpenFailure{{ErrorKind::kInvalid, "no databases are chosen", "name one at the least"}, {}});
  Opened opened;
  for (const auto& one : setup.databases) {
    auto& database = opened.databases.emplace_back();
    database.setup = one;
    OpenOne(database);
  }
  if (auto resolved = ResolveAll(opened.databases); !resolved)
    return std::unexpected(OpenFailure{std::move(resolved.error()), {}});
  const auto& first = opened.databases.front();
  if (opened.databases.size() == 1 && first.error)
    return std::unexpected(OpenFailure{*first.error, first.setup.source});
  auto is_open = [](const OpenedDatabase& database) { return database.source != nullptr; };
  if (std::ranges::none_of(opened.databases, is_open)) return opened;
  auto store = OpenDestination(setup, access);
  if (!store) return std::unexpected(OpenFailure{std::move(store.error()), setup.to});
  opened.store = std::move(*store);
  return opened;
}

}  // namespace tidemark
