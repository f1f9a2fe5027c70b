"""Reads samples with a Python driver: python_clients.py pytds|pymssql|mssql_python HOST PORT plain|tls|strict CERTIFICATE

Standard input has a sample's name on each line; standard output gets a line of JSON for each. The name "echo" sends
ECHO as parameters and shows what comes back.
"""

from __future__ import annotations

import datetime
import decimal
import json
import sys
import uuid
from typing import Any


def connect(driver: str, host: str, port: int, mode: str, certificate: str) -> Any:
    if driver == "pytds":
        import pytds
        encryption = {"plain": {}, "tls": {"cafile": certificate, "validate_host": False}}[mode]  # its check calls what pyOpenSSL no longer has
        return pytds.connect(host, "db1", "sa", "secret", port=port, autocommit=True, **encryption)
    if driver == "pymssql":
        import pymssql
        encryption = {"encryption": {"plain": "off", "tls": "require"}[mode]}
        return pymssql.connect(host, "sa", "secret", "db1", port=str(port), tds_version="7.4", charset="UTF-8",
                               autocommit=True, use_datetime2=True, **encryption)
    import mssql_python
    words = {"plain": "Encrypt=no", "tls": "Encrypt=yes;TrustServerCertificate=yes",
             "strict": f"Encrypt=strict;ServerCertificate={certificate};HostNameInCertificate=localhost"}[mode]
    return mssql_python.connect(f"Server={host},{port};Database=db1;UID=sa;PWD=secret;{words}", autocommit=True)


ECHO: list[Any] = [
    7, -(2**40), "日本 😀 it's", "", b"\x00\xff", decimal.Decimal("-1234567890.0123456789"), 0.1, True,
    datetime.datetime(2024, 2, 29, 23, 59, 59, 123456), datetime.date(1753, 1, 1),
    uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"), "x" * 9000, None,
]


def sent(driver: str, value: Any) -> Any:
    """pytds takes plain bytes for text."""
    if driver == "pytds" and isinstance(value, bytes):
        import pytds
        return pytds.Binary(value)
    return value


def text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "0x" + bytes(value).hex()
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (float, uuid.UUID)):
        return repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value))
    return str(value)


def main() -> None:
    driver, host, port, mode, certificate = sys.argv[1:]
    connection = connect(driver, host, int(port), mode, certificate)
    cursor = connection.cursor()
    for line in sys.stdin:
        name = line.strip()
        answer: dict[str, Any] = {"sample": name}
        try:
            if name == "echo":
                marks = {"mssql_python": "?", "pytds": "%s"}[driver]
                cursor.execute(f"SELECT {', '.join([marks] * len(ECHO))}", tuple(sent(driver, value) for value in ECHO))
                answer["values"] = [text(value) for value in cursor.fetchall()[0]]
            else:
                cursor.execute(f"SELECT id, v FROM sample.{name}")
                answer["values"] = [text(row[1]) for row in cursor.fetchall()]
        except Exception as error:  # whatever the driver throws is what the table shows
            answer["error"] = f"{type(error).__name__}: {error}"[:300]
            connection = connect(driver, host, int(port), mode, certificate)
            cursor = connection.cursor()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
