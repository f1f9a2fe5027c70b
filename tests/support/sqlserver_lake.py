"""A SQL Server of ours in this process, a destination, and the program between them; what both hold, comparable."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import uuid
from typing import Any

import landed
from tds_server.engine import Engine
from tds_server.server import Server, Settings
from tds_server.session import EngineSession
from tds_server.types import SqlType

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
Rows = dict[tuple[Any, ...], dict[str, Any]]


class Run:
    """A finished run of the program."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def json(self) -> Any:
        return json.loads(self.out)

    def tables(self) -> dict[str, Any]:
        """By schema.table."""
        return {f"{t['schema']}.{t['table']}": t for t in self.json()["tables"]}

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class SqlServerLake:
    """A database `shop`, empty, and `folder`/landing. `close` ends it and asserts that the server knew all statements."""

    def __init__(self, folder: pathlib.Path, encryption: str = "none") -> None:
        self.folder, self.dest = folder, folder / "landing"
        self.engine = Engine()
        self.admin: EngineSession = self.engine.admin()
        self.admin.query("CREATE DATABASE shop; USE shop")
        self.server = Server(self.engine, Settings(encryption=encryption)).start()
        self.encrypt = "false" if encryption == "none" else "true"

    def close(self) -> None:
        self.server.close()
        assert self.engine.refused == [] and self.server.problems == []

    def sql(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        rows = self.admin.query(text, *parameters)
        for seconds in re.findall(r"advance_clock (\d+)", text):
            self._age(int(seconds))
        return rows

    def _age(self, seconds: int) -> None:
        """Time that passes on the server passes for what was landed, too."""
        for path in (self.dest / "_tidemark" / "state").rglob("*.json"):
            state = json.loads(path.read_text())
            state["landed_at_us"] -= seconds * 1_000_000
            path.write_text(json.dumps(state))

    def track(self, *tables: str, snapshot: bool = True) -> None:
        """Change tracking for the database, with SNAPSHOT allowed or not, and for these tables."""
        if self.engine.databases["shop"].tracking is None:
            self.sql("ALTER DATABASE shop SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON)")
        self.sql(f"ALTER DATABASE shop SET ALLOW_SNAPSHOT_ISOLATION {'ON' if snapshot else 'OFF'}")
        for table in tables:
            self.sql(f"ALTER TABLE {table} ENABLE CHANGE_TRACKING")

    def url(self, user: str = "sa", options: str = "") -> str:
        trusted = f"&ca_file={self.server.certificate.authority}" if self.encrypt == "true" else ""
        return f"sqlserver://{user}@127.0.0.1:{self.server.port}/shop?encrypt={self.encrypt}{trusted}{options}"

    def command(self, verb: str, *options: str, user: str = "sa") -> list[str]:
        return [TIDEMARK, verb, self.url(user), "--to", str(self.dest), *options]

    def run(self, verb: str, *options: str, user: str = "sa", failpoint: str = "") -> Run:
        environment = {**os.environ, "TIDEMARK_PASSWORD": "p"}
        if failpoint:
            environment["TIDEMARK_FAILPOINT"] = failpoint
        return Run(subprocess.run(self.command(verb, "--json", *options, user=user), env=environment, capture_output=True,
                                  text=True, timeout=120))

    def sync(self, *options: str, code: int = 0, **more: str) -> dict[str, Any]:
        done = self.run("sync", *options, **more)
        assert done.code == code, done
        return done.tables()

    def verify(self, code: int = 0) -> Run:
        done = self.run("verify")
        assert done.code == code, done
        return done

    # ---- what both sides hold

    def source(self, table: str, *key: str) -> Rows:
        """The table's rows as a Parquet reader would give them."""
        result = next(iter(self.admin.execute(f"SELECT * FROM {table}", [])))
        assert result.columns is not None
        rows: Rows = {}
        for values in result.rows:
            row = {c.name: as_read(v, c.type) for c, v in zip(result.columns, values)}
            rows[_key(row, key)] = row
        return rows

    def folded(self, table: str, *key: str) -> Rows:
        """The landed files, the last row of each key."""
        rows: Rows = {}
        for _, _, operation, row in landed.rows(str(self.dest), "shop", table):
            if operation == "D":
                rows.pop(_key(row, key), None)
            else:
                rows[_key(row, key)] = row
        return rows

    def assert_equal(self, table: str = "dbo.t", *key: str) -> None:
        """Files fold to the table: each of its columns, whatever older files have beside."""
        key = key or ("id",)
        source, folded = self.source(table, *key), self.folded(table, *key)
        names = list(next(iter(source.values()), {}))
        seen = {k: {n: row.get(n) for n in names} for k, row in folded.items()}
        different = {k: (seen.get(k), source.get(k)) for k in seen.keys() | source.keys() if seen.get(k) != source.get(k)}
        assert not different, f"{table}, landed and source: {different}"

    def landed_rows(self, table: str = "dbo.t") -> list[tuple[Any, ...]]:
        """(file's timestamp, version, operation, row) of all that was ever landed."""
        rows: list[tuple[Any, ...]] = landed.rows(str(self.dest), "shop", table)
        return rows


def _key(row: dict[str, Any], key: tuple[str, ...]) -> tuple[Any, ...]:
    """As a collation without case compares: other types are left as they are."""
    return tuple(row[name].rstrip(" ").lower() if isinstance(row[name], str) else row[name] for name in key)


def as_read(value: Any, type_: SqlType) -> Any:
    """A value of the engine as DuckDB reads it from a file of ours."""
    if value is None:
        return None
    if type_.name == "bit":
        return bool(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if type_.name == "date":
        return datetime.date.fromordinal(value + 1)
    if type_.name in ("datetime2", "datetime", "smalldatetime"):
        days, units = value
        microseconds = {"datetime2": units // 10, "smalldatetime": units * 60_000_000}.get(
            type_.name, (units * 10 + 1) // 3 * 1000 if type_.name == "datetime" else 0)
        return datetime.datetime.fromordinal(days + 1) + datetime.timedelta(microseconds=microseconds)
    return value
