"""Where a table's records are: names as parts of paths, as the program writes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_PART_BYTES_MAX = 120


def _escaped(name: str) -> str:
    text = name.encode("utf-8", "surrogateescape").decode("latin-1")
    part = re.sub(r"^\.|[^A-Za-z0-9_.-]", lambda match: f"%{ord(match[0]):02X}", text)
    return part or "%"


def _hashed(name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{_escaped(name)[:_PART_BYTES_MAX - 17]}-{digest}"


def path_parts(database: str, schema: str, table: str) -> Iterator[tuple[str, str, str]]:
    """The folders that may be this table's: one of two names that differ by case alone has a hash in it."""

    def part(name: str) -> str:
        plain = _escaped(name)
        return plain if len(plain) <= _PART_BYTES_MAX else _hashed(name)

    yield part(database), part(schema), _hashed(table)
    yield part(database), part(schema), part(table)
