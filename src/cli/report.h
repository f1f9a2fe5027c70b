#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tidemark/tidemark.h"

namespace tidemark::cli {

// Errors and warnings of tables, to stderr.
void PrintProblems(const SyncResult& result);
void PrintProblems(const VerifyResult& result);
void PrintProblems(const StatusResult& result);
void PrintProblems(const CompactResult& result);

// Whether tables without changes have a line of their own.
enum class ShowsIdle : bool { kNo, kYes };

// Tables for people, each with a last line that sums up.
std::string SyncTable(const SyncResult& result, ShowsIdle shows_idle);
std::string PlanTable(const SyncResult& result, ShowsIdle shows_idle);
std::string VerifyTable(const VerifyResult& result);
std::string CompactTable(const CompactResult& result, ShowsIdle shows_idle);
std::string StatusTable(const StatusResult& result, std::int64_t now_us);

// The documents of --json. Names that are not UTF-8 are spelled with U+FFFD: always valid JSON.
std::string SyncJson(const SyncResult& result);
std::string PlanJson(const SyncResult& result);
std::string VerifyJson(const VerifyResult& result);
std::string CompactJson(const CompactResult& result);
std::string StatusJson(const StatusResult& result, std::int64_t now_us);

}  // namespace tidemark::cli
