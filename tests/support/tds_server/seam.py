"""What the wire and the engine of the test server say to each other, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .types import SqlType

SELECT, INSERT, DELETE, UPDATE, OTHER = 0xC1, 0xC3, 0xC4, 0xC5, 0xFD


class SqlError(Exception):
    """An error as a server sends it. `fatal`: the server closes the connection after it."""

    def __init__(self, number: int, text: str, *, state: int = 1, severity: int = 16, line: int = 1,
                 procedure: str = "", fatal: bool = False) -> None:
        super().__init__(f"{number}: {text}")
        self.number, self.text, self.state, self.severity = number, text, state, severity
        self.line, self.procedure, self.fatal = line, procedure, fatal


@dataclass
class SqlMessage:
    """An INFO token: what PRINT and `use` say."""

    number: int
    text: str
    state: int = 1
    severity: int = 0
    line: int = 1
    procedure: str = ""


@dataclass
class Column:
    """One column of a result. A `nullable` one goes out in the nullable form of its type."""

    name: str
    type: SqlType
    nullable: bool = True
    identity: bool = False
    computed: bool = False
    updatable: bool = False
    case_sensitive: bool = False


@dataclass
class Result:
    """What one statement gave. `columns` None: no result set. `rows` may be a generator, which raises SqlError in
    its midst. `count` None: the DONE token says no count."""

    columns: list[Column] | None = None
    rows: Iterable[tuple[Any, ...]] = ()
    command: int = OTHER
    count: int | None = None
    messages: list[SqlMessage] = field(default_factory=list)


@dataclass
class Login:
    """What LOGIN7 said. `token`: an access token instead of a password."""

    user: str = "sa"
    password: str = ""
    database: str = ""
    host: str = ""
    application: str = ""
    server: str = ""
    token: str | None = None
    read_only_intent: bool = False


class Session(Protocol):
    """One connection's session. One thread at a time, except `cancel`. After each result the wire compares
    `database` and `transaction` with what they were and says the difference by ENVCHANGE 1, 8, 9 and 10."""

    rolled_back: bool  # the last transaction that ended was rolled back
    text_size: int  # -1: whole

    @property
    def database(self) -> str: ...

    @property
    def transaction(self) -> int | None:
        """The descriptor, while one is open."""

    def execute(self, sql: str, parameters: list[Any]) -> Iterator[Result]:
        """Runs a batch statement after statement, lazily. Raises SqlError."""

    def begin(self, isolation: int = 0) -> None:
        """The transaction manager's begin; `isolation` as the request has it (5 is SNAPSHOT, 0 leaves it)."""

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def reset(self) -> None:
        """The reset flag of a request: open transactions roll back, settings go back to the login's."""

    def cancel(self) -> None:
        """From another thread: rows and waits of the running statement end soon with SqlError 0 (no token)."""

    def close(self) -> None: ...
