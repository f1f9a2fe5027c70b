"""A SQL Server for the program's tests: the test server in this process, with a database `shop` and a destination."""

import json
import os
import pathlib
import subprocess

import landed
from tds_server.engine import Engine
from tds_server.server import Server, Settings

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
TRACKED = """
CREATE DATABASE shop; USE shop;
ALTER DATABASE shop SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON);
ALTER DATABASE shop SET ALLOW_SNAPSHOT_ISOLATION ON"""


class Done:
    """A finished run of the program."""

    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    def json(self):
        return json.loads(self.out)

    def tables(self):
        return {table["table"]: table for table in self.json()["tables"]}

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


<<<<<<<< HEAD:tests/support/sqlserver_place.py
class SqlServerPlace:
    def __init__(self, folder, setup=TRACKED, settings=None):
========
class SqlServerLake:
    """A database `shop`, empty, and `folder`/landing. `close` ends it and asserts that the server knew all statements."""

    def __init__(self, folder: pathlib.Path, encryption: str = "none") -> None:
>>>>>>>> 21636c7 (A name of its own):tests/support/sqlserver_lake.py
        self.folder, self.dest = folder, folder / "landing"
        self.engine = Engine()
        self.admin = self.engine.admin()
        self.admin.query(setup)
        self.server = Server(self.engine, settings or Settings())
        self.server.start()

    def close(self):
        self.server.close()

    def url(self, database="shop", user="sa"):
        return f"sqlserver://{user}@127.0.0.1:{self.server.port}/{database}?encrypt=false"

    def sql(self, text, *parameters):
        return self.admin.query(text, *parameters)

    def run(self, *words, environment=None, **options):
        process = subprocess.run([TIDEMARK, *map(str, words)], capture_output=True, text=True,
                                 env={**os.environ, "TIDEMARK_PASSWORD": "p", **(environment or {})}, timeout=120,
                                 cwd=self.folder, **options)
        assert process.returncode >= 0, Done(process)
        return Done(process)

    def sync(self, *options, code=0, user="sa", **more):
        done = self.run("sync", self.url(user=user), "--to", self.dest, "--json", *options, **more)
        assert done.code == code, done
        return done

    def synced(self, table="t", *options, **more):
        """The report of one table."""
        return self.sync(*options, **more).tables()[table]

    def verify(self, *options, code=0):
        done = self.run("verify", self.url(), "--to", self.dest, "--json", *options)
        assert done.code == code, done
        return done

    def folded(self, table="t", key=("id",), schema="dbo"):
        return landed.fold(str(self.dest), "shop", f"{schema}.{table}", list(key))

    def rows(self, table="t", schema="dbo"):
        return landed.rows(str(self.dest), "shop", f"{schema}.{table}")

    def state(self, table="t"):
        return json.loads((self.dest / "_tidemark" / "state" / "shop" / "dbo" / f"{table}.json").read_text())
