#include "source/sqlite/snapshot.h"

#include <arrow/type.h>

#include <map>
#include <unordered_map>
#include <utility>

#include "base/failpoint.h"
#include "source/sqlite/btree.h"
#include "source/sqlite/condition.h"
#include "source/sqlite/current_cut.h"
#include "source/sqlite/describe.h"
#include "source/sqlite/find_keys.h"
#include "source/sqlite/refit.h"
#include "source/sqlite/slice_stream.h"
#include "source/sqlite/slices.h"
#include "source/sqlite/spool.h"
#include "source/sqlite/tracking.h"

namespace tidemark::sqlite {
namespace {

constexpr std::int64_t kMinSpoolMemoryBytes = 1 << 20;

// What is known of the whole database, read once when the snapshot is taken.
struct Facts {
  std::vector<CatalogTable> catalog;
  std::optional<TrackingDatabase> tracking;
  std::map<std::string, std::int64_t> analyzed_rows;
  std::int64_t schema_version = 0;
};

class SqliteSnapshot final : public Snapshot {
 public:
  SqliteSnapshot(std::unique_ptr<Cut> cut, Facts facts, const DatabaseFile& file,
                 const SourceOptions& options)
      : options_(options),
        file_(file),
        facts_(std::move(facts)),
        cut_(options, file.temp_dir, std::move(cut)) {
    for (const auto& table : facts_.catalog) by_name_[table.name] = &table;
  }

  Result<TableStatus> Inspect(const TableName& name, const Position* last) override;
  Status CheckWhere(const Table& table) override;
  std::vector<Column> AsStored(const Column& column) const override;
  Status Prepare(std::span<const ReadPlan> plans) override;
  Result<std::vector<Slice>> Split(const Table& table, std::int64_t target_rows) override;
  Result<std::unique_ptr<BatchStream>> Read(const Table& table, const Slice& slice) override;
  Result<std::unique_ptr<BatchStream>> Changes(const Table& table, std::int64_t version) override;
  Result<std::shared_ptr<arrow::RecordBatch>> FindKeys(const Table& table,
                                                       const arrow::RecordBatch& keys) override;
  Result<Table> Refit(const Table& table) override;

 private:
  // Changes of one table since one version, or why they could not be kept aside.
  using Spooled = Result<std::unique_ptr<Spool>>;

  Result<const CatalogTable*> Find(const TableName& name) const;
  Result<const TrackedTable*> FindTracked(const CatalogTable& table) const;
  Status InspectTracking(Connection& connection, const CatalogTable& catalog, const Position* last,
                         TableStatus& status) const;
  Result<std::optional<std::int64_t>> Estimate(Cut& cut, const CatalogTable& catalog) const;
  Result<std::vector<RowRange>> SplitRows(Cut& cut, const CatalogTable& catalog,
                                          std::int64_t target_rows) const;
  Result<bool> SpoolAll(std::span<const ReadPlan> plans);
  Result<std::unique_ptr<Spool>> SpoolOne(Connection& connection, const ReadPlan& plan) const;

  const SourceOptions options_;
  const DatabaseFile file_;
  const Facts facts_;
  std::unordered_map<std::string, const CatalogTable*> by_name_;
  CurrentCut cut_;
  std::map<std::pair<std::string, std::int64_t>, Spooled> spooled_;  // written by Prepare alone
};

Result<const CatalogTable*> SqliteSnapshot::Find(const TableName& name) const {
  auto found = by_name_.find(name.name);
  if (found == by_name_.end() || name.database != file_.database ||
      name.schema != SchemaName(options_))
    return Fail(ErrorKind::kNotFound, "no table " + Display(name) + " in this database");
  return found->second;
}

Result<const TrackedTable*> SqliteSnapshot::FindTracked(const CatalogTable& table) const {
  const auto* tracked = facts_.tracking ? facts_.tracking->Find(table.name) : nullptr;
  if (!tracked)
    return Fail(ErrorKind::kInvalid, "changes of table " + table.name + " are not tracked",
                "run `tidemark track enable`");
  return tracked;
}

Status SqliteSnapshot::InspectTracking(Connection& connection, const CatalogTable& catalog,
                                       const Position* last, TableStatus& status) const {
  if (!facts_.tracking) {
    auto because = UntrackableBecause(catalog);
    status.untracked_because =
        because.empty() ? "changes are not tracked, see `tidemark track enable`" : because;
    return {};
  }
  auto tracking = TRY(StatusOf(connection, *facts_.tracking, catalog, last));
  status.current = std::move(tracking.current);
  status.untracked_because = std::move(tracking.untracked_because);
  status.history = tracking.history;
  status.retention_seconds = tracking.retention_seconds;
  if (tracking.is_tracked) status.min_valid_version = tracking.min_valid_version;
  return {};
}

Result<TableStatus> SqliteSnapshot::Inspect(const TableName& name, const Position* last) {
  const auto* catalog = TRY(Find(name));
  TableStatus status;
  status.table = DescribeTable(*catalog, name);
  status.unsupported_because = UnsupportedBecause(*catalog);
  if (!status.unsupported_because.empty()) return status;
  status.schema_version = facts_.schema_version;
  TRY(cut_.WithControl([&](Cut& cut) -> Status {
    TRY(InspectTracking(cut.control(), *catalog, last, status));
    bool is_idle = status.min_valid_version && last && *last == status.current;
    // Nobody asks how large an idle table is.
    if (is_idle) return {};
    auto rows = TRY(Estimate(cut, *catalog));
    status.has_estimate = rows.has_value();
    status.table.estimated_rows = rows.value_or(0);
    return {};
  }));
  return status;
}

Status SqliteSnapshot::CheckWhere(const Table& table) {
  const auto* catalog = TRY(Find(table.name));
  if (table.where.empty()) return {};
  return cut_.WithControl([&](Cut& cut) -> Status {
    TRY_WHILE("table " + Display(table.name), CheckCondition(cut.control(), *catalog, table.where));
    return {};
  });
}

std::vector<Column> SqliteSnapshot::AsStored(const Column& column) const {
  Column values = column;
  values.type = arrow::binary();
  return {values,
          {.name = column.name + "__type",
           .type = arrow::utf8(),
           .source_type = "text",
           .id = std::nullopt,
           .storage_class_of = column.name}};
}

// The table's pages tell most; then what ANALYZE once counted; then the rowids. Nothing: there is
// no cheap way to know.
Result<std::optional<std::int64_t>> SqliteSnapshot::Estimate(Cut& cut,
                                                             const CatalogTable& catalog) const {
  bool has_pages = CanReadPages(catalog) || (catalog.is_without_rowid && catalog.root_page > 0);
  if (auto* pages = has_pages ? cut.control_pages() : nullptr) {
    auto rows = catalog.is_without_rowid ? EstimateIndexByPages(*pages, catalog.root_page)
                                         : EstimateByPages(*pages, catalog.root_page);
    if (rows) return std::optional(*rows);
    if (rows.error().kind != ErrorKind::kUnsupported) return Fail(std::move(rows.error()));
  }
  auto analyzed = facts_.analyzed_rows.find(catalog.name);
  if (analyzed != facts_.analyzed_rows.end()) return std::optional(analyzed->second);
  return EstimateRows(cut.control(), catalog);
}

// With a write-ahead log readers are in nobody's way. Otherwise our lock keeps every writer out, so
// what will be read is made safe at once: few changes are kept aside, all else is copied as a
// whole.
Status SqliteSnapshot::Prepare(std::span<const ReadPlan> plans) {
  if (cut_.has_readers()) return {};
  if (TRY(SpoolAll(plans))) {
    cut_.End();
    return {};
  }
  spooled_.clear();
  return cut_.MoveToCopy();
}

Result<bool> SqliteSnapshot::SpoolAll(std::span<const ReadPlan> plans) {
  for (const auto& plan : plans) {
    if (!plan.since_version) return false;
  }
  for (const auto& plan : plans) {
    if (options_.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    auto spooled = cut_.WithControl([&](Cut& cut) { return SpoolOne(cut.control(), plan); });
    if (!spooled && spooled.error().kind == ErrorKind::kCancelled)
      return Fail(std::move(spooled.error()));
    // The table will be read anew, with other types.
    if (!spooled && spooled.error().kind == ErrorKind::kMisfit) return false;
    spooled_.emplace(std::pair(plan.table.name.name, *plan.since_version), std::move(spooled));
  }
  return true;
}

Result<std::unique_ptr<Spool>> SqliteSnapshot::SpoolOne(Connection& connection,
                                                        const ReadPlan& plan) const {
  const auto* catalog = TRY(Find(plan.table.name));
  const auto* tracked = TRY(FindTracked(*catalog));
  auto changes =
      TRY(OpenChanges(connection, *catalog, plan.table, *tracked, *plan.since_version,
                      {.rows = options_.batch_rows, .bytes = options_.batch_bytes}, options_.stop));
  auto share = options_.memory_bytes / 8 / static_cast<std::int64_t>(facts_.catalog.size() + 1);
  return Spool::Fill(*changes, file_.temp_dir, std::max(share, kMinSpoolMemoryBytes));
}

Result<std::vector<RowRange>> SqliteSnapshot::SplitRows(Cut& cut, const CatalogTable& catalog,
                                                        std::int64_t target_rows) const {
  // A rowid without a name could not be asked for by SQL, should the pages turn out to be odd.
  bool by_pages = CanReadPages(catalog) && !catalog.rowid_name.empty();
  auto* pages = by_pages ? cut.control_pages() : nullptr;
  if (!pages) return SplitByWalk(cut.control(), catalog, target_rows, options_.stop);
  auto split = SplitByPages(*pages, catalog.root_page, std::max<std::int64_t>(target_rows, 1));
  if (!split && split.error().kind == ErrorKind::kUnsupported)
    return SplitByWalk(cut.control(), catalog, target_rows, options_.stop);
  if (!split) return Fail(std::move(split.error()));
  return std::vector<RowRange>(split->begin(), split->end());
}

Result<std::vector<Slice>> SqliteSnapshot::Split(const Table& table, std::int64_t target_rows) {
  const auto* catalog = TRY(Find(table.name));
  auto ranges =
      TRY(cut_.WithControl([&](Cut& cut) { return SplitRows(cut, *catalog, target_rows); }));
  std::vector<Slice> slices;
  for (const auto& range : ranges) slices.push_back({.token = TokenOf(range)});
  return slices;
}

Result<std::unique_ptr<BatchStream>> SqliteSnapshot::Read(const Table& table, const Slice& slice) {
  const auto* catalog = TRY(Find(table.name));
  auto range = TRY(ParseToken(slice.token));
  return OpenSlice(cut_, *catalog, table, range,
                   {.rows = options_.batch_rows, .bytes = options_.batch_bytes}, options_.stop);
}

Result<std::unique_ptr<BatchStream>> SqliteSnapshot::Changes(const Table& table,
                                                             std::int64_t version) {
  const auto* catalog = TRY(Find(table.name));
  auto spooled = spooled_.find({table.name.name, version});
  if (spooled != spooled_.end()) {
    if (!spooled->second) return Fail(spooled->second.error());
    return (*spooled->second)->Replay();
  }
  const auto* tracked = TRY(FindTracked(*catalog));
  return OpenMovableChanges(
      cut_, {.catalog = *catalog, .table = table, .tracked = *tracked, .since_version = version},
      {.rows = options_.batch_rows, .bytes = options_.batch_bytes}, options_.stop);
}

Result<std::shared_ptr<arrow::RecordBatch>> SqliteSnapshot::FindKeys(
    const Table& table, const arrow::RecordBatch& keys) {
  const auto* catalog = TRY(Find(table.name));
  return cut_.WithControl([&](Cut& cut) {
    return sqlite::FindKeys(cut.control(), *catalog, table, keys, options_.stop);
  });
}

Result<Table> SqliteSnapshot::Refit(const Table& table) {
  const auto* catalog = TRY(Find(table.name));
  return cut_.WithControl([&](Cut& cut) { return sqlite::Refit(cut.control(), *catalog, table); });
}

Result<Facts> ReadFacts(Connection& connection) {
  Facts facts;
  facts.catalog = TRY(ReadCatalog(connection));
  facts.tracking = TRY(ReadTracking(connection));
  facts.analyzed_rows = TRY(ReadAnalyzedRows(connection));
  facts.schema_version = TRY(connection.QueryInt("pragma main.schema_version")).value_or(0);
  return facts;
}

}  // namespace

std::string SchemaName(const SourceOptions& options) {
  return options.schema.empty() ? "main" : options.schema;
}

Result<std::unique_ptr<Snapshot>> OpenSqliteSnapshot(const DatabaseFile& file,
                                                     const SourceOptions& options,
                                                     std::optional<Connection> control) {
  FAILPOINT(snapshot_before);
  auto cut = TRY(Cut::OpenLive({.path = file.path,
                                .readers = std::max(options.readers, 1),
                                .lock_timeout_ms = options.lock_timeout_ms,
                                .stop = options.stop},
                               std::move(control)));
  auto facts = TRY(ReadFacts(cut->control()));
  auto snapshot = std::make_unique<SqliteSnapshot>(std::move(cut), std::move(facts), file, options);
  FAILPOINT(snapshot_after);
  return snapshot;
}

}  // namespace tidemark::sqlite
