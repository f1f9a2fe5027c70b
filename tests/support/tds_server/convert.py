"""Values from one type to another, as CAST, CONVERT and assignments do."""

from __future__ import annotations

import math
import struct
import uuid
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

from . import kinds, spatial, times
from .seam import SqlError
from .types import SqlType, Variant, vector_text


_REAL = SqlType("real")


def _failed(value: Any, from_: SqlType, to: SqlType) -> SqlError:
    if kinds.is_text(from_) and to.name in kinds.INTEGERS:
        return SqlError(245, f"Conversion failed when converting the {from_.name} value '{value}' to data type "
                             f"{to.name}.")
    if kinds.is_text(from_) and to.name in kinds.TIMES:
        return SqlError(241, "Conversion failed when converting date and/or time from character string.")
    if kinds.is_text(from_) and to.name == "uniqueidentifier":
        return SqlError(8169, "Conversion failed when converting from a character string to uniqueidentifier.")
    return SqlError(8114, f"Error converting data type {from_.name} to {to.name}.", state=5)


def _overflow(value: Any, to: SqlType) -> SqlError:
    if to.name in ("tinyint", "smallint", "int"):
        return SqlError(220, f"Arithmetic overflow error for data type {to.name}, value = {value}.")
    return SqlError(8115, f"Arithmetic overflow error converting expression to data type {to.name}.", state=2)


def type_of(value: Any) -> SqlType:
    """The type of a bare Python value: of a literal or of an argument of a test."""
    if isinstance(value, bool):
        return kinds.BIT
    if value is None:
        return kinds.INT
    if isinstance(value, int):
        return kinds.INT if -(2**31) <= value < 2**31 else kinds.BIGINT
    if isinstance(value, float):
        return kinds.FLOAT
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        scale = max(0, -int(exponent))
        return kinds.decimal(max(len(digits), scale, 1), scale)
    if isinstance(value, bytes):
        return kinds.of(f"varbinary({len(value) or 1})") if len(value) <= 8000 else kinds.of("varbinary(max)")
    if isinstance(value, uuid.UUID):
        return kinds.GUID
    return kinds.of(f"nvarchar({len(value) or 1})") if len(str(value)) <= 4000 else kinds.ANY_TEXT


def convert(value: Any, from_: SqlType | None, to: SqlType, style: int | None = None) -> Any:
    """`value` of type `from_` as `to`. Raises SqlError."""
    if value is None or from_ is None:
        return None
    if from_ == to:
        return value
    if from_.name == "sql_variant":
        return value if to.name == "sql_variant" else convert(value.value, value.type, to, style)
    if to.name == "sql_variant":
        return Variant(from_, value)
    if kinds.is_text(to):
        return _to_text(value, from_, to, style)
    if to.name in kinds.INTEGERS:
        return _to_integer(value, from_, to)
    if to.name in kinds.EXACT:
        return _to_exact(value, from_, to)
    if to.name in kinds.FLOATS:
        return _to_float(value, from_, to)
    if kinds.is_binary(to):
        return _to_binary(value, from_, to, style)
    if to.name in kinds.TIMES:
        return times.convert(value, from_, to, style)
    if to.name == "uniqueidentifier":
        return _to_guid(value, from_, to)
    if to.name == "vector":
        return tuple(_to_float(v, from_, _REAL) for v in value.strip("[] ").split(",")) if isinstance(value, str) else value
    if to.name in kinds.CLR:
        return spatial.of_text(to.name, value) if isinstance(value, str) else value
    raise _failed(value, from_, to)


def _to_integer(value: Any, from_: SqlType, to: SqlType) -> int:
    try:
        if kinds.is_text(from_):
            number = int(value.strip() or 0)
        elif kinds.is_binary(from_):
            number = int.from_bytes(value[-8:], "big", signed=len(value) >= 8)
        elif from_.name == "money":
            number = int(value.to_integral_value(ROUND_HALF_UP))
        else:
            number = int(value)
    except (TypeError, ValueError):
        raise _failed(value, from_, to) from None
    if to.name == "bit":
        return int(number != 0 or (not kinds.is_text(from_) and value != 0))
    low, high = kinds.integer_range(to)
    if not low <= number <= high:
        raise _overflow(value, to)
    return number


def _to_exact(value: Any, from_: SqlType, to: SqlType) -> Decimal:
    precision, scale = kinds.digits(to)
    try:
        with localcontext() as context:
            context.prec = 80
            number = Decimal(value.strip().lstrip("$") if isinstance(value, str) else value)
            number = number.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
    except (InvalidOperation, TypeError, ValueError):
        raise _failed(value, from_, to) from None
    if "money" in to.name:
        bound = Decimal(2**63 if to.name == "money" else 2**31)
        if not -bound <= number * 10000 < bound:
            raise _overflow(value, to)
    elif len(number.as_tuple().digits) > precision and number != 0:
        raise SqlError(8115, f"Arithmetic overflow error converting {from_.name} to data type {to.name}.", state=8)
    return number


def _to_float(value: Any, from_: SqlType, to: SqlType) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _failed(value, from_, to) from None
    if to.name == "real":
        try:
            number = struct.unpack("<f", struct.pack("<f", number))[0]
        except OverflowError:
            raise _overflow(value, to) from None
    if math.isnan(number) or math.isinf(number):
        raise _overflow(value, to)
    return number


def _to_binary(value: Any, from_: SqlType, to: SqlType, style: int | None) -> bytes:
    if kinds.is_text(from_):
        if style in (1, 2):
            data = bytes.fromhex(value[2:] if style == 1 else value)
        else:
            data = value.encode("utf-16-le", "surrogatepass") if from_.is_unicode else from_.text_collation.encode(value)
    elif from_.name == "uniqueidentifier":
        data = value.bytes_le
    elif isinstance(value, int):
        width = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4}.get(from_.name, 8)
        data = value.to_bytes(width, "big", signed=value < 0)
        if to.name in ("binary", "rowversion"):
            length = 8 if to.name != "binary" else kinds.text_length(to)
            return data[-length:].rjust(length, b"\xff" if value < 0 else b"\0")
    elif isinstance(value, bytes):
        data = value
    else:
        raise _failed(value, from_, to)
    length = 8 if to.name in ("rowversion",) else kinds.text_length(to)
    data = data if length < 0 else data[:length]
    return data.ljust(length, b"\0") if to.name in ("binary", "rowversion") else data


def _to_guid(value: Any, from_: SqlType, to: SqlType) -> uuid.UUID:
    try:
        return uuid.UUID(bytes_le=value[:16]) if isinstance(value, bytes) else uuid.UUID(str(value).strip()[:38])
    except ValueError:
        raise _failed(value, from_, to) from None


def _float_text(value: float, style: int | None) -> str:
    digits = {None: 6, 0: 6, 1: 8, 2: 16, 3: 17}.get(style, 6)
    text = f"{value:.{digits}g}" if style in (None, 0) else f"{value:.{digits - 1}e}"
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(3)}" if mark else mantissa


def text_of(value: Any, type_: SqlType, style: int | None = None) -> str:
    """The value as CONVERT(nvarchar(max), value, style) would spell it."""
    if kinds.is_text(type_):
        return str(value)
    if type_.name in kinds.TIMES:
        return times.text(value, type_, style)
    if type_.name in kinds.FLOATS:
        return _float_text(value, style)
    if "money" in type_.name:
        return str(value.quantize(Decimal("0.01") if style in (None, 0, 1) else Decimal("0.0001"), ROUND_HALF_UP))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, uuid.UUID):
        return str(value).upper()
    if isinstance(value, bytes):
        if style in (1, 2):
            return ("0x" if style == 1 else "") + value.hex().upper()
        return value.decode("cp1252", "replace")
    if type_.name == "vector":
        return vector_text(value)
    return str(value)


def _to_text(value: Any, from_: SqlType, to: SqlType, style: int | None) -> str:
    if kinds.is_binary(from_) and to.name in kinds.UNICODE_TEXT and style not in (1, 2):
        text: str = value[: len(value) // 2 * 2].decode("utf-16-le", "surrogatepass")
    else:
        text = text_of(value, from_, style)
    length = kinds.text_length(to)
    if 0 <= length < len(text):
        if kinds.is_number(from_):
            if from_.name in kinds.INTEGERS and to.name in ("char", "varchar"):
                return "*"
            raise _overflow(value, to)
        if from_.name == "uniqueidentifier":
            raise SqlError(8170, "Insufficient result space to convert uniqueidentifier value to char.", state=2)
        text = text[:length]
    if not to.is_unicode and to.name != "json":
        return _in_code_page(text, length, to)
    return text.ljust(length) if to.name == "nchar" else text


def _in_code_page(text: str, length: int, to: SqlType) -> str:
    """What a column of that code page can hold: other characters become `?`, and lengths are in bytes."""
    data: bytes = to.text_collation.encode(text)
    if 0 <= length < len(data):
        data = data[:length]
    if to.name == "char":
        data = data.ljust(length)
    return data.decode(to.text_collation.codec, "ignore")


def assign(value: Any, from_: SqlType | None, to: SqlType, where: str) -> Any:
    """A value into a column: as `convert`, but what is too long is error 2628, not cut. `where`: table and column."""
    if value is None:
        return None
    if from_ is not None and (kinds.is_text(to) or kinds.is_binary(to)) and (from_.name == to.name or kinds.is_text(from_)
                                                                            == kinds.is_text(to)):
        length = kinds.text_length(to)
        size = _size(value, to)
        if size is not None and 0 <= length < size:
            kept = value.rstrip(" " if isinstance(value, str) else b"\0")
            if len(kept) > length:
                raise SqlError(2628, f"String or binary data would be truncated in {where}. Truncated value: "
                                     f"'{value[:length]!s}'.")
    return convert(value, from_, to)


def _size(value: Any, to: SqlType) -> int | None:
    """In the unit that the column's length counts."""
    if isinstance(value, bytes):
        return len(value)
    if not isinstance(value, str):
        return None
    return len(value.encode("utf-16-le", "surrogatepass")) // 2 if to.is_unicode else len(to.text_collation.encode(value))
