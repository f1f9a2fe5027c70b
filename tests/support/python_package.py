"""The Python package, with the program under test."""

import os
import pathlib
import sqlite3
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python" / "src"))
os.environ.setdefault("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))


def sql(path, script):
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder to work in, with shop.db: three orders, two customers, and a log without a key."""
    monkeypatch.chdir(tmp_path)
    sql("shop.db", """
        CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, total DECIMAL(10, 2));
        CREATE TABLE customers(code TEXT PRIMARY KEY, name TEXT);
        CREATE TABLE "odd log"(line TEXT);
        INSERT INTO orders VALUES(1, 'a', 1.5), (2, 'b', 2.5), (3, 'a', 3.5);
        INSERT INTO customers VALUES('a', 'Ann'), ('b', 'Bob');
        INSERT INTO "odd log" VALUES('one');
    """)
    return tmp_path
