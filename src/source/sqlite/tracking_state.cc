#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "source/sqlite/tracking.h"
#include "source/sqlite/tracking_triggers.h"

namespace tidemark::sqlite {
namespace {

// What sqlite_schema says of our own things.
struct OwnSchema {
  bool has_registry = false;
  std::unordered_map<std::int64_t, std::int64_t> anchor_rowids;  // by id
  struct Triggers {
    std::string table;
    std::uint64_t digest = 0;
  };
  std::unordered_map<std::int64_t, Triggers> triggers;  // by id
};

// The number in "_tidemark_7_ai" or "_tidemark_log_7"; -1: none.
std::int64_t IdIn(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return -1;
  std::int64_t id = -1;
  for (char c : name.substr(prefix.size())) {
    if (c < '0' || c > '9' || id > 1'000'000'000) break;
    id = std::max<std::int64_t>(id, 0) * 10 + (c - '0');
  }
  return id;
}

Result<OwnSchema> ReadOwnSchema(Connection& connection) {
  OwnSchema own;
  // '`' is the character behind '_'.
  auto rows = TRY(connection.Prepare(
      "select type, name, tbl_name, rowid, sql from main.sqlite_schema "
      "where name > '_tidemark_' and name < '_tidemark`' and type in ('table', 'trigger')"));
  while (TRY(rows.Step())) {
    auto name = rows.Text(1);
    if (rows.Text(0) == "trigger") {
      auto id = IdIn(name, kOwnPrefix);
      if (id < 0) continue;
      auto& triggers = own.triggers[id];
      triggers.table = rows.Text(2);
      triggers.digest += DigestOf(name, rows.Text(4));
    } else if (name == "_tidemark_tables") {
      own.has_registry = true;
    } else if (auto id = IdIn(name, "_tidemark_log_"); id >= 0) {
      own.anchor_rowids[id] = rows.Int(3);
    }
  }
  return own;
}

struct Registered {
  TrackedTable table;
  std::string name;  // at the time of registration
};

Result<std::vector<Registered>> ReadRegistered(Connection& connection) {
  std::vector<Registered> registered;
  auto rows = TRY(connection.Prepare(
      "select id, name, incarnation, retention_seconds, cleaned_version, cleaned_nonce "
      "from main._tidemark_tables order by id"));
  while (TRY(rows.Step())) {
    Registered entry;
    entry.table.id = rows.Int(0);
    entry.name = rows.Text(1);
    entry.table.incarnation = rows.Text(2);
    entry.table.retention_seconds = rows.Int(3);
    entry.table.cleaned_version = rows.Int(4);
    entry.table.cleaned_nonce = rows.Text(5);
    registered.push_back(std::move(entry));
  }
  return registered;
}

bool IsBuiltIn(const std::string& collation) {
  for (const char* name : {"BINARY", "NOCASE", "RTRIM"})
    if (EqualsNoCase(collation, name)) return true;
  return false;
}

bool IsCovered(const CatalogTable& table, const TrackedTable& tracked) {
  std::uint64_t digest = 0;
  for (auto& trigger : TriggersOf(table, tracked.id)) digest += DigestOf(trigger.name, trigger.sql);
  return digest == tracked.triggers_digest;
}

// The newest entry, and the nonce of the one at the watermark.
Status ReadPosition(Connection& connection, const TrackedTable& tracked, const Position* last,
                    TrackingStatus* status) {
  auto log = LogName(tracked.id);
  auto newest = TRY(connection.Prepare("select version, nonce, (select nonce from main." + log +
                                       " where version = ?1) from main." + log +
                                       " order by version desc limit 1"));
  TRY(newest.Bind(1, last ? last->version : 0));
  status->current.incarnation = tracked.incarnation;
  std::string nonce_at_last;
  if (TRY(newest.Step())) {
    status->current.version = newest.Int(0);
    status->current.nonce = newest.Text(1);
    nonce_at_last = newest.Text(2);
  } else {
    status->current.version = tracked.cleaned_version;
    status->current.nonce =
        tracked.cleaned_version > 0 ? tracked.cleaned_nonce : tracked.incarnation;
  }
  if (!last || status->history != History::kSame) return {};
  if (last->version > status->current.version) {
    status->history = History::kRestored;
  } else if (last->version >= tracked.cleaned_version) {
    if (last->version == tracked.cleaned_version)
      nonce_at_last = tracked.cleaned_version > 0 ? tracked.cleaned_nonce : tracked.incarnation;
    if (nonce_at_last != last->nonce) status->history = History::kRestored;
  }
  return {};
}

}  // namespace

std::string LogName(std::int64_t id) {
  return QuoteIdentifier("_tidemark_log_" + std::to_string(id));
}

const TrackedTable* TrackingDatabase::Find(std::string_view table) const {
  auto found = tables.find(AsciiLower(table));
  return found == tables.end() ? nullptr : &found->second;
}

Result<std::optional<TrackingDatabase>> ReadTracking(Connection& connection) {
  auto own = TRY(ReadOwnSchema(connection));
  if (!own.has_registry) return std::optional<TrackingDatabase>();
  TrackingDatabase database;
  database.database_id =
      TRY(connection.QueryText("select id from main._tidemark_database")).value_or("");
  auto registered = TRY(ReadRegistered(connection));
  std::vector<Registered> without_triggers;
  for (auto& entry : registered) {
    auto anchor = own.anchor_rowids.find(entry.table.id);
    if (anchor != own.anchor_rowids.end()) entry.table.anchor_rowid = anchor->second;
    auto triggers = own.triggers.find(entry.table.id);
    if (triggers == own.triggers.end()) {
      without_triggers.push_back(std::move(entry));
      continue;
    }
    // Triggers follow their table when it is renamed; the registered name does not.
    entry.table.triggers_digest = triggers->second.digest;
    database.tables[AsciiLower(triggers->second.table)] = std::move(entry.table);
  }
  for (auto& entry : without_triggers)
    database.tables.try_emplace(AsciiLower(entry.name), std::move(entry.table));
  return std::optional<TrackingDatabase>(std::move(database));
}

Result<TrackingStatus> StatusOf(Connection& connection, const TrackingDatabase& database,
                                const CatalogTable& table, const Position* last) {
  TrackingStatus status;
  const auto* tracked = database.Find(table.name);
  if (!tracked) {
    status.untracked_because = UntrackableBecause(table);
    if (status.untracked_because.empty()) status.untracked_because = "it is not tracked";
    return status;
  }
  // A position that was read without tracking has no incarnation.
  if (last && last->incarnation.empty()) last = nullptr;
  status.retention_seconds = tracked->retention_seconds;
  if (tracked->triggers_digest == 0)
    status.untracked_because = "its triggers are gone";
  else if (tracked->anchor_rowid == 0)
    status.untracked_because = "its log is gone";
  else if (table.schema_rowid > tracked->anchor_rowid)
    status.untracked_because = "the table was made again after tracking was set up";
  if (!status.untracked_because.empty()) {
    if (last) status.history = History::kRecreated;
    return status;
  }
  status.is_tracked = true;
  status.min_valid_version = tracked->cleaned_version;
  if (last && last->incarnation != tracked->incarnation)
    status.history = History::kRecreated;
  else if (!IsCovered(table, *tracked))
    status.history = History::kSchemaChanged;
  TRY(ReadPosition(connection, *tracked, last, &status));
  return status;
}

std::string UntrackableBecause(const CatalogTable& table) {
  if (table.kind == CatalogTable::Kind::kVirtual) return "virtual tables cannot have triggers";
  if (table.key.empty()) return "it has no primary key";
  // The log holds the key beside four columns of its own, and a result has 2,000 columns at most.
  if (table.key.size() > 1'000)
    return "its key has " + std::to_string(table.key.size()) +
           " columns, at most 1000 are followed";
  for (auto& collation : KeyCollations(table)) {
    if (!IsBuiltIn(collation))
      return "its key uses the collation " + collation + ", which only the application knows";
  }
  auto index = UnforeseeableIndex(table);
  if (!index.empty())
    return "its unique index " + index + " depends on the rowid through an expression";
  return {};
}

}  // namespace tidemark::sqlite
