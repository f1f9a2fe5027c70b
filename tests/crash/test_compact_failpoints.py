"""At every failpoint a compact can die at: the next runs make it good, and no row and no version is lost."""

import glob
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import threading

import duckdb
import pytest
from test_failpoints import ROOT, TIDEMARK, change, make, sync

# Those of compacting alone; the others need a source.
NOT_TAKEN = ("snapshot_", "copy_", "read_batch", "load_", "fold_spill", "busy", "source_")
POINTS = [p for p in re.findall(r"^TIDEMARK_FAILPOINT\((\w+)\)", (ROOT / "src/base/failpoints.def").read_text(), re.M)
          if not p.startswith(NOT_TAKEN)]


def compact(dest, failpoint=None, *options):
    env = dict(os.environ, **({"TIDEMARK_FAILPOINT": failpoint} if failpoint else {}))
    command = [TIDEMARK, "compact", dest, "--no-progress", *options]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def view(dest, query):
    before = os.getcwd()
    os.chdir(dest)
    try:
        connection = duckdb.connect()
        connection.execute(pathlib.Path("views/duckdb.sql").read_text())
        return sorted(connection.execute(query).fetchall(), key=repr)
    finally:
        os.chdir(before)


def prepare(tmp_path):
    db, dest = str(tmp_path / "shop.db"), str(tmp_path / "lake")
    make(db)
    subprocess.run([TIDEMARK, "track", "enable", db], check=True, capture_output=True)
    assert sync(db, dest).returncode == 0
    state = pathlib.Path(dest, "_tidemark/state/shop/main/t.json")
    text = json.loads(state.read_text())
    text["presentation"].update(scd_type=2, soft_delete=True)
    state.write_text(json.dumps(text) + "\n")
    change(db, 1)
    assert sync(db, dest).returncode == 0
    return db, dest


def assert_whole(db, dest, closed):
    rows = view(dest, "SELECT id, name, size FROM t_history WHERE __is_current")
    assert rows == view(dest, "SELECT * FROM t")
    with sqlite3.connect(db) as connection:
        assert rows == sorted(connection.execute("SELECT id, name, size FROM t").fetchall(), key=repr)
        lines = sorted(connection.execute("SELECT line FROM log").fetchall(), key=repr)
    assert view(dest, "SELECT * FROM log") == lines
    after = view(dest, "SELECT id, name, size, __start_version, __end_version FROM t_history WHERE NOT __is_current")
    assert set(closed) <= set(after)
    verified = subprocess.run([TIDEMARK, "verify", db, "--to", dest], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    for table in ("t", "log"):
        state = json.loads(pathlib.Path(dest, f"_tidemark/state/shop/main/{table}.json").read_text())
        named = sorted(file["key"] for file in state.get("base", {}).get("files", []))
        there = sorted(os.path.relpath(p, dest) for p in glob.glob(f"{dest}/current/shop/main/{table}/*"))
        assert there == named and not state["remove"] and not state["pending"]
    staging = os.path.join(dest, "_tidemark", "staging")
    assert not [f for _, _, files in os.walk(staging) for f in files]
    return after


@pytest.mark.parametrize("action", ["error", "kill"])
@pytest.mark.parametrize("point", POINTS)
def test_compact_recovers_from(tmp_path, point, action):
    db, dest = prepare(tmp_path)
    closed = []
    for hit in (1, 2, 3):
        broken = compact(dest, f"{point}={action}@{hit}", "--prune")
        assert broken.returncode in (0, 1, 3, -signal.SIGKILL), broken.stderr
        change(db, hit + 1)
        assert sync(db, dest).returncode == 0
        closed = assert_whole(db, dest, closed)
    done = compact(dest, None, "--prune")
    assert done.returncode == 0, done.stderr
    assert not glob.glob(f"{dest}/data/**/*.parquet", recursive=True)
    assert_whole(db, dest, closed)


def test_runs_beside_each_other_lose_nothing(tmp_path):
    """Two compacts and a sync at once, again and again: each wins or steps back."""
    db, dest = prepare(tmp_path)
    closed = []
    for round_ in range(6):
        change(db, round_ + 2)
        runs = [lambda: compact(dest, None, "--prune"), lambda: compact(dest), lambda: sync(db, dest)]
        codes = []
        threads = [threading.Thread(target=lambda run=run: codes.append(run().returncode)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(codes) <= {0, 4}, codes
        done = sync(db, dest)
        assert done.returncode == 0, done.stderr
        closed = assert_whole(db, dest, closed)
