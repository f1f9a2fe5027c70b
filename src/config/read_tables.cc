#include "config/read_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/keys.h"
#include "config/section.h"

namespace tidemark::config {
namespace {

class TableReader {
 public:
  TableReader(bool minds_case, bool has_hash_key, const std::string& file)
      : minds_case_(minds_case), has_hash_key_(has_hash_key), file_(file) {}

  Status ReadDatabases(const Node& map) {
    for (const auto& member : map.members) {
      auto path = PathOf("databases", member.key);
      auto& database = databases_.emplace_back(Database{.name = member.key});
      for (const auto& other : databases_)
        if (&other != &database && IsSame(other.name, database.name))
          return Fail(Twice("database", other.name, database.name, member.place, path));
      Section section(&member.value);
      database.path = section.Text("path");
      database.uc_catalog = section.Text("uc_catalog");
      TRY(ReadSchemas(database, section, path));
      if (database.schemas.empty())
        return Fail(ErrorAt(file_, member.place, fmt::format("{}: no tables are chosen", path),
                            "for all of them: schemas: {main: {tables: \"*\"}}"));
    }
    return {};
  }

  Status ReadFlat(const Node& list) {
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const auto& item = list.items[i];
      Section section(&item);
      auto path = fmt::format("tables[{}]", i);
      auto text = section.Text("table");
      auto dot = text.find('.');
      auto schema_name = dot == text.npos ? "dbo" : text.substr(0, dot);
      auto name = dot == text.npos ? text : text.substr(dot + 1);
      if (schema_name.empty() || name.empty())
        return Fail(ErrorAt(file_, section.Find("table")->place,
                            fmt::format("{}.table: \"{}\" is not schema.table", path, text)));
      auto& schema = SchemaOf(DatabaseOf(section.Text("database")), schema_name);
      TRY(AddTable(schema, name, section, {.place = item.place, .path = path}));
    }
    return {};
  }

  std::vector<Database> Take() { return std::move(databases_); }

 private:
  struct Said {
    Place place;
    std::string path;
  };

  bool IsSame(std::string_view a, std::string_view b) const {
    return minds_case_ ? a == b : EqualsNoCase(a, b);
  }
  Error Twice(std::string_view what, const std::string& first, const std::string& second,
              Place place, const std::string& path) const {
    auto message = first == second ? fmt::format("{}: {} {} is chosen twice", path, what, second)
                                   : fmt::format("{}: {} {} is chosen already, as {}", path, what,
                                                 second, first);
    return ErrorAt(file_, place, message, "take one of them out");
  }

  Database& DatabaseOf(const std::string& name) {
    for (auto& database : databases_)
      if (IsSame(database.name, name)) return database;
    return databases_.emplace_back(Database{.name = name});
  }
  Schema& SchemaOf(Database& database, const std::string& name) {
    for (auto& schema : database.schemas)
      if (IsSame(schema.name, name)) return schema;
    return database.schemas.emplace_back(Schema{.name = name});
  }

  // `schemas`, or the older form: every name but the database's own keys is a schema.
  Status ReadSchemas(Database& database, const Section& section, const std::string& path) {
    bool is_legacy = !section.Find("schemas");
    auto schemas = is_legacy ? section : section.Inner("schemas");
    auto schemas_path = is_legacy ? path : PathOf(path, "schemas");
    for (const auto& member : schemas.members()) {
      if (is_legacy &&
          (member.key == "path" || member.key == "uc_catalog" || member.key == "schemas"))
        continue;
      auto schema_path = PathOf(schemas_path, member.key);
      for (const auto& other : database.schemas)
        if (IsSame(other.name, member.key))
          return Fail(Twice("schema", other.name, member.key, member.place, schema_path));
      auto& schema = database.schemas.emplace_back(Schema{.name = member.key});
      Section inner(&member.value);
      const auto* tables = is_legacy ? &member.value : inner.Find("tables");
      if (!is_legacy) schema.uc_schema = inner.Text("uc_schema");
      TRY(ReadTables(schema, *tables, is_legacy ? schema_path : PathOf(schema_path, "tables")));
    }
    return {};
  }

  // "*", a list of names, or a map of names.
  Status ReadTables(Schema& schema, const Node& tables, const std::string& path) {
    schema.has_all_tables = tables.kind == Node::Kind::kScalar;
    for (std::size_t i = 0; i < tables.items.size(); ++i) {
      const auto& item = tables.items[i];
      if (item.text == "*")
        schema.has_all_tables = true;
      else
        TRY(AddTable(schema, item.text, Section(nullptr),
                     {.place = item.place, .path = fmt::format("{}[{}]", path, i)}));
    }
    for (const auto& member : tables.members) {
      Said said{.place = member.place, .path = PathOf(path, member.key)};
      if (member.key == "*")
        return Fail(ErrorAt(file_, said.place,
                            fmt::format("{}: \"*\" takes no mode of its own", path),
                            "all tables: tables: \"*\"; their mode: the key mode of the file"));
      TRY(AddTable(schema, member.key, Section(&member.value), said));
    }
    return {};
  }

  Status AddTable(Schema& schema, const std::string& name, const Section& section,
                  const Said& said) {
    for (const auto& other : schema.tables)
      if (IsSame(other.name, name))
        return Fail(Twice("table", other.name, name, said.place, said.path));
    Table table{.name = name, .options = {}, .where_said = said.path};
    auto& options = table.options;
    options.mode = section.is_scalar() ? section.text() : section.Text("mode");
    options.scd_type = static_cast<int>(section.Integer("scd_type").value_or(0));
    options.soft_delete = section.Boolean("soft_delete");
    options.columns = section.Texts("columns");
    options.exclude = section.Texts("exclude");
    options.hash = section.Texts("hash");
    options.where = section.Text("where");
    options.on_rename = section.Text("on_rename");
    if (!options.hash.empty() && !has_hash_key_)
      return Fail(ErrorAt(
          file_, section.Find("hash")->place,
          fmt::format("{}.hash: columns are to be hashed, but there is no hash_key", said.path),
          "hash_key: ${NAME}, or the environment variable TIDEMARK_HASH_KEY"));
    schema.tables.push_back(std::move(table));
    return {};
  }

  const bool minds_case_, has_hash_key_;
  const std::string& file_;
  std::vector<Database> databases_;
};

}  // namespace

Result<std::vector<Database>> ReadTables(const Node& root, const std::string& type,
                                         bool has_hash_key, const std::string& file) {
  TableReader reader(type == "postgresql", has_hash_key, file);
  Section section(&root);
  if (const auto* databases = section.Find("databases")) TRY(reader.ReadDatabases(*databases));
  if (const auto* tables = section.Find("tables")) TRY(reader.ReadFlat(*tables));
  return reader.Take();
}

}  // namespace tidemark::config
