"""What a client sends by RPC: procedure, options and typed parameters ([MS-TDS] 2.2.6.6)."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from . import collation as collations
from .seam import SqlError
from .types import BINARY, DAYS_TO_1900, DECIMAL, FIXED, MAX, SCALED, TEXT, SqlType, Variant

PROCEDURES = {1: "sp_cursor", 2: "sp_cursoropen", 3: "sp_cursorprepare", 4: "sp_cursorexecute", 5: "sp_cursorprepexec",
              6: "sp_cursorunprepare", 7: "sp_cursorfetch", 8: "sp_cursoroption", 9: "sp_cursorclose",
              10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 14: "sp_prepexecrpc",
              15: "sp_unprepare"}
_EXACT = Context(prec=80)
_INTEGERS = {1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"}
_FIXED_CODES = {fixed: name for name, (fixed, _, _, _) in FIXED.items()}
_OPEN_CODES = {0x26: _INTEGERS, 0x68: {1: "bit"}, 0x6D: {4: "real", 8: "float"}, 0x6E: {4: "smallmoney", 8: "money"},
               0x6F: {4: "smalldatetime", 8: "datetime"}}
_NAMES = {code: name for table in (DECIMAL, SCALED, TEXT, BINARY) for name, code in table.items()}
_LONG_NAMES = {0x23: "text", 0x63: "ntext", 0x22: "image"}


@dataclass
class Parameter:
    """One parameter, by its own type. `by_reference`: the client waits for its value (RETURNVALUE)."""

    name: str
    type: SqlType
    value: Any
    by_reference: bool = False


@dataclass
class Call:
    """One call of a procedure."""

    procedure: str
    options: int
    parameters: list[Parameter] = field(default_factory=list)


def _broken(what: str) -> SqlError:
    return SqlError(8009, "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is "
                    f"incorrect. {what}", severity=16, state=1, fatal=True)


class Reader:
    """Bytes of a message, taken from the front; SqlError 8009 where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data, self.place = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self.place

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _broken(f"{size} bytes are wanted, {self.left} are left.")
        self.place += size
        return self._data[self.place - size:self.place]

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def b_varchar(self) -> str:
        return self.take(2 * self.number("B")).decode("utf-16-le", "surrogatepass")

    def us_varchar(self) -> str:
        return self.take(2 * self.number("H")).decode("utf-16-le", "surrogatepass")

    def peek(self) -> int:
        return self._data[self.place] if self.left else -1


def skip_headers(body: bytes) -> bytes:
    """What follows ALL_HEADERS; TDS 7.1 and what is too short to have them is left alone."""
    if len(body) >= 4:
        total = int(struct.unpack_from("<I", body)[0])
        if 4 <= total <= len(body) and (total == 4 or struct.unpack_from("<I", body, 4)[0] <= total - 4):
            return body[total:]
    return body


def read_calls(body: bytes) -> list[Call]:
    reader, calls = Reader(skip_headers(body)), []
    while reader.left:
        length = reader.number("H")
        if length == 0xFFFF:
            number = reader.number("H")
            if number not in PROCEDURES:
                raise _broken(f"There is no procedure {number}.")
            name = PROCEDURES[number]
        else:
            name = reader.take(2 * length).decode("utf-16-le")
        call = Call(name, reader.number("H"))
        while reader.left and reader.peek() not in (0xFF, 0xFE, 0x80):
            call.parameters.append(read_parameter(reader))
        if reader.left:
            reader.take(1)  # the separator between two calls
        calls.append(call)
    return calls


def read_parameter(reader: Reader) -> Parameter:
    name, status = reader.b_varchar(), reader.number("B")
    type_, value = read_value(reader)
    return Parameter(name, type_, value, bool(status & 1))


def read_value(reader: Reader) -> tuple[SqlType, Any]:
    """TYPE_INFO and the value behind it."""
    code = reader.number("B")
    if code == 0x1F:
        return SqlType("int"), None
    if code in _FIXED_CODES:
        type_ = SqlType(_FIXED_CODES[code])
        return type_, _from_bytes(type_, reader.take(FIXED[type_.name][2]))
    if code in (0x29, 0x2A, 0x2B, 0x28, 0x24, 0x26, 0x68, 0x6A, 0x6C, 0x6D, 0x6E, 0x6F):
        type_ = _byte_length_type(code, reader)
        size = reader.number("B")
        return type_, _from_bytes(type_, reader.take(size)) if size else None
    if code in (0xA5, 0xA7, 0xAD, 0xAF, 0xE7, 0xEF):
        return _short_length(code, reader)
    if code in _LONG_NAMES:
        type_ = SqlType(_LONG_NAMES[code])
        reader.number("I")
        if code != 0x22:
            type_ = SqlType(type_.name, collation=collations.from_bytes(reader.take(5)))
        size = reader.number("i")
        return type_, None if size < 0 else _from_bytes(type_, reader.take(size))
    if code == 0x62:
        reader.number("I")
        return SqlType("sql_variant"), _variant(reader)
    return _plp_type(code, reader)


def _byte_length_type(code: int, reader: Reader) -> SqlType:
    if code in (0x28, 0x24):
        if code == 0x24:
            reader.take(1)
        return SqlType("date" if code == 0x28 else "uniqueidentifier")
    if code in (0x29, 0x2A, 0x2B):
        return SqlType(_NAMES[code], scale=reader.number("B"))
    size = reader.number("B")
    if code in (0x6A, 0x6C):
        precision, scale = reader.number("B"), reader.number("B")
        return SqlType(_NAMES[code], precision=precision, scale=scale)
    if size not in _OPEN_CODES[code]:
        raise _broken(f"Type {code:#x} has no length {size}.")
    return SqlType(_OPEN_CODES[code][size])


def _short_length(code: int, reader: Reader) -> tuple[SqlType, Any]:
    name, declared = _NAMES[code], reader.number("H")
    collation = collations.from_bytes(reader.take(5)) if name in TEXT else None
    divisor = 2 if name in ("nchar", "nvarchar") else 1
    if declared == 0xFFFF:
        type_ = SqlType(name, MAX, collation=collation)
        data = read_plp(reader)
    else:
        type_ = SqlType(name, max(1, declared // divisor), collation=collation)
        size = reader.number("H")
        data = None if size == 0xFFFF else reader.take(size)
    return type_, None if data is None else _from_bytes(type_, data)


def _plp_type(code: int, reader: Reader) -> tuple[SqlType, Any]:
    if code == 0xF1:
        type_ = SqlType("xml", plp_total_known=False)
        if reader.number("B"):
            reader.b_varchar(), reader.b_varchar(), reader.us_varchar()
    elif code == 0xF4:
        type_ = SqlType("json")
    elif code == 0xF0:
        reader.b_varchar(), reader.b_varchar()
        type_ = SqlType(reader.b_varchar().lower())
    elif code == 0xF5:
        size, base = reader.number("H"), reader.number("B")
        if base != 0:
            raise _broken(f"A vector of base type {base}.")
        length = reader.number("H")
        type_ = SqlType("vector", (size - 8) // 4)
        return type_, None if length == 0xFFFF else _from_bytes(type_, reader.take(length))
    else:
        raise _broken(f"There is no type {code:#x}.")
    data = read_plp(reader)
    return type_, None if data is None else _from_bytes(type_, data)


def read_plp(reader: Reader) -> bytes | None:
    total = reader.number("Q")
    if total == 0xFFFFFFFFFFFFFFFF:
        return None
    parts = []
    while size := reader.number("I"):
        parts.append(reader.take(size))
    data = b"".join(parts)
    if total != 0xFFFFFFFFFFFFFFFE and total != len(data):
        raise _broken(f"A value of {total} bytes has {len(data)}.")
    return data


def _variant(reader: Reader) -> Variant | None:
    size = reader.number("I")
    if size == 0:
        return None
    body = Reader(reader.take(size))
    code, properties = body.number("B"), body.number("B")
    head = Reader(body.take(properties))
    if code in _FIXED_CODES:
        type_ = SqlType(_FIXED_CODES[code])
    elif code in (0x6A, 0x6C):
        precision, scale = head.number("B"), head.number("B")
        type_ = SqlType(_NAMES[code], precision=precision, scale=scale)
    elif code in (0x29, 0x2A, 0x2B):
        type_ = SqlType(_NAMES[code], scale=head.number("B"))
    elif code in (0xA7, 0xAF, 0xE7, 0xEF):
        collation = collations.from_bytes(head.take(5))
        type_ = SqlType(_NAMES[code], head.number("H") // (2 if code in (0xE7, 0xEF) else 1), collation=collation)
    elif code in (0xA5, 0xAD):
        type_ = SqlType(_NAMES[code], head.number("H"))
    else:
        type_ = SqlType({0x28: "date", 0x24: "uniqueidentifier"}[code])
    return Variant(type_, _from_bytes(type_, body.take(body.left)))


def _from_bytes(type_: SqlType, data: bytes) -> Any:
    """The value of these bytes, which stand without a length."""
    name = type_.name
    if name in ("decimal", "numeric"):
        magnitude = Decimal(int.from_bytes(data[1:], "little")).scaleb(-type_.scale, _EXACT)
        return magnitude if data[0] else _EXACT.minus(magnitude)
    if name == "money":
        high, low = struct.unpack("<iI", data)
        return Decimal((high << 32) + low).scaleb(-4, _EXACT)
    if name == "smallmoney":
        return Decimal(int.from_bytes(data, "little", signed=True)).scaleb(-4, _EXACT)
    if name == "datetime":
        days, units = struct.unpack("<iI", data)
        return days + DAYS_TO_1900, units
    if name == "smalldatetime":
        days, minutes = struct.unpack("<HH", data)
        return days + DAYS_TO_1900, minutes
    if name in FIXED:
        return struct.unpack(FIXED[name][3], data)[0]
    if name in SCALED or name == "date":
        return _moment(type_, data)
    if name == "uniqueidentifier":
        return uuid.UUID(bytes_le=data)
    if name == "vector":
        return struct.unpack_from(f"<{type_.length}f", data, 8)
    if type_.is_text:
        codec = "utf-8" if name == "json" else "utf-16-le"
        return data.decode(codec, "surrogatepass") if type_.is_unicode or name == "json" \
            else type_.text_collation.decode(data)
    return data


def _moment(type_: SqlType, data: bytes) -> Any:
    if type_.name == "date":
        return int.from_bytes(data, "little")
    size = 3 if type_.scale < 3 else 4 if type_.scale < 5 else 5
    ticks = int.from_bytes(data[:size], "little") * 10 ** (7 - type_.scale)
    if type_.name == "time":
        return ticks
    days = int.from_bytes(data[size:size + 3], "little")
    if type_.name == "datetime2":
        return days, ticks
    return days, ticks, int.from_bytes(data[size + 3:], "little", signed=True)
