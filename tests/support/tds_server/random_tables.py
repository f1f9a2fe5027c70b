"""Tables of many types with values by chance, from a seed: what two clients read alike, cell for cell."""

from __future__ import annotations

import random
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from .text_values import TICKS_A_DAY
from .types import DAYS_TO_1900, MAX, SqlType

_EXACT = Context(prec=80)
_LETTERS = {
    "Cyrillic_General_CI_AS": "абвгдежз", "Greek_CI_AS": "αβγδ", "Japanese_CI_AS": "日本語かな", "Polish_CI_AS": "ąćęłńóśźż",
    "Korean_Wansung_CI_AS": "안녕하세", "SQL_Latin1_General_CP850_CI_AS": "éÄ½ø", "Latin1_General_100_CI_AS_SC_UTF8": "ä日😀𝄞",
}


@dataclass(frozen=True)
class Table:
    """Rows of an id and `types`; `nullable` says which of them may be NULL."""

    name: str
    types: tuple[SqlType, ...]
    nullable: tuple[bool, ...]
    rows: list[tuple[Any, ...]]

    def cells(self) -> list[tuple[SqlType, Any]]:
        return [(type_, value) for row in self.rows for type_, value in zip(self.types, row[1:], strict=True)]


def _fitting(letters: list[str], limit: int, size: Callable[[str], int]) -> str:
    """As many of the letters as have room, each of which has the same size wherever it stands."""
    sizes = {letter: size(letter) for letter in set(letters)}
    taken = 0
    for place, letter in enumerate(letters):
        taken += sizes[letter]
        if taken > limit:
            return "".join(letters[:place])
    return "".join(letters)


def _text(chance: random.Random, type_: SqlType) -> str:
    letters = "abc XYZ-09\n'\"\\" + (_LETTERS.get(type_.collation.name, "") if type_.collation else "")
    if type_.is_unicode:
        letters += "äß日本語😀𝄞\u0301"
    limit = chance.choice([0, 1, 3, 30, 300, 5000]) if type_.is_max or not type_.length else type_.length
    words = [chance.choice(letters) for _ in range(chance.randint(0, min(limit, 5000)))]
    if type_.is_unicode:
        return _fitting(words, limit * 2, lambda text: len(text.encode("utf-16-le")))
    return _fitting(words, limit, lambda text: len(type_.text_collation.encode(text)))


def _number(chance: random.Random, type_: SqlType) -> Decimal:
    digits = chance.randint(1, type_.precision)
    return Decimal(chance.randint(-(10**digits) + 1, 10**digits - 1)).scaleb(-type_.scale, _EXACT)


def _ticks(chance: random.Random, scale: int) -> int:
    unit: int = 10 ** (7 - scale)
    return chance.randrange(TICKS_A_DAY // unit) * unit


def _real(chance: random.Random, form: str, exponents: int) -> float:
    value = chance.choice([0.0, 1.0, chance.random(), chance.uniform(-1, 1) * 10.0 ** chance.randint(-exponents, exponents)])
    return float(struct.unpack(form, struct.pack(form, value))[0])


_VALUES: dict[str, Callable[[random.Random, SqlType], Any]] = {
    "bit": lambda c, t: c.randint(0, 1),
    "tinyint": lambda c, t: c.randint(0, 255),
    "smallint": lambda c, t: c.randint(-2**15, 2**15 - 1),
    "int": lambda c, t: c.randint(-2**31, 2**31 - 1),
    "bigint": lambda c, t: c.randint(-2**63, 2**63 - 1),
    "real": lambda c, t: _real(c, "<f", 37),
    "float": lambda c, t: _real(c, "<d", 307),
    "decimal": _number,
    "numeric": _number,
    "money": lambda c, t: Decimal(c.randint(-2**63, 2**63 - 1)).scaleb(-4, _EXACT),
    "smallmoney": lambda c, t: Decimal(c.randint(-2**31, 2**31 - 1)).scaleb(-4, _EXACT),
    "date": lambda c, t: c.randint(0, 3_652_058),
    "time": lambda c, t: _ticks(c, t.scale),
    "datetime2": lambda c, t: (c.randint(0, 3_652_058), _ticks(c, t.scale)),
    "datetimeoffset": lambda c, t: (c.randint(1, 3_652_057), _ticks(c, t.scale), c.randint(-840, 840)),
    "datetime": lambda c, t: (c.randint(639_905, 3_652_058), c.randrange(25_920_000)),
    "smalldatetime": lambda c, t: (DAYS_TO_1900 + c.randint(0, 65_535), c.randrange(1440)),
    "uniqueidentifier": lambda c, t: uuid.UUID(int=c.getrandbits(128)),
    "binary": lambda c, t: c.randbytes(t.length),
    "varbinary": lambda c, t: c.randbytes(c.randint(0, 5000 if t.is_max else t.length)),
    "image": lambda c, t: c.randbytes(c.randint(0, 5000)),
    "rowversion": lambda c, t: c.randbytes(8),
    "hierarchyid": lambda c, t: c.randbytes(c.randint(0, 20)),
    "geography": lambda c, t: c.randbytes(22),
}


def _types(chance: random.Random) -> list[SqlType]:
    parse = SqlType.parse
    types = [parse(name) for name in ("bit", "tinyint", "smallint", "int", "bigint", "real", "float", "money", "smallmoney",
                                      "date", "datetime", "smalldatetime", "uniqueidentifier", "binary(7)", "varbinary(90)",
                                      "image", "rowversion", "text", "ntext", "xml", "hierarchyid", "geography", "char(9)",
                                      "varchar(200)", "nchar(11)", "nvarchar(100)", "varbinary(max)")]
    for _ in range(4):
        precision = chance.randint(1, 38)
        types.append(SqlType(chance.choice(["decimal", "numeric"]), precision=precision, scale=chance.randint(0, precision)))
    types += [SqlType(name, scale=chance.randint(0, 7)) for name in ("time", "datetime2", "datetimeoffset") for _ in range(2)]
    types += [parse("varchar(60)", name) for name in _LETTERS]
    for name, collation in (("nvarchar", None), ("varchar", None), ("varchar", "Latin1_General_100_CI_AS_SC_UTF8")):
        large = parse(f"{name}(max)", collation)
        types.append(SqlType(name, MAX, collation=large.collation, plp_piece=chance.choice([0, 4, 64, 4096]),
                             plp_total_known=chance.random() < 0.7))
    chance.shuffle(types)
    return types


def random_value(chance: random.Random, type_: SqlType) -> Any:
    """Any value of the type but NULL."""
    made = _VALUES.get(type_.name, _text)(chance, type_)
    return f"<r>{''.join(c for c in made if c.isalnum())}</r>" if type_.name == "xml" else made


def random_table(seed: int, rows: int = 200) -> Table:
    """One table; the same for the same seed."""
    chance = random.Random(seed)
    types = _types(chance)
    nullable = tuple(chance.random() < 0.8 for _ in types)
    share = chance.choice([0.0, 0.1, 0.5, 0.95])  # of NULLs: few give ROW, many NBCROW

    def value(type_: SqlType, may_be_null: bool) -> Any:
        return None if may_be_null and chance.random() < share else random_value(chance, type_)

    return Table(f"random_{seed}", tuple(types), nullable,
                 [(number, *map(value, types, nullable)) for number in range(1, rows + 1)])
