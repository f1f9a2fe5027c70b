"""Values as text and text as values, as SQL Server's literals and CONVERT(…, 121) have them."""

from __future__ import annotations

import datetime
import re
import uuid
from decimal import Decimal
from typing import Any

from .types import DAYS_TO_1900, SqlType, Variant, vector_text

TICKS_A_DAY = 864_000_000_000
_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_MOMENT = re.compile(
    r"\s*(?:(\d{4})-?(\d\d)-?(\d\d))?[T ]*(?:(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,7})\d*)?)?)?\s*(?:(Z)|([+-])(\d\d):(\d\d))?\s*")


def parse(type_: SqlType, text: str) -> Any:
    """The value of `type_` that a literal writes. ValueError when it writes none."""
    name = type_.name
    if name == "bit":
        return {"true": 1, "false": 0}.get(text.strip().lower(), None) if text.strip().isalpha() else int(int(text) != 0)
    if name in _INTEGERS:
        return int(text)
    if name in ("real", "float"):
        return float(text)
    if name in ("decimal", "numeric", "money", "smallmoney"):
        return Decimal(text.strip())
    if name == "uniqueidentifier":
        return uuid.UUID(text.strip())
    if name == "vector":
        return tuple(float(part) for part in text.strip().strip("[]").split(",") if part.strip())
    if name in ("date", "time", "datetime2", "datetimeoffset", "datetime", "smalldatetime"):
        return _moment(type_, text)
    if type_.is_text:
        return text
    return bytes.fromhex(text.removeprefix("0x"))


def _moment(type_: SqlType, text: str) -> Any:
    matched = _MOMENT.fullmatch(text)
    if not matched or (matched[1] is None and matched[4] is None):
        raise ValueError(f"{text!r} is no {type_.name}")
    days = DAYS_TO_1900
    if matched[1]:
        days = datetime.date(int(matched[1]), int(matched[2]), int(matched[3])).toordinal() - 1
    hour, minute, second = int(matched[4] or 0), int(matched[5] or 0), int(matched[6] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text!r} is no {type_.name}")
    ticks = ((hour * 60 + minute) * 60 + second) * 10_000_000 + int((matched[7] or "").ljust(7, "0"))
    if type_.name == "date":
        return days
    if type_.name == "datetime":
        return _carry(days, (ticks * 3 + 50_000) // 100_000, TICKS_A_DAY * 3 // 100_000)
    if type_.name == "smalldatetime":
        return _carry(days, (ticks + 299_990_000) // 600_000_000, 1440)
    step: int = 10 ** (7 - type_.scale)
    ticks = (ticks + step // 2) // step * step
    if type_.name == "time":
        return min(ticks, TICKS_A_DAY - step)
    if type_.name == "datetime2":
        return _carry(days, ticks, TICKS_A_DAY)
    offset = (int(matched[10]) * 60 + int(matched[11])) * (-1 if matched[9] == "-" else 1) if matched[9] else 0
    day, ticks = _carry(days, ticks - offset * 600_000_000, TICKS_A_DAY)
    return day, ticks, offset


def _carry(days: int, units: int, units_a_day: int) -> tuple[int, int]:
    return days + units // units_a_day, units % units_a_day


def text(type_: SqlType, value: Any) -> str:
    """One text for one value, whatever client read it: what the tests of foreign clients compare."""
    name = type_.name
    if isinstance(value, Variant):
        return text(value.type, value.value)
    if name in ("decimal", "numeric"):
        return f"{Decimal(value):.{type_.scale}f}"
    if name in ("money", "smallmoney"):
        return f"{Decimal(value):.4f}"
    if name == "date":
        return _day(value)
    if name == "time":
        return _clock(value, type_.scale)
    if name == "datetime2":
        return f"{_day(value[0])} {_clock(value[1], type_.scale)}"
    if name == "datetimeoffset":
        day, ticks = _carry(value[0], value[1] + value[2] * 600_000_000, TICKS_A_DAY)
        sign, minutes = ("-" if value[2] < 0 else "+"), abs(value[2])
        return f"{_day(day)} {_clock(ticks, type_.scale)} {sign}{minutes // 60:02}:{minutes % 60:02}"
    if name == "datetime":
        return f"{_day(value[0])} {_clock((value[1] * 10 + 1) // 3 * 10_000, 3)}"
    if name == "smalldatetime":
        return f"{_day(value[0])} {value[1] // 60:02}:{value[1] % 60:02}:00"
    if name == "vector":
        return vector_text(value)
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    return str(value)


def _day(days: int) -> str:
    return datetime.date.fromordinal(days + 1).isoformat()


def _clock(ticks: int, scale: int) -> str:
    seconds, fraction = divmod(ticks, 10_000_000)
    tail = f".{fraction:07}"[:scale + 1] if scale else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{tail}"
