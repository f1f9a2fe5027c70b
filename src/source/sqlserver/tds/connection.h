#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/sqlserver/tds/connect_options.h"
#include "source/sqlserver/tds/login.h"
#include "source/sqlserver/tds/parameter.h"
#include "source/sqlserver/tds/values.h"

namespace tidemark::tds {

class RowDecoder;

// A session with a SQL Server. One thread at a time. Errors of the server come as ToError makes
// them and leave the session usable, but for those that end it; kUnavailable with usable() true:
// the server was silent for too long and the statement was cancelled; kCancelled: somebody asked to
// stop. Everything else (a lost connection, an answer that contradicts itself) ends the session.
class Connection {
 public:
  // Finds the instance, connects, logs in and follows redirections, all within the time-out. Errors
  // name host and port. kDenied: the login or the certificate was refused.
  static Result<std::unique_ptr<Connection>> Open(const ConnectOptions& options);
  ~Connection();

  const ServerInfo& server() const { return server_; }

  // One statement or several: as a batch, or with parameters through sp_executesql. The former
  // reply must have been read to its end. `sql` without a NUL.
  Status Send(std::string_view sql, std::span<const Parameter> parameters = {});
  // Goes on to the next result that has columns; rows of the one before that were not read are
  // passed over. Nothing: the reply ended, and well.
  Result<std::optional<std::vector<ResultColumn>>> NextResult();
  // Rows of the current result. True: the decoder is full; false: the result is at its end.
  Result<bool> ReadRows(RowDecoder& decoder);
  // One row; nothing: the result is at its end.
  Result<std::optional<Row>> ReadRow();
  // One row as parameters @p1, @p2, … of the columns' own types.
  Result<std::optional<std::vector<Parameter>>> ReadRowAsParameters();

  // Send, the rows of the first result with columns, and to the end. For small results: more than
  // kQueryBytesMax are refused.
  Result<std::vector<Row>> Query(std::string_view sql, std::span<const Parameter> parameters = {});
  // Send and to the end; rows are passed over.
  Status Execute(std::string_view sql, std::span<const Parameter> parameters = {});

  // Stops what the server is doing and reads both of its answers. Nothing happens where no reply
  // is awaited.
  Status Cancel();

  // Of the last Send: the error that made it fail, and everything the server said (at most 100).
  const std::optional<ServerMessage>& last_error() const { return error_; }
  const std::vector<ServerMessage>& messages() const { return messages_; }
  bool usable() const { return is_usable_; }
  bool in_transaction() const { return transaction_ != 0; }

  static constexpr std::size_t kQueryBytesMax = std::size_t{256} << 20;

 private:
  // Where the reply stands: at its end, before a token, or before a token of the current result.
  enum class Place { kNone, kReply, kRows };
  enum class RowNext { kRow, kNbcRow, kNone };

  Connection(const ConnectOptions& options, std::unique_ptr<Waiter> waiter,
             std::unique_ptr<Link> link, LoginAnswer answer);

  std::string Request(std::string_view sql, std::span<const Parameter> parameters) const;
  Result<std::optional<std::vector<ResultColumn>>> FindResult();
  Result<RowNext> FindRow();
  Status SkipRows();
  Status ReadToEnd();
  // Takes one token that is neither metadata nor row. True: it ended a result.
  Result<bool> TakeToken(std::uint8_t token);
  Status TakeEnvChange(const EnvChange& change);
  void TakeMessage(ServerMessage message, bool is_error);
  Result<bool> TakeDone();
  Status CheckEnd();
  Status DrainAfterAttention();
  // What an error means for the session: it is cancelled where that helps, or over.
  std::unexpected<Error> Broken(Error error);
  template <class T>
  Result<T> Guard(Result<T> result);

  std::unique_ptr<Waiter> waiter_;
  std::unique_ptr<Link> link_;
  ServerInfo server_;
  std::string collation_;
  std::int64_t query_timeout_ms_, cancel_timeout_ms_;
  std::uint64_t transaction_ = 0;  // as the server names it; 0: none
  Place place_ = Place::kNone;
  std::vector<ResultColumn> columns_;
  std::optional<ServerMessage> error_;
  std::vector<ServerMessage> messages_;
  bool has_error_mark_ = false;  // a DONE that says "error", with or without a message
  bool is_usable_ = true;
};

}  // namespace tidemark::tds
