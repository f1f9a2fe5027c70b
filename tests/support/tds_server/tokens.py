"""The tokens of a reply ([MS-TDS] 2.2.7), each a function that gives its bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from .seam import Column, SqlError, SqlMessage
from .types import Abilities, SqlType, as_seen, cut

DONE, DONE_PROC, DONE_IN_PROC = 0xFD, 0xFE, 0xFF
MORE, ERROR, IN_TRANSACTION, COUNT, ATTENTION, SERVER_ERROR = 0x01, 0x02, 0x04, 0x10, 0x20, 0x100

DATABASE, LANGUAGE, PACKET_SIZE, COLLATION, BEGIN, COMMIT, ROLLBACK, RESET, ROUTING = 1, 2, 4, 7, 8, 9, 10, 18, 20


def b_varchar(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("utf-16-le")


def us_varchar(text: str) -> bytes:
    data = text.encode("utf-16-le")
    return struct.pack("<H", len(data) // 2) + data


def b_varbyte(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def done(status: int = 0, command: int = 0, count: int = 0, token: int = DONE) -> bytes:
    return struct.pack("<BHHQ", token, status, command, count)


def env_change(kind: int, new: bytes, old: bytes = b"\0") -> bytes:
    body = bytes([kind]) + new + old
    return struct.pack("<BH", 0xE3, len(body)) + body


def routing(host: str, port: int) -> bytes:
    address = struct.pack("<BH", 0, port) + us_varchar(host)
    return env_change(ROUTING, struct.pack("<H", len(address)) + address, b"\0\0")


def transaction_change(kind: int, descriptor: int) -> bytes:
    """Begin names its transaction as the new value, the ends as the old one."""
    named = b_varbyte(struct.pack("<Q", descriptor))
    return env_change(kind, named) if kind == BEGIN else env_change(kind, b"\0", named)


def _message(token: int, said: SqlMessage | SqlError, server: str) -> bytes:
    body = struct.pack("<iBB", said.number, said.state, said.severity) + us_varchar(said.text)
    body += b_varchar(server) + b_varchar(said.procedure) + struct.pack("<i", said.line)
    return struct.pack("<BH", token, len(body)) + body


def error(said: SqlError, server: str) -> bytes:
    return _message(0xAA, said, server)


def info(said: SqlMessage, server: str) -> bytes:
    return _message(0xAB, said, server)


def login_ack(tds_version: int, program_version: tuple[int, int, int]) -> bytes:
    major, minor, build = program_version
    body = b"\x01" + struct.pack(">I", tds_version) + b_varchar("Microsoft SQL Server\0\0")
    body += struct.pack(">BBH", major, minor, build)
    return struct.pack("<BH", 0xAD, len(body)) + body


def feature_ack(features: Iterable[tuple[int, bytes]]) -> bytes:
    return b"\xae" + b"".join(struct.pack("<BI", number, len(data)) + data for number, data in features) + b"\xff"


def fed_auth_info(sts_url: str, resource: str) -> bytes:
    """FEDAUTHINFO: where a token is to be had, and for whom."""
    values = [(1, sts_url.encode("utf-16-le")), (2, resource.encode("utf-16-le"))]
    place, head, tail = 4 + 9 * len(values), b"", b""
    for kind, data in values:
        head += struct.pack("<BII", kind, len(data), place + len(tail))
        tail += data
    body = struct.pack("<I", len(values)) + head + tail
    return struct.pack("<BI", 0xEE, len(body)) + body


def return_status(value: int = 0) -> bytes:
    return struct.pack("<Bi", 0x79, value)


def return_value(ordinal: int, name: str, type_: SqlType, value: Any) -> bytes:
    head = struct.pack("<BH", 0xAC, ordinal) + b_varchar(name) + struct.pack("<BIH", 1, 0, 0)
    return head + type_.type_info() + type_.encode(value)


def order(columns: Iterable[int]) -> bytes:
    body = b"".join(struct.pack("<H", column) for column in columns)
    return struct.pack("<BH", 0xA9, len(body)) + body


def table_name(*tables: tuple[str, ...]) -> bytes:
    body = b"".join(bytes([len(parts)]) + b"".join(map(us_varchar, parts)) for parts in tables)
    return struct.pack("<BH", 0xA4, len(body)) + body


def column_info(columns: Iterable[tuple[int, int, int]]) -> bytes:
    """COLINFO: number of the column, of its table, and status."""
    body = b"".join(map(bytes, columns))
    return struct.pack("<BH", 0xA5, len(body)) + body


def session_state(sequence: int, states: Iterable[tuple[int, bytes]]) -> bytes:
    body = struct.pack("<IB", sequence, 1) + b"".join(bytes([number, len(data)]) + data for number, data in states)
    return struct.pack("<BI", 0xE4, len(body)) + body


def column_flags(column: Column) -> int:
    return (int(column.nullable) | (2 if column.case_sensitive else 0) | (8 if column.updatable else 0)
            | (0x10 if column.identity else 0) | (0x20 if column.computed else 0))


def column_metadata(columns: list[Column], abilities: Abilities, encryption_acknowledged: bool = False,
                    text_size: int = -1) -> bytes:
    out = [struct.pack("<BH", 0x81, len(columns))]
    if encryption_acknowledged:
        out.append(b"\0\0")  # no column encryption key
    for column in columns:
        seen, _ = cut(as_seen(column.type, abilities)[0], text_size)
        user_type = 80 if seen.name == "rowversion" else 0
        out.append(column_description(column.name, seen.type_info(column.nullable), user_type, column_flags(column)))
    return b"".join(out)


def column_description(name: str, type_info: bytes, user_type: int, flags: int) -> bytes:
    return struct.pack("<IH", user_type, flags) + type_info + b_varchar(name)


class RowEncoder:
    """Rows of one result. `null_bitmap`: rows with enough NULLs go out as NBCROW, as servers of 2012 and later do."""

    def __init__(self, columns: list[Column], abilities: Abilities, null_bitmap: bool = True, text_size: int = -1) -> None:
        self._encoders = [_cell(column, abilities, text_size) for column in columns]
        self._bitmap_bytes = (len(columns) + 7) // 8 if null_bitmap else 0
        self._null_bytes = [len(encode(None)) if column.nullable else 0
                            for encode, column in zip(self._encoders, columns, strict=True)]

    def row(self, values: tuple[Any, ...]) -> bytes:
        if self._bitmap_bytes and None in values:
            saved = sum(size for size, value in zip(self._null_bytes, values, strict=True) if value is None)
            # The shorter form goes out, and ROW where both are as long: what real servers were seen to do.
            if saved > self._bitmap_bytes:
                return self._with_bitmap(values)
        return b"\xd1" + b"".join([encode(value) for encode, value in zip(self._encoders, values, strict=True)])

    def _with_bitmap(self, values: tuple[Any, ...]) -> bytes:
        bitmap = sum(1 << place for place, value in enumerate(values) if value is None)
        cells = [encode(value) for encode, value in zip(self._encoders, values, strict=True) if value is not None]
        return b"\xd2" + bitmap.to_bytes(self._bitmap_bytes, "little") + b"".join(cells)


def _cell(column: Column, abilities: Abilities, text_size: int) -> Callable[[Any], bytes]:
    seen, convert = as_seen(column.type, abilities)
    seen, shorten = cut(seen, text_size)
    encode = seen.encoder(column.nullable)
    for change in filter(None, (shorten, convert)):
        encode = _after(change, encode)
    return encode


def _after(change: Callable[[Any], Any], encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda value: encode(None if value is None else change(value))
