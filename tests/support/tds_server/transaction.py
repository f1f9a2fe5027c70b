"""Transactions: what they wrote, what they see, and the commit that gives them a number and a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .seam import SqlError
from .store import Database, Key, Row, Table
from .tracking import Change, forget

if TYPE_CHECKING:
    from .engine import Engine


@dataclass
class Noted:
    """A change that a commit will give its version."""

    key: Key
    key_values: tuple[Any, ...]
    operation: str
    columns: frozenset[int] | None = None
    context: bytes | None = None


@dataclass(eq=False)
class Transaction:
    descriptor: int
    is_snapshot: bool
    is_explicit: bool = True
    view: int | None = None  # the commit that a snapshot sees: set at its first access to data
    depth: int = 1  # nested BEGIN TRANSACTION
    writes: dict[Table, dict[Key, Row | None]] = field(default_factory=dict)
    databases: dict[Table, Database] = field(default_factory=dict)
    notes: dict[Table, list[Noted]] = field(default_factory=dict)
    locks: set[tuple[Table, Key]] = field(default_factory=set)
    table_locks: set[Table] = field(default_factory=set)
    undo: list[Callable[[], object]] = field(default_factory=list)
    waits_for: Transaction | None = None
    is_doomed: bool = False
    is_cancelled: bool = False

    def own(self, table: Table) -> dict[Key, Row | None]:
        return self.writes.get(table, {})

    def write(self, database: Database, table: Table, key: Key, row: Row | None) -> None:
        self.writes.setdefault(table, {})[key] = row
        self.databases[table] = database

    def note(self, table: Table, noted: Noted) -> None:
        if table.tracking is not None:
            self.notes.setdefault(table, []).append(noted)

    def mark(self) -> tuple[dict[Table, dict[Key, Row | None]], dict[Table, int], int]:
        """Where a statement that fails goes back to."""
        return ({t: dict(w) for t, w in self.writes.items()}, {t: len(n) for t, n in self.notes.items()}, len(self.undo))

    def back_to(self, mark: tuple[dict[Table, dict[Key, Row | None]], dict[Table, int], int]) -> None:
        self.writes = mark[0]
        for table, notes in self.notes.items():
            del notes[mark[1].get(table, 0) :]
        while len(self.undo) > mark[2]:
            self.undo.pop()()


class Locks:
    """Row and table locks of all open transactions. Used under the engine's lock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rows: dict[tuple[Table, Key], Transaction] = {}
        self.tables: dict[Table, Transaction] = {}

    def row(self, transaction: Transaction, table: Table, key: Key, wait_ms: int) -> None:
        self._wait(transaction, lambda: self._owner(table, key, transaction), wait_ms)
        self.rows[table, key] = transaction
        transaction.locks.add((table, key))

    def table(self, transaction: Transaction, table: Table, wait_ms: int) -> None:
        """The lock that a change of the definition takes: nobody else may have written to the table."""
        self._wait(transaction, lambda: self._other_in(table, transaction), wait_ms)
        self.tables[table] = transaction
        transaction.table_locks.add(table)

    def reading(self, transaction: Transaction | None, table: Table, wait_ms: int) -> None:
        """Waits until no other transaction holds the definition."""
        self._wait(transaction, lambda: self._holder(table, transaction), wait_ms)

    def reading_rows(self, transaction: Transaction, table: Table, wait_ms: int) -> None:
        """Waits until no other transaction has changed a row of the table."""
        self._wait(transaction, lambda: self._other_in(table, transaction), wait_ms)

    def release(self, transaction: Transaction) -> None:
        for lock in transaction.locks:
            self.rows.pop(lock, None)
        for table in transaction.table_locks:
            self.tables.pop(table, None)
        transaction.locks.clear()
        transaction.table_locks.clear()
        self.engine.condition.notify_all()

    def _holder(self, table: Table, transaction: Transaction | None) -> Transaction | None:
        owner = self.tables.get(table)
        return None if owner is transaction else owner

    def _owner(self, table: Table, key: Key, transaction: Transaction) -> Transaction | None:
        owner = self.rows.get((table, key))
        return owner if owner is not None and owner is not transaction else self._holder(table, transaction)

    def _other_in(self, table: Table, transaction: Transaction) -> Transaction | None:
        writers = (owner for (locked, _), owner in self.rows.items() if locked is table and owner is not transaction)
        return next(writers, None) or self._holder(table, transaction)

    def _wait(self, transaction: Transaction | None, blocker: Callable[[], Transaction | None], wait_ms: int) -> None:
        while (other := blocker()) is not None:
            if transaction is not None:
                transaction.waits_for = other
                if self._is_deadlock(transaction):
                    transaction.waits_for = None
                    raise SqlError(1205, "Transaction (Process ID 51) was deadlocked on lock resources with another "
                                         "process and has been chosen as the deadlock victim. Rerun the transaction.",
                                   severity=13, state=51)
            # -1 waits for ever there; a test that does so is stuck, and says so after a minute.
            came = self.engine.condition.wait(60.0 if wait_ms < 0 else wait_ms / 1000)
            if transaction is not None:
                transaction.waits_for = None
                if transaction.is_cancelled:
                    raise SqlError(0, "cancelled", severity=11)
            if not came and blocker() is not None:
                raise SqlError(1222, "Lock request time out period exceeded.", state=45)

    @staticmethod
    def _is_deadlock(transaction: Transaction) -> bool:
        seen, at = set(), transaction.waits_for
        while at is not None and at not in seen:
            if at is transaction:
                return True
            seen.add(at)
            at = at.waits_for
        return False


def commit(engine: Engine, transaction: Transaction) -> None:
    """Makes the writes visible at once, under the next commit number; tracked changes get their database's next
    version (C2.1). Called under the engine's lock."""
    if any(transaction.writes.values()):
        engine.commit += 1
        oldest = engine.oldest_reader(transaction)
        versions = _next_versions(engine, transaction)
        for table, writes in transaction.writes.items():
            for key, row in writes.items():
                table.put(key, row, engine.commit, oldest)
        for table, notes in transaction.notes.items():
            if table.tracking is None or not notes:
                continue
            version = versions[transaction.databases[table]]
            forget(table.tracking, oldest)
            table.tracking.changes.extend(
                Change(version, n.key, n.key_values, n.operation, n.columns, n.context, engine.commit) for n in notes)
    engine.end(transaction)


def _next_versions(engine: Engine, transaction: Transaction) -> dict[Database, int]:
    """One version a database and transaction, whatever the number of rows and tables."""
    versions: dict[Database, int] = {}
    for table, notes in transaction.notes.items():
        database = transaction.databases.get(table)
        if not notes or database is None or database.tracking is None or database in versions:
            continue
        tracking = database.tracking
        tracking.version = database.forced_version or tracking.version + 1
        database.forced_version = None
        tracking.commits.append((tracking.version, engine.now(), engine.commit))
        versions[database] = tracking.version
    return versions


def roll_back(engine: Engine, transaction: Transaction) -> None:
    while transaction.undo:
        transaction.undo.pop()()
    engine.end(transaction)
