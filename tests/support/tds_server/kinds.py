"""What is known of SQL Server's types beside their bytes: families, precedence, and the type of a combination."""

from __future__ import annotations

import functools
from dataclasses import replace

from .collation import Collation
from .seam import SqlError
from .types import SqlType

INTEGERS = ("bit", "tinyint", "smallint", "int", "bigint")
EXACT = ("smallmoney", "money", "numeric", "decimal")
FLOATS = ("real", "float")
BYTE_TEXT = ("char", "varchar", "text")
UNICODE_TEXT = ("nchar", "nvarchar", "ntext", "xml", "json")
BINARIES = ("binary", "varbinary", "image", "rowversion")
TIMES = ("time", "date", "smalldatetime", "datetime", "datetime2", "datetimeoffset")
CLR = ("hierarchyid", "geometry", "geography")
# Types whose values cannot be compared, sorted or be part of a key.
INCOMPARABLE = ("text", "ntext", "image", "xml", "json", "geometry", "geography", "vector")

# From the weakest to the strongest, as Microsoft's page on data type precedence lists them.
_PRECEDENCE = (
    "binary", "varbinary", "char", "varchar", "nchar", "nvarchar", "uniqueidentifier", "rowversion", "image",
    "text", "ntext", "bit", "tinyint", "smallint", "int", "bigint", "smallmoney", "money",
    "numeric", "decimal", "real", "float", "time", "date", "smalldatetime", "datetime", "datetime2",
    "datetimeoffset", "json", "xml", "sql_variant", "hierarchyid", "geometry", "geography", "vector",
)
_RANGES = {"bit": (0, 1), "tinyint": (0, 255), "smallint": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1),
           "bigint": (-(2**63), 2**63 - 1)}
_INTEGER_DIGITS = {"bit": 1, "tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_MONEY_DIGITS = {"money": 19, "smallmoney": 10}


@functools.cache
def of(declared: str) -> SqlType:
    """The type of a declaration. Raises SqlError 2715 for what no server knows."""
    try:
        return SqlType.parse(declared)
    except ValueError:
        raise SqlError(2715, f"Cannot find data type {declared}.", state=6) from None


INT, BIGINT, BIT, FLOAT = of("int"), of("bigint"), of("bit"), of("float")
SYSNAME, TEXT, ANY_TEXT = of("nvarchar(128)"), of("nvarchar(4000)"), of("nvarchar(max)")
DATETIME, GUID, VARIANT = of("datetime"), of("uniqueidentifier"), of("sql_variant")


def is_text(type_: SqlType) -> bool:
    return type_.name in BYTE_TEXT or type_.name in UNICODE_TEXT


def is_number(type_: SqlType) -> bool:
    return type_.name in INTEGERS or type_.name in EXACT or type_.name in FLOATS


def is_binary(type_: SqlType) -> bool:
    return type_.name in BINARIES


def integer_range(type_: SqlType) -> tuple[int, int]:
    return _RANGES[type_.name]


def precedence(type_: SqlType) -> int:
    try:
        return _PRECEDENCE.index(type_.name)
    except ValueError:
        return len(_PRECEDENCE)


def digits(type_: SqlType) -> tuple[int, int]:
    """Precision and scale of an exact type."""
    if type_.name in _INTEGER_DIGITS:
        return _INTEGER_DIGITS[type_.name], 0
    if type_.name in _MONEY_DIGITS:
        return _MONEY_DIGITS[type_.name], 4
    return type_.precision, type_.scale


def decimal(precision: int, scale: int) -> SqlType:
    return of(f"decimal({min(precision, 38)},{min(scale, 38)})")


def text_length(type_: SqlType) -> int:
    """Characters; -1 for (max)."""
    if type_.name in ("text", "ntext", "xml", "json", "image"):
        return -1
    if type_.name == "rowversion":
        return 8
    if is_text(type_) or is_binary(type_):
        return type_.length
    return 40


def _text(name: str, length: int, most: int) -> SqlType:
    return of(f"{name}({'max' if length < 0 or length > most else max(length, 1)})")


def common(left: SqlType | None, right: SqlType | None) -> SqlType | None:
    """The type that holds both: of CASE, COALESCE, UNION and of a comparison. None is the type of NULL."""
    if left is None or right is None or left is right:
        return left or right
    both = _common(left, right)
    return with_collation(both, common_collation(left, right)) if is_text(both) else both


def common_collation(left: SqlType, right: SqlType) -> Collation | None:
    """A column's collation wins over that of literals and parameters, which is None here."""
    if left.collation and right.collation and left.collation.name != right.collation.name:
        raise SqlError(468, f'Cannot resolve the collation conflict between "{left.collation.name}" and '
                            f'"{right.collation.name}" in the equal to operation.', state=9)
    return left.collation or right.collation


def _common(left: SqlType, right: SqlType) -> SqlType:
    weak, strong = sorted((left, right), key=precedence)
    if strong.name == weak.name and strong.name not in ("decimal", "numeric"):
        if is_text(strong) or is_binary(strong):
            return strong if longer(strong, weak) else weak
        return strong if strong.scale >= weak.scale else weak
    if strong.name in ("decimal", "numeric") and weak.name in (*INTEGERS, *EXACT):
        (p1, s1), (p2, s2) = digits(left), digits(right)
        scale = max(s1, s2)
        return decimal(max(p1 - s1, p2 - s2) + scale, scale)
    if is_text(strong) and is_text(weak) and strong.name in ("nchar", "nvarchar", "char", "varchar"):
        n, m = text_length(strong), text_length(weak)
        unicode = "n" if strong.name in UNICODE_TEXT else ""
        return _text(unicode + "varchar", -1 if n < 0 or m < 0 else max(n, m), 4000 if unicode else 8000)
    return strong


def longer(left: SqlType, right: SqlType) -> bool:
    n, m = text_length(left), text_length(right)
    return n < 0 or (m >= 0 and n >= m)


@functools.cache
def with_collation(type_: SqlType, collation: Collation | None) -> SqlType:
    """The same type under another collation. None: its collation gives way to that of what it meets, as that of
    literals and parameters does."""
    return replace(type_, collation=collation) if is_text(type_) else type_


def of_arithmetic(operator: str, left: SqlType | None, right: SqlType | None) -> SqlType:
    """The type of left operator right. Raises SqlError 402 or 8117 where there is none."""
    if left is None or right is None:
        return left or right or INT
    if operator == "+" and is_text(left) and is_text(right):
        n, m = text_length(left), text_length(right)
        unicode = left.name in UNICODE_TEXT or right.name in UNICODE_TEXT
        return with_collation(_text("nvarchar" if unicode else "varchar", -1 if n < 0 or m < 0 else n + m,
                                    4000 if unicode else 8000), left.collation or right.collation)
    if operator == "+" and is_binary(left) and is_binary(right):
        n, m = text_length(left), text_length(right)
        return _text("varbinary", -1 if n < 0 or m < 0 else n + m, 8000)
    strong = max((left, right), key=precedence)
    if not (is_number(strong) or strong.name in ("datetime", "smalldatetime")):
        raise SqlError(402, f"The data types {left.name} and {right.name} are incompatible in the operator.")
    if strong.name in INTEGERS:
        return INT if strong.name in ("bit", "tinyint", "smallint") and operator != "%" else strong
    if strong.name not in EXACT or "money" in strong.name:
        return strong
    (p1, s1), (p2, s2) = digits(left), digits(right)
    if operator == "*":
        return decimal(p1 + p2 + 1, s1 + s2)
    if operator == "/":
        scale = max(6, s1 + p2 + 1)
        return decimal(p1 - s1 + s2 + scale, min(scale, 12))
    scale = max(s1, s2)
    return decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)
