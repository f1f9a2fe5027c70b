"""Histories by chance: transactions, definitions, cleaning, restores and crashes; what is folded is the table."""

import os
import pathlib
import random
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from sqlserver_place import TIDEMARK, SqlServerPlace  # noqa: E402
from tds_server.seam import SqlError  # noqa: E402

SEED = int(os.environ.get("TIDEMARK_SEED", "20261121"))
STEPS = int(os.environ.get("TIDEMARK_STEPS", "40"))
POINTS = ["upload_after_seal", "state_after_take", "state_before_commit", "state_after_commit", "publish_before",
          "publish_after", "views_before", "state_before_clear", "snapshot_after"]
ERRORS = [1205, 3960, 3961, 40613, 10928]


class Model:
    """A table with a key of numbers, one with a key of two columns, one whose key ignores case, one that rests."""

    def __init__(self, place, chance):
        self.place, self.chance, self.log = place, chance, []
        self.columns = 0
        place.sql("CREATE TABLE idle(id int NOT NULL PRIMARY KEY, v int); ALTER TABLE idle ENABLE CHANGE_TRACKING")
        place.sql("INSERT INTO idle VALUES (1, 1), (2, 2)")
        place.sql("CREATE TABLE pair(a int NOT NULL, b datetime2(7) NOT NULL, v int, PRIMARY KEY (a, b DESC))")
        place.sql("ALTER TABLE pair ENABLE CHANGE_TRACKING")
        place.sql("CREATE TABLE word(k nvarchar(9) COLLATE Latin1_General_100_CI_AS NOT NULL PRIMARY KEY, v int)")
        place.sql("ALTER TABLE word ENABLE CHANGE_TRACKING")
        self.make()

    def make(self):
        self.place.sql("CREATE TABLE t(id int NOT NULL PRIMARY KEY, v int, s nvarchar(20))")
        self.place.sql("ALTER TABLE t ENABLE CHANGE_TRACKING")
        self.extra = []

    def sql(self, text):
        self.log.append(text)
        try:
            self.place.sql(text)
        except SqlError as error:
            if error.number not in (2627, 2601):  # a key that is there
                raise
            self.log.append(f"-- {error.number}")

    def write(self):
        number = self.chance.randrange(40)
        key = self.chance.choice(["ab", "AB", "Ab ", "c", "C", "éa", "ÉA"])
        moment = f"'2026-01-01T00:00:00.000000{self.chance.randrange(10)}'"
        self.sql(self.chance.choice([
            f"INSERT INTO t(id, v, s) VALUES ({number}, 1, N'n{number}')",
            f"UPDATE t SET v = {self.chance.randrange(1000)} WHERE id % 5 = {number % 5}",
            f"UPDATE t SET s = NULL WHERE id = {number}",
            f"DELETE FROM t WHERE id = {number}",
            f"DELETE FROM t WHERE id = {number}; INSERT INTO t(id, v) VALUES ({number}, 7)",
            f"INSERT INTO pair VALUES ({number % 4}, {moment}, {number})",
            f"UPDATE pair SET v = {number} WHERE a = {number % 4}",
            f"DELETE FROM pair WHERE a = {number % 4} AND b = {moment}",
            f"INSERT INTO word VALUES (N'{key}', {number})",
            f"UPDATE word SET k = N'{key}' WHERE k = N'{key}'",
            f"UPDATE word SET v = {number} WHERE k = N'{key}'",
            f"DELETE FROM word WHERE k = N'{key}'",
            f"BEGIN TRANSACTION; UPDATE t SET v = {number}; UPDATE pair SET v = {number}; COMMIT TRANSACTION",
            f"BEGIN TRANSACTION; DELETE FROM t; ROLLBACK TRANSACTION",
        ]))

    def define(self):
        self.columns += 1
        name = f"c{self.columns}"
        kinds = ["add", "default"] + (["drop", "rename"] if self.extra else [])
        kind = self.chance.choice(kinds)
        if kind == "add":
            self.sql(f"ALTER TABLE t ADD {name} int NULL")
            self.extra.append(name)
        elif kind == "default":
            self.sql(f"ALTER TABLE t ADD {name} int NOT NULL DEFAULT {self.columns}")
            self.extra.append(name)
        elif kind == "drop":
            gone = self.extra.pop(self.chance.randrange(len(self.extra)))
            constraints = self.place.sql("SELECT dc.name FROM sys.default_constraints AS dc INNER JOIN sys.columns AS c "
                                         "ON c.default_object_id = dc.object_id WHERE c.object_id = OBJECT_ID(N't') "
                                         f"AND c.name = N'{gone}'")
            for constraint, in constraints:
                self.sql(f"ALTER TABLE t DROP CONSTRAINT [{constraint}]")
            self.sql(f"ALTER TABLE t DROP COLUMN {gone}")
        else:
            at = self.chance.randrange(len(self.extra))
            self.sql(f"EXEC sp_rename N'dbo.t.{self.extra[at]}', N'{name}', N'COLUMN'")
            self.extra[at] = name

    def disturb(self):
        kind = self.chance.randrange(5)
        if kind == 0:
            self.sql("TRUNCATE TABLE " + self.chance.choice(["t", "pair", "word"]))
        elif kind == 1:
            self.sql("DROP TABLE t")
            self.make()
        elif kind == 2:
            self.sql("EXEC tidemark_test.cleanup N'dbo.t', "
                     + str(self.place.sql("SELECT CHANGE_TRACKING_CURRENT_VERSION()")[0][0]))
        elif kind == 3:
            self.sql("ALTER TABLE word DISABLE CHANGE_TRACKING; DELETE FROM word WHERE v % 2 = 0; "
                     "ALTER TABLE word ENABLE CHANGE_TRACKING")
        else:
            self.sql("BACKUP DATABASE shop TO DISK = N'b'")
            self.write()
            self.sync()
            self.sql("USE master; RESTORE DATABASE shop FROM DISK = N'b'; USE shop")
            for _ in range(3):
                self.write()

    def crash(self):
        point = self.chance.choice(POINTS)
        self.log.append(f"-- killed at {point}")
        subprocess.run([TIDEMARK, "sync", self.place.url(), "--to", str(self.place.dest), "--retries", "0"],
                       env={**os.environ, "TIDEMARK_PASSWORD": "p", "TIDEMARK_FAILPOINT": point},
                       capture_output=True, timeout=120)

    def sync(self):
        if self.chance.random() < 0.3:
            self.sql(f"EXEC tidemark_test.error {self.chance.choice(ERRORS)}, N'[dbo].[t]', 1")
        self.log.append("-- sync")
        done = self.place.sync()
        assert done.json()["failed"] == 0, (self.log, done)
        self.place.engine.error_hooks.clear()

    def check(self):
        names = [name for name, in self.place.sql(
            "SELECT c.name FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(N't') ORDER BY c.column_id")]
        wanted = {(row[0],): row for row in self.place.sql(f"SELECT {', '.join(names)} FROM t")}
        folded = {key: tuple(row.get(name) for name in names) for key, row in self.place.folded().items()}
        assert folded == {key: tuple(row) for key, row in wanted.items()}, self.log
        done = self.place.verify()
        assert done.json()["failed"] == 0, (self.log, done)


@pytest.mark.parametrize("seed", [SEED, SEED + 1, SEED + 2])
def test_histories_by_chance(tmp_path, seed):
    chance = random.Random(seed)
    place = SqlServerPlace(tmp_path)
    try:
        model = Model(place, chance)
        for step in range(STEPS):
            for _ in range(chance.randrange(6)):
                model.write()
            if chance.random() < 0.25:
                model.define()
            if chance.random() < 0.2:
                model.disturb()
            if chance.random() < 0.25:
                model.crash()
                model.write()
            if chance.random() < 0.6:
                model.sync()
                if step % 4 == 0:
                    model.check()
        model.sync()
        model.check()
        assert place.engine.refused == [], model.log
    finally:
        place.close()
