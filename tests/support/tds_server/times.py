"""Dates and times: days since 0001-01-01 and ticks of 100 ns, parsed, spelt and converted."""

from __future__ import annotations

import datetime
import re
from typing import Any

from .seam import SqlError
from .types import SqlType

TICKS_A_SECOND = 10_000_000
TICKS_A_DAY = 86_400 * TICKS_A_SECOND
THIRDS_A_DAY = 86_400 * 300
_EPOCH = datetime.date(1, 1, 1).toordinal()  # 1, so that day 0 is 0001-01-01
_DAYS_1900 = datetime.date(1900, 1, 1).toordinal() - _EPOCH
_LAST_DAY = datetime.date(9999, 12, 31).toordinal() - _EPOCH
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_TEXT = re.compile(
    r"\s*(?:(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d))?"
    r"(?:[T ]?\s*(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.:](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<zone>Z|[+-]\d\d:\d\d)?\s*"
)


def days_of(year: int, month: int, day: int) -> int:
    return datetime.date(year, month, day).toordinal() - _EPOCH


def date_of(days: int) -> datetime.date:
    return datetime.date.fromordinal(days + _EPOCH)


def of_datetime(moment: datetime.datetime) -> tuple[int, int]:
    """A naive Python time as datetime2's value."""
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return moment.date().toordinal() - _EPOCH, seconds * TICKS_A_SECOND + moment.microsecond * 10


def _bad_text() -> SqlError:
    return SqlError(241, "Conversion failed when converting date and/or time from character string.")


def parse(text: str) -> tuple[int, int, int]:
    """Days and ticks of what the text says, and its zone in minutes. A time alone is of 1900-01-01."""
    match = _TEXT.fullmatch(text)
    if match is None or not text.strip():
        raise _bad_text()
    part = match.groupdict()
    try:
        days = days_of(int(part["year"]), int(part["month"]), int(part["day"])) if part["year"] else _DAYS_1900
    except ValueError:
        raise SqlError(242, "The conversion of a nvarchar data type to a datetime data type resulted in an "
                            "out-of-range value.", state=3) from None
    hour, minute, second = (int(part[n] or 0) for n in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise _bad_text()
    fraction = int((part["fraction"] or "").ljust(9, "0")) + 50
    zone = part["zone"]
    minutes = 0
    if zone and zone != "Z":
        minutes = (int(zone[1:3]) * 60 + int(zone[4:6])) * (-1 if zone[0] == "-" else 1)
    return days, ((hour * 60 + minute) * 60 + second) * TICKS_A_SECOND + fraction // 100, minutes


def shifted(days: int, ticks: int) -> tuple[int, int]:
    """Ticks brought into one day."""
    more, ticks = divmod(ticks, TICKS_A_DAY)
    return days + more, ticks


def _rounded(ticks: int, scale: int) -> int:
    step = int(10 ** (7 - scale))
    return (ticks + step // 2) // step * step if step > 1 else ticks


def _whole(value: Any, from_: SqlType) -> tuple[int, int, int]:
    """Any value as days and ticks in its own zone, and that zone."""
    if isinstance(value, str):
        return parse(value)
    if from_.name == "date":
        return value, 0, 0
    if from_.name == "time":
        return _DAYS_1900, value, 0
    if from_.name == "datetimeoffset":
        days, ticks = shifted(value[0], value[1] + value[2] * 60 * TICKS_A_SECOND)
        return days, ticks, value[2]
    if from_.name == "datetime":
        return value[0], (value[1] * 100_000 + 1) // 3, 0
    if from_.name == "smalldatetime":
        return value[0], value[1] * 60 * TICKS_A_SECOND, 0
    if from_.name == "datetime2":
        return value[0], value[1], 0
    if isinstance(value, (int, float)):
        days, ticks = shifted(_DAYS_1900, round(value * TICKS_A_DAY))
        return days, ticks, 0
    raise SqlError(206, f"Operand type clash: {from_.name} is incompatible with date")


def convert(value: Any, from_: SqlType, to: SqlType, style: int | None) -> Any:
    days, ticks, zone = _whole(value, from_)
    if to.name == "date":
        return days
    if to.name == "time":
        return _rounded(ticks, to.scale) % TICKS_A_DAY
    if to.name == "datetime":
        if days < days_of(1753, 1, 1):
            raise _out_of_range("datetime")
        more, thirds = divmod((ticks * 3 + 50_000) // 100_000, THIRDS_A_DAY)
        return days + more, thirds
    if to.name == "smalldatetime":
        # Up to 29.998 seconds belong to the minute before.
        more, minutes = divmod((ticks + 30 * TICKS_A_SECOND + 10_000) // (60 * TICKS_A_SECOND), 1440)
        if not _DAYS_1900 <= days + more <= _DAYS_1900 + 65_535:
            raise _out_of_range("smalldatetime")
        return days + more, minutes
    days, ticks = shifted(days, _rounded(ticks, to.scale))
    if days > _LAST_DAY:
        raise _out_of_range(to.name)
    if to.name == "datetimeoffset":
        days, ticks = shifted(days, ticks - zone * 60 * TICKS_A_SECOND)
        return days, ticks, zone
    return days, ticks


def _out_of_range(name: str) -> SqlError:
    return SqlError(242, f"The conversion to a {name} data type resulted in an out-of-range value.", state=3)


def _clock(ticks: int, digits: int) -> str:
    seconds, fraction = divmod(ticks, TICKS_A_SECOND)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return text + ("." + f"{fraction:07}"[:digits] if digits else "")


def _fraction_digits(type_: SqlType) -> int:
    if type_.name in ("smalldatetime", "date"):
        return 0
    return 3 if type_.name == "datetime" else type_.scale


def text(value: Any, type_: SqlType, style: int | None) -> str:
    """As CONVERT spells it: styles 0, 23, 112, 120, 121, 126, 127; another one is spelt as 121."""
    days, ticks, zone = _whole(value, type_)
    if type_.name == "datetime":
        ticks = (ticks + 5_000) // 10_000 * 10_000
    day, digits = date_of(days), _fraction_digits(type_)
    if style == 112:
        return f"{day.year:04}{day.month:02}{day.day:02}"
    if style == 23 or type_.name == "date":
        return day.isoformat()
    if type_.name == "time":
        return _clock(ticks, digits)
    if style in (None, 0) and type_.name in ("datetime", "smalldatetime"):
        hour = ticks // TICKS_A_SECOND // 3600
        minute = ticks // TICKS_A_SECOND // 60 % 60
        return (f"{_MONTHS[day.month - 1]} {day.day:2} {day.year:4} {(hour + 11) % 12 + 1:2}:{minute:02}"
                f"{'PM' if hour > 11 else 'AM'}")
    between = "T" if style in (126, 127) else " "
    if style == 120:
        digits = 0
    if style in (126, 127) and ticks % TICKS_A_SECOND == 0 and type_.name == "datetime":
        digits = 0  # style 126 leaves out a fraction that is nought
    if style == 121 and type_.name in ("datetime", "smalldatetime"):
        digits = 3
    spelt = f"{day.isoformat()}{between}{_clock(ticks, digits)}"
    if type_.name == "datetimeoffset":
        gap = "" if style in (126, 127) else " "
        spelt += f"{gap}{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}"
    return spelt
