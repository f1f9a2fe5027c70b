"""Databases to measure with, made once in build/bench-data."""

import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "bench-data"
PROJ_DB = pathlib.Path("/usr/share/proj/proj.db")

# As the TPC-H specification declares it.
LINEITEM = """CREATE TABLE lineitem(
  l_orderkey INTEGER NOT NULL, l_partkey INTEGER NOT NULL, l_suppkey INTEGER NOT NULL,
  l_linenumber INTEGER NOT NULL, l_quantity DECIMAL(15,2) NOT NULL,
  l_extendedprice DECIMAL(15,2) NOT NULL, l_discount DECIMAL(15,2) NOT NULL,
  l_tax DECIMAL(15,2) NOT NULL, l_returnflag CHAR(1) NOT NULL, l_linestatus CHAR(1) NOT NULL,
  l_shipdate DATE NOT NULL, l_commitdate DATE NOT NULL, l_receiptdate DATE NOT NULL,
  l_shipinstruct CHAR(25) NOT NULL, l_shipmode CHAR(10) NOT NULL, l_comment VARCHAR(44) NOT NULL,
  PRIMARY KEY (l_orderkey, l_linenumber))"""


def made(name, make):
    """The path of a finished database; `make(connection)` fills it where it is not there yet."""
    path = FOLDER / name
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(f"making {path.relative_to(ROOT)}", file=sys.stderr, flush=True)
    unfinished = path.with_suffix(".unfinished")
    remove(unfinished)
    connection = sqlite3.connect(unfinished, isolation_level=None)
    connection.execute("PRAGMA synchronous=off")
    connection.execute("PRAGMA journal_mode=off")
    make(connection)
    # Last, so that the file is finished and in the mode that users run.
    connection.execute("PRAGMA journal_mode=wal")
    connection.close()
    unfinished.rename(path)
    return path


def remove(path):
    for suffix in ("", "-wal", "-shm", "-journal"):
        pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)


def fresh_copy(path, to):
    remove(to)
    shutil.copyfile(path, to)
    return to


def lineitem():
    def make(connection):
        csv = FOLDER / "lineitem.csv"
        generator = pathlib.Path(sys.executable).parent / "tpchgen-cli"
        subprocess.run(
            [generator, "csv", "-s", "1", "--tables=lineitem", "-o", FOLDER], check=True, capture_output=True
        )
        connection.execute(LINEITEM)
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        subprocess.run(
            ["sqlite3", path, "PRAGMA journal_mode=off", f".import --csv --skip 1 {csv} lineitem"],
            check=True, capture_output=True,
        )
        csv.unlink()

    return made("lineitem.db", make)


def mixed():
    """What an application's table looks like: numbers, short and long text, NULLs, now and then bytes."""

    def rows():
        pick = random.Random(20261121)
        words = [f"w{i:x}ord"[: pick.randint(3, 6)] + f"{i % 97}" for i in range(5000)]
        for i in range(1, 2_000_001):
            text = " ".join(pick.choices(words, k=pick.randint(3, 9)))
            yield (
                i, pick.randrange(100_000), pick.choice(("new", "paid", "sent", "returned")),
                round(pick.expovariate(0.02), 2), pick.random(), None if i % 3 else text,
                " ".join(pick.choices(words, k=90)) if i % 20 == 0 else None,
                f"2025-{i % 12 + 1:02}-{i % 28 + 1:02} {i % 24:02}:{i % 60:02}:00",
                pick.randbytes(48) if i % 10 == 0 else None, i % 2,
            )

    def make(connection):
        connection.execute(
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, status TEXT, amount REAL,"
            " score REAL, note TEXT, body TEXT, created DATETIME, photo BLOB, is_open BOOLEAN)"
        )
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO orders VALUES (?,?,?,?,?,?,?,?,?,?)", rows())
        connection.execute("COMMIT")

    return made("mixed.db", make)


def proj():
    if not PROJ_DB.exists():
        return None
    FOLDER.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(shutil.copyfile(PROJ_DB, FOLDER / "proj.db"))


def narrow(count):
    """A few columns and as many rows as asked: what memory and changes are measured with."""

    def make(connection):
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT)")
        connection.execute("BEGIN")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO t SELECT i, i * 7919 % 100003, i * 0.25, 'name ' || (i * 31 % 9973) FROM n",
            (count,),
        )
        connection.execute("COMMIT")

    return made(f"narrow_{count}.db", make)


def many_tables(count):
    def make(connection):
        connection.execute("BEGIN")
        for i in range(count):
            connection.execute(f"CREATE TABLE t{i:04}(id INTEGER PRIMARY KEY, v TEXT)")
            connection.execute(f"INSERT INTO t{i:04} VALUES (1, 'a'), (2, 'b'), (3, 'c')")
        connection.execute("COMMIT")

    return made(f"tables_{count}.db", make)


def free_bytes():
    FOLDER.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(FOLDER).free


def tables_of(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    connection.close()
    return names


def bytes_under(folder):
    return sum(
        os.path.getsize(os.path.join(place, name))
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith(".parquet")
    )
