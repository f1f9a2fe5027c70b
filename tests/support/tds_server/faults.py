"""Faults on order: what goes wrong, at which statement, how often.

From Python: server.faults.add(Fault("error", match="CHANGETABLE", number=1205)). Over any connection, by T-SQL:
  EXEC tidemark_test.fault @kind = N'error', @match = N'CHANGETABLE', @number = 1205, @rows = 3, @times = 2
  EXEC tidemark_test.clear_faults

kind            what happens
error           the statement fails with `number`, `state`, `severity`, `text`; after `rows` rows where given
disconnect      the connection is cut; after `rows` rows or `bytes` bytes of the reply where given
slow            `milliseconds` pass before the reply, and before each row where `rows` is not 0
stall           nothing comes until the client sends attention or goes
ignore_attention  the statement goes on to its end, and the attention is never answered
truncate        the reply ends as a whole message after `bytes` bytes of its tokens
garbage         the reply is `data` (hexadecimal), not what the statement gave
insert          `data` stands in the reply after `bytes` bytes
packet_length   the first packet's header says `number` for its length
login_error     a login fails with `number`, `state`, `severity`, `text`; `match` is a part of the user's name
login_disconnect  the connection is cut where the login's answer should come
redirect        a login is answered by ENVCHANGE 20 to `host` and `port`
"""

from __future__ import annotations

import dataclasses
import re
import threading
from dataclasses import dataclass
from typing import Any

from .seam import SqlError
from .wire import Channel, Closed, Reply

KINDS = {"error", "disconnect", "slow", "stall", "ignore_attention", "truncate", "garbage", "insert", "packet_length",
         "login_error", "login_disconnect", "redirect"}
AT_LOGIN = {"login_error", "login_disconnect", "redirect"}
# What the engine's own errors say; a test that orders only a number gets the right words and severity.
TEXTS = {
    1205: (13, "Transaction (Process ID 51) was deadlocked on lock resources with another process and has been chosen "
               "as the deadlock victim. Rerun the transaction."),
    3960: (16, "Snapshot isolation transaction aborted due to update conflict."),
    3961: (16, "Snapshot isolation transaction failed in database because the object accessed by the statement has been "
               "modified by a DDL statement in another concurrent transaction since the start of this transaction."),
    40501: (20, "The service is currently busy. Retry the request after 10 seconds."),
    40613: (17, "Database is not currently available. Please retry the connection later."),
    18456: (14, "Login failed for user."),
    4060: (11, "Cannot open database requested by the login. The login failed."),
}
_CALL = re.compile(r"\s*EXEC(?:UTE)?\s+\[?tidemark_test\]?\.(\w+)\s*(.*?)\s*;?\s*", re.IGNORECASE | re.DOTALL)
_ARGUMENT = re.compile(r"@(\w+)\s*=\s*(?:N?'((?:[^']|'')*)'|(-?\d+))\s*(?:,|$)")


@dataclass
class Fault:
    kind: str
    match: str = ""
    times: int = 1  # -1: always
    skip: int = 0  # so many matching ones pass first
    number: int = 50000
    state: int = 1
    severity: int = 0  # 0: what the number has
    text: str = ""
    rows: int = -1  # -1: none is waited for
    bytes: int = -1
    milliseconds: int = 0
    data: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    fatal: bool = False

    def error(self) -> SqlError:
        severity, text = TEXTS.get(self.number, (16, f"error {self.number} on order"))
        return SqlError(self.number, self.text or text, state=self.state, severity=self.severity or severity,
                        fatal=self.fatal or (self.severity or severity) >= 20)


class Faults:
    """All faults on order at one server. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.carried_out: list[str] = []

    def add(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            raise ValueError(f"there is no fault {fault.kind!r}, there are {sorted(KINDS)}")
        with self._lock:
            self._waiting.append(dataclasses.replace(fault))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, text: str, at_login: bool = False) -> list[Fault]:
        """The faults for this statement or login, each of which is then used up by one."""
        with self._lock:
            due = []
            for fault in list(self._waiting):
                if (fault.kind in AT_LOGIN) != at_login or fault.match.lower() not in text.lower():
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                due.append(fault)
                self.carried_out.append(fault.kind)
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
            return due

    def order(self, sql: str) -> bool:
        """Carries out a call of the control dialect; false when the statement is none."""
        matched = _CALL.fullmatch(sql)
        if not matched:
            return False
        if matched[1].lower() == "clear_faults":
            self.clear()
        elif matched[1].lower() == "fault":
            self.add(Fault(**_arguments(matched[2])))
        else:
            return False
        return True


def _arguments(text: str) -> dict[str, Any]:
    known = {field.name: field.type for field in dataclasses.fields(Fault)}
    given: dict[str, Any] = {}
    place = 0
    while place < len(text):
        matched = _ARGUMENT.match(text, place)
        if not matched or matched[1] not in known:
            raise SqlError(8145, f"tidemark_test.fault does not take: {text[place:]}")
        place = matched.end()
        while place < len(text) and text[place].isspace():
            place += 1
        kind = known[matched[1]]
        value = matched[2].replace("''", "'") if matched[2] is not None else matched[3]
        given[matched[1]] = value if kind == "str" else bool(int(value)) if kind == "bool" else int(value)
    return given


class FaultyReply(Reply):
    """A reply that is cut, replaced or wrongly framed."""

    def __init__(self, channel: Channel, faults: list[Fault]) -> None:
        super().__init__(channel)
        self._faults = faults
        self._added = 0
        self._is_cut = False

    def add(self, data: bytes) -> None:
        for fault in self._faults:
            left = fault.bytes - self._added
            if fault.kind == "truncate" and len(data) > left:
                data, self._is_cut = data[:max(0, left)], True
            elif fault.kind == "insert" and 0 <= left < len(data):
                data = data[:left] + bytes.fromhex(fault.data) + data[left:]
            elif fault.kind == "disconnect" and 0 <= left <= len(data):
                super().add(data[:left])
                self.flush()
                raise Closed("disconnect on order")
            elif fault.kind == "garbage":
                data = bytes.fromhex(fault.data) if self._added == 0 else b""
                self._added += 1
        self._added += len(data)
        super().add(data)

    def end(self) -> None:
        for fault in self._faults:
            if fault.kind == "packet_length":
                self._channel.write(b"\x04\x01" + fault.number.to_bytes(2, "big") + b"\0\0\x01\0" + bytes(self._waiting))
                self._waiting.clear()
                return
        super().end()
