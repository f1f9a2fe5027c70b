"""One statement at work: its session, its variables, and how it gets at tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import syntax as s
from .scope import Scope
from .seam import SqlError
from .store import Database, Key, Row, Table, no_such_object

if TYPE_CHECKING:
    from .query import Plan
    from .session import EngineSession
    from .types import SqlType


class Run:
    """Made anew for each statement. `variables` are the batch's: name with @ -> [type, value]."""

    def __init__(self, session: EngineSession, variables: dict[str, list[Any]]) -> None:
        self.session, self.engine = session, session.engine
        self.database: Database = session.current
        self.variables = variables
        self.now = self.engine.now()
        self.statement_view: int | None = None  # under READ_COMMITTED_SNAPSHOT
        self.common: dict[str, tuple[list[str], s.Query]] = {}  # WITH name AS (…)
        self.touched: dict[tuple[Table, Database], set[int | None]] = {}  # columns that permissions are needed for

    def plan(self, query: s.Query, outer: Scope | None = None) -> Plan:
        from .query import compile_query

        return compile_query(self, query, outer)

    # ---- names

    def database_named(self, name: str) -> Database:
        return self.database if not name else self.engine.database(name)

    def find(self, parts: list[str]) -> tuple[Database, Table] | None:
        """The table of one to four parts, synonyms followed (C1.10)."""
        *before, name = parts
        schema = before[-1] if before and before[-1] else "dbo"
        database = self.database_named(before[-2] if len(before) > 1 else "")
        synonym = database.synonyms.get((schema.lower(), name.lower()))
        if synonym is not None:
            return self.find(synonym if len(synonym) > 2 else [database.name, *(["dbo"] * (2 - len(synonym))), *synonym])
        table = database.table(schema, name)
        return (database, table) if table is not None else None

    def table(self, parts: list[str]) -> tuple[Database, Table]:
        found = self.find(parts)
        if found is None or not self.sees(*found):
            raise no_such_object(".".join(parts))
        return found

    # ---- permissions

    def user_in(self, database: Database) -> str:
        return self.session.user_in(database)

    def securables(self, database: Database, table: Table) -> tuple[str, str]:
        return f"object:{table.object_id}", f"schema:{database.schemas[database.schema(table.schema) or 'dbo']}"

    def may(self, permission: str, database: Database, table: Table, column: int | None = None) -> bool:
        user = self.user_in(database)
        securables = self.securables(database, table)
        if column is not None:
            securables = (f"{securables[0]}:{column}", *securables)  # type: ignore[assignment]
        return database.permissions.has(user, permission, *securables)

    def sees(self, database: Database, table: Table) -> bool:
        user = self.user_in(database)
        return database.permissions.sees(user, *self.securables(database, table))

    def demand(self, permission: str, database: Database, table: Table) -> None:
        if not self.may(permission, database, table):
            raise SqlError(229, f"The {permission} permission was denied on the object '{table.name}', database "
                                f"'{database.name}', schema '{table.schema}'.", severity=14, state=5)

    def demand_columns(self, database: Database, table: Table, columns: set[int | None]) -> None:
        """SELECT on the table, or on each column that the query names."""
        if self.may("SELECT", database, table) and not self._has_column_denials(database, table):
            return
        named = [c for c in table.columns if c.id in columns]
        if not any(self.may("SELECT", database, table, c.id) for c in table.columns):
            self.demand("SELECT", database, table)
        for column in named:
            if not self.may("SELECT", database, table, column.id):
                raise SqlError(230, f"The SELECT permission was denied on the column '{column.name}' of the object "
                                    f"'{table.name}', database '{database.name}', schema '{table.schema}'.", severity=14)

    @staticmethod
    def _has_column_denials(database: Database, table: Table) -> bool:
        return any(not granted and securable.startswith(f"object:{table.object_id}:")
                   for (_, _, securable), granted in database.permissions.states.items())

    # ---- data

    def view_of(self, database: Database, table: Table | None) -> int:
        """The commit up to which this statement sees that table now. The first call in a SNAPSHOT transaction fixes
        its view (C3); errors 3952 and 3961 end the transaction."""
        transaction = self.session.running
        if table is not None:
            self.engine.locks.reading(transaction, table, self.session.lock_timeout_ms)
        if transaction.is_snapshot:
            if not database.snapshot_allowed:
                self.session.doom()
                raise SqlError(3952, f"Snapshot isolation transaction failed accessing database '{database.name}' because "
                                     "snapshot isolation is not allowed in this database. Use ALTER DATABASE to allow "
                                     "snapshot isolation.")
            if transaction.view is None:
                transaction.view = self.engine.commit
            if table is not None and table.changed_definition > transaction.view:
                self.session.doom()
                raise SqlError(3961, f"Snapshot isolation transaction failed in database '{database.name}' because the "
                                     "object accessed by the statement has been modified by a DDL statement in another "
                                     "concurrent transaction since the start of this transaction.  It is disallowed "
                                     "because the metadata is not versioned. A concurrent update to metadata can lead to "
                                     "inconsistency if mixed with snapshot isolation.")
            return transaction.view
        if database.read_committed_snapshot:
            if self.statement_view is None:
                self.statement_view = self.engine.commit
            return self.statement_view
        if self.engine.quirks.reads_wait and table is not None and self.session.isolation != "READ UNCOMMITTED":
            self.engine.locks.reading_rows(transaction, table, self.session.lock_timeout_ms)
        return self.engine.commit

    def before_read(self, table: Table, database: Database) -> None:
        """What a test ordered to happen just before the next read of that table, once."""
        ordered = self.engine.before_read.pop(table.full_name.lower(), None)
        for sql in ordered or ():
            self.engine.run_as_admin(database.name, sql)

    def scan(self, database: Database, table: Table) -> Iterator[tuple[Key, Row]]:
        """Committed rows, and this transaction's own in their place."""
        own = self.session.running.own(table)
        for key, row in table.scan(self.view_of(database, table)):
            if key not in own:
                yield key, row
        for key, mine in own.items():
            if mine is not None:
                yield key, mine

    def lookup(self, database: Database, table: Table, key: Key) -> Row | None:
        own = self.session.running.own(table)
        if key in own:
            return own[key]
        return table.at(key, self.view_of(database, table))

    def row_filter(self, database: Database, table: Table) -> str | None:
        """The condition that row-level security puts on this user's reads."""
        if table.row_filter is None or self.user_in(database).lower() in table.filter_exempt:
            return None
        return None if self.session.is_admin else table.row_filter

    def mask_of(self, database: Database, table: Table, column: Any) -> Callable[[Any], Any] | None:
        """What a user without UNMASK sees of a masked column."""
        if column.mask is None or self.may("UNMASK", database, table, column.id):
            return None
        return lambda value: None if value is None else masked(column.type)


def masked(type_: SqlType) -> Any:
    """default(): xxxx, 0, 1900-01-01, one zero byte."""
    from .convert import convert
    from . import kinds

    if kinds.is_text(type_):
        length = kinds.text_length(type_)
        return "xxxx" if length < 0 else "xxxx"[:length]
    if kinds.is_binary(type_):
        return b"\0"
    if kinds.is_number(type_):
        return convert(0, kinds.INT, type_)
    if type_.name in kinds.TIMES:
        return convert("1900-01-01", kinds.TEXT, type_)
    return None
