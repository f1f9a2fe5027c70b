"""Tables with versions of their rows, and databases of them.

Each commit has a number, the same for all databases of a server. A row is a chain of (commit, values); a reader of
commit n sees the last link that is not newer. A row's place in the table is its key as the collation compares it, so
that a deleted and inserted row goes on with the same chain.
"""

from __future__ import annotations

import copy
import datetime
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import compare, kinds
from .collation import DEFAULT, Collation
from .permissions import Permissions
from .seam import SqlError
from .tracking import DatabaseTracking, TableTracking
from .types import SqlType

Row = tuple[Any, ...]
Key = tuple[Any, ...]


@dataclass
class TableColumn:
    """A column. A row keeps its value at `id - 1`; rows that are older than the column have `initial` instead."""

    id: int
    name: str
    type: SqlType
    declared: str  # the type's name as the catalog shows it, such as timestamp or an alias type
    nullable: bool = True
    default: str | None = None
    default_name: str = ""
    initial: Any = None
    identity: tuple[int, int] | None = None  # seed and step
    computed: str | None = None
    persisted: bool = False
    hidden: bool = False
    mask: str | None = None  # its masking function
    encryption_type: int | None = None
    generated_always: int = 0
    column_set: bool = False
    sparse: bool = False
    graph_type: int | None = None


@dataclass
class Index:
    name: str
    columns: list[int]  # ids, in order
    descending: list[bool]
    unique: bool = False
    primary: bool = False
    constraint: bool = False
    id: int = 1


@dataclass(eq=False)
class Table:
    object_id: int
    schema: str
    name: str
    created: datetime.datetime
    columns: list[TableColumn]
    indexes: list[Index] = field(default_factory=list)
    flags: dict[str, Any] = field(default_factory=dict)  # what sys.tables says of it beside
    chains: dict[Key, list[tuple[int, Row | None]]] = field(default_factory=dict)
    tracking: TableTracking | None = None
    changed_definition: int = 0  # the commit of the last DDL
    next_row: int = 1
    next_identity: int | None = None
    row_filter: str | None = None  # a security policy's condition
    filter_exempt: set[str] = field(default_factory=set)
    last_column: int = 0

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def primary_key(self) -> Index | None:
        return next((index for index in self.indexes if index.primary), None)

    def column(self, name: str) -> TableColumn | None:
        wanted = name.lower()
        return next((c for c in self.columns if c.name.lower() == wanted), None)

    def column_by_id(self, id_: int) -> TableColumn:
        return next(c for c in self.columns if c.id == id_)

    def key_columns(self) -> list[TableColumn]:
        index = self.primary_key
        return [self.column_by_id(i) for i in index.columns] if index else []

    def value(self, row: Row, column: TableColumn) -> Any:
        return row[column.id - 1] if column.id <= len(row) else column.initial

    def key_of(self, row: Row) -> Key:
        """The place of a row. A table without a key counts its rows."""
        columns = self.key_columns()
        if not columns:
            self.next_row += 1
            return (self.next_row - 1,)
        return tuple(compare.key_of(c.type)(self.value(row, c)) for c in columns)

    def at(self, key: Key, commit: int) -> Row | None:
        """The row as a reader of that commit sees it."""
        for number, row in reversed(self.chains.get(key, ())):
            if number <= commit:
                return row
        return None

    def scan(self, commit: int) -> Iterator[tuple[Key, Row]]:
        for key, chain in self.chains.items():
            number, row = chain[-1]
            if number > commit:
                row = self.at(key, commit)
            if row is not None:
                yield key, row

    def count(self, commit: int) -> int:
        return sum(1 for _ in self.scan(commit))

    def put(self, key: Key, row: Row | None, commit: int, oldest_reader: int) -> None:
        """Appends a version and drops those that nobody can see any more."""
        chain = self.chains.setdefault(key, [])
        chain.append((commit, row))
        keep = 0
        for i, (number, _) in enumerate(chain):
            if number <= oldest_reader:
                keep = i
        del chain[:keep]
        if len(chain) == 1 and row is None:
            del self.chains[key]


@dataclass(eq=False)
class Database:
    name: str
    id: int
    created: datetime.datetime
    collation: Collation = DEFAULT
    compatibility: int = 160
    snapshot_allowed: bool = False
    read_committed_snapshot: bool = False
    read_only: bool = False
    schemas: dict[str, int] = field(default_factory=lambda: {"dbo": 1, "guest": 2, "sys": 4})
    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    alias_types: dict[str, tuple[str, SqlType, bool]] = field(default_factory=dict)  # declaration, type, nullable
    synonyms: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    tracking: DatabaseTracking | None = None
    permissions: Permissions = field(default_factory=Permissions)
    database_guid: uuid.UUID = field(default_factory=uuid.uuid4)
    family_guid: uuid.UUID = field(default_factory=uuid.uuid4)
    recovery_fork_guid: uuid.UUID = field(default_factory=uuid.uuid4)
    next_object: int = 901578250
    next_rowversion: int = 2001
    forced_version: int | None = None  # what the next tracked commit shall be, on order
    last_version: int = 0  # of the tracking that was switched off last

    def table(self, schema: str, name: str) -> Table | None:
        return self.tables.get((schema.lower(), name.lower()))

    def table_by_id(self, object_id: int) -> Table | None:
        return next((t for t in self.tables.values() if t.object_id == object_id), None)

    def schema(self, name: str) -> str | None:
        """The schema as it is spelt."""
        return next((s for s in self.schemas if s.lower() == name.lower()), None)

    def new_object_id(self) -> int:
        # Real ids look random; these do not repeat and are not in the order of creation.
        self.next_object = (self.next_object + 16000057) % 2147483647
        return self.next_object

    def new_rowversion(self) -> bytes:
        self.next_rowversion += 1
        return (self.next_rowversion - 1).to_bytes(8, "big")

    def type_named(self, declared: str) -> tuple[SqlType, str, bool]:
        """A declared type: what it is, how the catalog names it, and whether it may be NULL."""
        plain = declared.split(".")[-1].lower()
        if plain in self.alias_types:
            spelt, type_, nullable = self.alias_types[plain]
            return type_, spelt, nullable
        type_ = kinds.of(declared.lower())
        word = declared.lower().partition("(")[0].strip()
        name = word if word in ("timestamp", "sysname", "numeric") else type_.name
        if name == "rowversion":
            name = "timestamp"
        if kinds.is_text(type_) and type_.name != "json":
            type_ = kinds.with_collation(type_, self.collation)
        return type_, name, word != "sysname"

    def backup(self) -> Database:
        """The database as it is, for `restored`."""
        return copy.deepcopy(self)

    def restored(self) -> Database:
        """A copy of a backup, on a recovery fork of its own."""
        restored = copy.deepcopy(self)
        restored.recovery_fork_guid = uuid.uuid4()
        return restored


def no_such_object(name: str) -> SqlError:
    return SqlError(208, f"Invalid object name '{name}'.")
