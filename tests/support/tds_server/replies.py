"""What the engine gave, as the tokens of a reply."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from . import tokens
from .faults import Fault, FaultyReply
from .parameters import Call, Parameter
from .seam import OTHER, Result, Session, SqlError
from .types import Abilities, SqlType
from .wire import Channel, Closed, Reply

PROCEDURE_COMMAND = 0xE0
_REPLY_FAULTS = {"truncate", "garbage", "insert", "packet_length", "disconnect"}
_ROWS_A_WRITE = 64


class Cancelled(Exception):
    """The client sent attention."""


class Replies:
    """Answers the requests of one connection. One thread; `attention` may be set by another."""

    def __init__(self, channel: Channel, session: Session, abilities: Abilities, server: str,
                 encryption_acknowledged: bool = False) -> None:
        self._channel, self._session, self._abilities, self._server = channel, session, abilities, server
        self._encryption_acknowledged = encryption_acknowledged
        self.attention = threading.Event()
        self._reply = Reply(channel)
        self._faults: list[Fault] = []
        self._login_text_size = session.text_size
        self._state: tuple[str, int | None] = (session.database, session.transaction)
        self._prepared: dict[int, tuple[str, list[str]]] = {}

    def start(self, faults: list[Fault], was_reset: bool) -> None:
        """Before each request."""
        self._faults = faults
        framing = [fault for fault in faults if fault.kind in _REPLY_FAULTS]
        self._reply = FaultyReply(self._channel, framing) if framing else Reply(self._channel)
        if was_reset:
            self._session.reset()
            self._session.text_size = self._login_text_size
            self._reply.add(tokens.env_change(tokens.RESET, b"\0"))

    # Batches.

    def batch(self, sql: str) -> None:
        """Answers a batch: each statement's DONE says whether another one follows."""
        pending: bytes | None = None
        last = [OTHER]
        try:
            for result in self._results(sql, []):
                if pending is not None:
                    self._reply.add(_with_more(pending))
                last[0] = result.command
                status, count = self._write(result)
                pending = tokens.done(status, result.command, count)
            self._reply.add(pending if pending is not None else tokens.done(0, OTHER))
        except SqlError as error:
            if pending is not None:
                self._reply.add(_with_more(pending))
            self._end_by(error, last[0], tokens.DONE)
            return
        except Cancelled:
            if pending is not None:
                self._reply.add(_with_more(pending))
            self._reply.add(tokens.done(tokens.ERROR, last[0]))
        self._reply.end()

    def _end_by(self, error: SqlError, command: int, token: int) -> None:
        if error.number:
            self._reply.add(tokens.error(error, self._server))
        self._say_changes()
        if token == tokens.DONE_PROC and error.number:
            self._reply.add(tokens.return_status(error.number))
        self._reply.add(tokens.done(tokens.ERROR, command, token=token))
        self._reply.end()
        if error.fatal:
            raise Closed(str(error))

    def _results(self, sql: str, parameters: list[Parameter]) -> Iterator[Result]:
        for fault in self._faults:
            if fault.kind == "error" and fault.rows < 0:
                raise fault.error()
            if fault.kind == "disconnect" and fault.rows < 0 and fault.bytes < 0:
                raise Closed("disconnect on order")
            if fault.kind == "slow":
                self._wait(fault.milliseconds)
            if fault.kind == "stall":
                self._wait(None)
        for result in self._session.execute(sql, parameters):
            if self.attention.is_set() and not self._ignores_attention():
                raise Cancelled
            yield result

    def _ignores_attention(self) -> bool:
        return any(fault.kind == "ignore_attention" for fault in self._faults)

    def _wait(self, milliseconds: int | None) -> None:
        if self.attention.wait(None if milliseconds is None else milliseconds / 1000):
            raise Cancelled

    def _write(self, result: Result) -> tuple[int, int]:
        """A result without its DONE; gives the status and count for that."""
        for message in result.messages:
            self._reply.add(tokens.info(message, self._server))
        self._say_changes()
        if result.columns is None:
            return (0, 0) if result.count is None else (tokens.COUNT, result.count)
        size = self._session.text_size
        self._reply.add(tokens.column_metadata(result.columns, self._abilities, self._encryption_acknowledged, size))
        encoder = tokens.RowEncoder(result.columns, self._abilities, text_size=size)
        sent = 0
        waiting: list[bytes] = []
        try:
            for values in self._rows(result.rows, waiting):
                waiting.append(encoder.row(values))
                sent += 1
                if len(waiting) == _ROWS_A_WRITE:
                    self._reply.add(b"".join(waiting))
                    waiting.clear()
        finally:  # an error in the midst comes behind the rows before it
            self._reply.add(b"".join(waiting))
        return tokens.COUNT, sent if result.count is None else result.count

    def _rows(self, rows: Iterable[tuple[Any, ...]], waiting: list[bytes]) -> Iterator[tuple[Any, ...]]:
        after = [fault for fault in self._faults if fault.rows >= 0]
        watches = not self._ignores_attention()
        number = 0
        for number, values in enumerate(rows, 1):
            if watches and self.attention.is_set():
                raise Cancelled
            if after:
                self._meet(after, number - 1, waiting)
            yield values
        if after:
            self._meet(after, number, waiting)

    def _meet(self, after: list[Fault], number: int, waiting: list[bytes]) -> None:
        self._reply.add(b"".join(waiting))
        waiting.clear()
        for fault in after:
            if fault.kind == "slow" and fault.rows:
                self._reply.flush()
                self._wait(fault.milliseconds)
            elif fault.rows != number:
                continue
            elif fault.kind == "error":
                raise fault.error()
            elif fault.kind == "disconnect":
                self._reply.flush()
                raise Closed("disconnect on order")

    def _say_changes(self) -> None:
        database, transaction = self._session.database, self._session.transaction
        before_database, before = self._state
        self._state = (database, transaction)
        if database != before_database:
            self._reply.add(tokens.env_change(tokens.DATABASE, tokens.b_varchar(database), tokens.b_varchar(before_database)))
        if before is not None and before != transaction:
            kind = tokens.ROLLBACK if self._session.rolled_back else tokens.COMMIT
            self._reply.add(tokens.transaction_change(kind, before))
        if transaction is not None and before != transaction:
            self._reply.add(tokens.transaction_change(tokens.BEGIN, transaction))

    # Remote procedure calls.

    def calls(self, calls: list[Call]) -> None:
        """Answers a message of one call or several: each ends in its own DONEPROC."""
        for place, call in enumerate(calls):
            more = place + 1 < len(calls)
            try:
                self._call(call)
            except SqlError as error:
                self._end_by(error, PROCEDURE_COMMAND, tokens.DONE_PROC)
                return
            except Cancelled:
                self._reply.add(tokens.done(tokens.ERROR, PROCEDURE_COMMAND, token=tokens.DONE_PROC))
                break
            self._reply.add(tokens.done(tokens.MORE if more else 0, PROCEDURE_COMMAND, token=tokens.DONE_PROC))
        self._reply.end()

    def _call(self, call: Call) -> None:
        name, given = call.procedure.lower().removeprefix("sys."), call.parameters
        returned: list[bytes] = []
        if name == "sp_executesql":
            self._run(_text(given, 0), given[2:], _declared_names(given[1].value if len(given) > 1 else ""))
        elif name in ("sp_prepare", "sp_prepexec"):
            handle = len(self._prepared) + 1
            names = _declared_names(given[1].value)
            self._prepared[handle] = (_text(given, 2), names)
            if name == "sp_prepexec":
                self._run(_text(given, 2), given[3:], names)
            returned.append(tokens.return_value(0, given[0].name, SqlType("int"), handle))
        elif name == "sp_execute":
            handle = int(given[0].value or 0)
            if handle not in self._prepared:
                raise SqlError(8179, f"Could not find prepared statement with handle {handle}.")
            sql, names = self._prepared[handle]
            self._run(sql, given[1:], names)
        elif name == "sp_unprepare":
            self._prepared.pop(int(given[0].value or 0), None)
        elif name.startswith("sp_cursor"):
            raise SqlError(16902, f"{name}: this server has no cursors.")
        else:
            self._run(f"EXEC {call.procedure}", given, [])
        self._reply.add(tokens.return_status(0))
        for value in returned:
            self._reply.add(value)

    def _run(self, sql: str, parameters: list[Parameter], names: list[str]) -> None:
        for place, parameter in enumerate(parameters):
            if not parameter.name and place < len(names):
                parameter.name = names[place]
        for result in self._results(sql, parameters):
            status, count = self._write(result)
            self._reply.add(tokens.done(status | tokens.MORE, result.command, count, token=tokens.DONE_IN_PROC))

    # The transaction manager.

    def transaction(self, body: bytes) -> None:
        kind = int.from_bytes(body[:2], "little")
        try:
            if kind == 5:
                self._session.begin(body[2] if len(body) > 2 else 0)
            elif kind == 7:
                self._session.commit()
            elif kind == 8:
                self._session.rollback()
            else:
                raise SqlError(3920, f"There is no transaction manager request {kind} here.")
            self._say_changes()
            if kind in (7, 8):
                self._begin_again(body)
            self._reply.add(tokens.done(0, OTHER))
            self._reply.end()
        except SqlError as error:
            self._end_by(error, OTHER, tokens.DONE)

    def _begin_again(self, body: bytes) -> None:
        """Commit and rollback may ask for the next transaction: name, flag 1, isolation level."""
        flags = 3 + body[2] if len(body) > 2 else len(body)
        if flags < len(body) and body[flags] & 1:
            self._session.begin(body[flags + 1] if flags + 1 < len(body) else 0)
            self._say_changes()


def _with_more(done: bytes) -> bytes:
    return done[:1] + bytes([done[1] | tokens.MORE]) + done[2:]


def _text(given: list[Parameter], place: int) -> str:
    if place >= len(given) or not isinstance(given[place].value, str):
        raise SqlError(214, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.")
    return str(given[place].value)


def _declared_names(declarations: str | None) -> list[str]:
    """The names in `@P1 int, @P2 decimal(10,2)`: what unnamed parameters are called."""
    names, depth, word = [], 0, ""
    for character in (declarations or "") + ",":
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            if word.strip():
                names.append(word.split()[0])
            word = ""
        else:
            word += character
    return names
