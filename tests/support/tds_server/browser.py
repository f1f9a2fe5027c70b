"""SQL Server Browser: which port an instance listens on, by UDP ([MC-SQLR])."""

from __future__ import annotations

import socket
import struct
import threading


class Browser:
    """Answers for the instances it was told of; others stay unanswered, as by the real one."""

    def __init__(self, instances: dict[str, int], port: int = 0, server: str = "TIDEMARK-TEST") -> None:
        self._instances, self._server = {name.upper(): number for name, number in instances.items()}, server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self.asked: list[bytes] = []

    def start(self) -> Browser:
        threading.Thread(target=self._answer, name="sql-browser", daemon=True).start()
        return self

    def close(self) -> None:
        # A datagram to oneself ends the wait; closing alone does not.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", self.port))

    def __enter__(self) -> Browser:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> None:
        while True:
            request, client = self._socket.recvfrom(1024)
            if not request:
                self._socket.close()
                return
            self.asked.append(request)
            if answer := self.answer(request):
                self._socket.sendto(answer, client)

    def answer(self, request: bytes) -> bytes:
        """2, 3: all of them; 4: one, by name; 15: its port for administrators, which nobody has here."""
        names = list(self._instances)
        if request[0] == 4:
            wanted = request[1:].split(b"\0")[0].decode("latin-1").upper()
            names = [name for name in names if name == wanted]
        elif request[0] not in (2, 3):
            names = []
        text = "".join(f"ServerName;{self._server};InstanceName;{name};IsClustered;No;Version;16.0.4175.1;"
                       f"tcp;{self._instances[name]};;" for name in names).encode("latin-1")
        return struct.pack("<BH", 5, len(text)) + text if names else b""
