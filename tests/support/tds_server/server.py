"""The test server: accepts connections, logs clients in, and hands their requests to an engine."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import struct
import tempfile
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from . import login as logins
from . import tokens
from .collation import DEFAULT
from .faults import Fault, Faults
from .login import Hello
from .parameters import read_calls, skip_headers
from .replies import Cancelled, Replies
from .seam import Login, Session, SqlError
from .wire import (ATTENTION, BATCH, FED_AUTH_TOKEN, IGNORE, LOGIN7, PRELOGIN, RESET, RESET_KEEP_TRANSACTION, RPC,
                   TRANSACTION, Certificate, Channel, Closed, Message)

# How a server takes encryption: as its certificate and its "force encryption" settings make it.
#   none        it has no TLS                   optional  as the client asks
#   required    all of them encrypt             strict    TDS 8.0 only
#   login_only  says OFF even to a client that asks for ON
ENCRYPTION = ("none", "optional", "required", "strict", "login_only")


class Engine(Protocol):
    def session(self, login: Login) -> Session:
        """Raises SqlError 18456, 4060, …"""


@dataclass
class Settings:
    encryption: str = "optional"
    name: str = "TIDEMARK-TEST"
    version: tuple[int, int, int] = (16, 0, 4175)
    collation: bytes = DEFAULT.raw
    certificate: Certificate | None = None  # made at the start where it is needed
    route: tuple[str, int] | None = None  # every login is sent on to there
    route_needs_read_only: bool = False  # only those with read-only intent
    sts_url: str = "https://login.example.com/common"
    resource: str = "https://database.example.com/"


@dataclass
class Seen:
    """What one client said, for tests to look at."""

    prelogin: dict[int, bytes] = field(default_factory=dict)
    hello: Hello | None = None
    tls_version: str | None = None
    alpn: str | None = None
    server_name: str | None = None
    is_strict: bool = False
    statements: list[str] = field(default_factory=list)
    attentions: int = 0


class Server:
    """Listens from `start` to `close`; each connection has two threads of its own, one that reads and one that answers."""

    def __init__(self, engine: Engine, settings: Settings | None = None, port: int = 0, host: str = "127.0.0.1") -> None:
        self.engine, self.settings = engine, settings or Settings()
        if self.settings.encryption not in ENCRYPTION:
            raise ValueError(f"encryption {self.settings.encryption!r} is none of {ENCRYPTION}")
        self.faults = Faults()
        self.seen: list[Seen] = []
        self.problems: list[str] = []  # bugs of this server; tests assert that there are none
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if self.settings.encryption != "none" and self.settings.certificate is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tds-server-")
            self.settings.certificate = Certificate.make(Path(self._folder.name))
        self._listener = socket.create_server((host, port), backlog=128)
        self.host, self.port = host, int(self._listener.getsockname()[1])
        self._channels: set[Channel] = set()
        self._lock = threading.Lock()
        self._sessions = 0

    @property
    def certificate(self) -> Certificate:
        assert self.settings.certificate is not None, "this server has no TLS"
        return self.settings.certificate

    def start(self) -> Server:
        threading.Thread(target=self._accept, name="tds-accept", daemon=True).start()
        return self

    def close(self) -> None:
        self._listener.close()
        self.disconnect_all()
        if self._folder is not None:
            self._folder.cleanup()

    def disconnect_all(self) -> None:
        """As when a server dies: every connection is cut."""
        with self._lock:
            channels = list(self._channels)
        for channel in channels:
            channel.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = Channel(connection)
            with self._lock:
                self._channels.add(channel)
                self._sessions += 1
                channel.process_id = 50 + self._sessions % 30_000
            threading.Thread(target=self._serve, args=(channel,), name="tds-session", daemon=True).start()

    def _serve(self, channel: Channel) -> None:
        try:
            _Connection(self, channel).run()
        except Closed:
            pass
        except Exception:  # a bug of this server: kept for the test to find
            self.problems.append(traceback.format_exc())
        finally:
            channel.close()
            with self._lock:
                self._channels.discard(channel)


class _Connection:
    def __init__(self, server: Server, channel: Channel) -> None:
        self._server, self._settings, self._channel = server, server.settings, channel
        self._seen = Seen()
        server.seen.append(self._seen)
        self._requests: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0  # requests that were read and not yet answered
        self._is_attended = False

    # Before the login.

    def run(self) -> None:
        self._begin_tls()
        first = self._channel.read()
        if first.type == PRELOGIN:
            is_login_only = self._answer_prelogin(first.body)
            first = self._channel.read()
        else:
            is_login_only = False
        if first.type != LOGIN7:
            raise Closed(f"a login was expected, not a message of type {first.type:#x}")
        hello = logins.read_login7(first.body)
        self._seen.hello = hello
        if is_login_only:
            self._channel.end_tls()
        session = self._log_in(hello)
        if session is not None:
            try:
                self._answer_requests(session, hello)
            finally:
                session.close()

    def _context(self, strict: bool) -> ssl.SSLContext:
        return self._server.certificate.context(strict)

    def _begin_tls(self) -> None:
        """A client of TDS 8.0 begins with TLS, not with a packet."""
        is_strict = self._channel.first_byte() == 0x16
        if not is_strict and self._settings.encryption == "strict":
            raise Closed("this server is strict")
        if not is_strict:
            return
        if self._settings.encryption == "none":
            raise Closed("this server has no TLS")
        self._channel.start_tls(self._context(True), in_packets=False)
        self._seen.is_strict = True
        self._note_tls()

    def _note_tls(self) -> None:
        tls = self._channel.tls
        assert tls is not None
        self._seen.tls_version, self._seen.alpn = tls.version(), tls.selected_alpn_protocol()
        self._seen.server_name = self._channel.server_name

    def _answer_prelogin(self, body: bytes) -> bool:
        """Gives whether TLS ends after the login."""
        asked = logins.read_prelogin(body)
        self._seen.prelogin = asked
        wanted = asked.get(logins.ENCRYPTION, b"\x02")[0]
        mine = self._encryption(wanted)
        major, minor, build = self._settings.version
        options = [(logins.VERSION, struct.pack(">BBHH", major, minor, build, 0)), (logins.ENCRYPTION, bytes([mine]))]
        for option, value in ((logins.INSTANCE, b"\0"), (logins.THREAD, b""), (logins.MARS, b"\0"), (logins.TRACE, b"")):
            if option in asked:
                options.append((option, value))
        if asked.get(logins.FED_AUTH_REQUIRED, b"\0")[:1] == b"\x01":
            options.append((logins.FED_AUTH_REQUIRED, b"\x01"))
        self._channel.send(logins.write_prelogin(options))
        if self._seen.is_strict or mine == logins.NOT_SUPPORTED:
            return False
        if wanted == logins.NOT_SUPPORTED:
            raise Closed("the client has no TLS")
        self._channel.start_tls(self._context(False), in_packets=True)
        self._note_tls()
        return mine == logins.ENCRYPT_OFF

    def _encryption(self, wanted: int) -> int:
        mode = self._settings.encryption
        if mode == "none":
            return logins.NOT_SUPPORTED
        if mode == "login_only":
            return logins.ENCRYPT_OFF
        if mode == "required":
            return logins.ENCRYPT_ON if wanted in (logins.ENCRYPT_ON, logins.ENCRYPT_REQUIRED) else logins.ENCRYPT_REQUIRED
        if wanted == logins.NOT_SUPPORTED:
            return logins.NOT_SUPPORTED
        return logins.ENCRYPT_OFF if wanted == logins.ENCRYPT_OFF else logins.ENCRYPT_ON

    # The login.

    def _log_in(self, hello: Hello) -> Session | None:
        if hello.fed_auth_library == logins.ADAL:
            self._channel.send(tokens.fed_auth_info(self._settings.sts_url, self._settings.resource))
            message = self._channel.read()
            if message.type != FED_AUTH_TOKEN:
                raise Closed(f"an access token was expected, not a message of type {message.type:#x}")
            hello.login.token, hello.nonce = logins.read_fed_auth_token(message.body)
        route = self._settings.route
        if self._settings.route_needs_read_only and not hello.login.read_only_intent:
            route = None
        try:
            for fault in self._server.faults.take(hello.login.user, at_login=True):
                if fault.kind == "login_error":
                    raise fault.error()
                if fault.kind == "login_disconnect":
                    raise Closed("disconnect on order")
                route = (fault.host, fault.port)
            session = self._server.engine.session(hello.login)
        except SqlError as error:
            self._channel.send(tokens.error(error, self._settings.name) + tokens.done(tokens.ERROR))
            return None
        packet = logins.packet_bytes(hello.packet_bytes, self._channel.tls is not None)
        greeting = logins.Greeting(session.database, self._settings.name, self._settings.collation,
                                   self._settings.version, route)
        self._channel.send(logins.login_answer(hello, greeting, packet))
        self._channel.packet_bytes = packet
        return session

    # Requests.

    def _answer_requests(self, session: Session, hello: Hello) -> None:
        session.text_size = hello.text_size
        replies = Replies(self._channel, session, hello.abilities, self._settings.name)
        threading.Thread(target=self._read, args=(session, replies), name="tds-reader", daemon=True).start()
        while (message := self._requests.get()) is not None:
            if message.type == ATTENTION:
                self._channel.send(tokens.done(tokens.ATTENTION, 0xFD))
                continue
            if message.status & IGNORE:
                is_kept = False
            else:
                is_kept = not self._answer(message, replies)
            with self._lock:
                self._waiting -= 1
                is_attended, self._is_attended = self._is_attended, False
                replies.attention.clear()
            if is_attended and not is_kept:
                # The second message of a cancelled request, as real servers send it.
                self._channel.send(tokens.done(tokens.ATTENTION, 0xFD))

    def _read(self, session: Session, replies: Replies) -> None:
        """Reads beside the thread that answers: only so attention is heard while rows go out."""
        with contextlib.suppress(Closed):
            while True:
                message = self._channel.read()
                with self._lock:
                    if message.type != ATTENTION or not self._waiting:
                        self._waiting += message.type != ATTENTION
                        self._requests.put(message)
                        continue
                    self._is_attended = True
                    self._seen.attentions += 1
                    replies.attention.set()
                session.cancel()
        replies.attention.set()
        session.cancel()
        self._requests.put(None)

    def _answer(self, message: Message, replies: Replies) -> bool:
        """Answers one request; false: an attention to it stays unanswered."""
        body = skip_headers(message.body)
        was_reset = bool(message.status & (RESET | RESET_KEEP_TRANSACTION))
        faults: list[Fault] = []
        try:
            if message.type == BATCH:
                sql = body.decode("utf-16-le", "surrogatepass")
                is_order = self._server.faults.order(sql)
                faults = [] if is_order else self._take_faults(sql)
                replies.start(faults, was_reset)
                replies.batch("" if is_order else sql)
            elif message.type == RPC:
                calls = read_calls(message.body)
                text = " ".join(str(parameter.value) for call in calls for parameter in call.parameters
                                if isinstance(parameter.value, str))
                faults = self._take_faults(text or calls[0].procedure)
                replies.start(faults, was_reset)
                replies.calls(calls)
            elif message.type == TRANSACTION:
                replies.start([], was_reset)
                replies.transaction(body)
            else:
                raise Closed(f"a message of type {message.type:#x}")
        except SqlError as error:
            self._channel.send(tokens.error(error, self._settings.name) + tokens.done(tokens.ERROR))
            if error.fatal:
                raise Closed(str(error)) from None
        except Cancelled:  # while a transaction request ran
            self._channel.send(tokens.done(tokens.ERROR))
        return all(fault.kind != "ignore_attention" for fault in faults)

    def _take_faults(self, statement: str) -> list[Fault]:
        self._seen.statements.append(statement)
        return self._server.faults.take(statement)
