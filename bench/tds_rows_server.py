"""A SQL Server that only has rows to send, as fast as a socket takes them: for bench/tds.py.

    tds_rows_server.py            prints its ports, then serves until standard input ends

`SELECT * FROM bench.SET` gives one of SETS. Its rows were encoded once and cut into packets at the first request for
their size; after that nothing stands between them and the socket, so that a client's time is its own.
"""

from __future__ import annotations

import json
import pathlib
import random
import re
import socket
import struct
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))

from tds_server import login as logins  # noqa: E402
from tds_server import tokens, wire  # noqa: E402
from tds_server.random_tables import random_value  # noqa: E402
from tds_server.seam import Column  # noqa: E402
from tds_server.types import Abilities, SqlType  # noqa: E402

BLOCK_ROWS = 2000  # different rows; the table repeats them
VECTORS_A_CALL = 512
MIXED = ("int", "bigint", "decimal(18,4)", "float", "datetime2(7)", "nvarchar(50)", "varchar(20)", "bit",
         "uniqueidentifier", "date")
# A set: its types, how many rows, and which share of its values is NULL.
MANY_SCRIPTS = "nvarchar(50), a script a letter"
SETS: dict[str, tuple[tuple[str, ...], int, float]] = {
    "mixed": (MIXED, 300_000, 0.0),
    "mixed, half NULL": (MIXED, 300_000, 0.5),
    **{name: ((name,) * 4, 500_000, 0.0) for name in (
        "int", "bigint", "float", "decimal(18,4)", "decimal(38,10)", "money", "bit", "date", "datetime", "datetime2(7)",
        "datetimeoffset(7)", "time(7)", "uniqueidentifier", "varchar(20)", "nvarchar(50)", "varbinary(50)")},
    MANY_SCRIPTS: (("nvarchar(50)",) * 4, 500_000, 0.0),
    "nvarchar(max)": (("int", "nvarchar(max)"), 20_000, 0.0),
}


def value(chance: random.Random, type_: SqlType, is_ascii: bool) -> object:
    made = random_value(chance, type_)
    # Names and codes, as most text of most databases is.
    return "".join(c if c.isascii() else chance.choice("etaoin shrdlu") for c in made) \
        if is_ascii and isinstance(made, str) else made


def encoded(name: str) -> tuple[bytes, bytes, int]:
    """Metadata and a block of rows, and how often the block comes."""
    types, rows, share = SETS[name]
    chance = random.Random(name)
    columns = [Column("id", SqlType("int"), nullable=False)]
    columns += [Column(f"c{place}", SqlType.parse(declared)) for place, declared in enumerate(types)]
    encoder = tokens.RowEncoder(columns, Abilities())
    is_ascii = name != MANY_SCRIPTS
    block = b"".join(encoder.row((number, *(None if chance.random() < share else value(chance, column.type, is_ascii)
                                            for column in columns[1:])))
                     for number in range(BLOCK_ROWS))
    return tokens.column_metadata(columns, Abilities()), block, rows // BLOCK_ROWS


def packets(name: str, size: int) -> list[bytes]:
    """The whole reply in parts of many packets each."""
    metadata, block, times = encoded(name)
    body = metadata + block * times + tokens.done(tokens.COUNT, 0xC1, times * BLOCK_ROWS)
    room, parts, start, number = size - 8, [], 0, 1
    view = memoryview(body)
    while start < len(body):
        part = view[start:start + room]
        start += room
        parts.append(struct.pack(">BBHHBB", wire.REPLY, int(start >= len(body)), len(part) + 8, 51, number & 0xFF, 0))
        parts.append(part)
        number += 1
    return [b"".join(parts[place:place + VECTORS_A_CALL]) for place in range(0, len(parts), VECTORS_A_CALL)]


class RowsServer:
    """Two ports: one without encryption, one that has nothing else (TLS 1.2 inside packets)."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._certificate = wire.Certificate.make(folder)
        self.listeners = {mode: socket.create_server(("127.0.0.1", 0)) for mode in ("plain", "tls")}
        self._replies: dict[tuple[str, int], list[bytes]] = {}
        self._lock = threading.Lock()

    def reply(self, name: str, size: int) -> list[bytes]:
        with self._lock:
            if (name, size) not in self._replies:
                # One set at a time is in memory, in the sizes that clients asked for.
                self._replies = {key: parts for key, parts in self._replies.items() if key[0] == name}
                self._replies[name, size] = packets(name, size)
            return self._replies[name, size]

    def serve(self, mode: str) -> None:
        while True:
            connection, _ = self.listeners[mode].accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer, args=(connection, mode == "tls"), daemon=True).start()

    def _answer(self, connection: socket.socket, is_encrypted: bool) -> None:
        channel = wire.Channel(connection)
        try:
            self._log_in(channel, is_encrypted)
            while True:
                message = channel.read()
                text = message.body.decode("utf-16-le", "replace")
                if wanted := re.search(r"FROM bench\.\[([^]]+)\]", text):
                    for part in self.reply(wanted[1], channel.packet_bytes):
                        channel.write(part)
                elif message.type == wire.TRANSACTION:
                    kind = {5: tokens.BEGIN, 7: tokens.COMMIT, 8: tokens.ROLLBACK}[message.body[22]]
                    channel.send(tokens.transaction_change(kind, 1) + tokens.done())
                else:
                    channel.send(tokens.done())
        except (wire.Closed, OSError):
            connection.close()

    def _log_in(self, channel: wire.Channel, is_encrypted: bool) -> None:
        asked = logins.read_prelogin(channel.read().body).get(logins.ENCRYPTION, b"\0")[0]
        encryption = logins.NOT_SUPPORTED
        if is_encrypted:
            encryption = logins.ENCRYPT_ON if asked == logins.ENCRYPT_ON else logins.ENCRYPT_REQUIRED
        channel.send(logins.write_prelogin([(logins.VERSION, struct.pack(">BBHH", 16, 0, 4175, 0)),
                                            (logins.ENCRYPTION, bytes([encryption])), (logins.MARS, b"\0")]))
        if is_encrypted:
            channel.start_tls(self._certificate.context(strict=False), in_packets=True)
        hello = logins.read_login7(channel.read().body)
        size = logins.packet_bytes(hello.packet_bytes, is_encrypted)
        greeting = logins.Greeting("bench", "BENCH", SqlType("varchar").text_collation.raw, (16, 0, 4175))
        channel.send(logins.login_answer(hello, greeting, size))
        channel.packet_bytes = size


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tds-rows-") as folder:
        server = RowsServer(pathlib.Path(folder))
        print(json.dumps({mode: listener.getsockname()[1] for mode, listener in server.listeners.items()}), flush=True)
        for mode in server.listeners:
            threading.Thread(target=server.serve, args=(mode,), daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
