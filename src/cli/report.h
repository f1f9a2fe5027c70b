#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sync/sync.h"

namespace tidemark::cli {

// Errors and warnings of tables, to stderr.
void PrintProblems(const SyncReport& report);
void PrintProblems(const VerifyReport& report);
void PrintProblems(const std::vector<StatusTable>& tables);
void PrintProblems(const CompactReport& report);

// Whether tables without changes have a line of their own.
enum class ShowsIdle : bool { kNo, kYes };

// Tables for people, each with a last line that sums up.
std::string SyncTable(const SyncReport& report, ShowsIdle shows_idle);
std::string PlanTable(const SyncReport& report, ShowsIdle shows_idle);
std::string VerifyTableText(const VerifyReport& report);
std::string CompactTableText(const CompactReport& report, ShowsIdle shows_idle);
std::string StatusTableText(const std::vector<StatusTable>& tables, std::int64_t now_us);

// The documents of --json. Names that are not UTF-8 are spelled with U+FFFD: always valid JSON.
std::string SyncJson(const SyncReport& report);
std::string PlanJson(const SyncReport& report);
std::string VerifyJson(const VerifyReport& report);
std::string CompactJson(const CompactReport& report);
std::string StatusJson(const std::vector<StatusTable>& tables, std::int64_t now_us);

}  // namespace tidemark::cli
