#include "source/sqlserver/source.h"

#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "base/text.h"
#include "source/sqlserver/snapshot.h"
#include "source/sqlserver/tds/address.h"

namespace tidemark::sqlserver {
namespace {

const std::string kFineTimes = "fine_times";

class SqlServerSource final : public Source {
 public:
  SqlServerSource(std::shared_ptr<const Connector> connector, const SourceOptions& options,
                  FineTimes fine_times)
      : connector_(std::move(connector)), options_(options), fine_times_(fine_times) {}

  // By its place: a restored copy has the ids of the original, and a server behind a name that
  // moves (a listener, a failover group) has another name of its own after each move.
  Result<std::string> Identity() override {
    return "- " + AsciiLower(tds::ToText(connector_->options()));
  }
  Result<std::vector<TableName>> ListTables() override;
  Result<std::unique_ptr<Snapshot>> OpenSnapshot(const std::string& temp_dir) override;

 private:
  Status List();
  std::string Database() const {
    return options_.database.empty() ? listing_->facts.name : options_.database;
  }

  const std::shared_ptr<const Connector> connector_;
  const SourceOptions options_;
  const FineTimes fine_times_;
  std::mutex mutex_;
  std::unique_ptr<tds::Connection> connection_;  // under mutex_
  std::optional<Listing> listing_;               // under mutex_
};

Status SqlServerSource::List() {
  if (!connection_ || !connection_->usable()) connection_ = TRY(connector_->Open());
  Listing listing;
  listing.facts = TRY(ReadDatabase(*connection_));
  listing.tables = TRY(ReadTables(*connection_, listing.facts));
  listing_ = std::move(listing);
  return {};
}

Result<std::vector<TableName>> SqlServerSource::ListTables() {
  std::lock_guard lock(mutex_);
  TRY(List());
  std::vector<TableName> names;
  for (const auto& table : listing_->tables)
    names.push_back({.database = Database(), .schema = table.schema, .name = table.name});
  std::ranges::sort(names);
  return names;
}

Result<std::unique_ptr<Snapshot>> SqlServerSource::OpenSnapshot(const std::string&) {
  std::lock_guard lock(mutex_);
  if (!listing_ || !connection_) TRY(List());
  SnapshotRequest request{.connector = connector_,
                          .first = std::move(connection_),
                          .listing = *listing_,
                          .database = Database(),
                          .options = options_,
                          .fine_times = fine_times_};
  return OpenSqlServerSnapshot(std::move(request));
}

std::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace

Result<std::shared_ptr<const Connector>> ConnectorOf(const std::string& location,
                                                     const SourceOptions& options) {
  auto address = TRY(tds::ParseAddress("sqlserver:" + location));
  for (const auto& [name, value] : options.settings)
    if (name != kFineTimes) TRY(tds::SetOption(name, value, &address));
  // A port of its own counts whatever the server's name says.
  if (auto port = options.settings.find("port"); port != options.settings.end())
    TRY(tds::SetOption("port", port->second, &address));
  if (!options.password.empty()) TRY(tds::SetOption("password", options.password, &address));
  auto connect = TRY(tds::Finish(std::move(address), Variable, options.stop));
  return std::make_shared<const Connector>(std::move(connect), options.lock_timeout_ms);
}

Result<std::unique_ptr<Source>> OpenSqlServerSource(const std::string& location,
                                                    const SourceOptions& options) {
  auto policy = options.settings.find(kFineTimes);
  auto fine_times = policy != options.settings.end() && policy->second == "truncate"
                        ? FineTimes::kTruncate
                        : FineTimes::kColumns;
  auto connector = TRY(ConnectorOf(location, options));
  return std::make_unique<SqlServerSource>(std::move(connector), options, fine_times);
}

}  // namespace tidemark::sqlserver
