"""How SQL Server compares and sorts: a Python value that sorts as the server would."""

from __future__ import annotations

import functools
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any

from . import kinds
from .collation import Collation
from .types import SqlType

_NO_CASE, _NO_ACCENT, _NO_KANA, _BINARY, _BINARY2 = 0x01, 0x02, 0x04, 0x10, 0x20  # Collation.flags
# SQL Server compares a uniqueidentifier from its last group to its first.
_GUID_ORDER = (10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3)


def guid_key(value: uuid.UUID) -> bytes:
    wire = value.bytes_le
    return bytes(wire[i] for i in _GUID_ORDER)


def _folded(text: str, fold_case: bool, fold_accents: bool, fold_kana: bool) -> str:
    if fold_kana:
        text = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text)
    if fold_accents:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    if fold_case:
        # One character for one: unlike Python's casefold, no collation of Windows makes ss of a sharp s.
        text = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return text


@functools.cache
def text_key(collation: Collation) -> Callable[[str], Any]:
    """Trailing blanks never count. A binary collation compares UTF-16 units; others letters, without case if _CI,
    without accents if _AI. Their order is that of code points after folding: a stand-in for Windows' tables."""
    if collation.flags & (_BINARY | _BINARY2):
        return lambda text: text.rstrip(" ").encode("utf-16-be", "surrogatepass")
    fold_accents = bool(collation.flags & _NO_ACCENT)
    if not collation.flags & _NO_CASE:
        # Small letters come before capitals where nothing else differs.
        return lambda text: (_folded(text.rstrip(" "), True, fold_accents, False), text.rstrip(" ").swapcase())
    fold_kana = bool(collation.flags & _NO_KANA)
    return lambda text: _folded(text.rstrip(" "), True, fold_accents, fold_kana)


def _variant_key(value: Any) -> Any:
    """sql_variant sorts by the family of the value's own type first."""
    type_, inner = value.type, value.value
    families: tuple[tuple[str, ...], ...] = (
        kinds.BINARIES, kinds.BYTE_TEXT + kinds.UNICODE_TEXT, ("uniqueidentifier",), kinds.INTEGERS + kinds.EXACT,
        kinds.FLOATS, kinds.TIMES)
    family = next((i for i, names in enumerate(families) if type_.name in names), len(families))
    return family, type_.name if family > 4 else "", key_of(type_)(inner)


def _number_key(value: Any) -> Any:
    return value


@functools.cache
def key_of(type_: SqlType) -> Callable[[Any], Any]:
    """Turns values that are not NULL into such that `==` and `<` are the server's."""
    if kinds.is_text(type_):
        return text_key(type_.text_collation)
    if type_.name == "uniqueidentifier":
        return guid_key
    if kinds.is_binary(type_):
        return lambda value: bytes(value).rstrip(b"\0")
    if type_.name == "datetimeoffset":
        return lambda value: (value[0], value[1])
    if type_.name == "sql_variant":
        return _variant_key
    if type_.name == "hierarchyid":
        return bytes
    return _number_key


def sort_key(type_: SqlType) -> Callable[[Any], Any]:
    """The same for NULL too, which sorts first."""
    key = key_of(type_)
    return lambda value: (0,) if value is None else (1, key(value))
