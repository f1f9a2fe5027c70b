"""What stands in FROM: tables, system views, CHANGETABLE, derived tables and joins, as producers of rows.

A row is a tuple of all columns in scope, those of the queries around first; a node appends its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import catalog, kinds, syntax as s
from .expressions import Compiler
from .parser import Parser
from .scope import Row, Scope, SourceColumn
from .seam import SqlError
from .store import Database, Table, no_such_object

if TYPE_CHECKING:
    from .run import Run

_CHANGE_COLUMNS = (("SYS_CHANGE_VERSION", "bigint"), ("SYS_CHANGE_CREATION_VERSION", "bigint"),
                   ("SYS_CHANGE_OPERATION", "nchar(1)"), ("SYS_CHANGE_COLUMNS", "varbinary(4100)"),
                   ("SYS_CHANGE_CONTEXT", "varbinary(128)"))


@dataclass
class Node:
    """`rows` gives outer + own for each own row. `own`: the own rows, where they do not depend on the outer one."""

    width: int
    rows: Callable[[Row], Iterable[Row]]
    own: Callable[[], list[Row]] | None = None


def compile_source(run: Run, source: s.Source, scope: Scope) -> Node:
    """Adds the source's columns to the scope."""
    if isinstance(source, s.Join):
        return _join(run, source, scope)
    if isinstance(source, s.ChangeTable):
        return _change_table(run, source, scope)
    if isinstance(source, s.Derived):
        return _derived(run, source.query, source.alias, source.columns, scope)
    return _table(run, source, scope)


def _fixed(width: int, read: Callable[[], list[Row]]) -> Node:
    """Reads once, at the moment when the first row is asked for."""
    kept: list[list[Row]] = []

    def own() -> list[Row]:
        if not kept:
            kept.append(read())
        return kept[0]

    return Node(width, lambda outer: (outer + row for row in own()), own)


def _table(run: Run, source: s.TableName, scope: Scope) -> Node:
    parts = source.parts
    if len(parts) == 1 and parts[0].lower() in run.common:
        columns, query = run.common[parts[0].lower()]
        return _derived(run, query, source.alias or parts[0], columns, scope)
    if len(parts) > 1 and parts[-2].lower() in ("sys", "information_schema"):
        view = catalog.view(run, parts)
        if view is None:
            raise no_such_object(".".join(parts))
        scope.add([source.alias] if source.alias else parts, view.columns)
        return _fixed(len(view.columns), lambda: list(view.rows()))
    database, table = run.table(parts)
    own = table_columns(run, database, table)
    path = [source.alias] if source.alias else [database.name, table.schema, table.name]
    scope.add(path, own)
    run.touched.setdefault((table, database), set())
    return _fixed(len(own), lambda: read_table(run, database, table))


def table_columns(run: Run, database: Database, table: Table) -> list[SourceColumn]:
    touched = run.touched.setdefault((table, database), set())

    def hears(id_: int) -> Callable[[], None]:
        return lambda: touched.add(id_)

    return [SourceColumn(c.name, c.type, c.nullable, c.hidden, c.identity is not None, c.computed is not None, hears(c.id))
            for c in table.columns]


def computed_columns(run: Run, database: Database, table: Table) -> list[tuple[int, Callable[[Row], Any]]]:
    """The place of each computed column, and its value from a row of the others."""
    found = []
    for at, column in enumerate(table.columns):
        if column.computed is not None:
            scope = Scope()
            scope.add([table.name], table_columns(run, database, table))
            compiler = Compiler(run, scope)
            found.append((at, compiler.converted(compiler.value(Parser(column.computed).expression()), column.type)))
    return found


def read_table(run: Run, database: Database, table: Table) -> list[Row]:
    """All rows as this user sees them: security policies and masks applied, computed columns computed."""
    run.view_of(database, table)  # a snapshot's view begins before what a test ordered
    run.before_read(table, database)
    rows: Iterable[Row] = (tuple(table.value(row, c) for c in table.columns) for _, row in run.scan(database, table))
    for at, compute in computed_columns(run, database, table):
        rows = _with(rows, at, compute)
    text = run.row_filter(database, table)
    if text is not None:
        scope = Scope()
        scope.add([table.name], table_columns(run, database, table))
        keep = Compiler(run, scope).condition(Parser(text).expression())
        rows = (row for row in rows if keep(row))
    for at, column in enumerate(table.columns):
        mask = run.mask_of(database, table, column)
        if mask is not None:
            rows = _masked(rows, at, mask)
    return list(rows)


def _with(rows: Iterable[Row], at: int, compute: Callable[[Row], Any]) -> Iterator[Row]:
    return (row[:at] + (compute(row),) + row[at + 1 :] for row in rows)


def _masked(rows: Iterable[Row], at: int, mask: Callable[[Any], Any]) -> Iterator[Row]:
    return (row[:at] + (mask(row[at]),) + row[at + 1 :] for row in rows)


def _change_table(run: Run, source: s.ChangeTable, scope: Scope) -> Node:
    database, table = run.table(source.parts)
    run.demand("VIEW CHANGE TRACKING", database, table)
    if table.tracking is None:
        raise SqlError(22105, f"Change tracking is not enabled on table '{table.name}'.")
    if database.read_only:
        raise SqlError(22117, "For databases that are members of a secondary availability replica, change tracking is not "
                              "supported. Run change tracking queries on the databases in the primary availability replica.")
    key = table.key_columns()
    run.touched.setdefault((table, database), set()).update(c.id for c in key)
    if source.version is None:
        raise SqlError(102, "Incorrect syntax near 'VERSION'.", severity=15)
    columns = [SourceColumn(name, kinds.of(declared)) for name, declared in _CHANGE_COLUMNS]
    columns += [SourceColumn(c.name, c.type, False) for c in key]
    for column, name in zip(columns, source.columns):
        column.name = name
    scope.add([source.alias or ""], columns)
    compiler = Compiler(run, Scope())
    version_fn = compiler.converted(compiler.value(source.version), kinds.BIGINT)

    def read() -> list[Row]:
        version = version_fn(())
        if table.tracking is None:
            raise SqlError(22105, f"Change tracking is not enabled on table '{table.name}'.")
        net = table.tracking.net(version, run.view_of(database, table), run.engine.quirks)
        return [(n.version, n.creation_version, n.operation, n.columns, n.context, *n.key_values) for n in net]

    return _fixed(len(columns), read)


def _derived(run: Run, query: s.Query, alias: str, names: list[str], scope: Scope) -> Node:
    plan = run.plan(query, scope.parent)
    columns = [SourceColumn(c.name, c.type, c.nullable) for c in plan.columns]
    for column, name in zip(columns, names):
        column.name = name
    for column in columns:
        if not column.name:
            raise SqlError(8155, f"No column name was specified for column {columns.index(column) + 1} of '{alias}'.")
    scope.add([alias], columns)
    if scope.parent is None:
        return _fixed(len(columns), lambda: list(plan.rows(())))
    outer_width = scope.parent.width
    return Node(len(columns), lambda outer: (outer + row for row in plan.rows(outer[:outer_width])))


# ---- joins


def _conjuncts(e: s.Expr) -> list[s.Expr]:
    return _conjuncts(e.left) + _conjuncts(e.right) if isinstance(e, s.Binary) and e.operator == "and" else [e]


def _join(run: Run, join: s.Join, scope: Scope) -> Node:
    if join.kind in ("right", "full"):
        raise SqlError(102, f"Incorrect syntax near '{join.kind.upper()}'.", severity=15)
    left = compile_source(run, join.left, scope)
    start = scope.width
    if join.kind.endswith("apply"):
        if not isinstance(join.right, s.Derived):
            raise SqlError(102, "Incorrect syntax near 'APPLY'.", severity=15)
        plan = run.plan(join.right.query, scope)
        names = join.right.columns or [c.name for c in plan.columns]
        scope.add([join.right.alias], [SourceColumn(n, c.type, c.nullable) for n, c in zip(names, plan.columns)])
        right = Node(len(plan.columns), lambda outer: (outer + row for row in plan.rows(outer)))
    else:
        before = len(scope.sources)
        right = compile_source(run, join.right, scope)
        hashed = _hashed(run, join, scope, scope.sources[before:], right, start)
        if hashed is not None:
            return Node(left.width + right.width, lambda outer: hashed(left.rows(outer)), None)
    on = Compiler(run, scope).condition(join.on) if join.on is not None else None
    is_outer = join.kind in ("left", "outer apply")
    nothing = (None,) * right.width

    def rows(outer: Row) -> Iterator[Row]:
        # The left side is read to its end first: what is joined comes later, as a server that builds a hash does it.
        for l_row in list(left.rows(outer)):
            found = False
            for row in right.rows(l_row):
                if on is None or on(row):
                    found = True
                    yield row
            if is_outer and not found:
                yield l_row + nothing

    return Node(left.width + right.width, rows)


def _hashed(run: Run, join: s.Join, scope: Scope, sources: list[Any], right: Node,
            start: int) -> Callable[[Iterable[Row]], Iterator[Row]] | None:
    """A join over equal keys, where the condition has such: None where it has not."""
    own = right.own
    if join.on is None or own is None:
        return None
    right_scope = Scope()
    for source in sources:
        right_scope.add(source.path, source.columns)
    compiler, right_compiler = Compiler(run, scope), Compiler(run, right_scope)
    pairs = []
    conjuncts = _conjuncts(join.on)
    for conjunct in conjuncts:
        if not (isinstance(conjunct, s.Binary) and conjunct.operator == "="):
            continue
        for here, there in ((conjunct.right, conjunct.left), (conjunct.left, conjunct.right)):
            if isinstance(here, s.Name) and isinstance(there, s.Name) and _is_of(scope, here, start) \
                    and not _is_of(scope, there, start):
                pairs.append(compiler.keyed(compiler.value(there), right_compiler.value(here)))
                break
    if not pairs:
        return None
    on = compiler.condition(join.on) if len(pairs) < len(conjuncts) else None
    is_left, nothing = join.kind == "left", (None,) * right.width

    def rows(left_rows: Iterable[Row]) -> Iterator[Row]:
        all_left = list(left_rows)
        if not all_left:
            return
        by_key: dict[tuple[Any, ...], list[Row]] = {}
        for row in own():
            key = tuple(fn(row) for _, fn in pairs)
            if None not in key:
                by_key.setdefault(key, []).append(row)
        for l_row in all_left:
            key = tuple(fn(l_row) for fn, _ in pairs)
            found = False
            for row in by_key.get(key, ()) if None not in key else ():
                whole = l_row + row
                if on is None or on(whole):
                    found = True
                    yield whole
            if is_left and not found:
                yield l_row + nothing

    return rows


def _is_of(scope: Scope, name: s.Name, start: int) -> bool:
    """The column belongs to the sources from that place on."""
    for source in scope.sources:
        if source.is_called(name.parts[:-1]) and any(c.name.lower() == name.parts[-1].lower() for c in source.columns):
            if source.start >= start:
                return True
    return False
