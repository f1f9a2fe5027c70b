#include "sync/choice.h"

#include <arrow/api.h>

#include <algorithm>
#include <utility>

#include "base/arrow_result.h"
#include "base/text.h"
#include "sync/hash_values.h"

namespace tidemark {
namespace {

bool HoldsName(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const auto& other) { return EqualsNoCase(other, name); });
}

std::string Listed(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
    text += (i > 0 ? ", \"" : "\"") + names[i] + "\"";
  return names.size() > most ? text + ", …" : text;
}

// The columns that a file would have: storage classes go with the column before them.
std::vector<std::string> NamesOf(const Table& table) {
  std::vector<std::string> names;
  for (const auto& column : table.columns)
    if (column.storage_class_of.empty()) names.push_back(column.name);
  return names;
}

// What the settings of one table come to.
class Choice {
 public:
  explicit Choice(const TableSettings& settings) : settings_(&settings) {}

  bool is_all() const {
    return settings_->columns.empty() && settings_->exclude.empty() && settings_->hash.empty() &&
           settings_->where.empty();
  }
  bool hashes() const { return !settings_->hash.empty(); }
  bool IsHashed(const Column& column) const {
    return HoldsName(settings_->hash,
                     column.storage_class_of.empty() ? column.name : column.storage_class_of);
  }

  Status CheckNames(const Table& table) const {
    constexpr std::size_t kListed = 12;
    auto names = NamesOf(table);
    for (const auto& [setting, asked] :
         {std::pair("columns", &settings_->columns), std::pair("exclude", &settings_->exclude),
          std::pair("hash", &settings_->hash)})
      for (const auto& name : *asked) {
        if (HoldsName(names, name)) continue;
        auto nearest = NearestNames(name, names);
        return Fail(ErrorKind::kInvalid,
                    "table " + Display(table.name) + " has no column \"" + name +
                        "\", which its setting `" + setting + "` names",
                    nearest.empty() ? "its columns: " + Listed(names, kListed)
                                    : "did you mean " + Listed(nearest, kListed) + "?");
      }
    return {};
  }

  // Of the source's table, what is landed.
  Table Landed(const Table& source) const {
    Table landed = source;
    landed.where = settings_->where;
    landed.columns.clear();
    for (const auto& column : source.columns) {
      // What stands beside a column comes and goes with it.
      const auto& name = column.beside.empty() ? column.name : column.beside;
      bool is_excluded =
          HoldsName(settings_->exclude, column.name) || HoldsName(settings_->exclude, name);
      bool is_key = std::ranges::find(source.key, column.name) != source.key.end();
      bool is_chosen = settings_->columns.empty() || HoldsName(settings_->columns, name) ||
                       HoldsName(settings_->columns, column.name);
      if (is_excluded && is_key)
        landed.warnings.push_back("column \"" + column.name + "\" of " + Display(source.name) +
                                  " is part of the key and is landed, although `exclude` names it");
      if ((is_chosen && !is_excluded) || is_key) landed.columns.push_back(column);
    }
    Hash(landed);
    return landed;
  }

  // Hashed columns as they are landed.
  void Hash(Table& table) const {
    auto goes_with_hashed = [&](const Column& c) {
      return !c.storage_class_of.empty()
                 ? IsHashed(c)
                 : !c.beside.empty() && HoldsName(settings_->hash, c.beside);
    };
    for (const auto& column : table.columns)
      if (goes_with_hashed(column)) std::erase(table.key, column.name);
    std::erase_if(table.columns, goes_with_hashed);
    for (auto& column : table.columns) {
      if (!IsHashed(column)) continue;
      column.type = arrow::utf8();
      column.source_type = "text";
      column.spelling = Spelling::kExact;
    }
  }

  // Of what is landed, what is to be read.
  Table Source(const Table& landed, const Snapshot& snapshot) const {
    Table source = landed;
    source.columns.clear();
    for (const auto& column : landed.columns) {
      if (!IsHashed(column)) {
        source.columns.push_back(column);
        continue;
      }
      for (auto& stored : snapshot.AsStored(column)) source.columns.push_back(std::move(stored));
    }
    return source;
  }

 private:
  const TableSettings* settings_;
};

// Batches of the source's columns as batches of the landed ones.
class HashedStream final : public BatchStream {
 public:
  HashedStream(std::unique_ptr<BatchStream> rows, std::shared_ptr<arrow::Schema> schema,
               std::string_view key)
      : rows_(std::move(rows)), schema_(std::move(schema)), hash_(key) {}

  // `lead`: columns in front of the table's own.
  void Place(const Table& landed, const Table& source, const Choice& choice, int lead) {
    for (int i = 0; i < lead; ++i) places_.push_back({.from = i});
    int from = lead;
    for (const auto& column : landed.columns) {
      auto next = static_cast<std::size_t>(from - lead) + 1;
      bool is_hashed = choice.IsHashed(column);
      bool has_classes =
          is_hashed && next < source.columns.size() && source.columns[next].IsClassOf(column);
      places_.push_back({.from = from, .is_hashed = is_hashed, .has_classes = has_classes});
      from += has_classes ? 2 : 1;
    }
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    auto batch = TRY(rows_->Next());
    if (!batch) return batch;
    arrow::ArrayVector columns;
    columns.reserve(places_.size());
    for (const auto& place : places_) {
      const auto& values = batch->column(place.from);
      if (!place.is_hashed) {
        columns.push_back(values);
        continue;
      }
      auto classes = place.has_classes ? batch->column(place.from + 1) : nullptr;
      columns.push_back(TRY_WHILE("column \"" + batch->schema()->field(place.from)->name() + "\"",
                                  hash_.Of(*values, classes.get())));
    }
    return arrow::RecordBatch::Make(schema_, batch->num_rows(), std::move(columns));
  }

 private:
  struct ColumnPlace {
    int from = 0;  // in the source's batches
    bool is_hashed = false, has_classes = false;
  };
  std::unique_ptr<BatchStream> rows_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<ColumnPlace> places_;
  ValueHash hash_;
};

class ChosenSnapshot final : public Snapshot {
 public:
  ChosenSnapshot(std::unique_ptr<Snapshot> source, const SyncOptions& options)
      : source_(std::move(source)), options_(options) {}

  Status Expect(std::span<const Question> questions) override { return source_->Expect(questions); }
  Result<TableStatus> Inspect(const TableName& name, const Position* last) override {
    auto status = TRY(source_->Inspect(name, last));
    auto choice = ChoiceOf(name);
    if (choice.is_all() || !status.unsupported_because.empty()) return status;
    TRY(choice.CheckNames(status.table));
    status.table = choice.Landed(status.table);
    TRY(source_->CheckWhere(status.table));
    return status;
  }
  Status CheckWhere(const Table& table) override { return source_->CheckWhere(table); }
  std::vector<Column> AsStored(const Column& column) const override {
    return source_->AsStored(column);
  }

  Status Prepare(std::span<const ReadPlan> plans) override {
    std::vector<ReadPlan> below(plans.begin(), plans.end());
    for (auto& plan : below) plan.table = ToSource(plan.table);
    return source_->Prepare(below);
  }
  Result<std::vector<Slice>> Split(const Table& table, std::int64_t target_rows) override {
    return source_->Split(ToSource(table), target_rows);
  }
  Result<std::unique_ptr<BatchStream>> Read(const Table& table, const Slice& slice) override {
    if (!ChoiceOf(table.name).hashes()) return source_->Read(table, slice);
    return Hashed(table, TRY(source_->Read(ToSource(table), slice)), RowSchema(table), 0);
  }
  Result<std::unique_ptr<BatchStream>> Changes(const Table& table, std::int64_t version) override {
    constexpr int kLeadColumns = 3;
    if (!ChoiceOf(table.name).hashes()) return source_->Changes(table, version);
    return Hashed(table, TRY(source_->Changes(ToSource(table), version)), ChangeSchema(table),
                  kLeadColumns);
  }
  std::vector<std::string> WarningsOf(const TableName& name) override {
    return source_->WarningsOf(name);
  }
  Result<std::shared_ptr<arrow::RecordBatch>> FindKeys(const Table& table,
                                                       const arrow::RecordBatch& keys) override {
    auto choice = ChoiceOf(table.name);
    for (const auto& column : table.columns)
      if (choice.IsHashed(column) && std::ranges::find(table.key, column.name) != table.key.end())
        return Fail(ErrorKind::kUnsupported,
                    "table " + Display(table.name) +
                        ": rows cannot be looked up by their keys, which are hashed");
    return source_->FindKeys(ToSource(table), keys);
  }
  Result<Table> Refit(const Table& table) override {
    auto fitted = TRY(source_->Refit(ToSource(table)));
    ChoiceOf(table.name).Hash(fitted);
    return fitted;
  }

 private:
  Choice ChoiceOf(const TableName& name) const { return Choice(options_.SettingsOf(name)); }
  Table ToSource(const Table& table) const {
    auto choice = ChoiceOf(table.name);
    return choice.hashes() ? choice.Source(table, *source_) : table;
  }
  std::unique_ptr<BatchStream> Hashed(const Table& landed, std::unique_ptr<BatchStream> rows,
                                      std::shared_ptr<arrow::Schema> schema, int lead) const {
    auto hashed =
        std::make_unique<HashedStream>(std::move(rows), std::move(schema), options_.hash_key);
    hashed->Place(landed, ToSource(landed), ChoiceOf(landed.name), lead);
    return hashed;
  }

  const std::unique_ptr<Snapshot> source_;
  const SyncOptions& options_;
};

}  // namespace

std::unique_ptr<Snapshot> WithChoices(std::unique_ptr<Snapshot> source,
                                      const SyncOptions& options) {
  return std::make_unique<ChosenSnapshot>(std::move(source), options);
}

Status CheckHashKey(const SyncOptions& options) {
  if (!options.hash_key.empty()) return {};
  for (const auto& [name, settings] : options.table_settings)
    if (!settings.hash.empty())
      return Fail(ErrorKind::kInvalid,
                  "table " + name + ": column \"" + settings.hash.front() +
                      "\" is to be hashed, and there is no key to hash it with",
                  "give a secret key of at least 16 characters, and keep it: another key makes "
                  "other hashes");
  return {};
}

std::vector<std::string> NearestNames(std::string_view misspelt,
                                      const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 3;
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& name : names)
    if (auto distance = EditDistance(misspelt, name);
        distance <= std::max<std::size_t>(1, std::min(misspelt.size(), name.size()) / 3))
      near.emplace_back(distance, name);
  std::ranges::sort(near);
  std::vector<std::string> nearest;
  for (auto& [distance, name] : near)
    if (nearest.size() < kMost) nearest.push_back(std::move(name));
  return nearest;
}

}  // namespace tidemark
