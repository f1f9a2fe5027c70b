#include "source/sqlserver/tds/server_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>

namespace tidemark::tds {
namespace {

struct Known {
  std::int32_t number;
  ErrorKind kind;
  const char* hint;
};

constexpr auto kUnavailable = ErrorKind::kUnavailable;
constexpr auto kDenied = ErrorKind::kDenied;
constexpr auto kNotFound = ErrorKind::kNotFound;
constexpr auto kInvalid = ErrorKind::kInvalid;

constexpr const char* kLockOut =
    "add this machine's address to the server's firewall, or use its private endpoint";

// In order of their numbers.
constexpr Known kKnown[] = {
    {64, kUnavailable, ""},
    {102, kInvalid, ""},
    {207, kInvalid, ""},
    {208, kNotFound, ""},
    {229, kDenied, "`plan` shows the statements that grant what is missing"},
    {230, kDenied, "`plan` shows the statements that grant what is missing"},
    {233, kUnavailable, ""},
    {262, kDenied, ""},
    {297, kDenied, ""},
    {300, kDenied, ""},
    {371, kDenied, "`plan` shows the statements that grant what is missing"},
    {601, kUnavailable, ""},
    {615, kUnavailable, ""},
    {617, kUnavailable, ""},
    {701, kUnavailable, ""},
    {823, ErrorKind::kCorrupt, "the server cannot read its own disk: see its error log"},
    {824, ErrorKind::kCorrupt, "the server found a damaged page: run DBCC CHECKDB"},
    {825, ErrorKind::kCorrupt, "the server found a damaged page: run DBCC CHECKDB"},
    {911, kNotFound, "check the name of the database"},
    {916, kDenied, "the login needs a user in that database"},
    {921, kUnavailable, "the database is still being recovered"},
    {922, kUnavailable, "the database is still being recovered"},
    {927, kUnavailable, "the database is being restored"},
    {942, kUnavailable, "the database is offline"},
    {945, kUnavailable, ""},
    {976, kUnavailable,
     "this replica does not allow reading: set applicationIntent=ReadOnly or "
     "connect to the listener"},
    {978, kUnavailable, "this replica is read only: set applicationIntent=ReadOnly"},
    {983, kUnavailable, ""},
    {1204, kUnavailable, ""},
    {1205, kUnavailable, ""},
    {1222, kUnavailable, ""},
    {2801, kUnavailable, ""},
    {3906, kDenied, "the database is read only"},
    {3951, kUnavailable, ""},
    {3952, kInvalid, "ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON"},
    {3956, kUnavailable, ""},
    {3957, kUnavailable, ""},
    {3958, kUnavailable, "the server's tempdb is full or the version it kept is gone"},
    {3959, kUnavailable, "the server's tempdb is full"},
    {3960, kUnavailable, ""},
    {3961, kUnavailable, "the table was altered while it was read"},
    {3966, kUnavailable, ""},
    {3967, kUnavailable, ""},
    {4060, kDenied, "the database does not exist, or the login may not open it"},
    {4064, kDenied, "the login's default database cannot be opened: name one"},
    {4221, kUnavailable, ""},
    {4891, kUnavailable, "the table was altered while it was read"},
    {5123, ErrorKind::kInternal, ""},
    {6005, kUnavailable, "the server is being shut down"},
    {8645, kUnavailable, ""},
    {8651, kUnavailable, ""},
    {9515, kUnavailable, ""},
    {10053, kUnavailable, ""},
    {10054, kUnavailable, ""},
    {10060, kUnavailable, ""},
    {10061, kUnavailable, ""},
    {10922, kUnavailable, ""},
    {10928, kUnavailable,
     "the database's limit of sessions or workers is reached: fewer --workers"},
    {10929, kUnavailable, "the server is too busy for this database's guarantee"},
    {10936, kUnavailable, ""},
    {14355, kUnavailable, ""},
    {17142, kUnavailable, "the server is paused"},
    {17197, kUnavailable, ""},
    {17809, kUnavailable, "the server's limit of connections is reached"},
    {17830, kUnavailable, ""},
    {18401, kUnavailable, "the server is being upgraded"},
    {18451, kUnavailable, ""},
    {18452, kDenied,
     "the server knows only Windows logins, or the login comes from another domain: "
     "SQL logins must be allowed there"},
    {18456, kDenied, ""},
    {18461, kUnavailable, "the server is in single-user mode"},
    {18470, kDenied, "ALTER LOGIN … ENABLE"},
    {18486, kDenied,
     "the login is locked after wrong passwords: ALTER LOGIN … WITH PASSWORD = … "
     "UNLOCK"},
    {18487, kDenied, "the password has expired: change it"},
    {18488, kDenied, "the password must be changed before the first login"},
    {22105, kNotFound, "ALTER TABLE … ENABLE CHANGE_TRACKING; `track enable` prints it"},
    {22117, kUnavailable, ""},
    {33155, kDenied, ""},
    {33156, kDenied, ""},
    {40020, kUnavailable, ""},
    {40143, kUnavailable, ""},
    {40166, kUnavailable, ""},
    {40197, kUnavailable, ""},
    {40501, kUnavailable, "the server throttles"},
    {40515, kInvalid, ""},
    {40531, kNotFound, "write the user as user@server"},
    {40532, kNotFound, "check the server's name, or write the user as user@server"},
    {40540, kUnavailable, ""},
    {40544, kInvalid, "the database has reached its largest size"},
    {40549, kUnavailable, "a transaction was open for too long"},
    {40550, kUnavailable, ""},
    {40551, kUnavailable, ""},
    {40552, kUnavailable, ""},
    {40553, kUnavailable, ""},
    {40613, kUnavailable, "a paused serverless database takes a minute to wake up"},
    {40615, kDenied, kLockOut},
    {40648, kUnavailable, ""},
    {40671, kUnavailable, ""},
    {40675, kUnavailable, ""},
    {40806, kUnavailable, ""},
    {40807, kUnavailable, ""},
    {40914, kDenied, kLockOut},
    {41301, kUnavailable, ""},
    {41302, kUnavailable, ""},
    {41305, kUnavailable, ""},
    {41325, kUnavailable, ""},
    {41839, kUnavailable, ""},
    {42108, kUnavailable, "the data warehouse is paused"},
    {42109, kUnavailable, "the data warehouse is being resumed"},
    {45168, kUnavailable, ""},
    {45169, kUnavailable, ""},
    {47073, kDenied, "the server allows no access from public networks: use its private endpoint"},
    {49918, kUnavailable, ""},
    {49919, kUnavailable, ""},
    {49920, kUnavailable, ""},
};
static_assert(std::ranges::is_sorted(kKnown, {}, &Known::number));

const Known* Find(std::int32_t number) {
  const auto* found = std::ranges::lower_bound(kKnown, number, {}, &Known::number);
  return found != std::end(kKnown) && found->number == number ? found : nullptr;
}

struct LoginState {
  int first, last;
  const char* meaning;
};
// Most servers send state 1 to clients, so that nobody can guess names, and note the real one.
constexpr LoginState kLoginStates[] = {
    {1, 1, "user or password is wrong; the server notes the exact reason in its own error log"},
    {2, 2, "there is no such user"},
    {5, 5, "there is no such user"},
    {6, 6, "that is a Windows login, which cannot log in by password"},
    {7, 7, "the login is disabled and the password wrong"},
    {8, 9, "the password is wrong"},
    {10, 12, "the login is valid, but may not connect to this server: GRANT CONNECT SQL"},
    {13, 13, "the server is paused"},
    {16, 16, "the login may not open that database"},
    {18, 18, "the password must be changed first"},
    {23, 23, "the server is being shut down"},
    {38, 38, "the database does not exist, or the login may not open it"},
    {40, 40, "the login's default database cannot be opened: name one"},
    {46, 46, "the database does not exist"},
    {50, 50, "the password does not match the user of that contained database"},
    {58, 58, "the server allows Windows logins only: SQL logins must be switched on there"},
    {62, 62, "a Windows group lacks its user in the contained database"},
    {65, 65, "the password of the contained database's user is wrong"},
    {102, 111, "the access token was refused by Entra ID's rules for this server"},
    {122, 124, "user or password is empty"},
    {126, 126, "the database does not exist"},
    {132, 133,
     "the access token was refused: Entra ID does not know the user, or the token is of "
     "another tenant"},
};

const char* LoginHint(int state) {
  for (const LoginState& known : kLoginStates) {
    if (state >= known.first && state <= known.last) return known.meaning;
  }
  return "the server notes the exact reason in its own error log";
}

ErrorKind KindOf(const ServerMessage& message, const Known* known) {
  constexpr std::uint8_t kSystemProblem = 17, kConnectionEnds = 20;
  if (known != nullptr) return known->kind;
  // 17 to 19: resources ran out; from 20 on the session is over, which another may not be.
  if (message.severity >= kConnectionEnds) return kUnavailable;
  return message.severity == kSystemProblem ? kUnavailable : kInvalid;
}

}  // namespace

Error ToError(const ServerMessage& message) {
  const Known* known = Find(message.number);
  const std::string place =
      message.procedure.empty() ? "" : fmt::format(", procedure {}", message.procedure);
  Error error{KindOf(message, known),
              fmt::format("server message {} (level {}, state {}{}, line {}): {}", message.number,
                          message.severity, message.state, place, message.line, message.text),
              known == nullptr ? "" : known->hint};
  // House style: the server's sentence goes on without its full stop.
  while (error.message.ends_with('.')) error.message.pop_back();
  constexpr std::int32_t kLoginFailed = 18456;
  if (message.number == kLoginFailed) error.hint = LoginHint(message.state);
  return error;
}

bool IsTransient(std::int32_t number) {
  const Known* known = Find(number);
  return known != nullptr && known->kind == kUnavailable;
}

bool NeedsNewSnapshot(std::int32_t number) {
  constexpr std::int32_t kNumbers[] = {3951, 3957, 3958, 3960, 3961, 3966, 3967, 4891};
  return std::ranges::find(kNumbers, number) != std::end(kNumbers);
}

}  // namespace tidemark::tds
