"""Each case of the table that decides how a table is synced, with the reason it must give."""

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import landed  # noqa: E402

TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))


class Lake:
    def __init__(self, folder):
        self.path, self.dest = str(folder / "shop.db"), str(folder / "lake")

    def sql(self, script):
        connection = sqlite3.connect(self.path)
        connection.executescript(script)
        connection.close()

    def run(self, *arguments):
        return subprocess.run([TIDEMARK, *map(str, arguments)], capture_output=True, text=True, timeout=120)

    def sync(self, *options, code=0):
        done = self.run("sync", self.path, "--to", self.dest, "--json", *options)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return {t["table"]: t for t in json.loads(done.stdout)["tables"]} if done.stdout else done.stderr

    def track(self, *arguments):
        done = self.run("track", *arguments[:1], self.path, *arguments[1:])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def assert_equal(self, table="t", key=("id",)):
        assert landed.fold(self.dest, "shop", table, key) == landed.source(self.path, table, key)
        done = self.run("verify", self.path, "--to", self.dest)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    lake.sql(
        "PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100)"
        " INSERT INTO t SELECT i, 'v' || i FROM n;"
    )
    return lake


@pytest.fixture
def tracked(lake):
    lake.track("enable")
    assert lake.sync()["t"]["reason"] == "first_load"
    return lake


def test_first_load_then_changes_then_nothing(tracked):
    tracked.sql("INSERT INTO t VALUES(101,'new'); UPDATE t SET v='x' WHERE id=2; DELETE FROM t WHERE id=3;")
    table = tracked.sync()["t"]
    assert (table["mode"], table["reason"], table["rows"]) == ("incremental", "changes", 3)
    assert (table["inserted"], table["updated"], table["deleted"]) == (1, 1, 1)
    tracked.assert_equal()
    idle = tracked.sync()["t"]
    assert (idle["reason"], idle["rows"], idle["files"], idle["version"]) == ("no_changes", 0, [], table["version"])


def test_idle_sync_leaves_the_state_alone(tracked):
    state = os.path.join(tracked.dest, "_tidemark/state/shop/main/t.json")
    before = os.stat(state)
    tracked.sync()
    after = os.stat(state)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_removed_watermark_is_written_again(tracked):
    path = os.path.join(tracked.dest, "watermarks/shop/main/t/watermarks.json")
    before = json.load(open(path))["main.t"]["version"]
    os.unlink(path)
    table = tracked.sync()["t"]
    assert table["rows"] == 0 and "--mode full" in table["warnings"][0]
    assert json.load(open(path))["main.t"]["version"] == before
    assert tracked.sync()["t"]["warnings"] == []


def test_watermark_of_another_system_is_told(lake):
    folder = os.path.join(lake.dest, "watermarks/shop/main/t")
    os.makedirs(folder)
    with open(os.path.join(folder, "watermarks.json"), "w") as file:
        file.write('{"main.t": 7}')
    table = lake.sync()["t"]
    assert table["reason"] == "first_load" and "another system" in table["warnings"][0]
    lake.assert_equal()


def test_mode_full_lands_deletes_of_what_is_gone(tracked):
    tracked.sql("DELETE FROM t WHERE id <= 10")
    table = tracked.sync("--mode", "full")["t"]
    assert (table["mode"], table["reason"], table["rows"], table["deleted"]) == ("full", "mode_full", 90, 10)
    tracked.assert_equal()


def test_mode_incremental_needs_an_earlier_sync(lake):
    table = lake.sync("--mode", "incremental", code=1)["t"]
    assert table["status"] == "failed" and "full_incremental" in table["error"]["hint"]


def test_expired(tracked):
    tracked.sql("UPDATE t SET v='y' WHERE id=5; DELETE FROM t WHERE id=6;")
    tracked.track("enable", "--retention", "0s")
    tracked.track("clean")
    table = tracked.sync()["t"]
    assert (table["reason"], table["deleted"]) == ("expired", 1)
    tracked.assert_equal()


def test_recreated(tracked):
    tracked.sql("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1,'again')")
    table = tracked.sync()["t"]
    assert table["reason"] in ("recreated", "no_tracking")
    tracked.assert_equal()
    tracked.track("enable")
    tracked.sync()
    tracked.assert_equal()


def test_restored_copy_that_moved_on_is_noticed(tracked):
    tracked.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tracked.path, tracked.path + ".old")
    tracked.sql("UPDATE t SET v='lost' WHERE id=1; DELETE FROM t WHERE id=2; INSERT INTO t VALUES(500,'lost');")
    tracked.sync()
    tracked.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        if os.path.exists(tracked.path + suffix):
            os.unlink(tracked.path + suffix)
    shutil.copy(tracked.path + ".old", tracked.path)
    tracked.sql("UPDATE t SET v='other' WHERE id BETWEEN 10 AND 20")
    table = tracked.sync()["t"]
    assert (table["reason"], table["deleted"]) == ("restored", 1)
    tracked.assert_equal()


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE t ADD COLUMN w TEXT DEFAULT '4'",
        "ALTER TABLE t RENAME COLUMN v TO w",
        "ALTER TABLE t ADD COLUMN w TEXT; UPDATE t SET w = v",
    ],
)
def test_schema_changed(tracked, ddl):
    tracked.sql("DELETE FROM t WHERE id=1;" + ddl)
    table = tracked.sync()["t"]
    assert (table["reason"], table["deleted"]) == ("schema_changed", 1)
    tracked.sql("UPDATE t SET w = 'z' WHERE id = 7")
    tracked.sync()
    live = landed.fold(tracked.dest, "shop", "t", ["id"])
    wanted = landed.source(tracked.path, "t", ["id"])
    assert {k: {c: v[c] for c in wanted[k]} for k, v in live.items()} == wanted


def test_column_dropped_and_added_again_is_noticed(tracked):
    tracked.sql("ALTER TABLE t ADD COLUMN w TEXT; UPDATE t SET w = v")
    tracked.sync()
    tracked.sql("ALTER TABLE t DROP COLUMN w; ALTER TABLE t ADD COLUMN w TEXT")
    table = tracked.sync()["t"]
    assert (table["mode"], table["reason"], table["updated"]) == ("incremental", "schema_changed", 100)
    tracked.assert_equal()
    assert tracked.sync()["t"]["reason"] == "no_changes"


def test_column_dropped(tracked):
    tracked.track("disable")
    tracked.sql("ALTER TABLE t ADD COLUMN w TEXT DEFAULT 'q'")
    tracked.sync()
    tracked.sql("ALTER TABLE t DROP COLUMN w")
    assert tracked.sync()["t"]["reason"] == "schema_changed"
    assert tracked.run("verify", tracked.path, "--to", tracked.dest).returncode == 0


def test_unique_index_made_after_tracking_began(tracked):
    tracked.sql("CREATE UNIQUE INDEX t_v ON t(v)")
    assert tracked.sync()["t"]["reason"] == "schema_changed"
    tracked.track("enable")
    tracked.sync()
    tracked.sql("INSERT OR REPLACE INTO t VALUES(900, 'v50')")
    table = tracked.sync()["t"]
    assert (table["reason"], table["inserted"], table["deleted"]) == ("changes", 1, 1)
    tracked.assert_equal()


def test_text_in_an_integer_column_widens(tracked):
    tracked.sql("CREATE TABLE n(id INTEGER PRIMARY KEY, x INTEGER); INSERT INTO n VALUES(1,1),(2,2)")
    tracked.track("enable")
    assert tracked.sync()["n"]["reason"] == "first_load"
    tracked.sql("INSERT INTO n VALUES(3,'three')")
    table = tracked.sync()["n"]
    assert table["reason"] == "widened" and table["mode"] == "full" and table["warnings"]
    rows = landed.fold(tracked.dest, "shop", "n", ["id"])
    assert [(r["x"], r["x__type"]) for _, r in sorted(rows.items())] == [
        ("1", "integer"), ("2", "integer"), ("three", "text")]
    assert len({t for t, *_ in landed.rows(tracked.dest, "shop", "n")}) == 1, "older files are removed"
    tracked.sql("UPDATE n SET x = 9 WHERE id = 1")
    assert tracked.sync()["n"]["reason"] == "changes"
    assert tracked.run("verify", tracked.path, "--to", tracked.dest).returncode == 0


def test_key_changed_replaces_the_files(lake):
    lake.sync()
    lake.sql("CREATE TABLE t2(id INTEGER, v TEXT PRIMARY KEY); INSERT INTO t2 SELECT * FROM t; DROP TABLE t;"
             "ALTER TABLE t2 RENAME TO t")
    assert lake.sync()["t"]["reason"] == "key_changed"
    lake.assert_equal(key=("v",))


def test_untracked_table_lands_differences_only(lake):
    assert lake.sync()["t"]["reason"] == "first_load"
    lake.sql("INSERT INTO t VALUES(101,'new'); UPDATE t SET v='x' WHERE id=2; DELETE FROM t WHERE id=3;")
    table = lake.sync()["t"]
    assert (table["mode"], table["reason"], table["rows"]) == ("incremental", "no_tracking", 3)
    assert (table["inserted"], table["updated"], table["deleted"]) == (1, 1, 1)
    lake.assert_equal()
    assert lake.sync()["t"]["rows"] == 0


def test_tracking_enabled_after_the_first_load(lake):
    lake.sync()
    lake.sql("DELETE FROM t WHERE id=9")
    lake.track("enable")
    table = lake.sync()["t"]
    assert (table["reason"], table["rows"], table["deleted"]) == ("no_tracking", 1, 1)
    lake.sql("DELETE FROM t WHERE id=10")
    assert lake.sync()["t"]["reason"] == "changes"
    lake.assert_equal()


def test_keyless_table_is_replaced_only_when_it_changed(lake):
    lake.sql("CREATE TABLE k(a, b TEXT); INSERT INTO k VALUES(1,'x'),(1,'x'),(2,NULL)")
    lake.sync()
    assert lake.sync()["k"]["files"] == []
    lake.sql("DELETE FROM k WHERE rowid = 1")
    lake.sync()
    rows = [r for *_, r in landed.rows(lake.dest, "shop", "k")]
    assert sorted(map(str, rows)) == sorted(map(str, [{"a": 1, "b": "x"}, {"a": 2, "b": None}]))


def test_empty_table_writes_one_empty_file(lake):
    lake.sql("CREATE TABLE e(id INTEGER PRIMARY KEY, d DATE)")
    table = lake.sync()["e"]
    assert len(table["files"]) == 1 and table["rows"] == 0
    assert landed.rows(lake.dest, "shop", "e") == []


def test_parts(lake):
    table = lake.sync("--max-rows-per-file", "30")["t"]
    assert len(table["files"]) == 4
    lake.assert_equal()


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "brotli", "lz4", "none"])
def test_codecs(lake, codec):
    lake.sync("--compression", codec)
    lake.assert_equal()


def test_another_source_is_refused_and_a_moved_one_adopted(tracked, tmp_path):
    other = Lake(tmp_path / "o") if (tmp_path / "o").mkdir() is None else None
    other.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1,'other')")
    other.dest = tracked.dest
    done = other.run("sync", other.path, "--to", other.dest)
    assert done.returncode == 2 and "--adopt" in done.stderr and "--database" in done.stderr
    assert other.run("sync", other.path, "--to", other.dest, "--database", "second").returncode == 0
    assert other.sync("--adopt")["t"]["status"] == "ok"


def test_dropped_table_is_reported_and_left_alone(tracked):
    tracked.sql("CREATE TABLE other(id INTEGER PRIMARY KEY); DROP TABLE t")
    tables = tracked.sync()
    assert tables["t"]["status"] == "skipped" and "no longer in the source" in tables["t"]["warnings"][0]
    assert len(landed.fold(tracked.dest, "shop", "t", ["id"])) == 100


def test_a_source_whose_tables_are_all_gone_is_told_so(tracked):
    tracked.track("disable")
    tracked.sql("DROP TABLE t")
    tables = tracked.sync()
    assert tables["t"]["status"] == "skipped" and "no longer in the source" in tables["t"]["warnings"][0]
    assert tracked.run("verify", tracked.path, "--to", tracked.dest).returncode == 1


def test_another_source_is_refused_also_where_it_shares_no_table(tracked, tmp_path):
    (tmp_path / "o").mkdir()
    other = Lake(tmp_path / "o")
    other.sql("CREATE TABLE w(id INTEGER PRIMARY KEY)")
    other.dest = tracked.dest
    assert "another source" in other.sync("--table", "w", code=2)


def test_table_filters(lake):
    lake.sql("CREATE TABLE u(id INTEGER PRIMARY KEY); CREATE TABLE u2(id INTEGER PRIMARY KEY)")
    assert set(lake.sync("--table", "main.u*", "--exclude", "u2")) == {"u"}
    assert "matches no table" in lake.sync("--table", "nope", code=2)


def test_plan_writes_nothing_and_tells_why(tracked):
    tracked.sql("DELETE FROM t WHERE id=1")
    before = sorted(os.walk(tracked.dest))
    done = tracked.run("plan", tracked.path, "--to", tracked.dest, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["tables"][0]["reason"] == "changes"
    assert sorted(os.walk(tracked.dest)) == before


def test_verify_finds_a_lost_row(tracked):
    for path in landed.table_files(tracked.dest, "shop", "t"):
        os.unlink(path)
    done = tracked.run("verify", tracked.path, "--to", tracked.dest, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["tables"][0]["missing"] == 100


def test_verify_counts_pending_changes_apart(tracked):
    tracked.sql("DELETE FROM t WHERE id=1; UPDATE t SET v='p' WHERE id=2")
    done = tracked.run("verify", tracked.path, "--to", tracked.dest, "--json")
    assert done.returncode == 0
    table = json.loads(done.stdout)["tables"][0]
    assert (table["pending"], table["missing"], table["extra"], table["different"]) == (2, 0, 0, 0)


def test_a_run_of_some_tables_says_nothing_of_the_others(tracked):
    tracked.sql("CREATE TABLE u(id INTEGER PRIMARY KEY)")
    tracked.sync()

    def checked():
        done = tracked.run("status", tracked.dest, "--json")
        return {t["table"]: t["checked_at"] for t in json.loads(done.stdout)["tables"]}

    before = checked()
    while tracked.sync("--table", "t") and checked()["t"] == before["t"]:
        pass  # times are told in whole seconds
    assert checked()["u"] == before["u"]


def test_status_tells_each_table(tracked):
    done = tracked.run("status", tracked.dest, "--json")
    assert done.returncode == 0
    table = json.loads(done.stdout)["tables"][0]
    assert table["table"] == "t"
