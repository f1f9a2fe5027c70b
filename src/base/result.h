#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tidemark {

// What the caller may do about a failure; the text is only for people.
enum class ErrorKind : std::uint8_t {
  kInvalid,  // the request or configuration is wrong; never retried
  kNotFound,
  kConflict,     // someone else won: lost lease, failed precondition, held lock
  kDenied,       // credentials or privileges
  kUnavailable,  // transient: busy, network, throttling, full disk; may be retried
  kCorrupt,      // data contradicts itself; stop and tell someone
  kUnsupported,
  kCancelled,
  kMisfit,    // a value does not fit the column's type: refit the table and read it again
  kInternal,  // a bug of ours
};

// "invalid", "not_found", ...: as reports spell it.
std::string_view Name(ErrorKind kind);

struct [[nodiscard]] Error {
  ErrorKind kind;
  std::string message;  // lower case, no final stop, names the thing and the value
  std::string hint;     // the way out, where we know it

  // Prefixes what we were doing: Error{"timed out"}.While("list tables").
  Error While(std::string_view action) && {
    message.insert(0, std::string(action) + ": ");
    return std::move(*this);
  }
};

// std::expected, but forgetting to look at one is a compiler warning.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
  using Base = std::expected<T, Error>;

 public:
  using Base::Base;
};
using Status = Result<void>;

inline std::unexpected<Error> Fail(ErrorKind kind, std::string message, std::string hint = {}) {
  return std::unexpected<Error>(Error{kind, std::move(message), std::move(hint)});
}
inline std::unexpected<Error> Fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// TRY() accepts anything AsResult() accepts; base/arrow_result.h adds Arrow's types.
// By value: a reference here would outlive the temporary it was bound to.
template <class T>
Result<T> AsResult(Result<T> result) {
  return result;
}

// The value of the expression, or return its error from the enclosing function.
#define TRY(...)                                                                  \
  __extension__({                                                                 \
    auto&& try_result = ::tidemark::AsResult(__VA_ARGS__);                        \
    if (!try_result) [[unlikely]]                                                 \
      return ::std::unexpected<::tidemark::Error>(std::move(try_result).error()); \
    *std::move(try_result);                                                       \
  })

// As TRY, with what we were doing prefixed: TRY_WHILE("table main.orders", Read(...)).
#define TRY_WHILE(action, ...)                                                                  \
  __extension__({                                                                               \
    auto&& try_result = ::tidemark::AsResult(__VA_ARGS__);                                      \
    if (!try_result) [[unlikely]]                                                               \
      return ::std::unexpected<::tidemark::Error>(std::move(try_result).error().While(action)); \
    *std::move(try_result);                                                                     \
  })

// A broken precondition is a bug of ours: the process dies, in release too.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
#define TIDEMARK_CHECK(condition) \
  ((condition) ? void() : ::tidemark::CheckFailed(#condition, __FILE__, __LINE__))

}  // namespace tidemark
