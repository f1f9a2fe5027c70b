#include <array>

#include "source/source.h"
#include "source/sqlite/source.h"
#include "source/sqlserver/source.h"

namespace tidemark {
namespace {

constexpr std::array kKinds = {
    SourceKind{.scheme = "sqlite", .open = sqlite::OpenSqliteSource},
    SourceKind{.scheme = "sqlserver", .open = sqlserver::OpenSqlServerSource},
};

// The letters in front of "://", or of ':' when they name a kind; empty: the text is a path.
std::string_view SchemeOf(std::string_view text) {
  auto colon = text.find(':');
  if (colon == text.npos || colon < 2) return {};
  auto scheme = text.substr(0, colon);
  for (char c : scheme) {
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-';
    if (!is_letter) return {};
  }
  if (text.substr(colon).starts_with("://")) return scheme;
  for (const auto& kind : kKinds) {
    if (kind.scheme == scheme) return scheme;
  }
  return {};
}

}  // namespace

Status Snapshot::Expect(std::span<const Question>) { return {}; }

Result<std::shared_ptr<arrow::RecordBatch>> Snapshot::FindKeys(const Table& table,
                                                               const arrow::RecordBatch&) {
  return Fail(ErrorKind::kUnsupported,
              "table " + Display(table.name) + ": this source cannot look rows up by their keys");
}

std::vector<std::string> Snapshot::WarningsOf(const TableName&) { return {}; }

Status Snapshot::CheckWhere(const Table& table) {
  if (table.where.empty()) return {};
  return Fail(ErrorKind::kUnsupported,
              "table " + Display(table.name) + ": this source cannot choose rows by a condition");
}

std::span<const SourceKind> SourceKinds() { return kKinds; }

std::string WithoutSecrets(std::string_view text) {
  auto host = text.find("://");
  if (host == text.npos) return std::string(text);
  host += 3;
  auto shown = text.substr(0, text.find('?', host));
  // A password may hold slashes and further @, so the last one ends it.
  auto at = shown.rfind('@');
  if (at == shown.npos || at < host) return std::string(shown);
  auto user = shown.substr(host, at - host);
  return std::string(shown.substr(0, host)) + std::string(user.substr(0, user.find(':'))) +
         std::string(shown.substr(at));
}

Result<std::unique_ptr<Source>> OpenSource(const std::string& text, const SourceOptions& options) {
  auto scheme = SchemeOf(text);
  if (scheme.empty()) return sqlite::OpenSqliteSource(text, options);
  for (const auto& kind : kKinds) {
    if (kind.scheme == scheme) return kind.open(text.substr(scheme.size() + 1), options);
  }
  std::string known;
  for (const auto& kind : kKinds) known += (known.empty() ? "" : ", ") + std::string(kind.scheme);
  return Fail(ErrorKind::kInvalid,
              WithoutSecrets(text) + ": this version cannot read from " + std::string(scheme),
              "it reads from: a path, or " + known);
}

}  // namespace tidemark
