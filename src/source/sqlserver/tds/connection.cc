#include "source/sqlserver/tds/connection.h"

#include <fmt/format.h>

#include <algorithm>

#include "source/sqlserver/tds/request.h"
#include "source/sqlserver/tds/server_error.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

constexpr std::size_t kMessagesMax = 100;
constexpr std::size_t kDoneBytes = 13;
// Who stops us wants to go on: a server has this long to answer that a statement is cancelled.
constexpr std::int64_t kCancelOnStopMs = 500;

}  // namespace

Connection::Connection(const ConnectOptions& options, std::unique_ptr<Waiter> waiter,
                       std::unique_ptr<Link> link, LoginAnswer answer)
    : waiter_(std::move(waiter)),
      link_(std::move(link)),
      server_(std::move(answer.server)),
      collation_(std::move(answer.collation)),
      query_timeout_ms_(options.query_timeout_ms),
      cancel_timeout_ms_(options.cancel_timeout_ms),
      messages_(std::move(answer.messages)) {}

Connection::~Connection() = default;

std::unexpected<Error> Connection::Broken(Error error) {
  const bool is_stop = error.kind == ErrorKind::kCancelled;
  const bool is_silence = error.kind == ErrorKind::kUnavailable && waiter_->has_timed_out();
  // A decoder that refuses a value leaves the reply in the middle of it: the rest is not wanted.
  const bool is_refused_value =
      error.kind == ErrorKind::kMisfit || error.kind == ErrorKind::kUnsupported;
  if (place_ != Place::kNone && is_usable_ && (is_stop || is_silence || is_refused_value)) {
    waiter_->HeedStop(false);
    waiter_->SetTimeLeft(is_stop ? std::min(kCancelOnStopMs, cancel_timeout_ms_)
                                 : cancel_timeout_ms_);
    is_usable_ = DrainAfterAttention().has_value();
    waiter_->HeedStop(true);
  } else {
    is_usable_ = false;
  }
  place_ = Place::kNone;
  return Fail(std::move(error).While("server " + ToText(server_.endpoint)));
}

template <class T>
Result<T> Connection::Guard(Result<T> result) {
  if (!result) return Broken(std::move(result).error());
  return result;
}

Status Connection::Send(std::string_view sql, std::span<const Parameter> parameters) {
  if (!is_usable_) {
    return Fail(ErrorKind::kUnavailable,
                "the session with " + ToText(server_.endpoint) + " has ended");
  }
  TIDEMARK_CHECK(place_ == Place::kNone);
  error_.reset();
  messages_.clear();
  has_error_mark_ = false;
  waiter_->SetTimeLeft(0);
  waiter_->SetSilence(query_timeout_ms_);
  const RequestHeaders headers{.transaction = transaction_, .collation = collation_};
  if (parameters.empty()) {
    TRY(Guard(link_->Send(MessageType::kBatch, EncodeBatch(headers, sql))));
  } else {
    TRY(Guard(link_->Send(MessageType::kRpc, EncodeExecuteSql(headers, sql, parameters))));
  }
  link_->reply().NextMessage();
  place_ = Place::kReply;
  return {};
}

Result<std::optional<std::vector<ResultColumn>>> Connection::NextResult() {
  if (place_ == Place::kRows) TRY(SkipRows());
  return FindResult();
}

// From between two results.
Result<std::optional<std::vector<ResultColumn>>> Connection::FindResult() {
  ReplyInput& reply = link_->reply();
  while (place_ == Place::kReply) {
    if (TRY(Guard(reply.AtEnd()))) {
      TRY(CheckEnd());
      break;
    }
    const std::uint8_t token = *reply.begin();
    reply.Skip(1);
    if (token != kTokenColMetadata) {
      TRY(TakeToken(token));
      continue;
    }
    columns_ = TRY(Guard(ReadColMetadata(reply)));
    if (columns_.empty()) continue;  // a statement that promises none
    place_ = Place::kRows;
    return columns_;
  }
  return std::nullopt;
}

// Up to the next row of the current result, past what the server says in between.
Result<Connection::RowNext> Connection::FindRow() {
  ReplyInput& reply = link_->reply();
  while (place_ == Place::kRows) {
    if (TRY(Guard(reply.AtEnd()))) {
      return Broken(
          {ErrorKind::kCorrupt, "the server's answer ends in the middle of a result", {}});
    }
    const std::uint8_t token = *reply.begin();
    if (token == kTokenRow) return RowNext::kRow;
    if (token == kTokenNbcRow) return RowNext::kNbcRow;
    reply.Skip(1);
    if (!TRY(TakeToken(token))) continue;
    place_ = Place::kReply;
    // The result is only as good as the statement that gave it.
    if (error_ || has_error_mark_) TRY(ReadToEnd());
  }
  return RowNext::kNone;
}

Result<std::optional<Row>> Connection::ReadRow() {
  const RowNext next = TRY(FindRow());
  if (next == RowNext::kNone) return std::nullopt;
  ReplyInput& reply = link_->reply();
  reply.Skip(1);
  if (next == RowNext::kRow) return TRY(Guard(tds::ReadRow(reply, columns_)));
  return TRY(Guard(tds::ReadNbcRow(reply, columns_)));
}

Result<std::optional<std::vector<Parameter>>> Connection::ReadRowAsParameters() {
  const RowNext next = TRY(FindRow());
  if (next == RowNext::kNone) return std::nullopt;
  link_->reply().Skip(1);
  return TRY(Guard(tds::ReadRowAsParameters(link_->reply(), columns_, next == RowNext::kNbcRow)));
}

Status Connection::SkipRows() {
  while (true) {
    const RowNext next = TRY(FindRow());
    if (next == RowNext::kNone) return {};
    link_->reply().Skip(1);
    TRY(Guard(ReadCells(link_->reply(), columns_, next == RowNext::kNbcRow)));
  }
}

// To the end, whatever comes; fails as the statement did. Not by way of NextResult, which comes
// here itself: a server that never ends must not exhaust the stack.
Status Connection::ReadToEnd() {
  ReplyInput& reply = link_->reply();
  while (place_ != Place::kNone) {
    if (TRY(Guard(reply.AtEnd()))) return CheckEnd();
    const std::uint8_t token = *reply.begin();
    reply.Skip(1);
    if (token == kTokenColMetadata) {
      columns_ = TRY(Guard(ReadColMetadata(reply)));
    } else if (token == kTokenRow || token == kTokenNbcRow) {
      TRY(Guard(ReadCells(reply, columns_, token == kTokenNbcRow)));
    } else {
      TRY(TakeToken(token));
    }
  }
  return {};
}

Result<bool> Connection::TakeToken(std::uint8_t token) {
  ReplyInput& reply = link_->reply();
  switch (token) {
    case kTokenError:
    case kTokenInfo:
      TakeMessage(TRY(Guard(ReadServerMessage(reply))), token == kTokenError);
      return false;
    case kTokenEnvChange:
      TRY(TakeEnvChange(TRY(Guard(ReadEnvChange(reply)))));
      return false;
    case kTokenDone:
    case kTokenDoneProc:
    case kTokenDoneInProc:
      return TakeDone();
    case kTokenOrder:
    case kTokenTableNames:
    case kTokenColumnInfo:
      TRY(Guard(ReadBlock(reply)));
      return false;
    case kTokenReturnStatus:
      TRY(Guard(ReadReturnStatus(reply)));
      return false;
    case kTokenReturnValue:
      TRY(Guard(ReadReturnValue(reply)));
      return false;
    case kTokenSessionState:
      TRY(Guard(ReadSessionState(reply)));
      return false;
    default:
      return Broken(UnknownToken(token));
  }
}

void Connection::TakeMessage(ServerMessage message, bool is_error) {
  // The first error is the cause, those after it are its consequences.
  if (is_error && !error_) error_ = message;
  if (messages_.size() < kMessagesMax) messages_.push_back(std::move(message));
}

Status Connection::TakeEnvChange(const EnvChange& change) {
  switch (change.type) {
    case kEnvDatabase:
      server_.database = change.new_value;
      return {};
    case kEnvCollation:
      if (change.new_value.size() == sizeof Collation::bytes) collation_ = change.new_value;
      return {};
    case kEnvPacketSize:
      return Guard(link_->SetPacketBytes(change.new_value));
    case kEnvBegin:
      if (change.new_value.size() != sizeof transaction_) {
        return Broken({ErrorKind::kCorrupt, "the server names a transaction by too few bytes", {}});
      }
      transaction_ = Load<std::uint64_t>(change.new_value.data());
      return {};
    case kEnvCommit:
    case kEnvRollback:
      transaction_ = 0;
      return {};
    default:
      return {};
  }
}

Result<bool> Connection::TakeDone() {
  const Done done = TRY(Guard(ReadDone(link_->reply())));
  if ((done.status & (kDoneError | kDoneServerError)) != 0) has_error_mark_ = true;
  return true;
}

// The reply is at its end: what became of the statement?
Status Connection::CheckEnd() {
  constexpr std::uint8_t kSessionEnds = 20;
  place_ = Place::kNone;
  if (error_) {
    if (error_->severity >= kSessionEnds) is_usable_ = false;
    return Fail(ToError(*error_));
  }
  if (has_error_mark_) {
    return Fail(ErrorKind::kUnavailable, "server " + ToText(server_.endpoint) +
                                             ": the statement failed, and no reason came");
  }
  return {};
}

Result<std::vector<Row>> Connection::Query(std::string_view sql,
                                           std::span<const Parameter> parameters) {
  TRY(Send(sql, parameters));
  std::vector<Row> rows;
  if (!TRY(NextResult())) return rows;
  std::size_t bytes = 0;
  while (auto row = TRY(ReadRow())) {
    bytes += sizeof(Row) + row->size() * sizeof(Value);
    for (const Value& value : *row) {
      if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    }
    if (bytes > kQueryBytesMax) {
      return Broken(
          {ErrorKind::kUnsupported,
           fmt::format("a result that should be small has more than {} bytes", kQueryBytesMax),
           {}});
    }
    rows.push_back(*std::move(row));
  }
  TRY(ReadToEnd());
  return rows;
}

Status Connection::Execute(std::string_view sql, std::span<const Parameter> parameters) {
  TRY(Send(sql, parameters));
  return ReadToEnd();
}

Status Connection::Cancel() {
  if (place_ == Place::kNone || !is_usable_) return {};
  waiter_->HeedStop(false);
  waiter_->SetTimeLeft(cancel_timeout_ms_);
  Status drained = DrainAfterAttention();
  waiter_->HeedStop(true);
  place_ = Place::kNone;
  if (!drained) {
    is_usable_ = false;
    return Fail(std::move(drained).error().While("server " + ToText(server_.endpoint)));
  }
  return {};
}

// A server answers with the end of what it was sending, then with a message that holds only the
// acknowledgement; some put it into the first. Where in a value we stopped does not matter: every
// message ends with a DONE.
Status Connection::DrainAfterAttention() {
  waiter_->SetSilence(0);
  TRY(link_->Send(MessageType::kAttention, {}));
  ReplyInput& reply = link_->reply();
  while (true) {
    const std::string tail = TRY(reply.SkipMessage(kDoneBytes));
    const bool is_done =
        tail.size() == kDoneBytes && static_cast<std::uint8_t>(tail[0]) == kTokenDone;
    if (is_done && (Load<std::uint16_t>(tail.data() + 1) & kDoneAttention) != 0) return {};
    reply.NextMessage();
  }
}

}  // namespace tidemark::tds
