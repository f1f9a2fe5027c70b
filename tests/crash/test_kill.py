"""kill -9 at random moments of a real process while a real writer changes the source."""

import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import landed  # noqa: E402

TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
KILLS = int(os.environ.get("TIDEMARK_SOAK_KILLS", "50"))
SEED = int(os.environ.get("TIDEMARK_SEED", "20261121"))
KILLS_A_FOLDER = 25

WRITER = """
import random, sqlite3, sys
path, seed = sys.argv[1], int(sys.argv[2])
random.seed(seed)
c = sqlite3.connect(path, timeout=60, isolation_level=None)
n = 0
while True:
    c.execute("BEGIN IMMEDIATE")
    for _ in range(random.randint(1, 20)):
        i = random.randint(1, 3000)
        what = random.random()
        if what < 0.4:
            c.execute("INSERT OR REPLACE INTO t VALUES(?, ?, ?)", (i, f"v{n}", i % 500))
        elif what < 0.7:
            c.execute("UPDATE t SET v = ? WHERE id = ?", (f"u{n}", i))
        elif what < 0.9:
            c.execute("DELETE FROM t WHERE id = ?", (i,))
        else:
            c.execute("UPDATE OR REPLACE t SET id = ? WHERE id = ?", (i, random.randint(1, 3000)))
        c.execute("INSERT OR REPLACE INTO pair VALUES(?, ?, ?)", (i % 40, str(i % 7), n))
        n += 1
    c.execute("COMMIT" if random.random() < 0.9 else "ROLLBACK")
    if sys.stdin in __import__("select").select([sys.stdin], [], [], 0)[0]:
        break
"""


def make(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, u INTEGER UNIQUE)")
    connection.execute("CREATE TABLE pair(a INTEGER, b TEXT, n INTEGER, PRIMARY KEY(a, b)) WITHOUT ROWID")
    connection.executemany("INSERT OR IGNORE INTO t VALUES(?,?,?)", [(i, "x" * 50, i) for i in range(1, 2000)])
    connection.close()
    subprocess.run([TIDEMARK, "track", "enable", path], check=True, capture_output=True)


def sync_command(path, dest):
    return [TIDEMARK, "sync", path, "--to", dest, "--no-progress"]


def assert_exact(path, dest):
    landed.data_files(dest)
    for table, key in (("t", ["id"]), ("pair", ["a", "b"])):
        assert landed.fold(dest, "s", table, key) == landed.source(path, table, key)
        landed.assert_no_row_twice(dest, "s", table, key)


def one_folder(folder, kills, rng, seed):
    path, dest = str(folder / "s.db"), str(folder / "lake")
    make(path)
    began = time.monotonic()
    subprocess.run([TIDEMARK, "sync", path, "--to", str(folder / "probe")], check=True, capture_output=True)
    usual_seconds = time.monotonic() - began
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path, str(seed)], stdin=subprocess.PIPE)
    killed = 0
    try:
        for _ in range(kills):
            process = subprocess.Popen(sync_command(path, dest), stderr=subprocess.PIPE, text=True)
            try:
                # The moment is random on purpose: no outcome depends on it.
                process.wait(rng.uniform(0, usual_seconds * 1.3))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
            assert process.returncode in (0, -signal.SIGKILL), process.returncode
    finally:
        writer.stdin.write(b"\n")
        writer.stdin.close()
        assert writer.wait() == 0
    done = subprocess.run(sync_command(path, dest), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_exact(path, dest)
    verified = subprocess.run([TIDEMARK, "verify", path, "--to", dest], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return killed


def test_kill_at_random_moments(tmp_path, capsys):
    """However often a sync is killed, the folder ends up equal to the source, each row landed once."""
    rng = random.Random(SEED)
    runs, killed = 0, 0
    while killed < KILLS:
        count = min(KILLS_A_FOLDER, KILLS - killed)
        folder = tmp_path / str(runs)
        folder.mkdir()
        killed += one_folder(folder, count, rng, SEED + runs)
        runs += count
    with capsys.disabled():
        print(f"\nkill -9: {killed} of {runs} runs killed before their end, seed {SEED}: 0 rows lost, 0 doubled")
