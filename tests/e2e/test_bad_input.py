"""Bad input and bad days: what a user meets is an error that names the thing, never a wrong or lost row."""

import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from conftest import NOBODY, TIDEMARK, Place, run

IS_ROOT = os.geteuid() == 0


def assert_unusable(done, says):
    assert done.code == 3, done
    assert done.err.startswith("tidemark: error: ") and says in done.err
    assert done.out == ""


# The source.

def test_a_missing_source_leaves_no_destination(place):
    assert_unusable(run("sync", place.path, "--to", place.dest), "shop.db")
    assert not place.dest.exists()


@pytest.mark.parametrize("content", [b"hello, world\n" * 1000, random.Random(1).randbytes(64 * 4096),
                                     b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "encrypted", "header"])
def test_a_file_that_is_no_database(place, content):
    place.path.write_bytes(content)
    for command in ("sync", "plan", "verify"):
        assert_unusable(run(command, place.path, "--to", place.dest), "shop.db")
    assert run("track", "enable", place.path).code == 3
    assert place.path.read_bytes() == content


def test_an_empty_file_is_a_database_without_tables(place):
    place.path.write_bytes(b"")
    assert place.sync().json()["tables"] == []


def test_a_folder_as_source(place):
    place.path.mkdir()
    assert_unusable(run("sync", place.path, "--to", place.dest), "folder")


def overwrite_pages(path, rng, share):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for page in range(1, size // 4096):
            if rng.random() < share:
                file.seek(page * 4096 + rng.randrange(4000))
                file.write(rng.randbytes(96))


@pytest.mark.parametrize("seed", range(12))
def test_a_corrupt_database_lands_nothing_wrong(shop, seed):
    shop.sql("CREATE TABLE other(id INTEGER PRIMARY KEY, name TEXT);"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
             "INSERT INTO other SELECT i, hex(randomblob(30)) FROM n")
    overwrite_pages(shop.path, random.Random(seed), 0.05)
    done = run("sync", shop.path, "--to", shop.dest, "--json")
    assert done.code in (0, 1, 3), done
    if done.code:
        assert "tidemark: error: " in done.err
    for path in shop.files():
        assert path.suffix == ".parquet"


def test_a_truncated_database(shop):
    shop.sql("CREATE TABLE other(id INTEGER PRIMARY KEY, b BLOB);"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
             "INSERT INTO other SELECT i, randomblob(100) FROM n")
    os.truncate(shop.path, shop.path.stat().st_size // 2)
    done = run("sync", shop.path, "--to", shop.dest)
    assert done.code in (1, 3), done
    assert "malformed" in done.err or "corrupt" in done.err


def test_a_database_locked_by_a_writer(shop):
    writer = sqlite3.connect(shop.path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    done = run("sync", shop.path, "--to", shop.dest, "--lock-timeout", "100ms")
    assert_unusable(done, "locked")
    assert "hint: " in done.err
    writer.execute("ROLLBACK")
    shop.sync()


def as_nobody(command):
    return subprocess.run(command, capture_output=True, text=True, user=NOBODY, group=NOBODY, extra_groups=[],
                          env={**os.environ, "HOME": "/"})


@pytest.fixture
def program_for_all(tmp_path_factory):
    """Whether another user can run the program where it is built."""
    if not IS_ROOT:
        pytest.skip("only root can become another user")
    if as_nobody([TIDEMARK, "version"]).returncode != 0:
        pytest.skip("another user cannot run the program where it was built")


def open_to_all(folder):
    for parent in [folder, *folder.parents]:
        if parent == pathlib.Path("/") or parent.stat().st_mode & 0o001:
            continue
        parent.chmod(0o755)


def test_a_source_that_may_not_be_read(shop, program_for_all):
    open_to_all(shop.folder)
    shop.path.chmod(0o600)
    done = as_nobody([TIDEMARK, "sync", str(shop.path), "--to", str(shop.dest)])
    assert done.returncode == 3 and "shop.db" in done.stderr and "ermission" in done.stderr


def test_a_destination_that_may_not_be_written(shop, program_for_all):
    open_to_all(shop.folder)
    shop.path.chmod(0o644)
    shop.dest.mkdir(mode=0o755)
    done = as_nobody([TIDEMARK, "sync", str(shop.path), "--to", str(shop.dest)])
    assert done.returncode == 3 and "landing" in done.stderr, done
    assert list(shop.dest.iterdir()) == []


def test_tracking_a_database_that_may_not_be_written(shop, program_for_all):
    open_to_all(shop.folder)
    shop.path.chmod(0o644)
    done = as_nobody([TIDEMARK, "track", "enable", str(shop.path)])
    assert done.returncode == 3 and "tidemark: error: " in done.stderr


def test_a_read_only_database_is_read(shop, program_for_all):
    """Neither the file nor its folder can be written: a sync needs neither."""
    open_to_all(shop.folder)
    shop.path.chmod(0o444)
    shop.folder.chmod(0o555)
    elsewhere = shop.folder.parent / (shop.folder.name + "-out")
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    done = as_nobody([TIDEMARK, "sync", str(shop.path), "--to", str(elsewhere / "d"), "--temp-dir", str(elsewhere)])
    assert done.returncode == 0, done


# The destination.

def test_a_destination_that_is_a_file(shop):
    shop.dest.write_text("mine")
    assert_unusable(run("sync", shop.path, "--to", shop.dest), "landing")
    assert shop.dest.read_text() == "mine"


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = IS_ROOT and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk],
                                         capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def fill(place, rows=30000):
    """A large table, in a database that is read in place."""
    place.sql("PRAGMA journal_mode=wal; CREATE TABLE big(id INTEGER PRIMARY KEY, b BLOB);"
              f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
              "INSERT INTO big SELECT i, randomblob(200) FROM n")


def test_a_destination_that_is_full(shop, small_disk):
    fill(shop)
    shop.dest = small_disk / "landing"
    done = shop.sync(code=1)
    tables = done.tables()
    assert tables["big"]["status"] == "failed" and tables["t"]["status"] == "ok", done
    assert "space" in done.err
    assert shop.files("big") == []
    shop.assert_equal()
    shop.sql("DROP TABLE big; CREATE TABLE big(id INTEGER PRIMARY KEY, b BLOB); INSERT INTO big VALUES(1, x'00')")
    shop.sync()
    shop.assert_equal("big", "id")
    shop.verify()


def test_no_room_for_a_private_copy(shop, small_disk):
    fill(shop)
    shop.sql("PRAGMA journal_mode=delete")  # a long read would stop its writers: it is copied
    done = run("sync", shop.path, "--to", shop.dest, "--temp-dir", small_disk)
    assert_unusable(done, "private copy")
    assert "--temp-dir" in done.err and list(small_disk.iterdir()) == []


def test_a_file_that_may_not_grow(shop):
    """As a quota does: writes fail in mid-file."""
    import resource
    fill(shop)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = run("sync", shop.path, "--to", shop.dest, "--json", preexec_fn=limit)
    assert done.code == 1, done
    assert done.tables()["big"]["status"] == "failed"
    assert shop.files("big") == []
    shop.sync()
    shop.assert_equal("big", "id")


# Other programs at work.

CHANGER = """
import random, sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
print("ready", flush=True)
n = 0
while not sys.stdin.isatty() and not __import__("select").select([sys.stdin], [], [], 0)[0]:
    n += 1
    c.execute("BEGIN IMMEDIATE")
    c.execute("UPDATE t SET name = ? WHERE id % 7 = ?", (str(n), n % 7))
    c.execute("INSERT INTO t(name, size) VALUES(?, ?)", (str(n), n / 2))
    c.execute("DELETE FROM t WHERE id = ?", (n,))
    c.execute("COMMIT")
    if n % 5 == 0:
        c.execute(f"CREATE TABLE made_{n}(id INTEGER PRIMARY KEY, v TEXT)")
        c.execute(f"INSERT INTO made_{n} VALUES(1, 'x')")
        c.execute(f"ALTER TABLE made_{n} ADD COLUMN w TEXT")
        if n >= 10:
            c.execute(f"DROP TABLE made_{n - 5}")
"""


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_another_program_changes_rows_and_tables_during_the_sync(shop, journal):
    shop.sql(f"PRAGMA journal_mode={journal}")
    shop.track("enable", "t")
    changer = subprocess.Popen([sys.executable, "-c", CHANGER, str(shop.path)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        assert changer.stdout.readline() == "ready\n"
        for _ in range(5):
            done = run("sync", shop.path, "--to", shop.dest, "--json", "--lock-timeout", "60s")
            assert done.code == 0, done
    finally:
        changer.communicate("stop\n", timeout=60)
    shop.sync()
    shop.assert_equal()
    shop.verify("--table", "t")


def test_two_syncs_at_once_land_every_row_once(shop):
    fill(shop, 50000)
    shop.track("enable", "t", "big")
    processes = [subprocess.Popen([TIDEMARK, "sync", shop.path, "--to", shop.dest], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) for _ in range(4)]
    codes = []
    for process in processes:
        _, err = process.communicate(timeout=120)
        codes.append(process.returncode)
        assert process.returncode in (0, 1, 4), err
        if process.returncode:
            assert "another run" in err or "lock" in err, err
    assert 0 in codes or codes.count(1) > 0
    shop.sync()
    shop.assert_equal()
    shop.assert_equal("big", "id")
    shop.verify()


def test_a_table_held_by_another_run_is_4_when_there_is_no_other(shop):
    import fcntl
    shop.sync()
    shop.sql("UPDATE t SET name = 'x'; INSERT INTO log VALUES('y')")
    locks = list(shop.dest.rglob(".sync.lock"))
    assert len(locks) == 2
    held = [open(lock, "a") for lock in locks]
    for file in held:
        fcntl.flock(file, fcntl.LOCK_EX)
    done = run("sync", shop.path, "--to", shop.dest)
    assert done.code == 4, done
    assert "hint: " in done.err
    held[0].close()
    done = run("sync", shop.path, "--to", shop.dest, "--json")
    assert done.code in (0, 1), done
    assert sorted(t["status"] for t in done.json()["tables"]) == ["ok", "skipped"]
    held[1].close()
    shop.sync()
    shop.assert_equal()


# What may happen to a table between two runs.

@pytest.mark.parametrize("tracked", [False, True], ids=["untracked", "tracked"])
@pytest.mark.parametrize("ddl", [
    "ALTER TABLE t ADD COLUMN extra TEXT DEFAULT 'd'",
    "ALTER TABLE t DROP COLUMN size",
    "ALTER TABLE t RENAME COLUMN name TO label",
    "CREATE TABLE n(id INTEGER PRIMARY KEY, name BLOB, size TEXT); INSERT INTO n SELECT * FROM t;"
    "DROP TABLE t; ALTER TABLE n RENAME TO t",
    "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size REAL); INSERT INTO t VALUES(3, 'new', 1)",
], ids=["added", "dropped", "renamed", "retyped", "made again"])
def test_a_table_whose_columns_change_is_landed_again(shop, tracked, ddl):
    if tracked:
        shop.track("enable", "t")
    shop.sync()
    if tracked and "DROP COLUMN" in ddl:
        shop.track("disable", "t")  # the triggers name the column
    shop.sql(ddl, "DELETE FROM t WHERE id = 5")
    table = shop.sync().tables()["t"]
    assert table["status"] == "ok"
    done = shop.verify("--table", "t")
    assert done.tables()["t"]["rows_landed"] == done.tables()["t"]["rows_source"]
    keys = {key for key in shop.folded("t", "id")}
    with sqlite3.connect(shop.path) as connection:
        assert keys == set(connection.execute("SELECT id FROM t"))


def test_a_table_that_was_dropped_is_said_and_what_was_landed_stays(shop):
    shop.sync()
    before = shop.files("log")
    shop.sql("DROP TABLE log")
    done = shop.sync()
    assert shop.files("log") == before
    assert "main.log" in done.err and done.tables()["log"]["status"] == "skipped"
    shop.assert_equal()


def test_a_unique_index_made_after_tracking_began(shop):
    shop.track("enable", "t")
    shop.sync()
    shop.sql("CREATE UNIQUE INDEX late ON t(name)",
             "INSERT OR REPLACE INTO t VALUES(500, 'name 3', 1.0)")  # pushes row 3 out, unseen by the triggers
    assert shop.sync().tables()["t"]["reason"] == "schema_changed"
    shop.assert_equal()
    shop.track("enable", "t")
    shop.sync()
    shop.sql("INSERT OR REPLACE INTO t VALUES(501, 'name 4', 1.0)")
    assert shop.sync().tables()["t"]["reason"] == "changes"
    shop.assert_equal()
    shop.verify()


# Values.

def values_of(place, table, *key):
    return {k: row for k, row in place.folded(table, *key).items()}


def test_values_that_break_the_promise_of_their_column(place):
    place.sql("CREATE TABLE v(id INTEGER PRIMARY KEY, i INTEGER, r REAL, n NUMERIC, s TEXT, b BOOLEAN, d DATE, x)",
              "INSERT INTO v VALUES(1, 5, 1.5, 10, 'a', 1, '2026-11-21', NULL)",
              "INSERT INTO v VALUES(2, 'five', 9007199254740993, 9007199254740993, x'ff00', 7, 'soon', 1)",
              "INSERT INTO v VALUES(3, 2.5, 'text', 0.5, 12, NULL, '2026-02-30', 'mixed')",
              ("INSERT INTO v VALUES(4, 9223372036854775807, -1e308, 'NaN', ?, 0, 3, ?)", ("a\0b", b"\0\xff")),
              "INSERT INTO v(id, s) VALUES(5, CAST(x'c328' AS TEXT))")
    place.sync()
    done = place.verify()
    assert done.tables()["v"]["rows_landed"] == 5
    rows = values_of(place, "v", "id")
    assert rows[(2,)]["i"] == "five" and rows[(2,)]["i__type"] == "text"
    assert rows[(1,)]["i"] == "5" and rows[(1,)]["i__type"] == "integer"
    assert rows[(2,)]["d"] == "soon"
    assert bytes(rows[(4,)]["s"]) == b"a\0b"
    assert bytes(rows[(5,)]["s"]) == b"\xc3\x28"


def test_a_change_that_breaks_the_promise_widens_the_table(shop):
    shop.track("enable", "t")
    shop.sync()
    shop.sql("UPDATE t SET size = 'very' WHERE id = 9")
    table = shop.sync().tables()["t"]
    assert (table["reason"], table["status"]) == ("widened", "ok")
    assert table["warnings"]
    assert values_of(shop, "t", "id")[(9,)]["size"] == "very"
    shop.verify()
    assert shop.sync().tables()["t"]["reason"] == "no_changes"


def test_a_value_of_200_mb(place):
    place.sql("CREATE TABLE blobs(id INTEGER PRIMARY KEY, b BLOB); INSERT INTO blobs VALUES(1, zeroblob(200000000));"
              "INSERT INTO blobs VALUES(2, x'01')")
    place.sync()
    place.verify()


def test_2000_columns(place):
    columns = ", ".join(f"c{i} INTEGER" for i in range(1999))
    place.sql(f"CREATE TABLE wide(id INTEGER PRIMARY KEY, {columns}); INSERT INTO wide(id, c7) VALUES(1, 7)")
    place.track()
    place.sync()
    place.sql("UPDATE wide SET c1998 = 5; INSERT INTO wide(id) VALUES(2)")
    table = place.sync().tables()["wide"]
    assert (table["inserted"], table["updated"]) == (1, 1)
    assert values_of(place, "wide", "id")[(1,)]["c1998"] == 5
    place.verify()


def test_a_key_with_nulls_and_mixed_types_counts_as_none(place):
    place.sql("CREATE TABLE k(key PRIMARY KEY, v)",
              "INSERT INTO k VALUES(NULL, 1), (NULL, 2), (1, 3), ('1', 4), (x'31', 5), (1.5, 6)")
    assert any("key" in warning for warning in place.sync().tables()["k"]["warnings"])
    assert place.verify().tables()["k"]["rows_landed"] == 6
    place.sql("DELETE FROM k WHERE v = 2")
    place.sync()
    assert place.verify().tables()["k"]["rows_landed"] == 5


@pytest.mark.parametrize("tracked", [False, True], ids=["untracked", "tracked"])
def test_a_nocase_key_whose_case_changes(place, tracked):
    place.sql("CREATE TABLE n(k TEXT COLLATE NOCASE PRIMARY KEY, v INTEGER); INSERT INTO n VALUES('a', 1), ('b', 2)")
    if tracked:
        place.track()
    place.sync()
    place.sql("UPDATE n SET k = 'A' WHERE k = 'a'; INSERT OR REPLACE INTO n VALUES('B', 3)")
    place.sync()
    place.assert_equal("n", "k")
    place.verify()


# Names.

NAMES = ['we"ird', "it's", "a/b", "../up", "..", ".hidden", "dot.ted", "with space", "größe", "数据", "order", "*", "?[x]",
         "%41", "semi;colon", "tab\there", "new\nline", "x" * 300, "CON", "Case", "case", "back\\slash", "-dash", ""]


def test_tables_and_columns_of_any_name(place):
    for i, name in enumerate(NAMES):
        quoted = name.replace('"', '""')
        if name in ("Case", "case"):
            continue
        place.sql(f'CREATE TABLE "{quoted}"(id INTEGER PRIMARY KEY, "{quoted} c" TEXT)',
                  f'INSERT INTO "{quoted}" VALUES({i}, \'v\')')
    place.track()
    done = place.sync()
    assert {t["table"] for t in done.json()["tables"]} == set(NAMES) - {"Case", "case"}
    assert done.json()["failed"] == 0
    inside = [p for p in place.folder.rglob("*.parquet")]
    assert len(inside) == len(NAMES) - 2
    assert all(p.is_relative_to(place.dest / "data" / "shop" / "main") for p in inside)
    for name in set(NAMES) - {"Case", "case"}:
        quoted = name.replace('"', '""')
        place.sql(f'UPDATE "{quoted}" SET "{quoted} c" = \'w\'')
    assert place.sync().json()["rows"] == len(NAMES) - 2
    place.verify()


def test_a_table_name_that_is_not_utf8(place):
    connection = sqlite3.connect(place.path)
    connection.execute("CREATE TABLE abc(id INTEGER PRIMARY KEY)")
    connection.execute("INSERT INTO abc VALUES(1)")
    connection.commit()
    connection.close()
    content = place.path.read_bytes()
    place.path.write_bytes(content.replace(b"abc", b"a\xffc"))
    done = run("sync", place.path, "--to", place.dest, "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["tables"][0]["table"] == "a\ufffdc"


# Our own records, changed by others.

@pytest.mark.parametrize("text", ["", "{}", "[1, 2", "null", '{"format_version": 999}', "\x00" * 100],
                         ids=["empty", "object", "torn", "null", "future", "zeros"])
def test_a_state_that_cannot_be_read_is_an_error_and_stays(shop, text):
    shop.sync("--table", "t")
    before = shop.files()
    shop.state_file().write_text(text)
    done = run("sync", shop.path, "--to", shop.dest, "--table", "t", "--json")
    assert done.code in (1, 3), done
    assert "t.json" in done.err or "main.t" in done.err
    assert shop.state_file().read_text() == text and shop.files() == before
    assert run("status", shop.dest).code == 1


@pytest.mark.parametrize("name", ["watermarks.json", "schema.json", "sync_history.jsonl"])
@pytest.mark.parametrize("text", ["", "not json", '{"other": 1}', "[]"], ids=["empty", "text", "foreign", "list"])
def test_views_for_others_that_someone_broke_are_written_again(shop, name, text):
    shop.track("enable", "t")
    shop.sync()
    view = shop.dest / "watermarks" / "shop" / "main" / "t" / name
    view.write_text(text)
    shop.sql("UPDATE t SET name = 'x' WHERE id = 1")
    shop.sync()
    if name == "watermarks.json":
        assert json.loads(view.read_text())["main.t"]["rows_synced"] == 1
    elif name == "schema.json":
        assert [c["name"] for c in json.loads(view.read_text())["columns"]][:3] == ["id", "name", "size"]
    else:
        assert json.loads(view.read_text().splitlines()[-1])["table"] == "main.t"
    shop.assert_equal()


def test_an_output_yaml_of_someone_else_is_kept(shop):
    shop.dest.mkdir()
    (shop.dest / "output.yaml").write_text("databases:\n  crm:\n    uc_catalog_name: prod\n")
    shop.sync()
    import yaml
    manifest = yaml.safe_load((shop.dest / "output.yaml").read_text())
    assert manifest["databases"]["crm"]["uc_catalog_name"] == "prod"
    assert set(manifest["databases"]["shop"]["main"]) >= {"t", "log"}


def test_a_landed_file_that_someone_removed_is_said(shop):
    shop.sync()
    shop.files("t")[0].unlink()
    done = run("verify", shop.path, "--to", shop.dest, "--table", "t")
    assert done.code == 1, done
    assert ".parquet" in done.err


# Time and signals.

def test_a_clock_that_was_set_back(shop):
    if not shutil.which("faketime"):
        assert os.environ.get("CI") != "true"
        pytest.skip("faketime is not on this machine")
    shop.track("enable", "t")

    def sync_at(days):
        process = subprocess.run(["faketime", "-f", f"{days:+d}d", TIDEMARK, "sync", str(shop.path), "--to", str(shop.dest)],
                                 capture_output=True, text=True)
        assert process.returncode == 0, process

    sync_at(0)
    shop.sql("UPDATE t SET name = 'second' WHERE id = 1")
    sync_at(-3)
    shop.sql("UPDATE t SET name = 'third' WHERE id = 1; DELETE FROM t WHERE id = 2")
    sync_at(-5)
    shop.assert_equal()
    names = [path.name for path in sorted(shop.files("t"), key=lambda p: p.stat().st_mtime)]
    assert names == sorted(names)
    shop.verify()


@pytest.mark.parametrize("seed", range(6))
def test_signals_at_any_moment(shop, seed):
    """Interrupted again and again at random moments while the table changes: the files stay exact."""
    rng = random.Random(seed)
    fill(shop, 20000)
    shop.track("enable", "t", "big")
    for round_ in range(6):
        process = subprocess.Popen([TIDEMARK, "sync", shop.path, "--to", shop.dest], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        name = rng.choice([signal.SIGINT, signal.SIGTERM])
        timer = threading.Timer(rng.random() * 0.3, process.send_signal, [name])
        timer.start()
        _, err = process.communicate(timeout=120)
        timer.cancel()
        # Before the program is up a signal has its usual effect.
        assert process.returncode in (0, 128 + name, -name), err
        shop.sql(f"UPDATE big SET b = randomblob(20) WHERE id % 100 = {round_}; DELETE FROM t WHERE id = {round_ + 1}")
    shop.sync()
    shop.assert_equal()
    shop.assert_equal("big", "id")
    shop.verify()


def test_a_second_signal_ends_at_once(shop):
    """A sync that waits for a lock for an hour does not wait for it after the signals."""
    writer = sqlite3.connect(shop.path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    process = subprocess.Popen([TIDEMARK, "sync", shop.path, "--to", shop.dest, "--lock-timeout", "1h"],
                               stderr=subprocess.PIPE, text=True)
    mask = pathlib.Path(f"/proc/{process.pid}/status")
    # Until it listens: the bit of SIGINT in SigCgt.
    while not int([line for line in mask.read_text().splitlines() if line.startswith("SigCgt")][0].split()[1], 16) & 2:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    writer.execute("ROLLBACK")


def test_names_of_databases(tmp_path):
    place = Place(tmp_path)
    place.path = tmp_path / "a b.c.sqlite3"
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)")
    assert place.sync().json()["tables"][0]["database"] == "a b.c"
    assert list((place.dest / "data").iterdir())[0].name == "a%20b.c"
