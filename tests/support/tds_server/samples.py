"""Every type with its edge values, and an engine that serves them: what foreign clients and our own must read alike."""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from .random_tables import Table
from .seam import SELECT, Column, Login, Result, SqlError
from .text_values import parse
from .types import MAX, SqlType, Variant


@dataclass(frozen=True)
class Sample:
    """A column of this type with these values, not null or, with a NULL behind them, nullable."""

    name: str
    type: SqlType
    values: tuple[Any, ...]
    nullable: bool = True

    @property
    def rows(self) -> list[tuple[int, Any]]:
        values = (*self.values, None) if self.nullable else self.values
        return list(enumerate(values, 1))

    def cells(self) -> list[tuple[SqlType, Any]]:
        return [(self.type, value) for _, value in self.rows]


T = SqlType.parse
_EXACT = Context(prec=80)
_FLOATS = (0.0, -0.0, 1.5, -1.0, 0.1, 1 / 3, 1e-300, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
           -1.7976931348623157e308)
_REALS = tuple(struct.unpack("<f", struct.pack("<f", x))[0]
               for x in (0.0, -0.0, 1.5, -1.0, 0.1, 1 / 3, 1.1754944e-38, 1e-45, 3.4028235e38, -3.4028235e38))
_DAYS = ("0001-01-01", "1582-10-04", "1582-10-15", "1899-12-31", "1900-01-01", "1970-01-01", "2000-02-29", "2024-12-31",
         "9999-12-31")
_TEXTS = ("", " ", "a", "a ", "it's", "tab\tand\nline", "ÄÖÜ é ß")
_UNICODE = (*_TEXTS, "Привет", "日本語", "😀 and 𝄞", "e\u0301", "\ufeffmark")


def _scales(name: str) -> list[Sample]:
    out = []
    for scale in range(8):
        type_ = SqlType(name, scale=scale)
        fraction = f".{'9' * scale}" if scale else ""
        clocks = ["00:00:00", "12:34:56" + (".1234567"[:scale + 1] if scale else ""), "23:59:59" + fraction,
                  "00:00:00" + (f".{'1':0>{scale}}" if scale else "")]
        days = [""] if name == "time" else ["0001-01-01 ", "1899-12-31 ", "1970-01-01 ", "2024-02-29 ", "9999-12-31 "]
        ends = [""]
        if name == "datetimeoffset":
            days, ends = ["0001-01-02 ", "1970-01-01 ", "2024-02-29 ", "9999-12-30 "], ["+00:00", "+14:00", "-14:00", "+05:45"]
        out.append(Sample(f"{name}_{scale}", type_, tuple(
            parse(type_, f"{day}{clock} {end}".strip()) for day in days for clock in clocks for end in ends)))
    return out


def _decimals() -> list[Sample]:
    out = []
    for precision, scale in ((1, 0), (5, 2), (9, 0), (9, 9), (10, 0), (18, 4), (19, 10), (20, 0), (28, 28), (29, 5), (38, 0),
                             (38, 10), (38, 38)):
        top: int = 10 ** precision - 1
        unscaled = {0, 1, -1, top, -top, top // 2, *(min(top, edge) for edge in (2**32 - 1, 2**32, 2**64, 2**96))}
        values = tuple(Decimal(value).scaleb(-scale, _EXACT) for value in sorted(unscaled))
        out.append(Sample(f"decimal_{precision}_{scale}", SqlType("decimal", precision=precision, scale=scale), values))
    out.append(Sample("numeric_12_3", T("numeric(12,3)"), (Decimal("-123456789.123"), Decimal("0.001"))))
    return out


def _integers() -> list[Sample]:
    edges = {"bit": (0, 1), "tinyint": (0, 1, 127, 128, 255), "smallint": (-32768, -1, 0, 32767),
             "int": (-2**31, -1, 0, 1, 2**31 - 1), "bigint": (-2**63, -1, 0, 2**53 + 1, 2**63 - 1),
             "real": _REALS, "float": _FLOATS}
    return [Sample(name + ("" if nullable else "_fixed"), SqlType(name), values, nullable)
            for name, values in edges.items() for nullable in (True, False)]


def _money() -> list[Sample]:
    money = tuple(map(Decimal, ("-922337203685477.5808", "-0.0001", "0", "0.0001", "1.9999", "214748.3648", "429496.7296",
                                "922337203685477.5807")))
    small = tuple(map(Decimal, ("-214748.3648", "-0.0001", "0", "12.3456", "214748.3647")))
    return [Sample(name + ("" if nullable else "_fixed"), SqlType(name), values, nullable)
            for name, values in (("money", money), ("smallmoney", small)) for nullable in (True, False)]


def _moments() -> list[Sample]:
    date = Sample("date", T("date"), tuple(parse(T("date"), day) for day in _DAYS))
    datetimes = tuple(parse(T("datetime"), text) for text in (
        "1753-01-01 00:00:00", "1899-12-31 23:59:59.997", "1900-01-01 00:00:00.003", "1970-01-01 12:00:00.007",
        "2024-02-29 23:59:59.990", "9999-12-31 23:59:59.997"))
    small = tuple(parse(T("smalldatetime"), text) for text in (
        "1900-01-01 00:00:00", "1970-01-01 00:01:00", "2024-02-29 23:59:00", "2079-06-06 23:59:00"))
    both = [Sample(name + ("" if nullable else "_fixed"), SqlType(name), values, nullable)
            for name, values in (("datetime", datetimes), ("smalldatetime", small)) for nullable in (True, False)]
    return [date, *both, *_scales("time"), *_scales("datetime2"), *_scales("datetimeoffset")]


def _texts() -> list[Sample]:
    long_ascii, long_unicode = "0123456789" * 2000, "0123456789 äöü 日本 😀" * 1500
    out = [
        Sample("varchar", T("varchar(50)"), _TEXTS), Sample("varchar_8000", T("varchar(8000)"), ("", "x" * 8000)),
        Sample("char", T("char(12)"), _TEXTS[:5]), Sample("nchar", T("nchar(20)"), _UNICODE),
        Sample("nvarchar", T("nvarchar(50)"), _UNICODE), Sample("nvarchar_4000", T("nvarchar(4000)"), ("", "ä" * 4000)),
        Sample("text", T("text"), (*_TEXTS, long_ascii)), Sample("ntext", T("ntext"), (*_UNICODE, long_unicode)),
        Sample("varchar_max", T("varchar(max)"), (*_TEXTS, long_ascii)),
        Sample("nvarchar_max", T("nvarchar(max)"), (*_UNICODE, long_unicode)),
        Sample("nvarchar_max_pieces", SqlType("nvarchar", MAX, plp_piece=6), (*_UNICODE, "äöü😀" * 50)),
        Sample("nvarchar_max_odd_pieces", SqlType("nvarchar", MAX, plp_piece=3), (*_UNICODE, "äöü😀" * 50)),
        Sample("nvarchar_max_unknown", SqlType("nvarchar", MAX, plp_piece=4000, plp_total_known=False),
               (*_UNICODE, long_unicode)),
        Sample("xml", T("xml"), ("<a/>", "<r>ä😀</r>", "<r>" + long_ascii + "</r>")),
        Sample("json", T("json"), ("{}", "null", '{"a":[1,2.5,"ä😀"]}', '"' + long_ascii + '"')),
    ]
    for collation, texts in (
            ("Cyrillic_General_CI_AS", ("Привет, мир", "ё Ё №")), ("Greek_CI_AS", ("Καλημέρα",)),
            ("Polish_CI_AS", ("zażółć gęślą jaźń",)), ("Turkish_CI_AS", ("ığüşöç İ",)), ("Hebrew_CI_AS", ("שלום",)),
            ("Arabic_CI_AS", ("مرحبا",)), ("Lithuanian_CI_AS", ("ąčęėįšųūž",)), ("Vietnamese_CI_AS", ("đ Đ ơ ư",)),
            ("Thai_CI_AS", ("สวัสดี",)), ("Japanese_CI_AS", ("日本語 ｶﾀｶﾅ 表示",)), ("Korean_Wansung_CI_AS", ("안녕하세요",)),
            ("Chinese_PRC_CI_AS", ("中文简体",)), ("Chinese_Taiwan_Stroke_CI_AS", ("繁體中文",)),
            ("SQL_Latin1_General_CP437_CI_AS", ("éÄ½",)), ("SQL_Latin1_General_CP850_CI_AS", ("éÄ½ø",)),
            ("Latin1_General_100_CI_AS_SC_UTF8", _UNICODE), ("Japanese_140_BIN2_UTF8", _UNICODE)):
        out.append(Sample(f"varchar_{collation}", T("varchar(100)", collation), ("", "ascii", *texts)))
    out.append(Sample("char_utf8", T("char(12)", "Latin1_General_100_CI_AS_SC_UTF8"), ("a", "é", "日本")))
    out.append(Sample("varchar_max_utf8", T("varchar(max)", "Latin1_General_100_CI_AS_SC_UTF8"), (*_UNICODE, long_unicode)))
    return out


def _binaries() -> list[Sample]:
    every = bytes(range(256))
    point = struct.pack("<IBB2d", 4326, 1, 0x0C, 47.656, -122.36)
    return [
        Sample("binary", T("binary(8)"), (b"\0" * 8, b"\1\2\3\4\5\6\7\xff")),
        Sample("varbinary", T("varbinary(300)"), (b"", b"\0", every)),
        Sample("varbinary_8000", T("varbinary(8000)"), (b"\xab" * 8000,)),
        Sample("varbinary_max", T("varbinary(max)"), (b"", b"\0", every * 400)),
        Sample("image", T("image"), (b"", b"\0", every * 40)),
        Sample("rowversion", T("rowversion"), (b"\0\0\0\0\0\0\x07\xd1", b"\xff" * 8), False),
        Sample("rowversion_null", T("rowversion"), (b"\0\0\0\0\0\0\x07\xd1",)),
        Sample("uniqueidentifier", T("uniqueidentifier"), (
            uuid.UUID(int=0), uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"), uuid.UUID(int=2**128 - 1))),
        Sample("hierarchyid", T("hierarchyid"), (b"", b"\x58", b"\x5a\xde")),
        Sample("geometry", T("geometry"), (struct.pack("<IBB2d", 0, 1, 0x0C, 3.0, 40.0),)),
        Sample("geography", T("geography"), (point,)),
        Sample("vector", T("vector(3)"), ((0.0, 1.5, -2.25), struct.unpack("<3f", b"\x7f\x7f\x7f\x3f\1\0\0\0\xff\xff\x7f\x7f"))),
    ]


def _variants() -> list[Sample]:
    given = [("int", 7), ("bigint", -2**63), ("smallint", -2), ("tinyint", 255), ("bit", 1), ("real", 1.5), ("float", 0.1),
             ("decimal(5,2)", Decimal("1.50")), ("decimal(38,38)", Decimal(10**38 - 1).scaleb(-38, _EXACT)),
             ("numeric(12,0)", Decimal(-5)), ("money", Decimal("-1.5000")), ("smallmoney", Decimal("1.5000")),
             ("date", "2024-01-02"), ("time(2)", "03:04:05.12"), ("time(7)", "23:59:59.9999999"),
             ("datetime2(7)", "2024-01-02 03:04:05.1234567"), ("datetimeoffset(3)", "2024-01-02 03:04:05.123 +05:30"),
             ("datetime", "2024-01-02 03:04:05.003"), ("smalldatetime", "2024-01-02 03:04:00"),
             ("uniqueidentifier", uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")), ("char(5)", "ab"), ("varchar(20)", "é text"),
             ("nchar(5)", "ab"), ("nvarchar(20)", "日本 😀"), ("binary(4)", b"\1\2\3\4"), ("varbinary(20)", b"\0\xff")]
    out = []
    for declaration, value in given:
        type_ = T(declaration)
        is_moment = isinstance(value, str) and not type_.is_text
        base = declaration.split("(")[0]
        scale = f"_{type_.scale}" if base == "time" else f"_{type_.precision}" if base in ("decimal", "numeric") else ""
        out.append(Sample(f"variant_{base}{scale}", T("sql_variant"),
                          (Variant(type_, parse(type_, str(value)) if is_moment else value),)))
    return out


def all_samples() -> list[Sample]:
    return [*_integers(), *_decimals(), *_money(), *_moments(), *_texts(), *_binaries(), *_variants()]


class SampleSession:
    """Answers `SELECT … FROM sample.<name>` by the rows of a sample, `SELECT @p…` by its parameters, the rest by nothing."""

    def __init__(self, samples: dict[str, Sample | Table], login: Login) -> None:
        self._samples = samples
        self.database = login.database or "master"
        self.transaction: int | None = None
        self.rolled_back = False
        self.text_size = -1

    def execute(self, sql: str, parameters: list[Any]) -> Iterator[Result]:
        if size := re.search(r"\bset\s+textsize\s+(-?\d+)", sql, re.IGNORECASE):
            self.text_size = -1 if int(size[1]) in (-1, 2147483647) else int(size[1]) or 4096
        words = sql.lower().replace("[", "").replace("]", "").split()
        wanted = next((word.removeprefix("sample.").rstrip(";") for word in words if word.startswith("sample.")), None)
        if wanted is not None:
            yield self._sample(wanted)
        elif parameters and words[0] == "select":
            yield Result([Column(p.name.lstrip("@"), p.type) for p in parameters], [tuple(p.value for p in parameters)],
                         SELECT, None)
        elif "@@trancount" in words and words[0] == "select":
            yield _one("", SqlType("int"), int(self.transaction is not None))
        elif "@@spid" in words:
            yield _one("", SqlType("smallint"), 51)
        elif "'engineedition')" in sql.lower():
            yield _one("", SqlType("int"), 3)

    def _sample(self, name: str) -> Result:
        sample = next((s for s in self._samples.values() if s.name.lower() == name), None)
        if sample is None:
            raise SqlError(208, f"Invalid object name '{name}'.")
        if isinstance(sample, Table):
            columns = [Column(f"c{number}", type_, nullable)
                       for number, (type_, nullable) in enumerate(zip(sample.types, sample.nullable, strict=True))]
            return Result([Column("id", SqlType("int"), nullable=False), *columns], sample.rows, SELECT, None)
        return Result([Column("id", SqlType("int"), nullable=False), Column("v", sample.type, sample.nullable)],
                      sample.rows, SELECT, None)

    def begin(self, isolation: int = 0) -> None:
        self.transaction, self.rolled_back = 0x1122, False

    def commit(self) -> None:
        self.transaction, self.rolled_back = None, False

    def rollback(self) -> None:
        self.transaction, self.rolled_back = None, True

    def reset(self) -> None:
        self.transaction = None

    def cancel(self) -> None:
        """Rows here are all there at once."""

    def close(self) -> None:
        """Nothing is held."""


def _one(name: str, type_: SqlType, value: Any) -> Result:
    return Result([Column(name, type_)], [(value,)], SELECT, None)


class SampleEngine:
    """Serves the samples; lets everybody in."""

    def __init__(self, *more: Sample | Table) -> None:
        self.samples: dict[str, Sample | Table] = {sample.name: sample for sample in (*all_samples(), *more)}

    def session(self, login: Login) -> SampleSession:
        return SampleSession(self.samples, login)
