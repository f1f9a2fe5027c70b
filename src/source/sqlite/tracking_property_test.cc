// Random schemas, random statements: the changes since the last position, applied to a model, give
// the table every time. TIDEMARK_SOAK_ROUNDS and TIDEMARK_SEED choose how many and which.
#include <arrow/type.h>

#include <algorithm>
#include <iostream>

#include "source/sqlite/tracking_testing.h"

namespace tidemark::sqlite {
namespace {

using testing::Do;
using testing::Value;

struct KeyKind {
  const char* declaration;  // behind the name, not STRICT
  const char* strict_type;
  std::shared_ptr<arrow::DataType> type;
};

const std::vector<KeyKind>& KeyKinds() {
  static const std::vector<KeyKind> kinds = {
      {"INTEGER", "INTEGER", arrow::int64()},
      {"INT NOT NULL DEFAULT 2", "INTEGER NOT NULL DEFAULT 2", arrow::int64()},
      {"TEXT", "TEXT", arrow::utf8()},
      {"TEXT COLLATE NOCASE", "TEXT COLLATE NOCASE", arrow::utf8()},
      {"REAL", "REAL", arrow::float64()},
      {"", "ANY", arrow::float64()},
      {"BLOB", "BLOB", arrow::binary()}};
  return kinds;
}

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  void Run(int statements) {
    MakeSchema();
    if (::testing::Test::HasFatalFailure()) return;
    for (int i = 0; i < statements && !::testing::Test::HasFailure(); ++i) {
      DoStatement();
      if (Chance(10)) Compare();
    }
    if (sqlite3_get_autocommit(db_->raw()) == 0) Try("COMMIT");
    Compare();
  }
  const std::vector<std::string>& statements() const { return log_; }
  std::int64_t changes_seen() const { return changes_seen_; }

 private:
  std::uint64_t Below(std::uint64_t n) { return random_.Next() % n; }
  bool Chance(int percent) { return Below(100) < static_cast<std::uint64_t>(percent); }
  const char* One(std::initializer_list<const char*> choices) {
    return choices.begin()[Below(choices.size())];
  }

  bool Try(const std::string& sql) {
    log_.push_back(sql);
    auto done = db_->Execute(sql);
    if (!done) log_.push_back("  -- " + done.error().message);
    return done.has_value();
  }
  void Must(const std::string& sql) { ASSERT_TRUE(Try(sql)) << log_.back() << " in " << sql; }

  std::string KeyValue(std::size_t column) {
    switch (key_kinds_[column]) {
      case 0:
        return std::to_string(static_cast<int>(Below(9)) - 2);
      case 1:
        return Chance(10) && !is_alias_ ? "NULL" : std::to_string(Below(7));
      case 2:
        return One({"'a'", "'A'", "'b'", "'b '", "''", "'c'"});
      case 3:
        return One({"'a'", "'A'", "'b'", "'B'", "'c'", "'é'"});
      case 4:
        return One({"1", "1.5", "2.0", "-3", "1e300"});
      case 5:
        return One({"1", "1.0", "2", "2.0", "3.5", "-4"});
      default:
        return One({"x'00'", "x'61'", "x''", "x'ff00'"});
    }
  }
  std::string ColumnValue(const std::string& column) {
    if (column == "u") return Chance(15) ? "NULL" : std::to_string(Below(8));
    if (column == "v")
      return Chance(25) ? "NULL" : One({"'x'", "'X'", "'y'", "'yY'", "'z'", "'q'", "'r'"});
    return Chance(20) ? "NULL" : std::to_string(Below(12));
  }

  void MakeSchema();
  std::string MakeTable();
  void MakeIndexes();
  void MakeChild();
  void MakeTriggers();
  std::string Row(const std::vector<std::string>& columns);
  std::string Assignments();
  std::string Condition();
  void DoInsert();
  void DoUpdate();
  void DoTransaction();
  void DoUpkeep();
  void DoStatement();
  void Compare();
  void CompareTable(Connection& reader, const std::string& name);
  std::map<std::string, std::string> TableRows(Connection& reader, const Table& table,
                                               const CatalogTable& catalog);
  Table TableOf(const CatalogTable& catalog);
  std::string KeyOf(const Table& table, const std::vector<std::string>& values);

  SeededRandom random_;
  testing::TempFolder folder_;
  std::optional<Connection> db_;
  std::vector<int> key_kinds_;
  std::vector<std::string> columns_;
  bool is_strict_ = false, is_without_rowid_ = false, is_alias_ = false, has_child_ = false;
  bool has_late_trigger_ = false;
  struct Model {
    std::map<std::string, std::string> rows;
    std::optional<Position> position;
  };
  std::map<std::string, Model> models_;
  std::vector<std::string> log_;
  std::int64_t changes_seen_ = 0;
};

std::string World::MakeTable() {
  std::size_t keys = Chance(60) ? 1 : 2 + Below(2);
  is_strict_ = Chance(20);
  is_without_rowid_ = Chance(30);
  std::string sql = "CREATE TABLE t(", key;
  for (std::size_t i = 0; i < keys; ++i) {
    int kind = static_cast<int>(Below(KeyKinds().size()));
    if (keys == 1 && Chance(40)) kind = 0;
    key_kinds_.push_back(kind);
    auto name = "k" + std::to_string(i);
    columns_.push_back(name);
    sql += name + " " + (is_strict_ ? KeyKinds()[kind].strict_type : KeyKinds()[kind].declaration);
    sql += std::string(kind == 1 ? "" : " NOT NULL") + ",";
    key += (i > 0 ? "," : "") + name;
    // Another collation for the key than for its column.
    if (kind == 3 && Chance(30)) key += " COLLATE BINARY";
  }
  is_alias_ = keys == 1 && key_kinds_[0] == 0 && !is_without_rowid_;
  sql += Chance(50) ? "u INTEGER NOT NULL DEFAULT 3 UNIQUE," : "u INTEGER NOT NULL DEFAULT 3,";
  sql += "v TEXT,w INTEGER,g INTEGER GENERATED ALWAYS AS (w+1) ";
  sql += std::string(One({"VIRTUAL", "STORED"})) + ",PRIMARY KEY(" + key + ")";
  sql += std::string(Chance(15) ? " ON CONFLICT REPLACE" : "") + ")";
  if (is_without_rowid_) sql += " WITHOUT ROWID";
  if (is_strict_) sql += is_without_rowid_ ? ",STRICT" : " STRICT";
  columns_.insert(columns_.end(), {"u", "v", "w"});
  return sql;
}

void World::MakeIndexes() {
  const char* indexes[] = {"CREATE UNIQUE INDEX i1 ON t(w) WHERE v IS NOT NULL",
                           "CREATE UNIQUE INDEX i2 ON t(lower(v) DESC)",
                           "CREATE UNIQUE INDEX i3 ON t(v COLLATE NOCASE, u)",
                           "CREATE UNIQUE INDEX i4 ON t(w%5, u /* , ( */) WHERE v > 'a' AND t.u>2",
                           "CREATE UNIQUE INDEX i5 ON t(g)",
                           "CREATE UNIQUE INDEX i6 ON t(u+1 ASC)"};
  for (auto* index : indexes)
    if (Chance(22)) Must(index);
}

void World::MakeChild() {
  if (key_kinds_.size() > 1 || !Chance(35)) return;
  Must(std::string("CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES t ON DELETE ") +
       One({"CASCADE", "SET NULL"}) + " ON UPDATE " + One({"CASCADE", "SET NULL"}) + ", n UNIQUE)");
  Must("PRAGMA foreign_keys=ON");
  has_child_ = true;
}

void World::MakeTriggers() {
  if (Chance(25))
    Try("CREATE TRIGGER tr1 AFTER INSERT ON t WHEN new.w=4 BEGIN UPDATE t SET w=7 WHERE w=4; END");
  if (Chance(15))
    Try("CREATE TRIGGER tr2 BEFORE INSERT ON t WHEN new.w=5 BEGIN DELETE FROM t WHERE u=2; END");
  if (Chance(15))
    Try("CREATE TRIGGER tr3 AFTER UPDATE ON t WHEN new.w=6 BEGIN UPDATE OR REPLACE t SET u=1,w=8 "
        "WHERE w=6; END");
  if (Chance(15))
    Try("CREATE TRIGGER tr4 AFTER DELETE ON t WHEN old.w=1 BEGIN DELETE FROM t WHERE w=2; END");
}

void World::MakeSchema() {
  auto path = folder_.File("x.db");
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "CREATE TABLE other(x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  db_.emplace(Value(Connection::Open(path, Access::kReadWrite, 5'000)));
  if (Chance(50)) Must("PRAGMA journal_mode=WAL");
  Must("PRAGMA synchronous=OFF");
  Must(MakeTable());
  MakeIndexes();
  MakeChild();
  bool is_early = Chance(60);
  if (is_early) MakeTriggers();
  TrackOptions options{.retention_seconds = 0};
  auto report = Value(EnableTracking(path, options));
  log_.push_back("-- enabled");
  for (auto& table : report.tables)
    ASSERT_EQ(table.outcome == TrackOutcome::kEnabled, table.table != "other") << table.because;
  if (!is_early) {
    // Fired before ours, they may change a row before its insertion is noted.
    MakeTriggers();
    has_late_trigger_ = true;
  }
  if (Chance(40)) Must("PRAGMA recursive_triggers=ON");
}

std::string World::Row(const std::vector<std::string>& columns) {
  std::string row = "(";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto& name = columns[i];
    row += i > 0 ? "," : "";
    if (name[0] == 'k')
      row += KeyValue(static_cast<std::size_t>(name[1] - '0'));
    else
      row += name == "rowid" ? std::to_string(Below(6)) : ColumnValue(name);
  }
  return row + ")";
}

void World::DoInsert() {
  auto columns = columns_;
  if (is_alias_ && Chance(30)) columns.erase(columns.begin());
  if (Chance(20)) std::erase(columns, "u");
  if (!is_without_rowid_ && !is_alias_ && Chance(15)) columns.push_back("rowid");
  std::string sql = std::string("INSERT ") +
                    One({"", "", "OR REPLACE ", "OR REPLACE ", "OR IGNORE ", "OR FAIL ",
                         "OR ROLLBACK ", "OR ABORT "}) +
                    "INTO t(";
  for (std::size_t i = 0; i < columns.size(); ++i) sql += (i > 0 ? "," : "") + columns[i];
  sql += ") VALUES";
  for (std::uint64_t i = 0, count = 1 + Below(3); i < count; ++i)
    sql += (i > 0 ? "," : "") + Row(columns);
  if (Chance(25))
    sql += One({" ON CONFLICT DO NOTHING", " ON CONFLICT DO UPDATE SET w=excluded.w",
                " ON CONFLICT DO UPDATE SET u=excluded.u,v=excluded.v"});
  Try(sql);
}

std::string World::Assignments() {
  std::string sql;
  for (std::uint64_t i = 0, count = 1 + Below(2); i < count; ++i) {
    sql += i > 0 ? "," : "";
    if (!is_without_rowid_ && Chance(8)) {
      sql += "rowid=" + std::to_string(Below(6));
      continue;
    }
    auto& name = columns_[Chance(30) ? Below(key_kinds_.size()) : Below(columns_.size())];
    sql += name + "=";
    sql += name[0] == 'k' ? KeyValue(static_cast<std::size_t>(name[1] - '0')) : ColumnValue(name);
  }
  return sql;
}

std::string World::Condition() {
  if (Chance(40)) return " WHERE k0=" + KeyValue(0);
  if (Chance(60)) return " WHERE u=" + std::to_string(Below(8));
  return Chance(80) ? " WHERE w>" + std::to_string(6 + Below(6)) : "";
}

void World::DoUpdate() {
  Try(std::string("UPDATE ") +
      One({"", "", "OR REPLACE ", "OR REPLACE ", "OR IGNORE ", "OR FAIL "}) + "t SET " +
      Assignments() + Condition());
}

void World::DoTransaction() {
  if (sqlite3_get_autocommit(db_->raw()) != 0) {
    Try(Chance(70) ? "BEGIN" : "BEGIN IMMEDIATE");
  } else {
    Try(One({"COMMIT", "COMMIT", "ROLLBACK", "SAVEPOINT s", "SAVEPOINT s", "ROLLBACK TO s",
             "RELEASE s"}));
  }
}

void World::DoUpkeep() {
  if (sqlite3_get_autocommit(db_->raw()) == 0) return;
  if (Chance(30)) {
    Try("VACUUM");
  } else if (Chance(50)) {
    log_.push_back("-- clean");
    Value(CleanTracking(folder_.File("x.db"), {}));
  } else {
    log_.push_back("-- enable again");
    for (auto& table : Value(EnableTracking(folder_.File("x.db"), {.retention_seconds = 0})).tables)
      EXPECT_TRUE(table.outcome == TrackOutcome::kUnchanged || table.table == "other");
  }
}

void World::DoStatement() {
  auto choice = Below(100);
  if (choice < 45) {
    DoInsert();
  } else if (choice < 75) {
    DoUpdate();
  } else if (choice < 83) {
    Try("DELETE FROM t" + Condition());
  } else if (choice < 88 && has_child_) {
    Try("INSERT OR REPLACE INTO c(p,n) SELECT k0," + std::to_string(Below(5)) +
        " FROM t ORDER BY random() LIMIT 1");
  } else if (choice < 97) {
    DoTransaction();
  } else {
    DoUpkeep();
  }
}

Table World::TableOf(const CatalogTable& catalog) {
  Table table;
  table.name = {"x", "main", catalog.name};
  for (auto& column : catalog.columns) {
    auto type = column.name == "v" ? arrow::utf8() : arrow::int64();
    if (catalog.name == "t" && column.name[0] == 'k')
      type = KeyKinds()[key_kinds_[column.name[1] - '0']].type;
    if (column.name == "p") type = KeyKinds()[key_kinds_[0]].type;
    table.columns.push_back({.name = column.name, .type = type});
  }
  for (int key : catalog.key) table.key.push_back(catalog.columns[key].name);
  return table;
}

std::string World::KeyOf(const Table& table, const std::vector<std::string>& values) {
  std::string key;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (std::ranges::count(table.key, table.columns[i].name)) key += values[i] + "|";
  return key;
}

std::string Joined(const std::vector<std::string>& values) {
  std::string row;
  for (auto& value : values) row += value + "|";
  return row;
}

std::map<std::string, std::string> World::TableRows(Connection& reader, const Table& table,
                                                    const CatalogTable& catalog) {
  std::string columns;
  for (auto& column : catalog.columns) columns += (columns.empty() ? "" : ",") + column.name;
  auto select = Value(reader.Prepare("SELECT " + columns + " FROM " + catalog.name));
  std::map<std::string, std::string> rows;
  while (Value(select.Step())) {
    std::vector<std::string> values;
    for (int i = 0; i < static_cast<int>(table.columns.size()); ++i) {
      char real[32];
      std::snprintf(real, sizeof real, "%.17g", sqlite3_column_double(select.raw(), i));
      bool is_real = table.columns[i].type->id() == arrow::Type::DOUBLE;
      values.push_back(select.IsNull(i) ? "null" : is_real ? real : select.Text(i));
    }
    rows[KeyOf(table, values)] = Joined(values);
  }
  return rows;
}

void World::CompareTable(Connection& reader, const std::string& name) {
  auto catalog = Value(ReadCatalogTable(reader, name));
  auto table = TableOf(catalog);
  auto tracking = Value(ReadTracking(reader));
  ASSERT_TRUE(tracking);
  auto& model = models_[name];
  auto* last = model.position ? &*model.position : nullptr;
  auto status = Value(StatusOf(reader, *tracking, catalog, last));
  ASSERT_TRUE(status.is_tracked) << status.untracked_because;
  ASSERT_EQ(status.history, History::kSame);
  auto truth = TableRows(reader, table, catalog);
  if (!last || last->version < status.min_valid_version) {
    model = {truth, status.current};
    return;
  }
  ChangeLimits limits{.rows = 1 + static_cast<std::int64_t>(Below(4))};
  auto changes = Value(testing::ReadChanges(reader, catalog, table, last->version, limits));
  auto before = model.rows;
  bool is_exact = !has_late_trigger_ && std::ranges::count(key_kinds_, 5) == 0;
  std::int64_t version = last->version;
  for (auto& change : changes) {
    auto key = KeyOf(table, change.values);
    ASSERT_GT(change.version, version) << "not in order";
    version = change.version;
    ASSERT_LE(version, status.current.version);
    if (change.operation == 'D') {
      model.rows.erase(key);
      continue;
    }
    if (is_exact) {
      EXPECT_EQ(change.operation, before.contains(key) ? 'U' : 'I') << key;
    }
    if (change.operation == 'I') {
      EXPECT_TRUE(change.creation_version.has_value());
    }
    model.rows[key] = Joined(change.values);
  }
  changes_seen_ += static_cast<std::int64_t>(changes.size());
  EXPECT_EQ(model.rows, truth) << name;
  model.position = status.current;
}

void World::Compare() {
  if (sqlite3_get_autocommit(db_->raw()) == 0) return;
  log_.push_back("-- read");
  auto reader = Value(Connection::Open(folder_.File("x.db"), Access::kReadOnly, 5'000));
  Do(reader.Execute("BEGIN"));
  CompareTable(reader, "t");
  if (has_child_ && !::testing::Test::HasFatalFailure()) CompareTable(reader, "c");
}

TEST(TrackingProperty, ChangesGiveTheTableEveryTime) {
  auto* rounds_text = std::getenv("TIDEMARK_SOAK_ROUNDS");
  auto* seed_text = std::getenv("TIDEMARK_SEED");
  std::uint64_t rounds = rounds_text ? std::strtoull(rounds_text, nullptr, 10) : 60;
  std::uint64_t first = seed_text ? std::strtoull(seed_text, nullptr, 10) : 20261121;
  std::int64_t changes = 0;
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    World world(seed);
    world.Run(150);
    changes += world.changes_seen();
    if (HasFailure()) {
      std::cout << "TIDEMARK_SEED=" << seed << " TIDEMARK_SOAK_ROUNDS=1\n";
      for (auto& sql : world.statements()) std::cout << sql << ";\n";
      return;
    }
  }
  std::cout << rounds << " rounds from seed " << first << ", " << changes << " changes\n";
  EXPECT_GT(changes, static_cast<std::int64_t>(rounds));
}

}  // namespace
}  // namespace tidemark::sqlite
