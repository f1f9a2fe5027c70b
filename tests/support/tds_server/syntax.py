"""What the parser makes of T-SQL: expressions and queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Union


@dataclass
class Literal:
    value: Any
    kind: str  # a token's kind, or null


@dataclass
class Variable:
    name: str  # with its @ signs, lower case


@dataclass
class Name:
    """A column, as it is written: one to four parts; or a property of a column of a CLR type."""

    parts: list[str]


@dataclass
class Star:
    qualifier: list[str]


@dataclass
class Unary:
    operator: str  # - ~ not
    operand: Expr


@dataclass
class Binary:
    operator: str  # + - * / % & | ^ = <> < <= > >= and or
    left: Expr
    right: Expr


@dataclass
class IsNull:
    operand: Expr
    negated: bool


@dataclass
class Like:
    operand: Expr
    pattern: Expr
    escape: Expr | None
    negated: bool


@dataclass
class In:
    operand: Expr
    choices: list[Expr] | None
    query: Query | None
    negated: bool


@dataclass
class Between:
    operand: Expr
    low: Expr
    high: Expr
    negated: bool


@dataclass
class Case:
    operand: Expr | None
    branches: list[tuple[Expr, Expr]]
    otherwise: Expr | None


@dataclass
class Cast:
    operand: Expr
    type: str  # as declared: decimal(10,2)
    style: Expr | None = None
    is_try: bool = False


@dataclass
class Collate:
    operand: Expr
    collation: str


@dataclass
class Window:
    partition: list[Expr]
    order: list[OrderItem]


@dataclass
class Call:
    """A function, or a method of a column where the name has several parts."""

    name: list[str]
    arguments: list[Expr]
    window: Window | None = None
    is_distinct: bool = False


@dataclass
class Exists:
    query: Query


@dataclass
class Subquery:
    query: Query


@dataclass
class Assign:
    """SELECT @v = expression."""

    variable: str
    value: Expr


Expr = Union[Literal, Variable, Name, Star, Unary, Binary, IsNull, Like, In, Between, Case, Cast, Collate, Call,
             Exists, Subquery, Assign]


@dataclass
class OrderItem:
    value: Expr
    is_descending: bool = False


@dataclass
class SelectItem:
    value: Expr
    alias: str | None


@dataclass
class TableName:
    parts: list[str]
    alias: str | None = None
    hints: list[str] = field(default_factory=list)


@dataclass
class ChangeTable:
    """CHANGETABLE(CHANGES table, version), or (VERSION table, (columns), (values))."""

    parts: list[str]
    version: Expr | None
    alias: str | None = None
    columns: list[str] = field(default_factory=list)
    key_columns: list[str] = field(default_factory=list)
    key_values: list[Expr] = field(default_factory=list)


@dataclass
class Derived:
    query: Query
    alias: str
    columns: list[str]


@dataclass
class Join:
    kind: str  # inner left right full cross "cross apply" "outer apply"
    left: Source
    right: Source
    on: Expr | None


Source = Union[TableName, ChangeTable, Derived, Join]


@dataclass
class Select:
    items: list[SelectItem]
    source: Source | None = None
    where: Expr | None = None
    group: list[Expr] = field(default_factory=list)
    having: Expr | None = None
    top: Expr | None = None
    is_distinct: bool = False


@dataclass
class Values:
    rows: list[list[Expr]]


@dataclass
class Query:
    """Selects joined by UNION [ALL], then ordered. `unions[i]` stands between parts i and i + 1: True for ALL."""

    parts: list[Select | Values | Query]
    unions: list[bool] = field(default_factory=list)
    order: list[OrderItem] = field(default_factory=list)
    skip: Expr | None = None
    fetch: Expr | None = None
    common: list[tuple[str, list[str], Query]] = field(default_factory=list)  # WITH name (columns) AS (query)
