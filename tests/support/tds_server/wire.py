"""Packets over a socket: plain, inside TLS, or a TLS handshake inside packets ([MS-TDS] 2.2.3, 2.1)."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

BATCH, RPC, REPLY, ATTENTION, BULK, FED_AUTH_TOKEN, TRANSACTION, LOGIN7, SSPI, PRELOGIN = (
    1, 3, 4, 6, 7, 8, 0x0E, 0x10, 0x11, 0x12)
END, IGNORE, RESET, RESET_KEEP_TRANSACTION = 0x01, 0x02, 0x08, 0x10
SMALLEST_PACKET, DEFAULT_PACKET, LARGEST_PACKET = 512, 4096, 32767
# "The maximum network packet size for encrypted connections is 16,383 bytes" (Configure the network packet size).
LARGEST_ENCRYPTED_PACKET = 16383
_READ_BYTES = 1 << 16


class Closed(Exception):
    """The client has gone, or the server decided to go."""


@dataclass
class Message:
    type: int
    status: int  # of the first packet: reset flags stand there
    body: bytes


@dataclass
class Certificate:
    certificate: pathlib.Path
    key: pathlib.Path
    authority: pathlib.Path  # what a client is told to trust

    @staticmethod
    def make(folder: pathlib.Path, names: tuple[str, ...] = ("localhost", "127.0.0.1"), label: str = "server") -> Certificate:
        """Self-signed, of an elliptic curve: made in a few milliseconds by the openssl command."""
        certificate, key = folder / f"{label}.pem", folder / f"{label}.key"
        alternative = ",".join(("IP:" if name.replace(".", "").isdigit() else "DNS:") + name for name in names)
        done = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={names[0]}",
             "-addext", f"subjectAltName={alternative}", "-addext", "basicConstraints=critical,CA:TRUE",
             "-keyout", key, "-out", certificate], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl: {done.stderr}")
        return Certificate(certificate, key, certificate)

    def context(self, strict: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Inside packets the handshake must end with the client's turn, which TLS 1.3 does not promise.
        context.maximum_version = ssl.TLSVersion.TLSv1_3 if strict else ssl.TLSVersion.TLSv1_2
        if strict:
            context.set_alpn_protocols(["tds/8.0"])
        return context


class Channel:
    """One connection's packets. One thread reads, one writes; they may be two."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._raw = bytearray()  # read from the socket, not yet seen by TLS or anybody
        self._clear = bytearray()  # read and, where there is TLS, deciphered
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls_lock, self._send_lock = threading.Lock(), threading.Lock()
        self.packet_bytes = DEFAULT_PACKET
        self.process_id = 51
        self.sent_bytes = 0
        self.server_name: str | None = None  # SNI
        # Faults on order: called before bytes go out, with how many were sent; may raise Closed.
        self.before_send: Callable[[bytes], bytes] | None = None

    @property
    def tls(self) -> ssl.SSLObject | None:
        return self._tls

    # Reading.

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except OSError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("the client closed")
        self._raw += data

    def _fill(self) -> None:
        """Adds to what can be read; waits for the client where nothing is there."""
        if self._tls is None:
            if not self._raw:
                self._receive()
            self._clear += self._raw
            self._raw.clear()
            return
        while True:
            with self._tls_lock:
                if self._raw:
                    self._incoming.write(bytes(self._raw))
                    self._raw.clear()
                try:
                    data = self._tls.read(_READ_BYTES)
                except ssl.SSLWantReadError:
                    data = b""
                except ssl.SSLError as error:
                    raise Closed(str(error)) from None
            if data:
                self._clear += data
                return
            self._receive()

    def _take(self, size: int) -> bytes:
        while len(self._clear) < size:
            self._fill()
        data = bytes(self._clear[:size])
        del self._clear[:size]
        return data

    def first_byte(self) -> int:
        """What the client begins with: 0x16 is a TLS handshake, and so TDS 8.0."""
        while not self._raw:
            self._receive()
        return self._raw[0]

    def read(self) -> Message:
        body, first_status, kind = bytearray(), None, 0
        while True:
            kind, status, length = struct.unpack(">BBH", self._take(8)[:4])
            if length < 8:
                raise Closed(f"a packet of {length} bytes")
            if first_status is None:
                first_status = status
            body += self._take(length - 8)
            if status & END:
                return Message(kind, first_status, bytes(body))

    # Writing.

    def write(self, data: bytes) -> None:
        with self._send_lock:
            if self._tls is not None:
                with self._tls_lock:
                    self._tls.write(data)
                    data = self._outgoing.read()
            self._send(data)

    def _send(self, data: bytes) -> None:
        try:
            if self.before_send is not None:
                data = self.before_send(data)
            self._socket.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from None
        self.sent_bytes += len(data)

    def packet(self, payload: bytes, number: int, last: bool, kind: int = REPLY) -> bytes:
        return struct.pack(">BBHHBB", kind, END if last else 0, len(payload) + 8, self.process_id, number & 0xFF, 0) + payload

    def send(self, body: bytes, kind: int = REPLY) -> None:
        """A whole message."""
        reply = Reply(self, kind)
        reply.add(body)
        reply.end()

    # TLS.

    def start_tls(self, context: ssl.SSLContext, in_packets: bool) -> None:
        def remember(_: object, name: str | None, __: object) -> None:
            self.server_name = name
        context.sni_callback = remember
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                self._flush_handshake(in_packets)
                break
            except ssl.SSLWantReadError:
                self._flush_handshake(in_packets)
                self._incoming.write(self._handshake_bytes(in_packets))
            except ssl.SSLError as error:
                self._flush_handshake(in_packets)
                raise Closed(f"TLS: {error}") from None
        self._tls = tls

    def _flush_handshake(self, in_packets: bool) -> None:
        if data := self._outgoing.read():
            self._send(self.packet(data, 1, True, PRELOGIN) if in_packets else data)

    def _handshake_bytes(self, in_packets: bool) -> bytes:
        if in_packets:
            message = self.read()
            if message.type != PRELOGIN:
                raise Closed(f"a TLS handshake was expected, not a message of type {message.type:#x}")
            return message.body
        if not self._raw:
            self._receive()
        data = bytes(self._raw)
        self._raw.clear()
        return data

    def end_tls(self) -> None:
        """Login-only encryption: what follows is in the clear."""
        self._tls = None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Reply:
    """A message that is sent packet by packet while it grows."""

    def __init__(self, channel: Channel, kind: int = REPLY) -> None:
        self._channel, self._kind = channel, kind
        self._waiting = bytearray()
        self._number = 1

    def add(self, data: bytes) -> None:
        self._waiting += data
        room = self._channel.packet_bytes - 8
        if len(self._waiting) <= room:
            return
        # The last packet must carry the end flag, so that one is always kept back.
        packets, start = bytearray(), 0
        while len(self._waiting) - start > room:
            packets += self._channel.packet(bytes(self._waiting[start:start + room]), self._number, False, self._kind)
            self._number += 1
            start += room
        del self._waiting[:start]
        self._channel.write(bytes(packets))

    def flush(self) -> None:
        """Sends what is there as a packet that is not the last: the client sees the rows so far."""
        if self._waiting:
            self._channel.write(self._channel.packet(bytes(self._waiting), self._number, False, self._kind))
            self._number += 1
            self._waiting.clear()

    def end(self) -> None:
        self._channel.write(self._channel.packet(bytes(self._waiting), self._number, True, self._kind))
        self._waiting.clear()
