#include "source/sqlite/record_decoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "source/sqlite/column_types.h"

namespace tidemark::sqlite {
namespace {

constexpr std::size_t kSlack = 16;

std::uint64_t Big64(const std::uint8_t* p) {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  return word;
}

bool IsInteger(std::uint64_t serial) {
  return serial - 1 <= 8 && serial != 7;  // 1 to 6, 8 and 9
}

std::int64_t LoadInteger(const std::uint8_t* value, std::uint64_t serial) {
  constexpr std::uint8_t kShift[] = {0, 56, 48, 40, 32, 16, 0};
  if (serial >= 8) return static_cast<std::int64_t>(serial - 8);
  return static_cast<std::int64_t>(Big64(value)) >> kShift[serial];
}

constexpr std::uint8_t kLength[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};

std::uint64_t LengthOf(std::uint64_t serial) {
  return serial < 12 ? kLength[serial] : (serial - 12) >> 1;
}

bool IsText(std::uint64_t serial) { return serial >= 13 && (serial & 1) != 0; }

struct CloseMemory {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

}  // namespace

// The literal as the column would hold it: by SQLite's own parser and conversions, in a database in
// memory. Nothing: it is no constant, so no record can lack the column.
std::optional<RecordDecoder::Default> RecordDecoder::EvaluateDefault(const CatalogColumn& column) {
  constexpr const char* kTypes[] = {"integer", "text", "blob", "real", "numeric"};
  sqlite3* raw = nullptr;
  int code =
      sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite3, CloseMemory> memory(raw);
  if (code != SQLITE_OK) return std::nullopt;
  // ALTER TABLE refuses what is no constant once there is a row.
  auto sql =
      std::string("create table t(a); insert into t values (1); alter table t add column c ") +
      kTypes[static_cast<int>(AffinityOf(column.declared_type))] + " default (" +
      column.default_sql.value_or("null") + ")";
  if (sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return std::nullopt;
  sqlite3_stmt* raw_statement = nullptr;
  code = sqlite3_prepare_v2(raw, "select c from t", -1, &raw_statement, nullptr);
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> select(raw_statement);
  if (code != SQLITE_OK || sqlite3_step(raw_statement) != SQLITE_ROW) return std::nullopt;
  Default made;
  std::uint64_t word = 0;
  switch (sqlite3_column_type(raw_statement, 0)) {
    case SQLITE_INTEGER:
      made.serial = 6;
      word = static_cast<std::uint64_t>(sqlite3_column_int64(raw_statement, 0));
      break;
    case SQLITE_FLOAT:
      made.serial = 7;
      word = std::bit_cast<std::uint64_t>(sqlite3_column_double(raw_statement, 0));
      break;
    case SQLITE_NULL:
      break;
    default: {
      bool is_text = sqlite3_column_type(raw_statement, 0) == SQLITE_TEXT;
      auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(raw_statement, 0));
      auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_statement, 0));
      if (size > 0) made.value.assign(data, data + size);
      made.value.resize(size + kSlack);
      made.serial = std::uint64_t{size} * 2 + (is_text ? 13 : 12);
      return made;
    }
  }
  for (int shift = 56; shift >= 0; shift -= 8)
    made.value.push_back(static_cast<std::uint8_t>(word >> shift));
  made.value.resize(8 + kSlack);
  return made;
}

Result<RecordDecoder> RecordDecoder::Make(const CatalogTable& catalog, const Table& table) {
  RecordDecoder decoder;
  std::size_t found = 0, wanted = 0, steps = 0;
  auto builder = TRY(BatchBuilder::Make(table));
  for (std::size_t i = 0; i < catalog.columns.size(); ++i) {
    const auto& column = catalog.columns[i];
    if (column.generated == CatalogColumn::Generated::kVirtual)
      return Fail(ErrorKind::kUnsupported, "a column that is computed is not in the pages");
    Step step{};
    step.is_rowid = catalog.rowid_alias == static_cast<int>(i);
    step.is_real_affinity = AffinityOf(column.declared_type) == Affinity::kReal;
    for (std::size_t j = 0; j < table.columns.size(); ++j) {
      if (table.columns[j].name != column.name || !table.columns[j].storage_class_of.empty())
        continue;
      step.is_wanted = true;
      step.column = static_cast<int>(j);
      step.kind = builder.columns_[j].kind;
      ++found;
      steps = i + 1;
    }
    decoder.steps_.push_back(step);
    decoder.columns_.push_back(column);
  }
  for (const auto& column : table.columns) wanted += column.storage_class_of.empty();
  if (found != wanted)
    return Fail(ErrorKind::kUnsupported,
                "the pages do not hold every column of " + table.name.name);
  decoder.steps_.resize(steps);
  decoder.defaults_.resize(steps);
  return decoder;
}

// The ways that are worth no code of their own.
bool RecordDecoder::AppendAny(const Step& step, std::uint64_t serial, const std::uint8_t* value,
                              BatchBuilder* builder) {
  if (serial == 0) return builder->AppendNull(step.column);
  if (IsInteger(serial)) {
    auto integer = LoadInteger(value, serial);
    return step.is_real_affinity ? builder->AppendReal(step.column, static_cast<double>(integer))
                                 : builder->AppendInt(step.column, integer);
  }
  if (serial == 7) {
    auto real = std::bit_cast<double>(Big64(value));
    // SQLite has no such value and reads NULL.
    if (std::isnan(real)) return builder->AppendNull(step.column);
    return builder->AppendReal(step.column, real);
  }
  std::string_view bytes(reinterpret_cast<const char*>(value), LengthOf(serial));
  return IsText(serial) ? builder->AppendText(step.column, bytes)
                        : builder->AppendBlob(step.column, bytes);
}

RecordDecoder::Outcome RecordDecoder::AppendMissing(std::size_t index, std::int64_t rowid,
                                                    BatchBuilder* builder) {
  const auto& step = steps_[index];
  if (!step.is_wanted) return Outcome::kRow;
  auto& value = defaults_[index];
  if (step.is_rowid) {
    if (!builder->AppendInt(step.column, rowid)) return Misfit(step);
    return Outcome::kRow;
  }
  if (!value) value = EvaluateDefault(columns_[index]);
  if (!value) return Outcome::kUnreadable;
  return AppendAny(step, value->serial, value->value.data(), builder) ? Outcome::kRow
                                                                      : Misfit(step);
}

RecordDecoder::Outcome RecordDecoder::Misfit(const Step& step) {
  misfit_column_ = step.column;
  return Outcome::kMisfit;
}

// Text of at most 16 ASCII bytes: two loads and two stores of fixed width instead of a copy and a
// check of any length. False: another text, nothing was done.
inline bool RecordDecoder::AppendShortText(BatchBuilder::ColumnBuffers& column,
                                           const std::uint8_t* value, std::uint64_t size,
                                           BatchBuilder* builder) {
  constexpr std::uint64_t kTopBits = 0x8080808080808080ULL;
  if (size > 16 || column.bytes_capacity - column.bytes_size < 16) return false;
  std::uint64_t words[2];
  std::memcpy(words, value, 16);
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t first = size >= 8 ? kTopBits : kTopBits & ((1ULL << (size * 8)) - 1);
  std::uint64_t second = size >= 16  ? kTopBits
                         : size <= 8 ? 0
                                     : kTopBits & ((1ULL << (size * 8 - 64)) - 1);
  if ((words[0] & first) | (words[1] & second)) return false;
  std::memcpy(column.bytes + column.bytes_size, words, 16);
  column.bytes_size += static_cast<std::int64_t>(size);
  builder->variable_bytes_ += static_cast<std::int64_t>(size);
  builder->SetFixed(column, static_cast<std::int32_t>(column.bytes_size));
  return true;
}

inline bool RecordDecoder::Append(const Step& step, std::uint64_t serial, const std::uint8_t* value,
                                  BatchBuilder* builder) {
  auto& column = builder->columns_[static_cast<std::size_t>(step.column)];
  switch (step.kind) {
    case BatchBuilder::Kind::kInt:
      if (!IsInteger(serial) || step.is_real_affinity) break;
      builder->SetFixed(column, LoadInteger(value, serial));
      return true;
    case BatchBuilder::Kind::kReal: {
      double real;
      if (serial == 7) {
        real = std::bit_cast<double>(Big64(value));
        if (std::isnan(real)) break;
      } else if (IsInteger(serial) && step.is_real_affinity) {
        real = static_cast<double>(LoadInteger(value, serial));
      } else {
        break;
      }
      builder->SetFixed(column, real);
      return true;
    }
    case BatchBuilder::Kind::kUtf8:
      if (!IsText(serial) || !AppendShortText(column, value, LengthOf(serial), builder)) break;
      return true;
    default:
      break;
  }
  return AppendAny(step, serial, value, builder);
}

RecordDecoder::Outcome RecordDecoder::Decode(const std::uint8_t* record, std::uint64_t size,
                                             std::int64_t rowid, BatchBuilder* builder) {
  const auto* header = record;
  auto header_size = ReadVarint(&header);
  if (header_size > size || header_size < static_cast<std::uint64_t>(header - record))
    return Outcome::kUnreadable;
  const auto* header_end = record + header_size;
  const auto* value = header_end;
  auto left = size - header_size;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto& step = steps_[i];
    if (header >= header_end) [[unlikely]] {
      auto outcome = AppendMissing(i, rowid, builder);
      if (outcome != Outcome::kRow) return outcome;
      continue;
    }
    std::uint64_t serial = *header++;
    if (serial >= 0x80) {
      --header;
      serial = ReadVarint(&header);
      if (header > header_end) return Outcome::kUnreadable;
    }
    auto length = LengthOf(serial);
    // Serial types 10 and 11 are SQLite's own and never in a file.
    if (length > left || (serial == 10 || serial == 11)) [[unlikely]]
      return Outcome::kUnreadable;
    const auto* at = value;
    value += length;
    left -= length;
    if (!step.is_wanted) continue;
    bool fits =
        step.is_rowid ? builder->AppendInt(step.column, rowid) : Append(step, serial, at, builder);
    if (!fits) [[unlikely]]
      return Misfit(step);
  }
  builder->EndRow();
  return Outcome::kRow;
}

}  // namespace tidemark::sqlite
