"""Queries into plans: FROM, WHERE, GROUP BY, windows, ORDER BY, TOP and UNION."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import compare, kinds, syntax as s
from .convert import convert
from .expressions import Compiler
from .functions import AGGREGATES
from .scope import Fn, Row, Scope, SourceColumn, Typed
from .seam import SqlError
from .sources import compile_source
from .types import SqlType

if TYPE_CHECKING:
    from .run import Run


@dataclass
class Plan:
    """`rows` takes the row of the query around, () at the top. `assigns`: variables that SELECT sets."""

    columns: list[SourceColumn]
    rows: Callable[[Row], Iterator[Row]]
    assigns: dict[int, str] = field(default_factory=dict)


def compile_query(run: Run, query: s.Query, outer: Scope | None) -> Plan:
    for name, columns, inner in query.common:
        run.common[name.lower()] = (columns, inner)
    if len(query.parts) == 1:
        plan = _part(run, query.parts[0], outer, query.order)
    else:
        plan = _union(run, query, outer)
    if query.skip is not None:
        compiler = Compiler(run, Scope())
        skip = int(compiler.value(query.skip).fn(()))
        fetch = int(compiler.value(query.fetch).fn(())) if query.fetch is not None else None
        rows = plan.rows
        plan.rows = lambda row: iter(list(rows(row))[skip : None if fetch is None else skip + fetch])
    return plan


def _part(run: Run, part: s.Select | s.Values | s.Query, outer: Scope | None, order: list[s.OrderItem]) -> Plan:
    if isinstance(part, s.Query):
        return _sorted_by_output(run, compile_query(run, part, outer), order)
    if isinstance(part, s.Values):
        return _values(run, part, outer)
    return _Select(run, part, outer, order).plan()


def _values(run: Run, values: s.Values, outer: Scope | None) -> Plan:
    compiler = Compiler(run, Scope.inside(outer))
    rows = [[compiler.value(e) for e in row] for row in values.rows]
    columns = []
    for i in range(len(rows[0])):
        type_: SqlType | None = None
        for row in rows:
            if len(row) != len(rows[0]):
                raise SqlError(10709, "The number of columns for each row in a table value constructor must be the same.")
            type_ = kinds.common(type_, row[i].type)
        columns.append(SourceColumn("", type_))
    fns = [[compiler.converted(t, c.type) for t, c in zip(row, columns)] for row in rows]
    return Plan(columns, lambda row: (tuple(fn(row) for fn in line) for line in fns))


def _union(run: Run, query: s.Query, outer: Scope | None) -> Plan:
    plans = [_part(run, part, outer, []) for part in query.parts]
    columns = [SourceColumn(c.name, c.type, c.nullable) for c in plans[0].columns]
    for plan in plans[1:]:
        if len(plan.columns) != len(columns):
            raise SqlError(205, "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number "
                                "of expressions in their target lists.")
        for mine, other in zip(columns, plan.columns):
            mine.type = kinds.common(mine.type, other.type)
            mine.nullable = mine.nullable or other.nullable

    def rows(row: Row) -> Iterator[Row]:
        for plan in plans:
            for values in plan.rows(row):
                yield tuple(convert(v, c.type, to.type) if to.type is not None else v
                            for v, c, to in zip(values, plan.columns, columns))

    plan = Plan(columns, rows)
    if not all(query.unions):
        plan = Plan(columns, lambda row: _distinct(rows(row), columns))
    return _sorted_by_output(run, plan, query.order)


def _sorted_by_output(run: Run, plan: Plan, order: list[s.OrderItem]) -> Plan:
    if not order:
        return plan
    keys = []
    for item in order:
        at = _output(item.value, plan.columns)
        if at is None:
            raise SqlError(104, "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT "
                                "or EXCEPT operator.", severity=15)
        keys.append((_picker(at), plan.columns[at].type, item.is_descending))
    rows = plan.rows
    return Plan(plan.columns, lambda row: iter(_sorted(list(rows(row)), keys)))


def _picker(at: int) -> Fn:
    return lambda row: row[at]


def _output(e: s.Expr, columns: list[SourceColumn]) -> int | None:
    """The place in the select list that an ORDER BY item means."""
    if isinstance(e, s.Literal) and e.kind == "integer":
        if not 1 <= e.value <= len(columns):
            raise SqlError(108, f"The ORDER BY position number {e.value} is out of range of the number of items in the "
                                "select list.", severity=15)
        return int(e.value) - 1
    if isinstance(e, s.Name) and len(e.parts) == 1:
        return next((i for i, c in enumerate(columns) if c.name.lower() == e.parts[0].lower()), None)
    return None


def _sorted(rows: list[Any], keys: list[tuple[Fn, SqlType | None, bool]]) -> list[Any]:
    for fn, type_, descending in reversed(keys):
        if type_ is not None and type_.name in kinds.INCOMPARABLE:
            raise SqlError(306, f"The {type_.name} data type cannot be compared or sorted.")
        key = compare.sort_key(type_ or kinds.INT)
        rows.sort(key=lambda row, fn=fn, key=key: key(fn(row)), reverse=descending)  # type: ignore[misc]
    return rows


def _distinct(rows: Iterable[Row], columns: list[SourceColumn]) -> Iterator[Row]:
    keys = [compare.sort_key(c.type or kinds.INT) for c in columns]
    seen = set()
    for row in rows:
        place = tuple(key(value) for key, value in zip(keys, row))
        if place not in seen:
            seen.add(place)
            yield row


def _calls(node: Any, found: list[s.Call]) -> list[s.Call]:
    """Aggregates and windows in an expression, those of inner queries left out."""
    if isinstance(node, (s.Subquery, s.Exists)):
        return found
    if isinstance(node, s.Call) and (node.window is not None or node.name[-1].upper() in AGGREGATES):
        if node not in found:
            found.append(node)
        return found
    if isinstance(node, (list, tuple)):
        for item in node:
            _calls(item, found)
    elif is_dataclass(node) and not isinstance(node, type):
        for f in fields(node):
            _calls(getattr(node, f.name), found)
    return found


class _Select:
    """One SELECT on its way to a plan."""

    def __init__(self, run: Run, select: s.Select, outer: Scope | None, order: list[s.OrderItem]) -> None:
        self.run, self.select, self.order = run, select, order
        self.scope = Scope.inside(outer)
        self.replaced: dict[str, Typed] = {}

    def plan(self) -> Plan:
        select, run = self.select, self.run
        source = compile_source(run, select.source, self.scope) if select.source is not None else None
        produce: Callable[[Row], Iterable[Row]] = source.rows if source else lambda outer: (outer,)
        if select.where is not None:
            produce = _filtered(produce, Compiler(run, self.scope).condition(select.where))
        wanted = _calls([select.items, select.having, [i.value for i in self.order]], [])
        aggregates = [call for call in wanted if call.window is None]
        if aggregates or select.group:
            produce = self._grouped(produce, aggregates)
        if select.having is not None:
            produce = _filtered(produce, self._compiler().condition(select.having))
        for call in wanted:
            if call.window is not None:
                produce = self._windowed(produce, call)
        columns, fns, assigns = self._items()
        keys = self._order_keys(columns, fns)
        top = Compiler(run, Scope()).value(select.top).fn(()) if select.top is not None else None

        def rows(outer: Row) -> Iterator[Row]:
            made: Iterable[Row] = produce(outer)
            if keys:
                made = _sorted(list(made), keys)
            out: Iterable[Row] = (tuple([fn(row) for fn in fns]) for row in made)
            if select.is_distinct:
                out = _distinct(out, columns)
            if top is None:
                yield from out
                return
            for n, row in enumerate(out):
                if n >= top:
                    return
                yield row

        return Plan(columns, rows, assigns)

    def _compiler(self) -> Compiler:
        return Compiler(self.run, self.scope, self.replaced)

    def _items(self) -> tuple[list[SourceColumn], list[Fn], dict[int, str]]:
        columns: list[SourceColumn] = []
        fns: list[Fn] = []
        assigns: dict[int, str] = {}
        compiler = self._compiler()
        for item in self.select.items:
            if isinstance(item.value, s.Star):
                for column, typed in self.scope.star(item.value.qualifier):
                    columns.append(SourceColumn(column.name, typed.type, column.nullable, identity=column.identity,
                                                computed=column.computed))
                    fns.append(typed.fn)
                continue
            value: s.Expr = item.value
            if isinstance(value, s.Assign):
                assigns[len(fns)] = value.variable
                value = value.value
            typed = compiler.value(value)
            name = item.alias or (typed.column.name if typed.column and isinstance(value, s.Name) else "")
            is_plain = typed.column is not None and isinstance(value, s.Name)
            columns.append(SourceColumn(name, typed.type, typed.nullable,
                                        identity=bool(is_plain and typed.column and typed.column.identity),
                                        computed=bool(is_plain and typed.column and typed.column.computed)))
            fns.append(typed.fn)
        return columns, fns, assigns

    def _order_keys(self, columns: list[SourceColumn], fns: list[Fn]) -> list[tuple[Fn, SqlType | None, bool]]:
        keys = []
        for item in self.order:
            at = _output(item.value, columns)
            if at is not None:
                keys.append((fns[at], columns[at].type, item.is_descending))
            else:
                typed = self._compiler().value(item.value)
                keys.append((typed.fn, typed.type, item.is_descending))
        return keys

    # ---- groups

    def _grouped(self, produce: Callable[[Row], Iterable[Row]], calls: list[s.Call]) -> Callable[[Row], Iterable[Row]]:
        """Rows become outer + group values + aggregates; expressions find them by how they are written."""
        compiler = Compiler(self.run, self.scope)
        groups = [(e, compiler.value(e)) for e in self.select.group]
        aggregates = [_aggregate(compiler, call) for call in calls]
        width = self.scope.parent.width if self.scope.parent else 0
        inner = self.scope
        self.scope = Scope.inside(inner.parent)
        self.scope.add([""], [SourceColumn("", t.type) for _, t in groups] + [SourceColumn("", t) for t, _ in aggregates])
        for i, (e, typed) in enumerate(groups):
            at = Typed(_picker(width + i), typed.type, typed.nullable, typed.column)
            self.replaced[repr(e)] = at
            self._also_named(e, inner, at)
        for i, (call, (type_, _)) in enumerate(zip(calls, aggregates)):
            self.replaced[repr(call)] = Typed(_picker(width + len(groups) + i), type_)
        keys = [compare.sort_key(t.type or kinds.INT) for _, t in groups]
        always_one = not self.select.group

        def rows(outer: Row) -> Iterator[Row]:
            found: dict[Any, tuple[Row, list[Row]]] = {}
            for row in produce(outer):
                values = tuple(typed.fn(row) for _, typed in groups)
                place = tuple(key(v) for key, v in zip(keys, values))
                found.setdefault(place, (values, []))[1].append(row)
            if always_one and not found:
                found[()] = ((), [])
            for values, members in found.values():
                yield outer + values + tuple(compute(members) for _, compute in aggregates)

        return rows

    def _also_named(self, e: s.Expr, inner: Scope, at: Typed) -> None:
        """A grouped column may be written with its table's name or without."""
        if isinstance(e, s.Name):
            for source in inner.sources:
                if any(c.name.lower() == e.parts[-1].lower() for c in source.columns):
                    self.replaced.setdefault(repr(s.Name([source.path[-1], e.parts[-1]])), at)
            self.replaced.setdefault(repr(s.Name([e.parts[-1]])), at)

    # ---- windows

    def _windowed(self, produce: Callable[[Row], Iterable[Row]], call: s.Call) -> Callable[[Row], Iterable[Row]]:
        window, compiler = call.window, self._compiler()
        assert window is not None
        name = call.name[-1].upper()
        if name not in ("ROW_NUMBER", "COUNT", "COUNT_BIG"):
            raise SqlError(102, f"Incorrect syntax near '{name}'.", severity=15)
        if name == "ROW_NUMBER" and not window.order:
            raise SqlError(4112, "The function 'ROW_NUMBER' must have an OVER clause with ORDER BY.", severity=15)
        partition = [compiler.value(e) for e in window.partition]
        part_keys = [compare.sort_key(t.type or kinds.INT) for t in partition]
        typed_order = [(compiler.value(i.value), i.is_descending) for i in window.order]
        order = [(t.fn, t.type, descending) for t, descending in typed_order]
        at = self.scope.width
        self.scope.add([""], [SourceColumn("", kinds.BIGINT, False)])
        self.replaced[repr(call)] = Typed(_picker(at), kinds.BIGINT if name != "COUNT" else kinds.INT, False)

        def rows(outer: Row) -> Iterator[Row]:
            made = _sorted(list(produce(outer)), order)
            places = [tuple(key(t.fn(row)) for key, t in zip(part_keys, partition)) for row in made]
            counts: dict[Any, int] = {}
            for row, place in zip(made, places):
                counts[place] = counts.get(place, 0) + 1
                yield row + (counts[place] if name == "ROW_NUMBER" else places.count(place),)

        return rows


def _filtered(produce: Callable[[Row], Iterable[Row]], keep: Fn) -> Callable[[Row], Iterable[Row]]:
    return lambda outer: (row for row in produce(outer) if keep(row))


def _aggregate(compiler: Compiler, call: s.Call) -> tuple[SqlType, Callable[[list[Row]], Any]]:
    name = call.name[-1].upper()
    if name in ("COUNT", "COUNT_BIG") and isinstance(call.arguments[0], s.Star):
        return (kinds.INT if name == "COUNT" else kinds.BIGINT), len
    typed = compiler.value(call.arguments[0])
    type_, fn = typed.type or kinds.INT, typed.fn
    key = compare.key_of(type_) if type_.name not in kinds.INCOMPARABLE else None

    def values(rows: list[Row]) -> list[Any]:
        found = [v for row in rows if (v := fn(row)) is not None]
        if call.is_distinct and key is not None:
            found = list({key(v): v for v in found}.values())
        return found

    if name in ("COUNT", "COUNT_BIG"):
        return (kinds.INT if name == "COUNT" else kinds.BIGINT), lambda rows: len(values(rows))
    if name in ("MIN", "MAX"):
        pick: Any = min if name == "MIN" else max
        return type_, lambda rows: pick(values(rows), key=key, default=None)
    if name == "STRING_AGG":
        separator = compiler.value(call.arguments[1]).fn(())
        return kinds.ANY_TEXT, lambda rows: separator.join(map(str, values(rows))) if values(rows) else None
    if not kinds.is_number(type_):
        raise SqlError(8117, f"Operand data type {type_.name} is invalid for {name.lower()} operator.")
    return _sum(name, type_, values)


def _sum(name: str, type_: SqlType, values: Callable[[list[Row]], list[Any]]) -> tuple[SqlType, Callable[[list[Row]], Any]]:
    if type_.name in kinds.INTEGERS:
        result = kinds.BIGINT if type_.name == "bigint" else kinds.INT
    elif type_.name in kinds.FLOATS:
        result = kinds.FLOAT
    else:
        result = kinds.of("money") if "money" in type_.name else kinds.decimal(38, kinds.digits(type_)[1])

    def compute(rows: list[Row]) -> Any:
        found = values(rows)
        if not found:
            return None
        total = sum(found)
        if name == "AVG":
            total = int(Decimal(total) / len(found)) if isinstance(total, int) else total / len(found)
        return convert(total, kinds.decimal(38, 10) if isinstance(total, Decimal) else result, result)

    return result, compute
