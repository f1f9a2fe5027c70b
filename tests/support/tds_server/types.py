"""SQL Server's types: how they are declared, and their bytes on the wire ([MS-TDS] 2.2.5.4 to 2.2.5.6).

Values in Python, None for NULL:
  bit, tinyint … bigint   int
  real, float             float
  decimal, numeric, money, smallmoney   Decimal
  date                    days since 0001-01-01
  time                    units of 100 ns since midnight
  datetime2               (days, units of 100 ns)
  datetimeoffset          (days, units of 100 ns, offset in minutes); the first two are UTC
  datetime                (days, units of 1/300 s)
  smalldatetime           (days, minutes)
  char … ntext, xml, json str (lone surrogates allowed in the UTF-16 ones)
  binary, varbinary, image, rowversion, hierarchyid, geometry, geography   bytes
  uniqueidentifier        uuid.UUID
  sql_variant             Variant
  vector                  tuple of float
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from . import collation as collations
from .collation import Collation

MAX = -1  # the length of varchar(max) and its like
DAYS_TO_1900 = 693_595
_UNKNOWN_TOTAL, _PLP_NULL = b"\xfe" + b"\xff" * 7, b"\xff" * 8
_TEXT_POINTER = b"\x10dummy textptr\0\0\0dummyTS\0"
_EXACT = Context(prec=80)

# Fixed types: the byte of the not-null form, that of the nullable one, size, and how to pack.
FIXED = {
    "bit": (0x32, 0x68, 1, "<B"), "tinyint": (0x30, 0x26, 1, "<B"), "smallint": (0x34, 0x26, 2, "<h"),
    "int": (0x38, 0x26, 4, "<i"), "bigint": (0x7F, 0x26, 8, "<q"), "real": (0x3B, 0x6D, 4, "<f"),
    "float": (0x3E, 0x6D, 8, "<d"), "money": (0x3C, 0x6E, 8, ""), "smallmoney": (0x7A, 0x6E, 4, "<i"),
    "datetime": (0x3D, 0x6F, 8, ""), "smalldatetime": (0x3A, 0x6F, 4, "<HH"),
}
DECIMAL = {"decimal": 0x6A, "numeric": 0x6C}
SCALED = {"time": 0x29, "datetime2": 0x2A, "datetimeoffset": 0x2B}
TEXT = {"varchar": 0xA7, "char": 0xAF, "nvarchar": 0xE7, "nchar": 0xEF}
BINARY = {"varbinary": 0xA5, "binary": 0xAD}
LONG = {"text": 0x23, "ntext": 0x63, "image": 0x22}
UDTS = {"hierarchyid": 892, "geometry": 0xFFFF, "geography": 0xFFFF}
_ALIASES = {"integer": ("int", 0), "dec": ("decimal", 0), "character": ("char", 0), "timestamp": ("rowversion", 0),
            "sysname": ("nvarchar", 128), "double precision": ("float", 0), "national char": ("nchar", 0),
            "char varying": ("varchar", 0), "binary varying": ("varbinary", 0)}
_LIMITS = {"varchar": 8000, "char": 8000, "varbinary": 8000, "binary": 8000, "nvarchar": 4000, "nchar": 4000,
           "vector": 1998}
_PLAIN = {*FIXED, *LONG, *UDTS, "date", "uniqueidentifier", "rowversion", "sql_variant", "xml", "json"} - {"float"}


@dataclass(frozen=True)
class Variant:
    """A value of a sql_variant, with its base type."""

    type: SqlType
    value: Any


@dataclass(frozen=True)
class SqlType:
    """A type as it is declared. `length`: characters (n…), bytes, or the dimensions of a vector; MAX for (max)."""

    name: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    collation: Collation | None = None
    plp_piece: int = 0  # a (max) value goes out in pieces of this many bytes, 0: in one
    plp_total_known: bool = True

    @property
    def is_max(self) -> bool:
        return self.length == MAX

    @property
    def is_plp(self) -> bool:
        return self.is_max or self.name in UDTS or self.name in ("xml", "json")

    @property
    def is_unicode(self) -> bool:
        return self.name in ("nchar", "nvarchar", "ntext", "xml")

    @property
    def is_text(self) -> bool:
        return self.name in TEXT or self.name in ("text", "ntext", "xml", "json")

    @property
    def text_collation(self) -> Collation:
        return self.collation or collations.DEFAULT

    def with_collation(self, name: str) -> SqlType:
        return replace(self, collation=collations.collation(name))

    @property
    def declaration(self) -> str:
        if self.name in DECIMAL:
            return f"{self.name}({self.precision},{self.scale})"
        if self.name in SCALED:
            return f"{self.name}({self.scale})"
        if self.length and self.name != "rowversion":
            return f"{self.name}({'max' if self.is_max else self.length})"
        return self.name

    @staticmethod
    def parse(declaration: str, collation: str | None = None) -> SqlType:
        """`decimal(10, 2)`, `nvarchar(max)`, `sysname`. ValueError for what no server knows."""
        matched = re.fullmatch(r"\s*([a-z_0-9 ]+?)\s*(?:\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?\))?\s*", declaration.lower())
        if not matched:
            raise ValueError(f"type {declaration!r}")
        name, (first, second) = matched[1], (matched[2], int(matched[3] or 0))
        if name in _ALIASES:
            name, implied = _ALIASES[name]
            first = first or (str(implied) if implied else None)
        parsed = _declared(name, first, second, declaration)
        return replace(parsed, collation=collations.collation(collation)) if collation else parsed

    def type_info(self, nullable: bool = True, table: tuple[str, ...] = ("dbo", "t")) -> bytes:
        """TYPE_INFO as COLMETADATA has it; text, ntext and image name their table in it."""
        return _type_info(self, nullable, table)

    def encoder(self, nullable: bool = True) -> Callable[[Any], bytes]:
        """What turns a value into its bytes in a ROW. Out of range: ValueError, OverflowError or struct.error."""
        return _encoder(self, nullable)

    def encode(self, value: Any, nullable: bool = True) -> bytes:
        return _encoder(self, nullable)(value)


def _declared(name: str, first: str | None, second: int, declaration: str) -> SqlType:
    if name in DECIMAL:
        precision = int(first or 18)
        if not 1 <= precision <= 38 or second > precision:
            raise ValueError(f"type {declaration!r}")
        return SqlType(name, precision=precision, scale=second)
    if name == "float":
        return SqlType("real" if int(first or 53) <= 24 else "float")
    if name in SCALED:
        scale = int(first) if first is not None else 7
        if scale > 7:
            raise ValueError(f"type {declaration!r}")
        return SqlType(name, scale=scale)
    if name in TEXT or name in BINARY or name == "vector":
        length = MAX if first == "max" else int(first or 1)
        if length > _LIMITS[name] or length == 0 or (first == "max" and name in ("char", "nchar", "binary")):
            raise ValueError(f"type {declaration!r}")
        return SqlType(name, length)
    if name not in _PLAIN or first is not None:
        raise ValueError(f"type {declaration!r}")
    return SqlType(name, plp_total_known=name != "xml")


def _b_varchar(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def _us_varchar(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")


def _type_info(type_: SqlType, nullable: bool, table: tuple[str, ...]) -> bytes:
    name = type_.name
    if name in FIXED:
        fixed, open_form, size, _ = FIXED[name]
        return bytes([open_form, size]) if nullable else bytes([fixed])
    if name in DECIMAL:
        return bytes([DECIMAL[name], 17, type_.precision, type_.scale])
    if name in SCALED:
        return bytes([SCALED[name], type_.scale])
    if name in TEXT:
        length = 0xFFFF if type_.is_max else type_.length * (2 if type_.is_unicode else 1)
        return struct.pack("<BH", TEXT[name], length) + type_.text_collation.raw
    if name in BINARY:
        return struct.pack("<BH", BINARY[name], 0xFFFF if type_.is_max else type_.length)
    if name in LONG:
        # The session's TEXTSIZE, where it has one, is what the metadata says.
        length = type_.length or (0x7FFFFFFE if name == "ntext" else 0x7FFFFFFF)
        tail = b"" if name == "image" else type_.text_collation.raw
        return struct.pack("<BI", LONG[name], length) + tail + bytes([len(table)]) + b"".join(map(_us_varchar, table))
    if name in UDTS:
        assembly = f"Microsoft.SqlServer.Types.Sql{ {'hierarchyid': 'HierarchyId'}.get(name, name.capitalize()) }, " \
            "Microsoft.SqlServer.Types, Version=11.0.0.0, Culture=neutral, PublicKeyToken=89845dcd8080cc91"
        return struct.pack("<BH", 0xF0, UDTS[name]) + _b_varchar("master") + _b_varchar("sys") + _b_varchar(name) \
            + _us_varchar(assembly)
    if name == "vector":
        return struct.pack("<BHB", 0xF5, 8 + 4 * type_.length, 0)
    return {"date": b"\x28", "uniqueidentifier": b"\x24\x10", "xml": b"\xf1\x00", "json": b"\xf4",
            "sql_variant": b"\x62" + struct.pack("<I", 8009),
            "rowversion": struct.pack("<BH", 0xAD, 8)}[name]


# Values, without a length before them.

def decimal_magnitude(value: Decimal, precision: int, scale: int) -> tuple[int, int]:
    """Sign byte (1: not negative) and the unscaled number, rounded as the server rounds."""
    scaled = int(value.scaleb(scale, _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT))
    if abs(scaled) >= 10 ** precision:
        raise ValueError(f"{value} is out of decimal({precision},{scale})")
    return (0 if scaled < 0 else 1), abs(scaled)


def _decimal(type_: SqlType) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        sign, magnitude = decimal_magnitude(Decimal(value), type_.precision, type_.scale)
        words = max(1, (magnitude.bit_length() + 31) // 32)
        return bytes([sign]) + magnitude.to_bytes(4 * words, "little")
    return encode


def _money(value: Any) -> bytes:
    scaled = int(Decimal(value).scaleb(4, _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT))
    return struct.pack("<iI", scaled >> 32, scaled & 0xFFFFFFFF)


def _small_money(value: Any) -> bytes:
    return struct.pack("<i", int(Decimal(value).scaleb(4, _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT)))


def _time(ticks: int, scale: int) -> bytes:
    if not 0 <= ticks < 864_000_000_000:
        raise ValueError(f"{ticks} is no time of a day")
    unit: int = 10 ** (7 - scale)
    return (ticks // unit).to_bytes(3 if scale < 3 else 4 if scale < 5 else 5, "little")


def _date(days: int) -> bytes:
    if not 0 <= days <= 3_652_058:
        raise ValueError(f"{days} is no day of the years 1 to 9999")
    return days.to_bytes(3, "little")


def _scaled(type_: SqlType) -> Callable[[Any], bytes]:
    scale = type_.scale
    if type_.name == "time":
        return lambda value: _time(value, scale)
    if type_.name == "datetime2":
        return lambda value: _time(value[1], scale) + _date(value[0])
    return lambda value: _time(value[1], scale) + _date(value[0]) + struct.pack("<h", value[2])


def _characters(type_: SqlType) -> Callable[[Any], bytes]:
    limit = 0 if type_.is_max or type_.name not in TEXT else type_.length * (2 if type_.is_unicode else 1)
    pad = {"char": b" ", "nchar": b" \0"}.get(type_.name, b"")
    if type_.name == "json":
        encode_text: Callable[[str], bytes] = lambda text: text.encode("utf-8")
    elif type_.is_unicode:
        encode_text = lambda text: text.encode("utf-16-le", "surrogatepass")
    else:
        encode_text = type_.text_collation.encode

    def encode(value: Any) -> bytes:
        data = encode_text(value)
        if limit and len(data) > limit:
            raise ValueError(f"{len(data)} bytes are too many for {type_.declaration}")
        return data + pad * ((limit - len(data)) // len(pad)) if pad else data
    return encode


def _bytes(type_: SqlType) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        data = bytes(value)
        if type_.name in BINARY and not type_.is_max and len(data) > type_.length:
            raise ValueError(f"{len(data)} bytes are too many for {type_.declaration}")
        return data.ljust(type_.length, b"\0") if type_.name == "binary" else data
    return encode


def _vector(type_: SqlType) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        if len(value) != type_.length:
            raise ValueError(f"{len(value)} numbers for {type_.declaration}")
        return struct.pack(f"<BBHB3x{type_.length}f", 0xA9, 1, type_.length, 0, *value)
    return encode


def _raw(type_: SqlType) -> Callable[[Any], bytes]:
    """The bytes of a value without anything before them."""
    name = type_.name
    if name in DECIMAL:
        return _decimal(type_)
    if name in SCALED:
        return _scaled(type_)
    if type_.is_text:
        return _characters(type_)
    if name == "datetime":
        return lambda value: struct.pack("<iI", value[0] - DAYS_TO_1900, value[1])
    if name == "smalldatetime":
        return lambda value: struct.pack("<HH", value[0] - DAYS_TO_1900, value[1])
    if name == "vector":
        return _vector(type_)
    if name in FIXED and name not in ("money", "smallmoney"):
        return struct.Struct(FIXED[name][3]).pack
    simple: dict[str, Callable[[Any], bytes]] = {
        "money": _money, "smallmoney": _small_money, "date": _date, "uniqueidentifier": lambda value: value.bytes_le}
    return simple.get(name) or _bytes(type_)


def plp(data: bytes, piece: int = 0, total_known: bool = True) -> bytes:
    """A partially length-prefixed value in pieces of `piece` bytes."""
    out = [struct.pack("<Q", len(data)) if total_known else _UNKNOWN_TOTAL]
    step = piece or max(1, len(data))
    for start in range(0, len(data), step):
        part = data[start:start + step]
        out += [struct.pack("<I", len(part)), part]
    return b"".join(out) + b"\0\0\0\0"


def _variant(value: Any) -> bytes:
    if value is None or value.value is None:
        return b"\0\0\0\0"
    base: SqlType = value.type
    data, properties = _raw(base)(value.value), b""
    if base.name in FIXED:
        code = FIXED[base.name][0]
    elif base.name in DECIMAL:
        code, properties, data = DECIMAL[base.name], bytes([base.precision, base.scale]), data.ljust(17, b"\0")
    elif base.name in SCALED:
        code, properties = SCALED[base.name], bytes([base.scale])
    elif base.name in TEXT:
        code = TEXT[base.name]
        properties = base.text_collation.raw + struct.pack("<H", base.length * (2 if base.is_unicode else 1))
    elif base.name in BINARY:
        code, properties = BINARY[base.name], struct.pack("<H", base.length)
    else:
        code = {"date": 0x28, "uniqueidentifier": 0x24}[base.name]
    return struct.pack("<IBB", 2 + len(properties) + len(data), code, len(properties)) + properties + data


def _encoder(type_: SqlType, nullable: bool) -> Callable[[Any], bytes]:
    name, raw = type_.name, _raw(type_) if type_.name != "sql_variant" else _variant
    if name == "sql_variant":
        return raw
    if name in FIXED and not nullable:
        return raw
    if type_.is_plp:
        piece, known = type_.plp_piece, type_.plp_total_known
        return lambda value: _PLP_NULL if value is None else plp(raw(value), piece, known)
    if name in LONG:
        return lambda value: b"\0" if value is None else _TEXT_POINTER + struct.pack("<I", len(data := raw(value))) + data
    if name in TEXT or name in BINARY or name in ("rowversion", "vector"):
        return lambda value: b"\xff\xff" if value is None else struct.pack("<H", len(data := raw(value))) + data
    return lambda value: b"\0" if value is None else bytes([len(data := raw(value))]) + data


# What a client that asked for less than everything gets instead.

@dataclass(frozen=True)
class Abilities:
    """What the client asked for at login and was told it has."""

    utf8: bool = True
    json: bool = True
    vector: bool = True


def vector_text(value: Any) -> str:
    """A vector for clients that do not know the type: eight digits, so that float32 does not come back whole."""
    def one(number: float) -> str:
        mantissa, exponent = f"{number:.7e}".split("e")
        return f"{mantissa}e{int(exponent):+04d}"
    return "[" + ",".join(map(one, value)) + "]"


def cut(type_: SqlType, text_size: int) -> tuple[SqlType, Callable[[Any], Any] | None]:
    """What SET TEXTSIZE, in bytes, makes of a large type: its values are cut, silently, as a real server does it."""
    if text_size < 0 or not (type_.is_max or type_.name in LONG):
        return type_, None
    seen = replace(type_, length=text_size) if type_.name in LONG else type_
    if type_.name in ("image", "varbinary"):
        return seen, lambda value: value[:text_size]
    if type_.is_unicode:
        whole = text_size // 2 * 2
        return seen, lambda value: value.encode("utf-16-le", "surrogatepass")[:whole].decode("utf-16-le", "surrogatepass")
    codec, encode = type_.text_collation.codec, type_.text_collation.encode
    return seen, lambda value: encode(value)[:text_size].decode(codec, "ignore")


def _padded(type_: SqlType) -> Callable[[Any], str]:
    """char is stored padded to its bytes, whatever it goes out as."""
    raw = _raw(type_)
    return lambda value: type_.text_collation.decode(raw(value))


def as_seen(type_: SqlType, abilities: Abilities) -> tuple[SqlType, Callable[[Any], Any] | None]:
    """The type that such a client is sent in the place of `type_`, and how its values change."""
    seen = type_
    convert: Callable[[Any], Any] | None = None
    if type_.name == "json" and not abilities.json:
        seen = SqlType("varchar", MAX, collation=collations.FALLBACK)
    elif type_.name == "vector" and not abilities.vector:
        seen, convert = SqlType("varchar", MAX, collation=collations.FALLBACK), vector_text
    if seen.collation and seen.collation.is_utf8 and not abilities.utf8 and not seen.is_unicode:
        if type_.name == "char":
            convert = _padded(type_)
        name = {"char": "nvarchar", "varchar": "nvarchar", "text": "ntext"}[seen.name]
        length = MAX if seen.length == MAX or seen.length > 4000 else seen.length
        seen = replace(seen, name=name, length=length)
    return seen, convert
