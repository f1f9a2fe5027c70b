"""A first load that dies goes on from its last whole slices, and the result is exact."""

import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import landed  # noqa: E402

TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
SEED = int(os.environ.get("TIDEMARK_SEED", "20261121"))
KILLS = int(os.environ.get("TIDEMARK_SOAK_KILLS", "50")) // 5
ROWS = 30_000
# Small files, so that a table of this size has many slices.
SMALL = ["--max-rows-per-file", "1000"]

WRITER = """
import random, select, sqlite3, sys
path, seed, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
c = sqlite3.connect(path, timeout=60, isolation_level=None)
n = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    c.execute("BEGIN IMMEDIATE")
    for _ in range(random.randint(1, 50)):
        i, j = random.randint(1, rows + 500), random.randint(1, rows + 500)
        n += 1
        what = random.random()
        if what < 0.3:
            c.execute("INSERT OR REPLACE INTO t VALUES(?, ?, ?)", (i, f"v{n}", n / 3))
            c.execute("INSERT OR REPLACE INTO k VALUES(?, ?)", (f"key {i}", n))
        elif what < 0.6:
            c.execute("UPDATE t SET name = ? WHERE id = ?", (f"u{n}", i))
            c.execute("UPDATE k SET n = ? WHERE id = ?", (n, f"key {i}"))
        elif what < 0.8:
            c.execute("DELETE FROM t WHERE id = ?", (i,))
            c.execute("DELETE FROM k WHERE id = ?", (f"key {i}",))
        else:
            c.execute("UPDATE OR REPLACE t SET id = ? WHERE id = ?", (j, i))
            c.execute("UPDATE OR REPLACE k SET id = ? WHERE id = ?", (f"key {j}", f"key {i}"))
    c.execute("COMMIT")
"""


def run(*words, failpoint=None, **more):
    env = {**os.environ, **({"TIDEMARK_FAILPOINT": failpoint} if failpoint else {})}
    return subprocess.run([TIDEMARK, *map(str, words)], env=env, capture_output=True, text=True, timeout=300, **more)


class Lake:
    def __init__(self, folder, journal="wal"):
        self.db, self.dest = str(folder / "s.db"), str(folder / "lake")
        # One table in the order of its rowids, one in that of a text.
        self.sql(f"PRAGMA journal_mode={journal};"
                 "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size REAL);"
                 "CREATE TABLE k(id TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;"
                 f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
                 " INSERT INTO t SELECT i, 'name ' || i, i / 4.0 FROM n;"
                 "INSERT INTO k SELECT 'key ' || id, id FROM t")
        assert run("track", "enable", self.db).returncode == 0

    def sql(self, text):
        connection = sqlite3.connect(self.db, isolation_level=None, timeout=60)
        connection.executescript(text)
        connection.close()

    def sync(self, *options, failpoint=None):
        return run("sync", self.db, "--to", self.dest, "--json", *SMALL, *options, failpoint=failpoint)

    def killed_load(self, at=10):
        assert self.sync("--workers", "1", failpoint=f"load_after_keep=kill@{at}").returncode == -signal.SIGKILL
        assert not landed.data_files(self.dest), "an unfinished load shows nothing"

    def finish(self, *options):
        done = self.sync(*options)
        assert done.returncode == 0, done.stderr
        return {table["table"]: table for table in json.loads(done.stdout)["tables"]}

    def assert_exact(self):
        landed.data_files(self.dest)
        for table in ("t", "k"):
            assert landed.fold(self.dest, "s", table, ["id"]) == landed.source(self.db, table, ["id"])
            landed.assert_no_row_twice(self.dest, "s", table, ["id"])
        verified = run("verify", self.db, "--to", self.dest)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        staging = os.path.join(self.dest, "_tidemark", "staging")
        assert not [f for _, _, files in os.walk(staging) for f in files]


CHANGES = """
UPDATE t SET name = 'changed' WHERE id % 7 = 0; DELETE FROM t WHERE id % 11 = 0;
UPDATE t SET id = id + 1000000 WHERE id % 13 = 0; UPDATE t SET id = -id WHERE id > 29000;
INSERT INTO t VALUES(5000000, 'new', 1); INSERT INTO t VALUES(-7, 'new', 2);
UPDATE k SET n = -n WHERE n % 7 = 0; DELETE FROM k WHERE n % 11 = 0;
UPDATE k SET id = 'zz' || id WHERE n % 13 = 0; UPDATE k SET id = 'a' || id WHERE n > 29000;
"""


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_goes_on_and_catches_up(tmp_path, journal):
    """What was read is not read again; what changed since its fence is landed after it."""
    lake = Lake(tmp_path, journal)
    lake.killed_load()
    lake.sql(CHANGES)
    tables = lake.finish()
    resumed = [table for table in tables.values() if table["resumed_rows"] > 0]
    assert len(resumed) == 1 and 5_000 < resumed[0]["resumed_rows"] < ROWS
    assert resumed[0]["reason"] == "first_load" and resumed[0]["updated"] > 0 and resumed[0]["deleted"] > 0
    lake.assert_exact()
    lake.sql("UPDATE t SET name = 'once more' WHERE id < 100")
    assert lake.finish()["t"]["updated"] > 0
    lake.assert_exact()


def test_goes_on_more_than_once(tmp_path):
    """Each run adds to what the ones before it read."""
    lake = Lake(tmp_path)
    for _ in range(4):
        lake.killed_load(at=6)
        lake.sql("UPDATE t SET name = name || 'x' WHERE id % 5 = 0; UPDATE k SET n = n + 1 WHERE n % 5 = 0")
    tables = lake.finish()
    # Six files of a thousand rows each time, whichever of the tables they belong to.
    assert sum(table["resumed_rows"] for table in tables.values()) > 20_000
    lake.assert_exact()


@pytest.mark.parametrize("what, says", [
    ("ALTER TABLE t ADD COLUMN more TEXT; ALTER TABLE k ADD COLUMN more TEXT", "schema was touched"),
    ("VACUUM", "schema was touched"),
    ("CREATE TABLE other(id INTEGER PRIMARY KEY)", "schema was touched"),
])
def test_starts_over_when_the_schema_was_touched(tmp_path, what, says):
    """A load begun under another definition is dropped, with a warning, and done anew."""
    lake = Lake(tmp_path)
    lake.killed_load()
    lake.sql(what)
    done = lake.sync()
    assert done.returncode in (0, 1), done.stderr
    assert "starts over" in done.stdout and says in done.stdout
    assert run("track", "enable", lake.db).returncode == 0
    lake.finish()
    lake.assert_exact()


def test_starts_over_when_the_changes_are_gone(tmp_path):
    """Without the changes since the fence nothing could make the parts one table."""
    lake = Lake(tmp_path)
    lake.killed_load()
    lake.sql("UPDATE t SET size = 0; UPDATE k SET n = 0")
    assert run("track", "enable", lake.db, "--retention", "0s").returncode == 0
    assert run("track", "clean", lake.db).returncode == 0
    tables = lake.finish()
    assert all(table["resumed_rows"] == 0 for table in tables.values())
    assert any("not kept any more" in warning for table in tables.values() for warning in table["warnings"])
    lake.assert_exact()


def test_starts_over_after_a_restore(tmp_path):
    """Rows of a history that the database has left are not kept."""
    lake = Lake(tmp_path)
    lake.killed_load(at=6)
    lake.sql("UPDATE t SET name = 'common' WHERE id < 9")
    backup = sqlite3.connect(lake.db + ".backup")
    source = sqlite3.connect(lake.db)
    source.backup(backup)
    source.close()
    backup.close()
    lake.sql("UPDATE t SET name = 'lost'; UPDATE k SET n = 7")
    lake.killed_load(at=6)  # reads slices of what is about to be lost
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(lake.db + suffix).unlink(missing_ok=True)
    os.rename(lake.db + ".backup", lake.db)
    lake.sql("UPDATE t SET size = 3 WHERE id < 50; UPDATE k SET n = 3 WHERE n < 50")
    lake.finish()
    lake.assert_exact()


def test_starts_over_when_its_files_are_gone(tmp_path):
    """A user who empties the staging folder costs a second reading, not the table."""
    lake = Lake(tmp_path)
    lake.killed_load()
    staging = pathlib.Path(lake.dest, "_tidemark", "staging")
    next(p for p in sorted(staging.rglob("*")) if p.is_file()).unlink()
    tables = lake.finish()
    assert all(table["resumed_rows"] == 0 for table in tables.values())
    lake.assert_exact()


def test_untracked_tables_start_over(tmp_path):
    """Without changes since the fence a load cannot be put together from two snapshots."""
    lake = Lake(tmp_path)
    assert run("track", "disable", lake.db).returncode == 0
    assert lake.sync(failpoint="upload_after_seal=kill@9").returncode == -signal.SIGKILL
    lake.sql(CHANGES)
    tables = lake.finish()
    assert all(table["resumed_rows"] == 0 for table in tables.values())
    lake.assert_exact()


def test_kill_while_the_source_changes(tmp_path, capsys):
    """However often a first load is killed while a writer works, it ends up equal to the source."""
    rng = random.Random(SEED)
    lake = Lake(tmp_path)
    began = time.monotonic()
    assert run("sync", lake.db, "--to", tmp_path / "probe", *SMALL).returncode == 0
    usual_seconds = time.monotonic() - began
    writer = subprocess.Popen([sys.executable, "-c", WRITER, lake.db, str(SEED), str(ROWS)], stdin=subprocess.PIPE)
    killed = 0
    try:
        for _ in range(KILLS):
            process = subprocess.Popen([TIDEMARK, "sync", lake.db, "--to", lake.dest, *SMALL],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                # The moment is random on purpose: no outcome depends on it.
                process.wait(rng.uniform(0, usual_seconds * 0.7))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            _, errors = process.communicate()
            killed += process.returncode == -signal.SIGKILL
            assert process.returncode in (0, -signal.SIGKILL), errors
    finally:
        writer.stdin.write(b"\n")
        writer.stdin.close()
        assert writer.wait() == 0
    tables = lake.finish()
    lake.assert_exact()
    with capsys.disabled():
        print(f"\n{killed} first loads killed, seed {SEED}; the last one found "
              f"{sum(t['resumed_rows'] for t in tables.values())} rows in place")
