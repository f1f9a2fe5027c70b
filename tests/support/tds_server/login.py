"""PRELOGIN and LOGIN7: what a client says of itself, and what the server answers ([MS-TDS] 2.2.6.4, 2.2.6.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from . import tokens
from .parameters import Reader
from .seam import Login, SqlMessage
from .types import Abilities
from .wire import DEFAULT_PACKET, LARGEST_ENCRYPTED_PACKET, LARGEST_PACKET, SMALLEST_PACKET, Closed

VERSION, ENCRYPTION, INSTANCE, THREAD, MARS, TRACE, FED_AUTH_REQUIRED, NONCE = range(8)
ENCRYPT_OFF, ENCRYPT_ON, NOT_SUPPORTED, ENCRYPT_REQUIRED = range(4)

SESSION_RECOVERY, FED_AUTH, COLUMN_ENCRYPTION, GLOBAL_TRANSACTIONS, UTF8_SUPPORT, JSON_SUPPORT, VECTOR_SUPPORT = (
    0x01, 0x02, 0x04, 0x05, 0x0A, 0x0D, 0x0E)
SECURITY_TOKEN, ADAL = 1, 2
TDS_7_2, TDS_7_4, TDS_8_0 = 0x72090002, 0x74000004, 0x08000000
_READ_ONLY_INTENT, _HAS_EXTENSION, _ODBC = 0x20, 0x10, 0x02


def read_prelogin(body: bytes) -> dict[int, bytes]:
    options, place = {}, 0
    while place < len(body) and body[place] != 0xFF:
        if place + 5 > len(body):
            raise Closed("a PRELOGIN without its end")
        option, start, length = struct.unpack_from(">BHH", body, place)
        options[option] = body[start:start + length]
        place += 5
    return options


def write_prelogin(options: list[tuple[int, bytes]]) -> bytes:
    head, tail = b"", b""
    for option, data in options:
        head += struct.pack(">BHH", option, 5 * len(options) + 1 + len(tail), len(data))
        tail += data
    return head + b"\xff" + tail


@dataclass
class Hello:
    """LOGIN7 as it came, beside what the engine is told of it."""

    login: Login
    tds_version: int
    packet_bytes: int
    client_version: int
    option_flags: tuple[int, int, int, int]
    features: dict[int, bytes] = field(default_factory=dict)
    language: str = ""
    library: str = ""
    attach_file: str = ""
    new_password: str = ""
    fed_auth_library: int = 0
    fed_auth_echo: bool = False
    nonce: bytes = b""

    @property
    def text_size(self) -> int:
        """What a session begins with: clients that do not say they are ODBC are given 4 KB of each large value."""
        return -1 if self.option_flags[1] & _ODBC else 4096

    @property
    def abilities(self) -> Abilities:
        return Abilities(UTF8_SUPPORT in self.features, JSON_SUPPORT in self.features, VECTOR_SUPPORT in self.features)


def _password(raw: bytes) -> str:
    plain = bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in raw)
    return plain.decode("utf-16-le", "surrogatepass")


def _features(body: bytes, start: int) -> dict[int, bytes]:
    features, reader = {}, Reader(body)
    reader.take(start)
    while (number := reader.number("B")) != 0xFF:
        features[number] = reader.take(reader.number("I"))
    return features


def read_login7(body: bytes) -> Hello:
    if len(body) < 94:
        raise Closed(f"a LOGIN7 of {len(body)} bytes")
    _, version, packet, client_version, _, _ = struct.unpack_from("<6I", body)
    flags1, flags2, type_flags, flags3 = body[24:28]

    def text(field_number: int) -> bytes:
        start, length = struct.unpack_from("<HH", body, 36 + 4 * field_number)
        if length and start + 2 * length > len(body):
            raise Closed("a LOGIN7 whose text stands outside it")
        return body[start:start + 2 * length]

    names = [text(number).decode("utf-16-le", "surrogatepass") if number not in (2, 5) else "" for number in range(9)]
    database, attach_file = names[8], _at(body, 82)
    features: dict[int, bytes] = {}
    extension, length = struct.unpack_from("<HH", body, 36 + 4 * 5)
    if flags3 & _HAS_EXTENSION and length:
        features = _features(body, struct.unpack_from("<I", body, extension)[0])
    login = Login(user=names[1], password=_password(text(2)), database=database, host=names[0], application=names[3],
                  server=names[4], read_only_intent=bool(type_flags & _READ_ONLY_INTENT))
    hello = Hello(login, version, packet, client_version, (flags1, flags2, type_flags, flags3), features,
                  language=names[7], library=names[6], attach_file=attach_file)
    if FED_AUTH in features:
        _read_fed_auth(hello, features[FED_AUTH])
    return hello


def _at(body: bytes, place: int) -> str:
    start, length = struct.unpack_from("<HH", body, place)
    return body[start:start + 2 * length].decode("utf-16-le", "surrogatepass")


def _read_fed_auth(hello: Hello, data: bytes) -> None:
    reader = Reader(data)
    options = reader.number("B")
    hello.fed_auth_library, hello.fed_auth_echo = options >> 1, bool(options & 1)
    if hello.fed_auth_library == SECURITY_TOKEN:
        hello.login.token = reader.take(reader.number("I")).decode("utf-16-le")
        hello.nonce = reader.take(reader.left)


def read_fed_auth_token(body: bytes) -> tuple[str, bytes]:
    """The message of type 8: the token, and the nonce where there is one."""
    reader = Reader(body)
    reader.number("I")
    token = reader.take(reader.number("I")).decode("utf-16-le")
    return token, reader.take(reader.left)


def packet_bytes(asked: int, is_encrypted: bool) -> int:
    largest = LARGEST_ENCRYPTED_PACKET if is_encrypted else LARGEST_PACKET
    return min(max(asked or DEFAULT_PACKET, SMALLEST_PACKET), largest)


def acknowledged(hello: Hello) -> list[tuple[int, bytes]]:
    """The features that this server has, in the order in which real ones were seen to answer; others stay unanswered."""
    features: list[tuple[int, bytes]] = []
    if FED_AUTH in hello.features:
        features.append((FED_AUTH, hello.nonce[:32] + bytes(32) if hello.nonce else b""))
    if UTF8_SUPPORT in hello.features:
        features.append((UTF8_SUPPORT, b"\x01"))
    if JSON_SUPPORT in hello.features:
        features.append((JSON_SUPPORT, b"\x01"))
    if VECTOR_SUPPORT in hello.features:
        features.append((VECTOR_SUPPORT, b"\x01"))
    return features


@dataclass
class Greeting:
    """What the server says of itself in the answer to a login."""

    database: str
    server: str
    collation: bytes
    version: tuple[int, int, int]
    route: tuple[str, int] | None = None


def login_answer(hello: Hello, greeting: Greeting, packet: int) -> bytes:
    database, language = greeting.database, "us_english"
    said = f"Changed database context to '{database}'."
    out = tokens.env_change(tokens.DATABASE, tokens.b_varchar(database), tokens.b_varchar("master"))
    out += tokens.info(SqlMessage(5701, said, state=2), greeting.server)
    out += tokens.env_change(tokens.COLLATION, tokens.b_varbyte(greeting.collation))
    out += tokens.env_change(tokens.LANGUAGE, tokens.b_varchar(language), tokens.b_varchar(""))
    out += tokens.info(SqlMessage(5703, f"Changed language setting to {language}."), greeting.server)
    version = hello.tds_version if TDS_7_2 <= hello.tds_version < TDS_7_4 else TDS_7_4
    out += tokens.login_ack(TDS_8_0 if hello.tds_version == TDS_8_0 else version, greeting.version)
    out += tokens.env_change(tokens.PACKET_SIZE, tokens.b_varchar(str(packet)), tokens.b_varchar(str(packet)))
    if hello.features:
        out += tokens.feature_ack(acknowledged(hello))
    if greeting.route is not None:
        out += tokens.routing(*greeting.route)
    return out + tokens.done()
