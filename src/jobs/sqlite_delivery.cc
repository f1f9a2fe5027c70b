// The outbox: notifications that were written with the end of their job.
#include <fmt/format.h>

#include "jobs/sqlite_store.h"

namespace tidemark {
namespace {

constexpr const char* kColumns =
    "id, job, url, body, state, attempt, created_us, next_us, last_status, last_error, epoch";

Delivery ReadDelivery(const sqlite::Statement& row) {
  Delivery delivery{.id = row.Text(0),
                    .job = row.Text(1),
                    .url = row.Text(2),
                    .body = row.Text(3),
                    .attempt = static_cast<int>(row.Int(5)),
                    .created_us = row.Int(6),
                    .next_us = row.Int(7),
                    .last_status = static_cast<int>(row.Int(8)),
                    .last_error = row.Text(9),
                    .epoch = row.Int(10)};
  auto state = row.Text(4);
  if (state == "delivered") delivery.state = Delivery::State::kDelivered;
  if (state == "dead") delivery.state = Delivery::State::kDead;
  return delivery;
}

// A claim moves the time of the next attempt to the end of its lease: a sender that is lost costs
// that.
const std::string kClaim = fmt::format(
    "UPDATE delivery SET epoch = epoch + 1, attempt = attempt + 1, next_us = ?1 + ?2 WHERE id = "
    "(SELECT id FROM delivery WHERE state = 'waiting' AND next_us <= ?1 ORDER BY next_us LIMIT 1) "
    "RETURNING {}",
    kColumns);
const std::string kSelect =
    fmt::format("SELECT {} FROM delivery WHERE job = ?1 ORDER BY created_us, id", kColumns);

}  // namespace

Result<std::optional<Delivery>> SqliteJobStore::ClaimDelivery(std::int64_t lease_us) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  auto* row = TRY(file_.Start(kClaim, Now(), lease_us));
  if (!TRY(row->Step())) {
    row->Reset();
    return std::optional<Delivery>();
  }
  auto delivery = ReadDelivery(*row);
  row->Reset();
  TRY(transaction.Commit());
  return std::optional(std::move(delivery));
}

Status SqliteJobStore::FinishDelivery(const Delivery& delivery, const DeliveryOutcome& outcome) {
  std::lock_guard lock(mutex_);
  auto transaction = TRY(JobTransaction::Begin(file_, false));
  std::string_view state = outcome.is_delivered  ? "delivered"
                           : outcome.retry_in_us ? "waiting"
                                                 : "dead";
  auto changed = TRY(
      file_.Run("UPDATE delivery SET state = ?3, next_us = ?4, last_status = ?5, last_error = ?6 "
                "WHERE id = ?1 AND epoch = ?2 AND state = 'waiting'",
                delivery.id, delivery.epoch, state, Now() + outcome.retry_in_us.value_or(0),
                outcome.status, outcome.error));
  if (changed == 0) {
    return Fail(ErrorKind::kConflict,
                fmt::format("notification {}: another sender has it", delivery.id));
  }
  TRY(Note(
      delivery.job, "callback", outcome.is_delivered ? "callback_delivered" : "callback_failed",
      fmt::format("attempt {}: {}", delivery.attempt,
                  outcome.error.empty() ? fmt::format("HTTP {}", outcome.status) : outcome.error)));
  return transaction.Commit();
}

Result<std::vector<Delivery>> SqliteJobStore::Deliveries(std::string_view job) {
  std::lock_guard lock(mutex_);
  auto* rows = TRY(file_.Start(kSelect, job));
  std::vector<Delivery> deliveries;
  while (TRY(rows->Step())) deliveries.push_back(ReadDelivery(*rows));
  rows->Reset();
  return deliveries;
}

}  // namespace tidemark
