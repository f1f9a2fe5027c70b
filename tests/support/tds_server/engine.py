"""The server: databases, logins, one clock that tests move, and the sessions on it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import transaction as transactions
from .seam import Login, SqlError
from .store import Database
from .tracking import Quirks

if TYPE_CHECKING:
    from .session import EngineSession
    from .transaction import Transaction

AZURE_SQL_DATABASE, BOXED = 5, 3  # SERVERPROPERTY('EngineEdition')


@dataclass
class LoginAccount:
    name: str
    password: str
    is_admin: bool = False
    is_disabled: bool = False
    permissions: set[str] = field(default_factory=set)  # of the server: VIEW SERVER STATE, …
    denied: set[str] = field(default_factory=set)  # of what public has there: VIEW ANY DATABASE


class Engine:
    """All state is under `condition`'s lock, which a session holds while one of its statements runs."""

    def __init__(self, server_name: str = "TIDEMARK-TEST") -> None:
        self.condition = threading.Condition(threading.RLock())
        self.server_name = server_name
        self.version = "16.0.4175.1"
        self.edition = BOXED
        self.commit = 1
        self.clock_shift = datetime.timedelta()
        self.databases: dict[str, Database] = {}
        self.backups: dict[str, Database] = {}
        self.logins: dict[str, LoginAccount] = {"sa": LoginAccount("sa", "", is_admin=True)}
        self.any_password = True  # logins that are not known come in as administrators
        self.quirks = Quirks()
        self.locks = transactions.Locks(self)
        self.open: set[Transaction] = set()
        self.sessions: set[EngineSession] = set()
        self.refused: list[str] = []  # statements that this engine does not know
        self.seen: list[str] = []  # every statement that clients sent
        self.before_read: dict[str, list[str]] = {}  # table -> statements to run before its next read
        self.error_hooks: list[tuple[str, int, SqlError]] = []  # text in a statement, times, what it raises
        self.next_descriptor = 0x0000_0001_0000_0001
        self.next_spid = 51
        self.create_database("master")

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + self.clock_shift

    def create_database(self, name: str) -> Database:
        with self.condition:
            if name.lower() in self.databases:
                raise SqlError(1801, f"Database '{name}' already exists. Choose a different database name.")
            number = 1 if not self.databases else max(4, *(d.id for d in self.databases.values())) + 1
            database = Database(name, number, self.now())
            self.databases[name.lower()] = database
            return database

    def database(self, name: str) -> Database:
        found = self.databases.get(name.lower())
        if found is None:
            raise SqlError(911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.")
        return found

    def session(self, login: Login) -> EngineSession:
        """Raises SqlError 18456 or 4060."""
        from .session import EngineSession

        with self.condition:
            account = self._account(login)
            session = EngineSession(self, login, account)
            self.sessions.add(session)
            return session

    def admin(self, database: str = "master") -> EngineSession:
        """A session for tests in this process."""
        from .session import EngineSession

        with self.condition:
            account = LoginAccount("sa", "", is_admin=True)
            session = EngineSession(self, Login(user="sa", database=database), account)
            self.sessions.add(session)
            return session

    def _account(self, login: Login) -> LoginAccount:
        name = login.user.split("@")[0]  # Azure's user@server
        account = self.logins.get(name.lower())
        if account is None and (login.token is not None or self.any_password):
            return LoginAccount(name or "token", login.password, is_admin=True)
        state = 5 if account is None else 7 if account.is_disabled else 8
        wrong = account is None or (login.token is None and account.password not in ("", login.password))
        if wrong or account is None or account.is_disabled:
            raise SqlError(18456, f"Login failed for user '{login.user}'.", state=state, severity=14, fatal=True)
        return account

    # ---- transactions, all under the lock

    def begin(self, is_snapshot: bool, is_explicit: bool) -> Transaction:
        self.next_descriptor += 1
        transaction = transactions.Transaction(self.next_descriptor, is_snapshot, is_explicit)
        self.open.add(transaction)
        return transaction

    def end(self, transaction: Transaction) -> None:
        self.open.discard(transaction)
        self.locks.release(transaction)

    def oldest_reader(self, besides: Transaction | None = None) -> int:
        """The oldest commit that some open snapshot sees."""
        views = [t.view for t in self.open if t.view is not None and t is not besides]
        return min(views, default=self.commit)

    def run_as_admin(self, database: str, sql: str) -> None:
        """Between two steps of somebody else's statement: what a test ordered."""
        session = self.admin(database)
        try:
            for result in session.execute(sql, []):
                list(result.rows)
        finally:
            session.close()

    def alone(self, change: Callable[[], None]) -> None:
        """Runs a change of the server's state under the lock."""
        with self.condition:
            change()
            self.condition.notify_all()
