"""Random transactions, definitions, clean-ups, TRUNCATEs and restores on our SQL Server, synced at random points with
random crashes: the files fold to the tables, by DuckDB and by the program's own verify, every time."""

import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from sqlserver_lake import SqlServerLake  # noqa: E402
from tds_server.seam import SqlError  # noqa: E402

ROUNDS = int(os.environ.get("TIDEMARK_SOAK_ROUNDS", "12"))
SEED = int(os.environ.get("TIDEMARK_SEED", "20261121"))
# The steps of a sync from a server: no copies, no folds on disk, no bases.
POINTS = re.findall(r"^TIDEMARK_FAILPOINT\(((?:upload|state|load|publish|views|shared|sweep|run|snapshot|read)_\w+)\)",
                    (ROOT / "src/base/failpoints.def").read_text(), re.M)
KEYS = {"dbo.plain": ("id",), "dbo.pair": ("code", "k"), "s.guids": ("id",)}
CREATE = {
    "dbo.plain": "CREATE TABLE plain(id int NOT NULL PRIMARY KEY, v nvarchar(20), n decimal(10,2), at datetime2(3), u int)",
    "dbo.pair": "CREATE TABLE pair(code varchar(8) NOT NULL, k int NOT NULL, w smallint, x bit, d date, PRIMARY KEY (code, k DESC))",
    "s.guids": "CREATE TABLE s.guids(id uniqueidentifier PRIMARY KEY, note nvarchar(max), b varbinary(50), f float)",
}
EXPECTED = (2627, 515, 5074, 2705, 4901)  # what random statements may rightly meet


class Model:
    """A place and the random hands that work on it."""

    def __init__(self, folder, rng):
        self.rng, self.place = rng, SqlServerLake(folder)
        self.place.sql("CREATE SCHEMA s")
        for text in CREATE.values():
            self.place.sql(text)
        self.columns = 0  # added so far: each has a name of its own
        self.backup = None
        self.happened = []
        self.place.track(*KEYS, snapshot=rng.random() < 0.75)
        if rng.random() < 0.3:
            self.place.sql("ALTER DATABASE shop SET READ_COMMITTED_SNAPSHOT ON")
        if rng.random() < 0.5:
            self.place.sql("CREATE UNIQUE INDEX by_u ON plain(u, id)")
            self.place.sql(f"EXEC tidemark_test.quirk 'insert_before_delete', {rng.choice([0, 1])}")
        self.place.sql(f"EXEC tidemark_test.quirk 'version_is_latest', {rng.choice([0, 1])}")
        self.place.sql(f"EXEC tidemark_test.quirk 'insert_then_delete', '{rng.choice(['D', ''])}'")

    # ---- statements

    def literals(self):
        r = self.rng
        word = r.choice(["a", "A ", "b", "é", "日本", "it''s", "long " * 3, ""])
        return {"i": r.randint(1, 30), "j": r.randint(1, 30), "s": f"N'{word}'" if r.random() < 0.9 else "NULL",
                "c": f"'{r.choice('aAbBcC')}{r.randint(1, 3)}'", "m": f"{r.uniform(-999, 999):.2f}",
                "t": f"'20{r.randint(10, 40)}-0{r.randint(1, 9)}-1{r.randint(0, 9)}T0{r.randint(0, 9)}:00:00.{r.randint(0, 999):03}'",
                "g": f"'0000000{r.randint(0, 9)}-0000-0000-0000-0000000000{r.randint(10, 12)}'",
                "b": r.choice(["NULL", "0x", "0x00ff", "0xdeadbeef"]), "f": r.choice(["NULL", "1e0", "-2.5e300", "0.1e0"])}

    def change(self):
        return self.rng.choice([
            "INSERT INTO plain(id, v, n, at, u) VALUES ({i}, {s}, {m}, {t}, {j})",
            "INSERT INTO plain(id, v) VALUES ({i}, {s}), ({i} + 100, {s})",
            "UPDATE plain SET v = {s}, n = {m} WHERE id BETWEEN {i} AND {j}",
            "UPDATE plain SET v = NULL, u = {i} WHERE id = {j}",
            "UPDATE plain SET id = id + 200 WHERE id = {i}",
            "DELETE FROM plain WHERE id = {i}; INSERT INTO plain(id, v, n) VALUES ({i}, {s}, {m})",
            "DELETE FROM plain WHERE id > {i} + 20",
            "INSERT INTO plain(id, v) VALUES ({i} + 500, {s}); DELETE FROM plain WHERE id > 500",
            "INSERT INTO pair(code, k, w, x) VALUES ({c}, {i}, {j}, 1)",
            "UPDATE pair SET w = {i}, d = '2020-02-29', x = 1 - x WHERE code = {c}",
            "UPDATE pair SET code = UPPER(code), w = {i} WHERE code = {c}",
            "UPDATE pair SET k = k + 50 WHERE code = {c} AND k < 50",
            "DELETE FROM pair WHERE code = {c} AND k % 2 = 0",
            "INSERT INTO s.guids(id, note, b, f) VALUES ({g}, {s}, {b}, {f})",
            "UPDATE s.guids SET note = {s}, f = {f} WHERE id = {g}", "DELETE FROM s.guids WHERE id = {g}",
        ]).format(**self.literals())

    def transaction(self):
        if self.rng.random() < 0.4:
            return self.change()
        changes = "; ".join(self.change() for _ in range(self.rng.randint(1, 6)))
        return f"BEGIN TRANSACTION; {changes}; {'COMMIT' if self.rng.random() < 0.85 else 'ROLLBACK'}"

    def definition(self):
        """A change of one table's columns, or of its tracking."""
        r, table = self.rng, self.rng.choice(list(KEYS))
        self.columns += 1
        name = f"x{self.columns}"
        # A tracked change first: without one, TRUNCATE begins at the version that is there, and nothing documented tells.
        moved = f"DELETE FROM plain WHERE id = -1; INSERT INTO plain(id) VALUES ({10_000 + self.columns}); "
        extra = [c for c in self.added(table)]
        choices = [f"ALTER TABLE {table} ADD {name} int", f"ALTER TABLE {table} ADD {name} int NOT NULL DEFAULT {r.randint(1, 9)}",
                   f"ALTER TABLE {table} ADD {name} nvarchar(9) DEFAULT N'd' WITH VALUES",
                   f"{moved}TRUNCATE TABLE {table}",
                   f"ALTER TABLE {table} DISABLE CHANGE_TRACKING; ALTER TABLE {table} ENABLE CHANGE_TRACKING",
                   f"{moved}DROP TABLE {table}; {CREATE[table]}; ALTER TABLE {table} ENABLE CHANGE_TRACKING"]
        if table == "dbo.plain":
            choices.append(f"ALTER TABLE plain ALTER COLUMN v {r.choice(['varchar(20)', 'nvarchar(20)', 'nvarchar(max)'])}")
        if extra:
            one = r.choice(extra)
            choices += [f"EXEC sp_rename '{table}.{one}', '{name}', 'COLUMN'", f"ALTER TABLE {table} ALTER COLUMN {one} nvarchar(40)",
                        f"ALTER TABLE {table} DROP COLUMN {one}", f"ALTER TABLE {table} DROP COLUMN {one}; ALTER TABLE {table} ADD {one} int"]
        return r.choice(choices)

    def added(self, table):
        rows = self.place.sql(f"SELECT name FROM sys.columns WHERE object_id = OBJECT_ID('{table}') AND name LIKE 'x[0-9]%'")
        return [name for (name,) in rows]

    def disaster(self):
        """What happens to a whole database."""
        r = self.rng
        if self.backup is None or r.random() < 0.3:
            self.backup = f"b{r.random()}"
            return f"BACKUP DATABASE shop TO DISK = '{self.backup}'"
        return r.choice([
            f"USE master; RESTORE DATABASE shop FROM DISK = '{self.backup}' WITH REPLACE; USE shop",
            f"EXEC tidemark_test.advance_clock {r.choice([3600, 86_400 * 3, 86_400 * 20])}", "EXEC tidemark_test.cleanup",
            f"EXEC tidemark_test.advance_clock {86_400 * 10}",
            "; ".join([*(f"ALTER TABLE {t} DISABLE CHANGE_TRACKING" for t in KEYS), "ALTER DATABASE shop SET CHANGE_TRACKING = OFF",
                       "ALTER DATABASE shop SET CHANGE_TRACKING = ON", *(f"ALTER TABLE {t} ENABLE CHANGE_TRACKING" for t in KEYS)]),
            f"EXEC tidemark_test.fail_over 'SERVER{r.randint(1, 3)}'"])

    def work(self, count):
        for _ in range(count):
            x = self.rng.random()
            text = self.transaction() if x < 0.85 else self.definition() if x < 0.93 else self.disaster()
            self.run(text)

    def run(self, text):
        self.happened.append(text)
        try:
            self.place.sql(text)
        except SqlError as error:
            assert error.number in EXPECTED, (text, error)
            self.place.sql("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")

    # ---- syncs

    def crash(self):
        """A sync that is to die, or to fail, somewhere."""
        r = self.rng
        if r.random() < 0.7:
            failpoint = f"{r.choice(POINTS)}={r.choice(['kill', 'error'])}@{r.randint(1, 2)}"
            self.happened.append(f"sync {failpoint}")
            self.place.run("sync", "--retries", "0", failpoint=failpoint)
            return
        process = subprocess.Popen(self.place.command("sync", "--no-progress"), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env={**os.environ, "TIDEMARK_PASSWORD": "p"})
        try:
            # The moment is random on purpose: no outcome depends on it.
            process.wait(r.uniform(0, 0.25))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        self.happened.append("sync, killed")

    def sync(self):
        options = self.rng.choice([[], [], ["--mode", "full"], ["--workers", "1"], ["--max-rows-per-file", "7"]])
        done = self.place.sync(*options)
        self.happened.append(f"sync {options}: " + ", ".join(f"{name} {t['reason']}" for name, t in done.items()))
        for table, key in KEYS.items():
            self.place.assert_equal(table, *key)
        self.place.verify()


def shown(model, seed):
    return f"seed {seed}\n" + "\n".join(model.happened[-60:])


def one_round(folder, seed):
    model = Model(folder, random.Random(seed))
    try:
        model.work(model.rng.randint(0, 40))
        for _ in range(model.rng.randint(3, 6)):
            while model.rng.random() < 0.35:
                model.crash()
                model.work(model.rng.randint(0, 5))
            model.sync()
            model.work(model.rng.randint(0, 25))
        model.place.close()
    except AssertionError as error:
        raise AssertionError(f"{shown(model, seed)}\n{error}") from error
    finally:
        model.place.server.close()
    return len(model.happened)


@pytest.mark.parametrize("number", range(max(1, ROUNDS // 2)))
def test_files_fold_to_the_tables(tmp_path, number):
    assert one_round(tmp_path, SEED + number) > 0


@pytest.mark.parametrize("snapshot", [True, False])
def test_files_fold_to_the_tables_while_others_write(tmp_path, snapshot):
    """A writer never pauses while runs come, crash and go; once it does, one sync makes all equal."""
    rng = random.Random(SEED)
    model = Model(tmp_path, rng)
    place = model.place
    place.track(snapshot=snapshot)
    place.sql("EXEC tidemark_test.quirk 'reads_wait', 1")
    hands = Model.__new__(Model)
    hands.rng, hands.place, hands.columns = random.Random(SEED + 1), place, 0
    stop, written = threading.Event(), []

    def write():
        session = place.engine.admin("shop")
        while not stop.is_set():
            try:
                session.query(hands.transaction())
            except SqlError as error:
                assert error.number in EXPECTED, error
                session.query("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
            written.append(1)
            time.sleep(0)  # lets the server's threads run

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(8):
            model.crash() if rng.random() < 0.5 else place.run("sync", "--workers", "3")
    finally:
        stop.set()
        writer.join()
    assert len(written) > 20
    place.sql("EXEC tidemark_test.quirk 'insert_before_delete', 0")
    model.sync()
    model.sync()
    place.close()
