"""Collations: a name, the five bytes that the wire has for it, and the code page of its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

# Windows collations by the beginning of their names: locale id and code page.
_LOCALES = {
    "Albanian": (0x041C, "cp1250"), "Arabic": (0x0401, "cp1256"), "Chinese_PRC": (0x0804, "gbk"),
    "Chinese_Taiwan_Stroke": (0x0404, "cp950"), "Croatian": (0x041A, "cp1250"), "Cyrillic_General": (0x0419, "cp1251"),
    "Czech": (0x0405, "cp1250"), "Danish_Norwegian": (0x0406, "cp1252"), "Estonian": (0x0425, "cp1257"),
    "Finnish_Swedish": (0x040B, "cp1252"), "French": (0x040C, "cp1252"), "German_PhoneBook": (0x10407, "cp1252"),
    "Greek": (0x0408, "cp1253"), "Hebrew": (0x040D, "cp1255"), "Hungarian": (0x040E, "cp1250"),
    "Icelandic": (0x040F, "cp1252"), "Japanese": (0x0411, "cp932"), "Korean_Wansung": (0x0412, "cp949"),
    "Latin1_General": (0x0409, "cp1252"), "Latvian": (0x0426, "cp1257"), "Lithuanian": (0x0427, "cp1257"),
    "Modern_Spanish": (0x0C0A, "cp1252"), "Polish": (0x0415, "cp1250"), "Romanian": (0x0418, "cp1250"),
    "Slovak": (0x041B, "cp1250"), "Slovenian": (0x0424, "cp1250"), "Thai": (0x041E, "cp874"),
    "Traditional_Spanish": (0x040A, "cp1252"), "Turkish": (0x041F, "cp1254"), "Ukrainian": (0x0422, "cp1251"),
    "Vietnamese": (0x042A, "cp1258"),
}
# SQL collations: sort id, flags and code page; the locale id is that of the code page's own region.
_SQL = {
    "SQL_Latin1_General_CP1_CI_AS": (52, 0x0D, 0x0409, "cp1252"),
    "SQL_Latin1_General_CP1_CS_AS": (51, 0x0C, 0x0409, "cp1252"),
    "SQL_Latin1_General_CP1_CI_AI": (54, 0x0F, 0x0409, "cp1252"),
    "SQL_Latin1_General_CP437_CI_AS": (32, 0x0D, 0x0409, "cp437"),
    "SQL_Latin1_General_CP850_CI_AS": (42, 0x0D, 0x0409, "cp850"),
    "SQL_Latin1_General_CP850_BIN": (40, 0x10, 0x0409, "cp850"),
    "SQL_Latin1_General_CP1250_CI_AS": (82, 0x0D, 0x0409, "cp1250"),
    "SQL_Latin1_General_CP1251_CI_AS": (106, 0x0D, 0x0409, "cp1251"),
    "SQL_Latin1_General_CP1253_CI_AS": (114, 0x0D, 0x0409, "cp1253"),
    "SQL_Latin1_General_CP1254_CI_AS": (130, 0x0D, 0x0409, "cp1254"),
    "SQL_Latin1_General_CP1255_CI_AS": (138, 0x0D, 0x0409, "cp1255"),
    "SQL_Latin1_General_CP1256_CI_AS": (146, 0x0D, 0x0409, "cp1256"),
    "SQL_Latin1_General_CP1257_CI_AS": (154, 0x0D, 0x0409, "cp1257"),
}
_VERSIONS = {"": 0, "90": 1, "100": 2, "140": 3, "160": 4}
_NO_CASE, _NO_ACCENT, _NO_KANA, _NO_WIDTH, _BINARY, _BINARY2, _UTF8 = (1 << bit for bit in range(7))


@dataclass(frozen=True)
class Collation:
    """`flags` as [MS-TDS] 2.2.5.1.2 counts them, from bit 20 of the first four bytes on."""

    name: str
    locale: int
    flags: int
    version: int
    sort_id: int
    codec: str

    @property
    def is_utf8(self) -> bool:
        return bool(self.flags & _UTF8)

    @property
    def raw(self) -> bytes:
        word = self.locale | self.flags << 20 | self.version << 28
        return word.to_bytes(4, "little") + bytes([self.sort_id])

    def encode(self, text: str) -> bytes:
        """As a server stores it: what the code page lacks becomes `?`."""
        return text.encode(self.codec, "replace")

    def decode(self, data: bytes) -> str:
        return data.decode(self.codec, "replace")


@cache
def collation(name: str) -> Collation:
    """The collation of that name; KeyError when there is none."""
    for known, (sort_id, flags, locale, codec) in _SQL.items():
        if known.lower() == name.lower():
            return Collation(known, locale, flags, 0, sort_id, codec)
    matched = re.fullmatch(r"(\w+?)(?:_(90|100|140|160))?_(BIN2|BIN|C[IS]_A[IS]\w*?)(_UTF8)?", name, re.IGNORECASE)
    base = matched and next((known for known in _LOCALES if known.lower() == matched[1].lower()), None)
    if not matched or not base:
        raise KeyError(f"collation {name!r}")
    locale, codec = _LOCALES[base]
    utf8 = _UTF8 if matched[4] else 0
    flags = _sensitivity(matched[3].upper()) | utf8
    return Collation(name, locale, flags, _VERSIONS[matched[2] or ""], 0, "utf-8" if utf8 else codec)


def _sensitivity(suffix: str) -> int:
    if suffix.startswith("BIN"):
        return _BINARY2 if suffix == "BIN2" else _BINARY
    words = suffix.split("_")
    flags = (_NO_CASE if "CI" in words else 0) | (_NO_ACCENT if "AI" in words else 0)
    return flags | (0 if "KS" in words else _NO_KANA) | (0 if "WS" in words else _NO_WIDTH)


@cache
def from_bytes(raw: bytes) -> Collation:
    """The collation of five bytes that a client sent: its text must be read by the same code page."""
    word = int.from_bytes(raw[:4], "little")
    locale, flags, version, sort_id = word & 0xFFFFF, word >> 20 & 0xFF, word >> 28, raw[4]
    for name, (known_sort, _, _, codec) in _SQL.items():
        if known_sort == sort_id:
            return Collation(name, locale, flags, version, sort_id, codec)
    if flags & _UTF8:
        return Collation("", locale, flags, version, sort_id, "utf-8")
    codecs = {known: codec for known, codec in _LOCALES.values()}
    return Collation("", locale, flags, version, sort_id, codecs.get(locale, "cp1252"))


DEFAULT = collation("SQL_Latin1_General_CP1_CI_AS")
UTF8 = collation("Latin1_General_100_CI_AS_SC_UTF8")
# What json and vector columns are declared with where the client knows neither type.
FALLBACK = collation("Latin1_General_100_BIN2_UTF8")
