#pragma once
#include <arrow/result.h>
#include <arrow/status.h>

#include <memory>
#include <utility>

#include "base/result.h"

namespace tidemark {

// Lets our Error cross Arrow code and come back whole.
class CarriedError final : public arrow::StatusDetail {
 public:
  static constexpr const char* kTypeId = "tidemark::Error";
  explicit CarriedError(Error error) : error(std::move(error)) {}
  const char* type_id() const override { return kTypeId; }
  std::string ToString() const override { return error.message; }
  const Error error;
};

inline arrow::Status ToArrow(const Error& error) {
  return arrow::Status(arrow::StatusCode::IOError, error.message,
                       std::make_shared<CarriedError>(error));
}

inline Error FromArrow(const arrow::Status& status) {
  if (status.detail() && status.detail()->type_id() == CarriedError::kTypeId)
    return static_cast<const CarriedError&>(*status.detail()).error;
  switch (status.code()) {
    case arrow::StatusCode::Cancelled:
      return {ErrorKind::kCancelled, status.ToString(), {}};
    case arrow::StatusCode::NotImplemented:
      return {ErrorKind::kUnsupported, status.ToString(), {}};
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::TypeError:
      return {ErrorKind::kInvalid, status.ToString(), {}};
    case arrow::StatusCode::IOError:
      return {ErrorKind::kUnavailable, status.ToString(), {}};
    default:
      return {ErrorKind::kInternal, status.ToString(), {}};
  }
}

inline Status AsResult(const arrow::Status& status) {
  if (status.ok()) return {};
  return Fail(FromArrow(status));
}

template <class T>
Result<T> AsResult(arrow::Result<T>&& result) {
  if (result.ok()) return std::move(result).ValueUnsafe();
  return Fail(FromArrow(result.status()));
}

}  // namespace tidemark
