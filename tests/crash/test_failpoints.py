"""At every failpoint x (refused or reply lost, killed): run again until done, and every row is there once."""

import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import landed  # noqa: E402

TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
POINTS = re.findall(r"^TIDEMARK_FAILPOINT\((\w+)\)", (ROOT / "src/base/failpoints.def").read_text(), re.M)
KEY = ["id"]
# Steps that only some runs take; the scenario of each reaches it.
SCENARIOS = {"load": {}, "changes": {}, "reload": {}, "keyless": {}, "rollback": {}, "resume": {}, "widen": {}}
reached = set()


def sync(db, dest, failpoint=None, *options):
    env = dict(os.environ)
    if failpoint:
        env["TIDEMARK_FAILPOINT"] = failpoint
    command = [TIDEMARK, "sync", str(db), "--to", str(dest), "--no-progress", "--retries", "0", *options]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def make(path, wal=True, rows=200):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={'wal' if wal else 'delete'}")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size REAL)")
    connection.execute("CREATE TABLE log(line TEXT)")
    connection.executemany("INSERT INTO t VALUES(?,?,?)", [(i, f"n{i}", i / 2) for i in range(rows)])
    connection.executemany("INSERT INTO log VALUES(?)", [(f"l{i}",) for i in range(20)])
    connection.close()


def change(path, round_):
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM t WHERE id = ?", (round_,))
    connection.execute("UPDATE t SET name = name || 'x' WHERE id BETWEEN 50 AND 60")
    connection.execute("INSERT INTO t VALUES(?, 'new', 1.5)", (10000 + round_,))
    connection.execute("UPDATE t SET id = id + 5000 WHERE id = ?", (100 + round_,))
    connection.execute("INSERT INTO log VALUES('more')")
    connection.commit()
    connection.close()


def assert_exact(db, dest, scenario):
    landed.data_files(dest)
    if scenario == "widen":  # its values are landed as texts
        verified = subprocess.run([TIDEMARK, "verify", db, "--to", dest], capture_output=True, text=True)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    else:
        assert landed.fold(str(dest), "shop", "t", KEY) == landed.source(db, "t", KEY)
    landed.assert_no_row_twice(str(dest), "shop", "t", KEY)
    lines = sorted(row["line"] for _, _, _, row in landed.rows(str(dest), "shop", "log"))
    with sqlite3.connect(db) as connection:
        assert lines == sorted(r[0] for r in connection.execute("SELECT line FROM log"))
    staging = os.path.join(dest, "_tidemark", "staging")
    left = [os.path.join(d, f) for d, _, fs in os.walk(staging) for f in fs]
    assert not left, f"left behind: {left}"


def prepare(tmp_path, scenario):
    db, dest = str(tmp_path / "shop.db"), str(tmp_path / "lake")
    make(db, wal=scenario != "rollback", rows=1500 if scenario in ("resume", "widen") else 200)
    subprocess.run([TIDEMARK, "track", "enable", db], check=True, capture_output=True)
    options = []
    if scenario in ("changes", "reload", "keyless"):
        assert sync(db, dest).returncode == 0
        change(db, 1)
    if scenario == "reload":
        options = ["--mode", "full"]
    if scenario in ("resume", "widen"):
        # Several slices, each kept as it is read. One worker, so that steps come in one order.
        options = ["--max-rows-per-file", "200", "--workers", "1"]
        assert sync(db, dest, "load_after_keep=kill@3", *options).returncode == -signal.SIGKILL
        change(db, 1)
    if scenario == "widen":
        with sqlite3.connect(db) as connection:
            connection.execute("UPDATE t SET size = 'wide' WHERE id = 1499")
        connection.close()
    return db, dest, options


def cases():
    """Every point in every scenario, but those of an unfinished load only where there is one, and the other way."""
    for point in POINTS:
        for scenario in SCENARIOS:
            is_of_load = point.startswith("load_")
            if point == "fold_spill" or (scenario == "widen" and not is_of_load):
                continue
            if is_of_load and scenario not in ("resume", "widen"):
                continue
            if scenario == "resume" and not point.startswith(("load_", "upload_", "state_", "publish_", "sweep_")):
                continue
            yield point, scenario


@pytest.mark.parametrize("action", ["error", "kill"])
@pytest.mark.parametrize("point, scenario", cases())
def test_recovers_from(tmp_path, point, action, scenario):
    """A sync that fails or dies at this point is made good by the next, with nothing lost or doubled."""
    db, dest, options = prepare(tmp_path, scenario)
    for hit in (1, 2, 3):
        broken = sync(db, dest, f"{point}={action}@{hit}", *options)
        was_hit = broken.returncode == -signal.SIGKILL or "failpoint" in broken.stderr
        if was_hit:
            reached.add(point)
        change(db, hit + 1)
    done = sync(db, dest)
    assert done.returncode == 0, done.stderr
    assert_exact(db, dest, scenario)
    change(db, 9)
    assert sync(db, dest).returncode == 0
    assert_exact(db, dest, scenario)


@pytest.mark.parametrize("action", ["error", "kill"])
def test_recovers_from_a_fold_that_spills(tmp_path, action):
    """Only a table that outgrows the fold's memory reaches this step."""
    db, dest = str(tmp_path / "shop.db"), str(tmp_path / "lake")
    make(db)
    with sqlite3.connect(db) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 20000 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
            " INSERT INTO t SELECT i, 'n' || i, i FROM n"
        )
    connection.close()
    assert sync(db, dest).returncode == 0
    change(db, 1)
    broken = sync(db, dest, f"fold_spill={action}", "--mode", "full", "--memory", "16MiB")
    assert broken.returncode == -signal.SIGKILL or "failpoint fold_spill" in broken.stderr
    reached.add("fold_spill")
    assert sync(db, dest, None, "--mode", "full", "--memory", "16MiB").returncode == 0
    verified = subprocess.run([TIDEMARK, "verify", db, "--to", dest], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_every_point_was_reached():
    """The list holds no step that the scenarios do not take."""
    if not reached:
        pytest.skip("runs after the matrix only")
    assert set(POINTS) == reached
