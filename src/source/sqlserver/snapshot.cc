#include "source/sqlserver/snapshot.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "source/sqlserver/condition.h"
#include "source/sqlserver/cut.h"
#include "source/sqlserver/history.h"
#include "source/sqlserver/preflight.h"
#include "source/sqlserver/row_stream.h"
#include "source/sqlserver/slices.h"

namespace tidemark::sqlserver {
namespace {

// A database of fewer rows is read by one session as fast as by several, which cost a login each.
constexpr std::int64_t kRowsForReaders = 100'000;
constexpr int kReadersMax = 16;
constexpr int kLeadColumns = 3;  // of a change

// One table of the snapshot.
struct Entry {
  CatalogTable catalog;
  DescribedTable described;
  Tracking tracking;
  bool is_unchanged = false, is_empty = false;  // since the position that was asked about
  bool can_follow() const { return tracking.is_tracked && !described.table.key.empty(); }
};

class SqlServerSnapshot final : public Snapshot {
 public:
  SqlServerSnapshot(SnapshotRequest request, std::unique_ptr<Cut> cut, std::vector<Entry> entries)
      : connector_(std::move(request.connector)),
        facts_(std::move(request.listing.facts)),
        database_(std::move(request.database)),
        options_(request.options),
        entries_(std::move(entries)),
        missing_(MissingOf(facts_)),
        cut_(std::move(cut)) {
    for (auto& entry : entries_)
      by_name_[{database_, entry.catalog.schema, entry.catalog.name}] = &entry;
  }

  Status Expect(std::span<const Question> questions) override;
  Result<TableStatus> Inspect(const TableName& name, const Position* last) override;
  Status CheckWhere(const Table& table) override;
  std::vector<Column> AsStored(const Column& column) const override;
  Status Prepare(std::span<const ReadPlan>) override { return {}; }
  Result<std::vector<Slice>> Split(const Table& table, std::int64_t target_rows) override;
  Result<std::unique_ptr<BatchStream>> Read(const Table& table, const Slice& slice) override;
  Result<std::unique_ptr<BatchStream>> Changes(const Table& table, std::int64_t version) override;
  std::vector<std::string> WarningsOf(const TableName& name) override;
  Result<Table> Refit(const Table& table) override;

 private:
  Result<Entry*> Find(const TableName& name) const;
  void InspectTracking(const Entry& entry, const Position* last, TableStatus& status);
  Status AskTogether(std::span<Entry* const> asked, std::span<const tds::Parameter> parameters,
                     bool Entry::* member);
  Result<Seat> TakeSeat(const Entry& entry);
  std::unique_ptr<RowStream> OpenStream(const Table& table, Seat seat, RowRequest request);
  RowRequest RequestOf(const Table& table, ReadColumns columns, bool is_of_changes) const;

  const std::shared_ptr<const Connector> connector_;
  const DatabaseFacts facts_;
  const std::string database_;
  const SourceOptions options_;
  std::vector<Entry> entries_;  // changed by Expect alone
  std::map<TableName, Entry*> by_name_;
  std::mutex mutex_;
  std::vector<Missing> missing_;           // of the database, told once; under mutex_
  std::map<TableName, RowCounts> counts_;  // under mutex_
  std::unique_ptr<Cut> cut_;
};

Result<Entry*> SqlServerSnapshot::Find(const TableName& name) const {
  auto found = by_name_.find(name);
  if (found == by_name_.end())
    return Fail(ErrorKind::kNotFound, "no table " + Display(name) + " in this database");
  return found->second;
}

// Which of the tables have changes after their parameter, or, without parameters, no rows.
Status SqlServerSnapshot::AskTogether(std::span<Entry* const> asked,
                                      std::span<const tds::Parameter> parameters,
                                      bool Entry::* member) {
  std::vector<TableRef> refs;
  for (const auto* entry : asked) refs.push_back(entry->catalog.ref());
  auto lease = TRY(cut_->Borrow());
  auto rows = parameters.empty() ? lease->Query(EmptyTablesText(refs))
                                 : lease->Query(ChangedTablesText(refs), parameters);
  if (!rows) {
    bool ends_all =
        rows.error().kind == ErrorKind::kUnavailable || rows.error().kind == ErrorKind::kCancelled;
    if (ends_all) return Fail(std::move(rows.error()));
    // One of them cannot be asked; each will be by itself, and tell why.
    Log(LogLevel::kDebug, "tables could not be asked together: " + rows.error().message);
    return {};
  }
  std::set<std::int64_t> found;
  for (const auto& row : *rows)
    if (const auto* number = std::get_if<std::int64_t>(&row.front())) found.insert(*number);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    bool is_found = found.contains(static_cast<std::int64_t>(i));
    asked[i]->*member = parameters.empty() ? is_found : !is_found;
  }
  return {};
}

Status SqlServerSnapshot::Expect(std::span<const Question> questions) {
  std::vector<Entry*> asked, unchanged;
  std::vector<tds::Parameter> versions;
  auto ask = [&]() -> Status {
    if (!asked.empty()) TRY(AskTogether(asked, versions, &Entry::is_unchanged));
    for (auto* entry : asked)
      if (entry->is_unchanged && entry->catalog.rows == 0) unchanged.push_back(entry);
    asked.clear();
    versions.clear();
    return {};
  };
  for (const auto& question : questions) {
    auto found = by_name_.find(question.name);
    if (found == by_name_.end() || !question.last || !cut_->version()) continue;
    auto& entry = *found->second;
    const auto& last = *question.last;
    if (last.incarnation.empty() || !entry.can_follow() || !entry.catalog.can_select) continue;
    auto current = PositionOf(facts_, entry.catalog, *cut_->version());
    bool can_ask = HistoryOf(last, current) == History::kSame &&
                   last.version >= MinValidVersion(entry.catalog);
    if (!can_ask) continue;
    asked.push_back(&entry);
    versions.push_back(tds::IntParameter("@p" + std::to_string(versions.size() + 1), last.version));
    if (asked.size() == kTablesAStatement) TRY(ask());
  }
  TRY(ask());
  for (std::size_t from = 0; from < unchanged.size(); from += kTablesAStatement)
    TRY(AskTogether(
        std::span(unchanged).subspan(from, std::min(kTablesAStatement, unchanged.size() - from)),
        {}, &Entry::is_empty));
  return {};
}

void SqlServerSnapshot::InspectTracking(const Entry& entry, const Position* last,
                                        TableStatus& status) {
  auto& warnings = status.table.warnings;
  for (const auto& missing : entry.tracking.missing) {
    warnings.push_back(missing.Sentence());
    if (status.untracked_because.empty()) status.untracked_because = missing.what;
  }
  {
    std::lock_guard lock(mutex_);
    for (auto& missing : std::exchange(missing_, {})) warnings.push_back(missing.Sentence());
  }
  if (!entry.can_follow()) return;
  status.current = PositionOf(facts_, entry.catalog, *cut_->version());
  status.min_valid_version = MinValidVersion(entry.catalog);
  status.retention_seconds = facts_.cleans_up ? facts_.retention_seconds : 0;
  status.has_server_versions = true;
  status.is_unchanged = entry.is_unchanged;
  status.is_empty = entry.is_empty;
  if (last && !last->incarnation.empty()) status.history = HistoryOf(*last, status.current);
}

Result<TableStatus> SqlServerSnapshot::Inspect(const TableName& name, const Position* last) {
  const auto& entry = *TRY(Find(name));
  TableStatus status;
  status.table = entry.described.table;
  status.table.name = name;
  status.unsupported_because = entry.described.unsupported_because;
  if (!status.unsupported_because.empty()) return status;
  TRY(CheckReadable(facts_, entry.catalog, last));
  if (entry.can_follow() && !cut_->version())
    return Fail(ErrorKind::kUnavailable,
                "table " + Display(name) + ": change tracking was switched off just now");
  InspectTracking(entry, last, status);
  return status;
}

Status SqlServerSnapshot::CheckWhere(const Table& table) {
  const auto& entry = *TRY(Find(table.name));
  if (table.where.empty()) return {};
  auto of = "table " + Display(table.name);
  TRY_WHILE(of, CheckConditionText(table.where));
  auto lease = TRY(cut_->Borrow());
  auto checked = lease->Execute(ConditionText(entry.catalog.ref(), table.where));
  if (checked) return {};
  auto error = std::move(checked.error());
  bool is_condition = error.kind != ErrorKind::kUnavailable && error.kind != ErrorKind::kCancelled;
  if (is_condition) {
    error.kind = ErrorKind::kInvalid;
    error.message = "where \"" + table.where + "\": " + error.message;
  }
  return Fail(std::move(error).While(of));
}

// What is hashed has a form that says everything of the value, the last digit of a time included.
std::vector<Column> SqlServerSnapshot::AsStored(const Column& column) const {
  Column stored = column;
  for (std::string_view integer : {"smallint", "int", "bigint"})
    if (column.source_type == integer) stored.type = arrow::int64();
  for (std::string_view text :
       {"date", "datetime", "smalldatetime", "datetime2", "datetimeoffset", "time", "rowversion",
        "uniqueidentifier", "xml", "json", "text", "ntext", "sql_variant", "hierarchyid", "vector",
        "char", "varchar", "nchar", "nvarchar"})
    if (column.source_type == text) stored.type = arrow::utf8();
  for (std::string_view bytes : {"binary", "varbinary", "image", "geometry", "geography"})
    if (column.source_type == bytes) stored.type = arrow::binary();
  if (column.source_type == "real") stored.type = arrow::float64();
  if (column.source_type.starts_with("decimal") || column.source_type.starts_with("numeric"))
    stored.type = arrow::utf8();
  return {stored};
}

Result<std::vector<Slice>> SqlServerSnapshot::Split(const Table& table, std::int64_t target_rows) {
  const auto& entry = *TRY(Find(table.name));
  std::vector<KeyRange> ranges(1);
  // Without versions several sessions could see several states of it.
  bool is_cut = entry.can_follow() && entry.catalog.rows > target_rows;
  if (is_cut) {
    auto lease = TRY(cut_->Borrow());
    ranges = TRY_WHILE("table " + Display(table.name) + ": find ranges of its key",
                       SplitByKey(*lease, entry.catalog, target_rows, options_.stop));
  }
  std::vector<Slice> slices;
  for (const auto& range : ranges) slices.push_back({.token = TokenOf(range)});
  return slices;
}

// Memory-optimized tables cannot be read in a transaction of SNAPSHOT isolation.
Result<Seat> SqlServerSnapshot::TakeSeat(const Entry& entry) {
  Seat seat;
  if (entry.catalog.is_memory_optimized && cut_->is_snapshot())
    seat.own = TRY(connector_->Open());
  else if (entry.can_follow() || !cut_->is_snapshot())
    seat.lease.emplace(TRY(cut_->Borrow()));
  else
    seat.lease.emplace(TRY(cut_->BorrowFirst()));
  return seat;
}

RowRequest SqlServerSnapshot::RequestOf(const Table& table, ReadColumns columns,
                                        bool is_of_changes) const {
  RowRequest request;
  request.outputs = std::move(columns.outputs);
  request.ignores_cut = std::move(columns.ignores_cut);
  request.limits = {.rows = options_.batch_rows, .bytes = options_.batch_bytes};
  request.schema = is_of_changes ? ChangeSchema(table) : RowSchema(table);
  if (!is_of_changes) return request;
  for (int i = 0; i < kLeadColumns; ++i)
    request.outputs.insert(request.outputs.begin() + i, {.result_column = i,
                                                         .part = tds::Part::kValue,
                                                         .type = request.schema->field(i)->type(),
                                                         .is_key = false});
  request.ignores_cut.insert(request.ignores_cut.begin(), kLeadColumns, true);
  return request;
}

std::unique_ptr<RowStream> SqlServerSnapshot::OpenStream(const Table& table, Seat seat,
                                                         RowRequest request) {
  auto count = [this, name = table.name](const RowCounts& counts) {
    std::lock_guard lock(mutex_);
    counts_[name].Add(counts);
  };
  return std::make_unique<RowStream>(std::move(seat), std::move(request), std::move(count),
                                     options_.stop);
}

Result<std::unique_ptr<BatchStream>> SqlServerSnapshot::Read(const Table& table,
                                                             const Slice& slice) {
  const auto& entry = *TRY(Find(table.name));
  auto range = TRY(ParseToken(slice.token));
  auto key = entry.catalog.key_refs();
  for (const auto* bound : {&range.after, &range.up_to})
    if (!bound->empty() && bound->size() != key.size())
      return Fail(ErrorKind::kInvalid, "the token of a slice is damaged: it is of another key");
  auto columns = TRY(ReadColumnsOf(table, entry.described, /*lead=*/0));
  auto sql = RowsText({.table = entry.catalog.ref(),
                       .columns = columns.refs,
                       .key = key,
                       .has_after = !range.after.empty(),
                       .has_up_to = !range.up_to.empty(),
                       .where = table.where});
  auto request = RequestOf(table, std::move(columns), /*is_of_changes=*/false);
  request.sql = std::move(sql);
  for (auto* bound : {&range.after, &range.up_to})
    for (auto& value : *bound) {
      value.name = "@p" + std::to_string(request.parameters.size() + 1);
      request.parameters.push_back(std::move(value));
    }
  return OpenStream(table, TRY(TakeSeat(entry)), std::move(request));
}

// Without a snapshot, cleaning may remove changes between any two statements: the minimum is asked
// before and after.
std::function<Status(tds::Connection&)> MinValidCheck(const CatalogTable& table,
                                                      std::int64_t version) {
  return [object_id = table.object_id, name = table.schema + "." + table.name,
          version](tds::Connection& connection) -> Status {
    const tds::Parameter parameters[] = {tds::IntParameter("@p1", object_id)};
    auto rows = TRY(connection.Query(MinValidText(), parameters));
    const auto* min_valid =
        rows.size() == 1 ? std::get_if<std::int64_t>(&rows.front().front()) : nullptr;
    if (min_valid && *min_valid <= version) return {};
    return Fail(
        ErrorKind::kUnavailable,
        "table " + name + ": its changes after version " + std::to_string(version) +
            (min_valid ? " were cleaned while they were read" : " are not tracked any more"));
  };
}

Result<std::unique_ptr<BatchStream>> SqlServerSnapshot::Changes(const Table& table,
                                                                std::int64_t version) {
  const auto& entry = *TRY(Find(table.name));
  if (!entry.can_follow())
    return Fail(ErrorKind::kInvalid,
                "changes of table " + Display(table.name) + " are not tracked");
  if (version < MinValidVersion(entry.catalog))
    return Fail(ErrorKind::kInvalid,
                fmt::format("table {}: changes after version {} are no longer kept, the oldest are "
                            "after {}",
                            Display(table.name), version, MinValidVersion(entry.catalog)));
  auto columns = TRY(ReadColumnsOf(table, entry.described, kLeadColumns));
  auto sql = ChangesText({.table = entry.catalog.ref(),
                          .columns = columns.refs,
                          .key = entry.catalog.key_refs(),
                          .where = table.where});
  auto request = RequestOf(table, std::move(columns), /*is_of_changes=*/true);
  request.sql = std::move(sql);
  request.parameters = {tds::IntParameter("@p1", version)};
  if (!cut_->is_snapshot()) request.before = request.after = MinValidCheck(entry.catalog, version);
  auto rows = OpenStream(table, TRY(TakeSeat(entry)), std::move(request));
  return std::make_unique<ChangeStream>(std::move(rows), Display(table.name), cut_->is_snapshot(),
                                        cut_->version().value_or(version));
}

std::vector<std::string> SqlServerSnapshot::WarningsOf(const TableName& name) {
  std::lock_guard lock(mutex_);
  return counts_[name].Sentences();
}

// Every value fits the type that its column has on the server.
Result<Table> SqlServerSnapshot::Refit(const Table& table) {
  return Fail(ErrorKind::kInternal,
              "table " + Display(table.name) + " is asked to be refitted, which it never needs");
}

// The same objects with the same tracking as a moment ago, before the view began: what was dropped,
// made again or truncated in between would be read as something else.
Status CheckUnchanged(const std::vector<CatalogTable>& before,
                      const std::vector<CatalogTable>& within) {
  std::map<std::int64_t, const CatalogTable*> known;
  for (const auto& table : before) known[table.object_id] = &table;
  for (const auto& table : within) {
    auto found = known.find(table.object_id);
    if (found != known.end() && found->second->begin_version == table.begin_version &&
        found->second->tracking_id == table.tracking_id)
      continue;
    // A new table is not asked for before it is listed.
    if (found == known.end() && std::ranges::none_of(before, [&](const CatalogTable& other) {
          return other.schema == table.schema && other.name == table.name;
        }))
      continue;
    return Fail(ErrorKind::kUnavailable, "table " + table.schema + "." + table.name +
                                             " was made again or truncated as the run began");
  }
  return {};
}

// Of two kinds: what all may see, and what moves a version; the first table that can be read will
// do.
std::optional<TableRef> TableToTouch(const std::vector<CatalogTable>& tables) {
  auto can_touch = [](const CatalogTable& table) {
    return table.can_select && !table.is_memory_optimized && !table.is_external;
  };
  auto found = std::ranges::find_if(tables, can_touch);
  return found == tables.end() ? std::nullopt : std::optional(found->ref());
}

int ReadersFor(const Listing& listing, const SourceOptions& options) {
  std::int64_t rows = 0;
  for (const auto& table : listing.tables) rows += table.rows;
  return rows < kRowsForReaders ? 1 : std::clamp(options.readers, 1, kReadersMax);
}

}  // namespace

Result<DatabaseFacts> ReadDatabase(tds::Connection& connection) {
  auto facts = TRY(ParseDatabase(TRY(connection.Query(DatabaseText()))));
  auto incarnation = connection.Query(IncarnationText());
  if (incarnation) {
    facts.fork = TRY(ParseIncarnation(*incarnation));
    return facts;
  }
  // Azure SQL Database has no such view, and not every login may see it.
  bool is_hidden = incarnation.error().kind == ErrorKind::kNotFound ||
                   incarnation.error().kind == ErrorKind::kDenied;
  if (!is_hidden) return Fail(std::move(incarnation.error()));
  return facts;
}

Result<std::vector<CatalogTable>> ReadTables(tds::Connection& connection,
                                             const DatabaseFacts& facts) {
  return ParseTables(TRY(connection.Query(TablesText(facts.level()))));
}

Status ReadDetails(tds::Connection& connection, const DatabaseFacts& facts,
                   std::vector<CatalogTable>& tables) {
  constexpr int kSecurityFrom = 13;
  TRY(AddColumns(TRY(connection.Query(ColumnsText(facts.level()))), tables));
  TRY(AddKeys(TRY(connection.Query(KeysText())), tables));
  if (facts.level().AtLeast(kSecurityFrom))
    TRY(AddSecurity(TRY(connection.Query(SecurityText())), tables));
  return {};
}

Result<std::unique_ptr<Snapshot>> OpenSqlServerSnapshot(SnapshotRequest request) {
  FAILPOINT(snapshot_before);
  const auto& facts = request.listing.facts;
  auto cut = TRY(Cut::Open(*request.connector, std::move(request.first),
                           {.uses_snapshot = facts.allows_snapshot,
                            .touch = TableToTouch(request.listing.tables),
                            .readers = ReadersFor(request.listing, request.options),
                            .stop = request.options.stop}));
  std::vector<Entry> entries;
  {
    auto lease = TRY(cut->BorrowFirst());
    auto tables = TRY(ReadTables(*lease, facts));
    TRY(CheckUnchanged(request.listing.tables, tables));
    TRY(ReadDetails(*lease, facts, tables));
    entries.reserve(tables.size());
    for (auto& table : tables) {
      TableName name{.database = request.database, .schema = table.schema, .name = table.name};
      auto described = DescribeTable(table, std::move(name), request.fine_times);
      auto tracking = TrackingOf(facts, table);
      entries.push_back({.catalog = std::move(table),
                         .described = std::move(described),
                         .tracking = std::move(tracking)});
    }
  }
  auto snapshot =
      std::make_unique<SqlServerSnapshot>(std::move(request), std::move(cut), std::move(entries));
  FAILPOINT(snapshot_after);
  return snapshot;
}

}  // namespace tidemark::sqlserver
