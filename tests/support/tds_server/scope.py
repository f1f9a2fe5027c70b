"""What names mean inside a query: its sources and their columns, and the query around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .seam import SqlError
from .types import SqlType

Row = tuple[Any, ...]
Fn = Callable[[Row], Any]


@dataclass
class SourceColumn:
    name: str
    type: SqlType | None
    nullable: bool = True
    hidden: bool = False
    identity: bool = False
    computed: bool = False
    used: Callable[[], None] | None = None  # hears that the query needs it


@dataclass
class SourceInScope:
    """`path`: how the source may be called, its alias alone or the parts of a table's name."""

    path: list[str]
    columns: list[SourceColumn]
    start: int  # the place of its first column in a row

    def is_called(self, qualifier: list[str]) -> bool:
        parts = [p.lower() for p in qualifier if p]
        return len(parts) <= len(self.path) and [p.lower() for p in self.path[len(self.path) - len(parts):]] == parts


@dataclass
class Typed:
    """A compiled expression. `type` None: the NULL literal. `fn` takes a row of all sources in scope."""

    fn: Fn
    type: SqlType | None
    nullable: bool = True
    column: SourceColumn | None = None
    is_constant: bool = False


@dataclass
class Scope:
    sources: list[SourceInScope] = field(default_factory=list)
    parent: Scope | None = None
    width: int = 0  # of a row, those of the queries around included

    @staticmethod
    def inside(parent: Scope | None) -> Scope:
        return Scope([], parent, parent.width if parent else 0)

    def add(self, path: list[str], columns: list[SourceColumn]) -> SourceInScope:
        source = SourceInScope(path, columns, self.width)
        self.sources.append(source)
        self.width += len(columns)
        return source

    def find(self, parts: list[str]) -> Typed | None:
        """The column of that name. Raises SqlError 209 when several are meant, None when none is."""
        *qualifier, name = parts
        found: list[tuple[int, SourceColumn]] = []
        for source in self.sources:
            if not source.is_called(qualifier):
                continue
            for i, column in enumerate(source.columns):
                if column.name.lower() == name.lower():
                    found.append((source.start + i, column))
        if len(found) > 1:
            raise SqlError(209, f"Ambiguous column name '{name}'.")
        if found:
            at, column = found[0]
            if column.used:
                column.used()
            return Typed(lambda row: row[at], column.type, column.nullable, column)
        return self.parent.find(parts) if self.parent else None

    def resolve(self, parts: list[str]) -> Typed:
        found = self.find(parts)
        if found is not None:
            return found
        if len(parts) == 1:
            raise SqlError(207, f"Invalid column name '{parts[0]}'.")
        raise SqlError(4104, f'The multi-part identifier "{".".join(parts)}" could not be bound.')

    def star(self, qualifier: list[str]) -> list[tuple[SourceColumn, Typed]]:
        """The columns of `*` or `t.*`, hidden ones left out."""
        sources = [source for source in self.sources if source.is_called(qualifier)]
        if not sources:
            raise SqlError(107, f"The column prefix '{'.'.join(qualifier)}' does not match with a table name or alias "
                                "name used in the query.", severity=15)
        columns = []
        for source in sources:
            for i, column in enumerate(source.columns):
                if not column.hidden:
                    if column.used:
                        column.used()
                    at = source.start + i
                    columns.append((column, Typed(_picker(at), column.type, column.nullable, column)))
        return columns


def _picker(at: int) -> Fn:
    return lambda row: row[at]
