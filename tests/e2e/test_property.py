"""Random schemas and statements, synced at random points; the files fold to the source, every time."""

import os
import pathlib
import random
import sqlite3
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import landed  # noqa: E402

TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
ROUNDS = int(os.environ.get("TIDEMARK_SOAK_ROUNDS", "12"))
SEED = int(os.environ.get("TIDEMARK_SEED", "20261121"))
CONFLICTS = ["", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT", "OR ROLLBACK"]


class Database:
    """A parent, a child that cascades, and a table of its own odd shape."""

    def __init__(self, path, rng):
        self.rng, self.path = rng, path
        self.connection = sqlite3.connect(path, isolation_level=None)
        c = self.connection
        c.execute(f"PRAGMA journal_mode={rng.choice(['wal', 'wal', 'delete'])}")
        c.execute("PRAGMA foreign_keys=on")
        if rng.random() < 0.3:
            c.execute("PRAGMA recursive_triggers=on")
        strict = rng.choice(["", " STRICT"])
        c.execute(f"CREATE TABLE parent(id INTEGER PRIMARY KEY, u INTEGER UNIQUE, name TEXT){strict}")
        c.execute(
            "CREATE TABLE child(p INTEGER REFERENCES parent(id) ON DELETE CASCADE ON UPDATE CASCADE,"
            " n INTEGER, note TEXT, size REAL, PRIMARY KEY(p, n))" + rng.choice(["", " WITHOUT ROWID"])
        )
        collation = rng.choice(["", " COLLATE NOCASE"])
        c.execute(
            f"CREATE TABLE odd(k TEXT{collation}, v INT NOT NULL DEFAULT 7, w TEXT, b BLOB,"
            " g INTEGER GENERATED ALWAYS AS (v * 2) STORED, PRIMARY KEY(k))"
        )
        if rng.random() < 0.7:
            where = rng.choice(["", " WHERE v > 20"])
            c.execute(f"CREATE UNIQUE INDEX odd_v ON odd({rng.choice(['v', 'v + 1', 'w, v'])}){where}")
        self.keys = {"parent": ["id"], "child": ["p", "n"], "odd": ["k"]}

    def statement(self):
        r = self.rng
        conflict = r.choice(CONFLICTS)
        i, j, n = r.randint(1, 40), r.randint(1, 40), r.randint(1, 5)
        word = r.choice(["a", "A", "b", "ß", "é", "long " * 20, ""]) + str(r.randint(1, 9))
        return r.choice(
            [
                (f"INSERT {conflict} INTO parent VALUES(?,?,?)", (i, j, word)),
                (f"UPDATE {conflict} parent SET u = ?, name = ? WHERE id = ?", (j, word, i)),
                (f"UPDATE {conflict} parent SET id = ? WHERE id = ?", (j, i)),
                ("DELETE FROM parent WHERE id = ?", (i,)),
                ("INSERT INTO parent VALUES(?,?,?) ON CONFLICT(id) DO UPDATE SET name = excluded.name", (i, None, word)),
                ("INSERT INTO parent VALUES(?,?,?) ON CONFLICT DO NOTHING", (i, j, word)),
                (f"INSERT {conflict} INTO child VALUES(?,?,?,?)", (i, n, word, r.random())),
                (f"UPDATE {conflict} child SET n = n + 1 WHERE p = ?", (i,)),
                ("DELETE FROM child WHERE n = ?", (n,)),
                (f"INSERT {conflict} INTO odd(k, v, w, b) VALUES(?,?,?,?)", (word, i, word[:1], bytes([i]))),
                ("INSERT OR REPLACE INTO odd(k, v) VALUES(?,?)", (word, None)),
                (f"UPDATE {conflict} odd SET v = ? WHERE k = ?", (j, word)),
                (f"UPDATE {conflict} odd SET k = upper(k) WHERE v = ?", (j,)),
                ("DELETE FROM odd WHERE v > ?", (35,)),
                ("DELETE FROM odd", ()) if r.random() < 0.05 else ("DELETE FROM odd WHERE v = ?", (i,)),
            ]
        )

    def run(self, count):
        c, r = self.connection, self.rng
        for _ in range(count):
            if not c.in_transaction and r.random() < 0.4:
                c.execute("BEGIN")
            if c.in_transaction and r.random() < 0.2:
                c.execute("SAVEPOINT s")
                self.one()
                if c.in_transaction:
                    c.execute(r.choice(["ROLLBACK TO s", "RELEASE s"]))
            self.one()
            if c.in_transaction and r.random() < 0.3:
                c.execute(r.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        if c.in_transaction:
            c.execute("COMMIT")

    def one(self):
        try:
            self.connection.execute(*self.statement())
        except sqlite3.IntegrityError:
            pass


def tidemark(*arguments):
    done = subprocess.run([TIDEMARK, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def one_round(folder, seed):
    rng = random.Random(seed)
    path, dest = str(folder / "p.db"), str(folder / "lake")
    database = Database(path, rng)
    database.run(rng.randint(0, 60))
    track_at = rng.choice([0, 0, 2])
    syncs = rng.randint(3, 6)
    for i in range(syncs):
        if i == track_at:
            tidemark("track", "enable", path)
        options = ["--mode", "full"] if i and rng.random() < 0.15 else []
        tidemark("sync", path, "--to", dest, "--no-progress", *options)
        for table, key in database.keys.items():
            assert landed.fold(dest, "p", table, key) == landed.source(path, table, key), (seed, i, table)
            landed.assert_no_row_twice(dest, "p", table, key)
        tidemark("verify", path, "--to", dest)
        database.run(rng.randint(0, 40))
    database.connection.close()
    return syncs


def test_random_histories_fold_to_the_source(tmp_path, capsys):
    """Every conflict clause, upsert, cascade, key change, rollback and savepoint is landed exactly."""
    syncs = 0
    for i in range(ROUNDS):
        folder = tmp_path / str(i)
        folder.mkdir()
        syncs += one_round(folder, SEED + i)
    with capsys.disabled():
        print(f"\nproperty: {ROUNDS} databases, {syncs} syncs, seeds {SEED}..{SEED + ROUNDS - 1}: all equal")
