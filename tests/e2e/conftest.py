"""What the tests of the program share: a folder with a database and a destination, and the program."""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import landed  # noqa: E402

TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
NOBODY = 65534


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


def run(*words, environment=None, **options):
    """Runs tidemark; `options` as subprocess.run takes them."""
    process = subprocess.run([TIDEMARK, *map(str, words)], capture_output=True, text=True, errors="surrogateescape",
                             env={**os.environ, **(environment or {})}, timeout=300, **options)
    assert process.returncode >= 0, Done(process)  # it never dies of a signal of its own making
    return Done(process)


class Place:
    """A database `shop.db` and a destination, both in a folder of the test's own."""

    def __init__(self, folder):
        self.folder = folder
        self.path, self.dest = folder / "shop.db", folder / "landing"

    def sql(self, *statements):
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=60)
        for statement in statements:
            if isinstance(statement, tuple):
                connection.execute(*statement)
            else:
                connection.executescript(statement)
        connection.close()

    def sync(self, *options, code=0, **more):
        done = run("sync", self.path, "--to", self.dest, "--json", *options, **more)
        assert done.code == code, done
        return done

    def track(self, action="enable", *tables):
        done = run("track", action, self.path, *tables)
        assert done.code == 0, done
        return done

    def verify(self, *options, code=0):
        done = run("verify", self.path, "--to", self.dest, "--json", *options)
        assert done.code == code, done
        return done

    def files(self, table=None):
        under = self.dest / "data" / "shop" / "main" / (table or "")
        return sorted(p for p in under.rglob("*") if p.is_file())

    def folded(self, table, *key):
        return landed.fold(str(self.dest), "shop", table, list(key))

    def assert_equal(self, table="t", *key):
        key = key or ("id",)
        assert self.folded(table, *key) == landed.source(self.path, table, list(key))
        landed.assert_no_row_twice(str(self.dest), "shop", table, list(key))

    def state_file(self, table="t"):
        return self.dest / "_tidemark" / "state" / "shop" / "main" / f"{table}.json"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def shop(place):
    """A table of 100 rows with a key, and one without."""
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size REAL);"
              "CREATE TABLE log(line TEXT);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
              "INSERT INTO t SELECT i, 'name ' || i, i / 4.0 FROM n;"
              "INSERT INTO log VALUES('one'), ('two'), ('two')")
    return place
