"""INSERT, UPDATE, DELETE and TRUNCATE: rows, keys, and what change tracking notes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import compare, kinds, syntax as s
from .convert import assign
from .expressions import Compiler
from .parser import Parser
from .run import Run
from .scope import Scope, Typed
from .seam import DELETE, INSERT, OTHER, UPDATE, Result, SqlError
from .sources import computed_columns, table_columns
from .store import Database, Key, Row, Table, TableColumn
from .transaction import Noted
from .types import SqlType

if TYPE_CHECKING:
    from .statements import Statement


def insert(run: Run, statement: Statement) -> Result:
    f = statement.f
    database, table = run.table(f["table"])
    run.demand("INSERT", database, table)
    if f["columns"] is None:
        columns = [c for c in table.columns if _is_given(run, table, c) and not c.hidden]
    else:
        columns = [_column(table, name) for name in f["columns"]]
    rows: Iterable[Row] = [()]
    types: list[SqlType | None] = []
    defaults: list[set[int]] = []
    if f["query"] is not None:
        query: s.Query = f["query"]
        first = query.parts[0]
        if isinstance(first, s.Values):
            defaults = [{i for i, e in enumerate(row) if isinstance(e, s.Literal) and e.kind == "default"}
                        for row in first.rows]
        if isinstance(first, s.Values) and len(query.parts) == 1:
            rows, types = _typed_rows(run, first, columns)
        else:
            plan = run.plan(query)
            rows, types = list(plan.rows(())), [c.type for c in plan.columns]
        if len(types) != len(columns):
            raise SqlError(213, "Column name or number of supplied values does not match table definition.")
    writer = _Writer(run, database, table, statement)
    count = 0
    for number, values in enumerate(rows):
        given = {c.id: assign(v, t, c.type, f"table '{database.name}.{table.full_name}', column '{c.name}'")
                 for i, (c, v, t) in enumerate(zip(columns, values, types))
                 if not (number < len(defaults) and i in defaults[number])}
        writer.insert(given)
        count += 1
    writer.finish()
    run.session.row_count = count
    return Result(command=INSERT, count=count)


def _typed_rows(run: Run, values: s.Values, columns: list[TableColumn]) -> tuple[list[Row], list[SqlType | None]]:
    """Each value straight into its column's type: a list of rows has no common type first, unlike a real server's, so
    that tests may write any literal."""
    compiler = Compiler(run, Scope())
    rows = []
    for line in values.rows:
        if len(line) != len(columns):
            raise SqlError(213, "Column name or number of supplied values does not match table definition.")
        row = []
        for e, column in zip(line, columns):
            typed = compiler.value(e)
            row.append(assign(typed.fn(()), typed.type, column.type, f"table '{column.name}'"))
        rows.append(tuple(row))
    return rows, [c.type for c in columns]


def _is_given(run: Run, table: Table, column: TableColumn) -> bool:
    """Whether INSERT without a list of columns has a value for it."""
    if column.identity is not None:
        return run.session.identity_insert == table.full_name.lower()
    return column.computed is None and column.type.name != "rowversion" and not column.generated_always


def _column(table: Table, name: str) -> TableColumn:
    column = table.column(name)
    if column is None:
        raise SqlError(207, f"Invalid column name '{name}'.")
    if column.computed is not None or column.type.name == "rowversion":
        number = 271 if column.computed is not None else 273
        raise SqlError(number, f"The column \"{name}\" cannot be modified because it is a computed or timestamp column.")
    return column


def update(run: Run, statement: Statement) -> Result:
    f = statement.f
    database, table = run.table(f["table"])
    run.demand("UPDATE", database, table)
    scope = Scope()
    scope.add([database.name, table.schema, table.name], table_columns(run, database, table))
    compiler = Compiler(run, scope)
    sets: list[tuple[TableColumn, Typed]] = []
    for name, value in f["sets"]:
        column = _column(table, name)
        if isinstance(value, s.Literal) and value.kind == "default":
            value = Parser(column.default).expression() if column.default is not None else s.Literal(None, "null")
        sets.append((column, compiler.value(value)))
    writer = _Writer(run, database, table, statement)
    pairs = []
    for key, old, values in _chosen(run, database, table, compiler, f):
        new = writer.whole(old)
        touched = set()
        for column, typed in sets:
            where = f"table '{database.name}.{table.full_name}', column '{column.name}'"
            new[column.id - 1] = assign(typed.fn(values), typed.type, column.type, where)
            touched.add(column.id)
        pairs.append((key, old, new, touched))
    writer.update(pairs)
    writer.finish()
    run.session.row_count = len(pairs)
    return Result(command=UPDATE, count=len(pairs))


def delete(run: Run, statement: Statement) -> Result:
    f = statement.f
    database, table = run.table(f["table"])
    run.demand("DELETE", database, table)
    scope = Scope()
    scope.add([database.name, table.schema, table.name], table_columns(run, database, table))
    chosen = list(_chosen(run, database, table, Compiler(run, scope), f))
    writer = _Writer(run, database, table, statement)
    for key, old, _ in chosen:
        writer.delete(key, old)
    run.session.row_count = len(chosen)
    return Result(command=DELETE, count=len(chosen))


def _chosen(run: Run, database: Database, table: Table, compiler: Compiler, f: dict[str, Any]) -> list[tuple[Key, Row, Row]]:
    """Key, stored row and row as expressions see it, of each row that WHERE keeps."""
    keep = compiler.condition(f["where"]) if f["where"] is not None else None
    limit = Compiler(run, Scope()).value(f["top"]).fn(()) if f.get("top") is not None else None
    computed = computed_columns(run, database, table)
    found: list[tuple[Key, Row, Row]] = []
    for key, row in run.scan(database, table):
        values = tuple(table.value(row, c) for c in table.columns)
        for at, compute in computed:
            values = values[:at] + (compute(values),) + values[at + 1 :]
        if keep is None or keep(values):
            if limit is not None and len(found) >= limit:
                break
            found.append((key, row, values))
    return found


class _Writer:
    """Writes rows of one table within the session's transaction."""

    def __init__(self, run: Run, database: Database, table: Table, statement: Statement) -> None:
        self.run, self.database, self.table = run, database, table
        self.transaction = run.session.running
        if database.read_only:
            raise SqlError(3906, f"Failed to update database \"{database.name}\" because the database is read-only.")
        self.view = run.view_of(database, table)
        self.defaults: dict[int, Typed] = {}
        context = statement.f.get("context")
        self.context = Compiler(run, Scope()).value(context).fn(()) if context is not None else None
        self.unique = [index for index in table.indexes if index.unique and not index.primary]

    def whole(self, row: Row) -> list[Any]:
        """A row with a place for each column that there ever was."""
        values: list[Any] = [None] * self.table.last_column
        for column in self.table.columns:
            values[column.id - 1] = self.table.value(row, column)
        return values

    def _default(self, column: TableColumn) -> Any:
        if column.default is None:
            return None
        if column.id not in self.defaults:
            self.defaults[column.id] = Compiler(self.run, Scope()).value(Parser(column.default).expression())
        typed = self.defaults[column.id]
        return assign(typed.fn(()), typed.type, column.type, f"column '{column.name}'")

    def _lock(self, key: Key) -> Row | None:
        """Takes the row's lock; gives the row as it is now. Error 3960 when a snapshot is behind."""
        run, table = self.run, self.table
        run.engine.locks.row(self.transaction, table, key, run.session.lock_timeout_ms)
        own = self.transaction.own(table)
        if key in own:
            return own[key]
        chain = table.chains.get(key)
        if self.transaction.is_snapshot and chain and chain[-1][0] > self.view:
            run.session.doom()
            raise SqlError(3960, "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot "
                                 f"isolation to access table '{table.full_name}' directly or indirectly in database "
                                 f"'{self.database.name}' to update, delete, or insert the row that has been modified or "
                                 "deleted by another transaction. Retry the transaction or change the isolation level for "
                                 "the update/delete statement.", state=2)
        return table.at(key, run.engine.commit)

    def insert(self, given: dict[int, Any]) -> None:
        table, values = self.table, [None] * self.table.last_column
        for column in table.columns:
            values[column.id - 1] = self._new_value(column, given)
        row = tuple(values)
        self._check(row)
        key = table.key_of(row)
        if self._lock(key) is not None:
            raise self._duplicate(table.primary_key.name if table.primary_key else "", row)
        self.transaction.write(self.database, table, key, row)
        self._note(key, row, "I")

    def _new_value(self, column: TableColumn, given: dict[int, Any]) -> Any:
        if column.type.name == "rowversion":
            return self.database.new_rowversion()
        if column.identity is not None and column.id not in given:
            return self._next_identity(column)
        if column.generated_always and column.id not in given:
            moment = "9999-12-31T23:59:59.9999999" if column.generated_always == 2 else "2020-01-01"
            return assign(moment, kinds.TEXT, column.type, column.name)
        return given[column.id] if column.id in given else self._default(column)

    def _next_identity(self, column: TableColumn) -> Any:
        table = self.table
        seed, step = column.identity or (1, 1)
        table.next_identity = seed if table.next_identity is None else table.next_identity
        value = table.next_identity
        table.next_identity += step
        self.run.session.last_identity = value
        return assign(value, kinds.BIGINT, column.type, column.name)

    def update(self, pairs: list[tuple[Key, Row, list[Any], set[int]]]) -> None:
        table = self.table
        moved = []
        for key, old, values, touched in pairs:
            self._lock(key)
            for column in table.columns:
                if column.type.name == "rowversion":
                    values[column.id - 1] = self.database.new_rowversion()
            new = tuple(values)
            self._check(new)
            new_key = table.key_of(new) if table.primary_key else key
            if new_key == key:
                self.transaction.write(self.database, table, key, new)
                self._note_update(key, new, touched)
            else:
                # A new value of a key is another row (C1.5).
                self.transaction.write(self.database, table, key, None)
                self._note(key, old, "D")
                moved.append((new_key, new))
        for key, new in moved:
            if self._lock(key) is not None:
                raise self._duplicate(table.primary_key.name if table.primary_key else "", new)
            self.transaction.write(self.database, table, key, new)
            self._note(key, new, "I")

    def delete(self, key: Key, old: Row) -> None:
        self._lock(key)
        self.transaction.write(self.database, self.table, key, None)
        self._note(key, old, "D")

    def finish(self) -> None:
        """The unique indexes hold at the end of a statement, not after each row."""
        for index in self.unique:
            columns = [self.table.column_by_id(i) for i in index.columns]
            seen = set()
            for _, row in self.run.scan(self.database, self.table):
                place = tuple(compare.sort_key(c.type)(self.table.value(row, c)) for c in columns)
                if place in seen:
                    raise self._duplicate(index.name, row)
                seen.add(place)

    def _check(self, row: Row) -> None:
        for column in self.table.columns:
            if not column.nullable and column.computed is None and self.table.value(row, column) is None:
                raise SqlError(515, f"Cannot insert the value NULL into column '{column.name}', table "
                                    f"'{self.database.name}.{self.table.full_name}'; column does not allow nulls. INSERT or "
                                    "UPDATE fails.", state=2)

    def _duplicate(self, name: str, row: Row) -> SqlError:
        key = ", ".join(str(self.table.value(row, c)) for c in self.table.key_columns())
        return SqlError(2627, f"Violation of PRIMARY KEY constraint '{name}'. Cannot insert duplicate key in object "
                              f"'{self.table.full_name}'. The duplicate key value is ({key}).", severity=14)

    def _key_values(self, row: Row) -> tuple[Any, ...]:
        return tuple(self.table.value(row, c) for c in self.table.key_columns())

    def _note(self, key: Key, row: Row, operation: str) -> None:
        self.transaction.note(self.table, Noted(key, self._key_values(row), operation, None, self.context))

    def _note_update(self, key: Key, row: Row, touched: set[int]) -> None:
        tracking = self.table.tracking
        if tracking is None:
            return
        if self.unique and self.run.engine.quirks.insert_before_delete:
            self._note(key, row, "I")
            self._note(key, row, "D")
            return
        key_ids = {c.id for c in self.table.key_columns()}
        others = {c.id for c in self.table.columns if c.computed is None} - key_ids
        columns = None
        if tracking.track_columns and touched - key_ids != others:
            columns = frozenset(touched - key_ids)
        self.transaction.note(self.table, Noted(key, self._key_values(row), "U", columns, self.context))


def truncate(run: Run, statement: Statement) -> Result:
    """Not tracked: the table's tracking begins anew (C1.8)."""
    from . import ddl

    database, table = run.table(statement.f["table"])
    run.demand("ALTER", database, table)
    ddl.change(run, database, table)
    table.chains = {}
    table.next_identity = None
    if table.tracking is not None and database.tracking is not None:
        if run.engine.quirks.truncate_takes_version:
            database.tracking.version += 1
        ddl.reset_tracking(run, database, table)
    return Result(command=OTHER)
