"""Is what a client showed the value that the server has? How much of it came over, in one word."""

from __future__ import annotations

import json
import re
import struct
from decimal import Decimal
from typing import Any

from tds_server import text_values
from tds_server.text_values import TICKS_A_DAY
from tds_server.types import SqlType, Variant, vector_text

# From all of it to nothing. Each word is a client's own limit, by the type it shows the value as, and docs/sqlserver-clients.md
# says which; WRONG is a disagreement.
EXACT, MICROSECONDS, MILLISECONDS, INSTANT, DOUBLE, DIGITS8, BYTES, REFUSED, WRONG = (
    "exact", "microseconds", "milliseconds", "instant", "double", "8 digits", "bytes", "refused", "WRONG")
GRADES = [EXACT, MICROSECONDS, MILLISECONDS, INSTANT, DOUBLE, DIGITS8, BYTES, REFUSED, WRONG]
_MOMENT = re.compile(r"(?:(\d{4}-\d\d-\d\d))?[ T]?(?:(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*(?:Z([+-]\d+)|([+-]\d\d:\d\d|Z))?")


def worst(grades: list[str]) -> str:
    return max(grades, key=GRADES.index, default=EXACT)


def grade(type_: SqlType, value: Any, shown: str | None) -> str:
    if value is None or shown is None:
        return EXACT if value is shown else WRONG
    if isinstance(value, Variant):
        if isinstance(value.value, bytes) and shown.encode("utf-8", "surrogateescape") == value.value:
            return EXACT  # our small results have bytes as they are
        if shown.startswith(("0x", "bytes:")) and type_.name == "sql_variant":
            inner = grade(value.type, value.value, shown)
            return inner if inner == EXACT else BYTES
        return grade(value.type, value.value, shown)
    name = type_.name
    if name in ("real", "float"):
        return _float(name, value, shown)
    if name in ("decimal", "numeric", "money", "smallmoney"):
        return _decimal(value, shown)
    if name in ("date", "time", "datetime2", "datetimeoffset", "datetime", "smalldatetime"):
        return _moment(type_, value, shown)
    if name == "vector":
        return _vector(value, shown)
    if type_.is_text:
        return EXACT if shown == stored_text(type_, value) else WRONG
    if name == "binary":
        value = bytes(value).ljust(type_.length, b"\0")
    if name == "uniqueidentifier" and shown == "0x" + value.bytes_le.hex():
        return EXACT  # db-lib shows the sixteen bytes
    return EXACT if shown.lower() == text_values.text(type_, value) else WRONG


def stored_text(type_: SqlType, value: str) -> str:
    """The text as it is on the wire: padded, and with what the code page makes of it."""
    if type_.name in ("char", "varchar", "text"):
        data = type_.text_collation.encode(value)
        return type_.text_collation.decode(data.ljust(type_.length) if type_.name == "char" else data)
    return value + " " * (type_.length - len(value.encode("utf-16-le")) // 2) if type_.name == "nchar" else value


def _float(name: str, value: float, shown: str) -> str:
    try:
        read = float(shown)
    except ValueError:
        return WRONG
    if name == "real":  # some show the shortest text of the float, some that of its double
        read = struct.unpack("<f", struct.pack("<f", read))[0]
    return EXACT if struct.pack("<d", read) == struct.pack("<d", value) else WRONG


def _decimal(value: Decimal, shown: str) -> str:
    try:
        read = Decimal(shown)
    except ArithmeticError:
        return WRONG
    if read == value:
        return EXACT
    close = abs(read - value) <= abs(value) * Decimal("1e-15")
    return DOUBLE if close else WRONG


def _ticks(shown: str) -> tuple[int | None, int, int | None] | None:
    """Days (none for a bare time), ticks and offset of what was shown; the ticks are local ones, or UTC after `Z`."""
    thirds = re.fullmatch(r"(\d{4}-\d\d-\d\d) \+(\d+)/300", shown)
    if thirds:
        return text_values.parse(SqlType("date"), thirds[1]), -int(thirds[2]), None
    matched = _MOMENT.fullmatch(shown.strip())
    if not matched:
        return None
    days = text_values.parse(SqlType("date"), matched[1]) if matched[1] else None
    ticks = text_values.parse(SqlType("time", scale=7), f"{matched[2]}:{matched[3] or '00'}") if matched[2] else 0
    ticks += int((matched[4] or "").ljust(7, "0")[:7])
    if matched[5]:
        return days, ticks, int(matched[5])
    if matched[6] in (None, "Z"):
        return days, ticks, 0 if matched[6] else None
    sign = -1 if matched[6][0] == "-" else 1
    return days, ticks, sign * (int(matched[6][1:3]) * 60 + int(matched[6][4:6]))


def _moment(type_: SqlType, value: Any, shown: str) -> str:
    read = _ticks(shown)
    if read is None:
        return WRONG
    days, ticks, offset = read
    name = type_.name
    if name == "date":
        return EXACT if days == value and ticks == 0 else WRONG
    if name == "time":
        # A client without a type for it shows a moment of some first day.
        # The end of a day, rounded up by a client with fewer digits, is the beginning of the next.
        return min(_near(value, ticks), _near(value, ticks + TICKS_A_DAY), key=GRADES.index)
    if name == "datetime":
        if ticks <= 0 and "/300" in shown:
            return EXACT if (days, -ticks) == value else WRONG
        units = (ticks * 3 + 50_000) // 100_000
        return EXACT if (days, units) == value else WRONG
    if name == "smalldatetime":
        return EXACT if (days, ticks) == (value[0], value[1] * 600_000_000) else WRONG
    if days is None:
        return WRONG
    moment = value[0] * TICKS_A_DAY + value[1]
    read_moment = days * TICKS_A_DAY + ticks
    if name == "datetime2":
        return _near(moment, read_moment)
    if offset is None:
        return worst([INSTANT, _near(moment, read_moment)])
    if utc := re.search(r"Z([+-]\d+)$", shown):
        return EXACT if (moment, value[2]) == (read_moment, int(utc[1])) else WRONG
    near = _near(moment, read_moment - offset * 600_000_000)
    return near if offset == value[2] else WRONG


def _near(value: int, read: int) -> str:
    if read == value:
        return EXACT
    if abs(read - value) < 10:
        return MICROSECONDS
    return MILLISECONDS if abs(read - value) < 10_000 else WRONG


def _vector(value: tuple[float, ...], shown: str) -> str:
    if shown == vector_text(value):
        return DIGITS8
    if shown == "0x" + SqlType("vector", len(value)).encode(value)[2:].hex():
        return EXACT
    try:
        numbers = json.loads(shown)
    except ValueError:
        return WRONG
    return EXACT if len(numbers) == len(value) and all(
        _float("real", struct.unpack("<f", struct.pack("<f", mine))[0], repr(float(theirs))) == EXACT for mine, theirs in zip(value, numbers, strict=True)) else WRONG
