"""The program against the test server: what a user of SQL Server relies on. Rules are cited by their numbers."""

import datetime
import decimal
import json
import pathlib
import sys
import threading

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from sqlserver_place import TRACKED, SqlServerPlace  # noqa: E402
from tds_server.faults import Fault  # noqa: E402

LEAD = ("SYS_CHANGE_VERSION", "SYS_CHANGE_CREATION_VERSION", "SYS_CHANGE_OPERATION")
TABLE = "CREATE TABLE t(id int NOT NULL PRIMARY KEY, name nvarchar(40), size decimal(10, 2))"
TRACK = "ALTER TABLE t ENABLE CHANGE_TRACKING"


def made(tmp_path, setup=TRACKED):
    return SqlServerPlace(tmp_path, setup)


@pytest.fixture
def place(tmp_path):
    made_here = made(tmp_path)
    yield made_here
    made_here.close()
    assert made_here.engine.refused == []


@pytest.fixture
def shop(place):
    """A tracked table of ten rows."""
    place.sql(f"{TABLE}; {TRACK}")
    place.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, N'name {i}', {i}.25)" for i in range(1, 11)))
    return place


def wanted(place, table="t", key="id"):
    """The table as it is: key -> row."""
    names = [row[0] for row in place.sql(
        f"SELECT c.name FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(N'{table}') ORDER BY c.column_id")]
    rows = place.sql(f"SELECT {', '.join(f'[{name}]' for name in names)} FROM {table}")
    return {(row[names.index(key)],): dict(zip(names, row)) for row in rows}


def assert_equal(place, table="t", key="id"):
    assert place.folded(table, (key,)) == wanted(place, table, key)


# ---- the way of a table


def test_a_table_is_landed_and_then_its_changes(shop):
    first = shop.synced()
    assert (first["mode"], first["reason"], first["rows"]) == ("full", "first_load", 10)
    assert_equal(shop)
    shop.sql("INSERT INTO t VALUES (11, N'new', NULL); UPDATE t SET name = NULL WHERE id = 1; DELETE FROM t WHERE id = 2")
    done = shop.synced()
    assert (done["mode"], done["reason"]) == ("incremental", "changes")
    assert (done["inserted"], done["updated"], done["deleted"]) == (1, 1, 1)
    assert done["since_version"] == first["version"] < done["version"]
    assert_equal(shop)
    again = shop.synced()
    assert (again["reason"], again["rows"], again["files"]) == ("no_changes", 0, [])
    assert shop.verify().json()["failed"] == 0


def test_a_moved_key_is_a_delete_and_an_insert(shop):
    shop.sync()
    shop.sql("UPDATE t SET id = 100 WHERE id = 3; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (4, N'back', 1)")
    done = shop.synced()
    assert (done["inserted"], done["updated"], done["deleted"]) == (1, 1, 1)
    assert_equal(shop)


def test_all_tables_are_of_one_version(shop):
    shop.sql("CREATE TABLE u(id int NOT NULL PRIMARY KEY, v int); ALTER TABLE u ENABLE CHANGE_TRACKING")
    shop.sql("INSERT INTO u VALUES (1, 1)")
    tables = shop.sync().tables()
    assert tables["t"]["version"] == tables["u"]["version"]
    shop.sql("UPDATE u SET v = 2")
    tables = shop.sync().tables()
    assert tables["t"]["reason"] == "no_changes"
    assert tables["t"]["version"] == tables["u"]["version"]


# C9.2, defect 1: a table without changes must not expire.
def test_an_idle_table_moves_on_without_a_query_of_its_own(shop):
    shop.sql("CREATE TABLE u(id int NOT NULL PRIMARY KEY, v int); ALTER TABLE u ENABLE CHANGE_TRACKING")
    shop.sync()
    for half_day in range(8):
        shop.sql("EXEC tidemark_test.advance_clock 43200")
        state = shop.dest / "_tidemark" / "state" / "shop" / "dbo" / "t.json"
        state.write_text(json.dumps(shop.state() | {"landed_at_us": shop.state()["landed_at_us"] - 43_200_000_000}))
        shop.sql(f"INSERT INTO u VALUES ({half_day}, 0)")
        shop.engine.seen.clear()
        tables = shop.sync().tables()
        assert (tables["t"]["reason"], tables["u"]["reason"]) == ("no_changes", "changes"), tables
        assert not [text for text in shop.engine.seen if "LEFT OUTER JOIN [dbo].[t]" in text]
    shop.sql("UPDATE t SET size = 0 WHERE id = 1")
    assert shop.synced()["reason"] == "changes"
    assert_equal(shop)


# Defect 2 and C9.7: a reload lands deletes of what went in the gap.
def test_expired_changes_are_a_load_with_deletes(shop):
    first = shop.synced()
    shop.sql("DELETE FROM t WHERE id > 8; UPDATE t SET name = N'x' WHERE id = 1")
    shop.sql("EXEC tidemark_test.advance_clock 300000; EXEC tidemark_test.cleanup")
    done = shop.synced()
    assert (done["reason"], done["rows"], done["deleted"]) == ("expired", 8, 2), first
    assert_equal(shop)


# C1.8, rule 31.
def test_a_truncated_table_is_a_load_with_deletes(shop):
    shop.sync()
    shop.sql("TRUNCATE TABLE t")
    done = shop.synced()
    assert (done["reason"], done["rows"], done["deleted"]) == ("truncated", 0, 10)
    assert_equal(shop)
    shop.sql("INSERT INTO t VALUES (1, N'a', 1)")
    assert shop.synced()["reason"] == "changes"
    shop.sql("TRUNCATE TABLE t; INSERT INTO t VALUES (2, N'b', 2)")
    assert shop.synced()["reason"] == "truncated"
    assert_equal(shop)


def test_a_table_made_again_is_a_load_with_deletes(shop):
    shop.sync()
    shop.sql(f"DROP TABLE t; {TABLE}; {TRACK}; INSERT INTO t VALUES (1, N'other', 1)")
    done = shop.synced()
    assert (done["reason"], done["rows"], done["deleted"]) == ("recreated", 1, 9)
    assert_equal(shop)


# C5: the documented example is not to be seen in any minimum.
def test_a_restored_database_is_loaded_though_it_went_on(shop):
    shop.sql("BACKUP DATABASE shop TO DISK = N'a'")
    shop.sql("UPDATE t SET name = N'lost' WHERE id = 1")
    shop.sync()
    shop.sql("USE master; RESTORE DATABASE shop FROM DISK = N'a'; USE shop")
    for i in range(5):
        shop.sql(f"UPDATE t SET size = {i} WHERE id = 2")
    done = shop.synced()
    assert done["reason"] == "restored"
    assert_equal(shop)


def test_tracking_switched_off_and_on_is_a_load(shop):
    shop.sync()
    shop.sql("ALTER TABLE t DISABLE CHANGE_TRACKING; DELETE FROM t WHERE id = 1; " + TRACK)
    done = shop.synced()
    assert (done["reason"], done["deleted"]) == ("truncated", 1)
    assert_equal(shop)


def test_without_tracking_tables_are_compared(place):
    place.sql(f"{TABLE}; INSERT INTO t VALUES (1, N'a', 1), (2, N'b', 2)")
    assert place.synced()["reason"] == "first_load"
    place.sql("UPDATE t SET name = N'c' WHERE id = 1; DELETE FROM t WHERE id = 2")
    done = place.synced()
    assert (done["reason"], done["updated"], done["deleted"]) == ("no_tracking", 1, 1)
    assert any("ALTER TABLE [dbo].[t] ENABLE CHANGE_TRACKING" in warning for warning in done["warnings"])
    place.sql(TRACK)
    assert place.synced()["reason"] == "no_changes"  # compared once more
    place.sql("UPDATE t SET name = N'd'")
    assert place.synced()["reason"] == "changes"
    assert_equal(place)


def test_a_table_without_a_key(place):
    place.sql("CREATE TABLE log(line nvarchar(20)); INSERT INTO log VALUES (N'a'), (N'b'), (N'b')")
    assert place.synced("log")["rows"] == 3
    assert place.synced("log")["reason"] == "no_changes"
    place.sql("DELETE FROM log WHERE line = N'a'")
    assert place.synced("log")["rows"] == 2
    assert sorted(row["line"] for *_, row in place.rows("log")) == ["b", "b"]


# ---- columns that come, go and change


def test_a_column_with_a_default_is_backfilled(shop):
    shop.sync()
    shop.sql("ALTER TABLE t ADD state int NOT NULL DEFAULT 7 WITH VALUES")
    shop.sql("INSERT INTO t(id, name, size, state) VALUES (20, N'n', 1, 8)")
    done = shop.synced()
    assert (done["reason"], done["inserted"], done["updated"]) == ("schema_changed", 1, 10)
    assert_equal(shop)


def test_a_column_of_nulls_costs_no_look_at_the_rows(shop):
    shop.sync()
    shop.sql("ALTER TABLE t ADD note nvarchar(10) NULL; UPDATE t SET note = N'x' WHERE id = 1")
    done = shop.synced()
    assert (done["reason"], done["rows"]) == ("schema_changed", 1)
    shop.sql("ALTER TABLE t DROP COLUMN size; UPDATE t SET note = N'y' WHERE id = 2")
    assert shop.synced()["rows"] == 1
    folded = shop.folded()
    assert folded[(2,)]["note"] == "y"


def test_a_renamed_column_is_followed(shop):
    shop.sync()
    shop.sql("EXEC sp_rename N'dbo.t.name', N'label', N'COLUMN'; UPDATE t SET label = N'x' WHERE id = 1")
    done = shop.synced()
    assert (done["reason"], done["rows"]) == ("schema_changed", 10)
    assert_equal(shop)
    names = [column["name"] for column in shop.state()["columns"]]
    assert names == ["id", "label", "size"]


def test_another_type_is_a_load(shop):
    shop.sync()
    shop.sql("ALTER TABLE t ALTER COLUMN size decimal(14, 4)")
    assert shop.synced()["reason"] == "schema_changed"
    assert_equal(shop)
    shop.sql("ALTER TABLE t ALTER COLUMN name nvarchar(80)")
    assert shop.synced()["reason"] == "no_changes"


# ---- keys


# Rule 33.
def test_keys_that_the_server_takes_for_one_are_folded_as_one(place, monkeypatch):
    place.sql("CREATE TABLE c(code nvarchar(20) COLLATE Latin1_General_100_CI_AS NOT NULL PRIMARY KEY, v int)")
    place.sql("ALTER TABLE c ENABLE CHANGE_TRACKING; INSERT INTO c VALUES (N'Ab', 1), (N'ÄÖ', 2), (N'x ', 3)")
    place.sync()
    place.sql("UPDATE c SET code = N'AB' WHERE code = N'ab'; UPDATE c SET v = 5 WHERE code = N'äö'; DELETE FROM c WHERE code = N'X'")
    place.sync()
    assert place.verify().json()["failed"] == 0
    monkeypatch.chdir(place.dest)
    connection = duckdb.connect()
    connection.execute((place.dest / "views" / "duckdb.sql").read_text())
    assert connection.execute('SELECT code, v FROM shop.dbo.c ORDER BY v').fetchall() == [("AB", 1), ("ÄÖ", 5)]
    assert place.run("compact", place.dest).code == 0
    assert place.verify().json()["failed"] == 0
    base = duckdb.execute(f"SELECT code, v FROM '{place.dest}/current/shop/dbo/c/**/*.parquet' ORDER BY v").fetchall()
    assert base == [("AB", 1), ("ÄÖ", 5)]


def test_keys_of_every_kind_and_of_several_columns(place):
    place.sql("CREATE TABLE k(a datetime2(7) NOT NULL, g uniqueidentifier NOT NULL, d decimal(9, 3) NOT NULL, v int, "
              "PRIMARY KEY (a, g DESC, d)); ALTER TABLE k ENABLE CHANGE_TRACKING")
    rows = [f"('2026-01-01T00:00:00.{i % 3:07d}', '0000000{i % 7}-0000-0000-0000-00000000000{i % 9}', {i}.125, {i})"
            for i in range(200)]
    place.sql("INSERT INTO k VALUES " + ", ".join(rows))
    assert place.synced("k", "--max-rows-per-file", "7")["rows"] == 200
    place.sql("DELETE FROM k WHERE v = 5; UPDATE k SET v = 1000 WHERE v = 6")
    done = place.synced("k")
    assert (done["updated"], done["deleted"]) == (1, 1)
    assert place.verify().json()["failed"] == 0
    landed = place.folded("k", ("a", "a__100ns", "g", "d"))
    assert len(landed) == 199 and {row["a__100ns"] for row in landed.values()} == {0, 1, 2}


# ---- names


def test_names_of_any_kind(place):
    place.sql("CREATE SCHEMA [o]]d]; CREATE TABLE [o]]d].[it's [a]] \"t\"]([k]]'1] int NOT NULL PRIMARY KEY, [select] int)")
    place.sql("ALTER TABLE [o]]d].[it's [a]] \"t\"] ENABLE CHANGE_TRACKING")
    place.sql("INSERT INTO [o]]d].[it's [a]] \"t\"] VALUES (1, 2), (2, 3)")
    name = "it's [a] \"t\""
    assert place.synced(name)["rows"] == 2
    place.sql("UPDATE [o]]d].[it's [a]] \"t\"] SET [select] = 9 WHERE [k]]'1] = 2")
    assert place.synced(name)["updated"] == 1
    assert place.verify().json()["failed"] == 0


# ---- the read itself


# C3: without SNAPSHOT every read is checked on both sides, and the user is told what to allow.
def test_without_snapshot_isolation(tmp_path):
    place = made(tmp_path, TRACKED.replace("ALTER DATABASE shop SET ALLOW_SNAPSHOT_ISOLATION ON", "SELECT 1"))
    try:
        place.sql(f"{TABLE}; {TRACK}; INSERT INTO t VALUES (1, N'a', 1), (2, N'b', 2), (3, N'c', 3)")
        first = place.synced()
        assert sum("SET ALLOW_SNAPSHOT_ISOLATION ON" in warning for warning in first["warnings"]) == 1
        place.sql("UPDATE t SET name = N'x' WHERE id < 3")
        # Deleted between the two accesses of one statement: noted as changed, and not there.
        place.sql("EXEC tidemark_test.before_read N'dbo.t', N'DELETE FROM t WHERE id = 1'")
        done = place.synced()
        assert (done["updated"], done["deleted"]) == (1, 0)
        assert any("1 rows that were noted as changed were deleted" in warning for warning in done["warnings"])
        place.sync()
        assert_equal(place)
        assert place.engine.refused == []
    finally:
        place.close()


# C1.7, C9.2: within a snapshot a change without its row means that rows are hidden.
def test_a_row_that_is_hidden_fails_the_table(shop):
    shop.sql("CREATE LOGIN reader WITH PASSWORD = 'p'; CREATE USER reader FOR LOGIN reader")
    shop.sql("GRANT SELECT ON t TO reader; GRANT VIEW CHANGE TRACKING ON t TO reader")
    shop.sync(user="reader")
    shop.sql("EXEC tidemark_test.row_filter N'dbo.t', N'id <> 3'")
    shop.sql("UPDATE t SET name = N'x' WHERE id = 3")
    done = shop.sync(user="reader", code=3)
    error = done.tables()["t"]["error"]
    assert error["kind"] == "corrupt" and "not there" in error["message"]


def test_large_tables_are_read_by_several_connections_at_one_version(place):
    place.sql(f"{TABLE}; {TRACK}")
    for start in range(0, 120_000, 20_000):
        place.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, N'n', 1)" for i in range(start, start + 20_000)))
    place.engine.seen.clear()
    done = place.synced("t", "--workers", "4")
    assert done["rows"] == 120_000
    assert sum(text.startswith("BEGIN TRANSACTION") for text in place.engine.seen) >= 4
    assert len(place.folded()) == 120_000


# Transient errors, as Microsoft lists them.
@pytest.mark.parametrize("number", [1205, 3960, 3961, 40613, 49918])
def test_what_passes_is_tried_again_from_a_new_snapshot(shop, number):
    shop.sync()
    shop.sql("UPDATE t SET name = N'x' WHERE id = 1")
    shop.sql(f"EXEC tidemark_test.error {number}, N'CHANGETABLE(CHANGES [dbo].[t], @p1) AS ct LEFT', 1")
    done = shop.synced()
    assert (done["status"], done["updated"], done["attempts"] if "attempts" in done else 2) == ("ok", 1, 2)
    assert_equal(shop)


def test_a_wrong_password_is_told_at_once(shop):
    shop.engine.any_password = False
    shop.sql("CREATE LOGIN reader WITH PASSWORD = 'right'")
    done = shop.sync(user="reader", code=3)
    assert "18456" in done.err and "hint:" in done.err and "TIDEMARK_PASSWORD=p" not in done.err


# ---- what is chosen


def test_a_condition_and_chosen_columns(shop):
    config = shop.folder / "c.yaml"
    config.write_text(json.dumps({
        "connection": {"server": f"127.0.0.1,{shop.server.port}", "sql_login": "sa", "password": "p", "encrypt": "false"},
        "storage": {"ingest_pipeline": str(shop.dest)},
        "databases": {"shop": {"schemas": {"dbo": {"tables": {"t": {
            "where": "id > 5 AND size < 100", "exclude": ["name"]}}}}}}}))
    done = shop.run("sync", "-c", config, "--json")
    assert done.code == 0, done
    assert done.tables()["t"]["rows"] == 5
    shop.sql("UPDATE t SET size = 500 WHERE id = 6; UPDATE t SET size = 50 WHERE id = 7; INSERT INTO t VALUES (3000, N'x', 1)")
    shop.sql("UPDATE t SET size = 1 WHERE id = 1")
    done = shop.run("sync", "-c", config, "--json")
    assert done.code == 0, done
    folded = shop.folded()
    assert sorted(key for key, in folded) == [7, 8, 9, 10, 3000]
    assert set(folded[(7,)]) == {"id", "size"}
    for condition, said in [("nosuch > 1", "nosuch"), ("id > GETDATE()", "getdate"), ("id = 1; DROP TABLE t", "';'")]:
        config.write_text(config.read_text().replace("id > 5 AND size < 100", condition))
        done = shop.run("sync", "-c", config, "--json")
        assert done.code == 2 and said in done.err, done
        config.write_text(config.read_text().replace(condition, "id > 5 AND size < 100"))


# ---- azsql_ct's own configuration and watermarks


AZSQL = """
connection:
  server: 127.0.0.1,{port}
  sql_login: sa
  password: ${{ADMIN_PASSWORD}}
  encrypt: optional
storage:
  ingest_pipeline: ./my_pipeline
parallelism: 4
databases:
  shop:
    uc_catalog: main
    schemas:
      dbo:
        uc_schema: sales
        tables:
          t:
            mode: full_incremental
            scd_type: 1
            soft_delete: true
"""


def test_the_configuration_of_azsql_ct(shop):
    config = shop.folder / "pipeline.yaml"
    config.write_text(AZSQL.format(port=shop.server.port))
    environment = {"ADMIN_PASSWORD": "p"}
    done = shop.run("sync", "-c", config, "--json", environment=environment)
    assert done.code == 0, done
    assert done.tables()["t"]["rows"] == 10
    assert (shop.folder / "my_pipeline" / "watermarks" / "shop" / "dbo" / "t" / "watermarks.json").exists()
    shop.sql("DELETE FROM t WHERE id = 1")
    done = shop.run("sync", "-c", config, "--json", environment=environment)
    assert done.tables()["t"]["deleted"] == 1


@pytest.mark.parametrize("form", ["object", "integer"])
def test_a_watermark_of_azsql_ct_is_gone_on_with(shop, form):
    version = shop.sql("SELECT CHANGE_TRACKING_CURRENT_VERSION()")[0][0]
    folder = shop.dest / "watermarks" / "shop" / "dbo" / "t"
    folder.mkdir(parents=True)
    entry = {"version": version, "since_version": 0, "rows_synced": 10, "mode": "full", "files": [],
             "duration_seconds": 0.1, "synced_at": "2026-11-01T00:00:00Z"}
    (folder / "watermarks.json").write_text(json.dumps({"dbo.t": entry if form == "object" else version}))
    shop.sql("UPDATE t SET name = N'x' WHERE id = 4")
    done = shop.synced()
    assert (done["mode"], done["reason"], done["since_version"], done["rows"]) == ("incremental", "changes", version, 1)
    assert shop.synced()["reason"] == "no_changes"


def test_a_watermark_of_azsql_ct_that_expired_is_not(shop):
    folder = shop.dest / "watermarks" / "shop" / "dbo" / "t"
    folder.mkdir(parents=True)
    (folder / "watermarks.json").write_text(json.dumps({"dbo.t": 1_000_000}))
    assert shop.synced()["reason"] == "first_load"


# ---- permissions


def test_plan_tells_what_is_missing(shop):
    shop.sql("CREATE TABLE u(id int NOT NULL PRIMARY KEY); CREATE TABLE w(v int)")
    shop.sql("CREATE LOGIN reader WITH PASSWORD = 'p'; CREATE USER reader FOR LOGIN reader; GRANT SELECT ON u TO reader")
    shop.sql("GRANT SELECT ON w TO reader; GRANT SELECT ON t TO reader")
    done = shop.run("plan", shop.url(user="reader"), "--to", shop.dest, "--json")
    tables = done.tables()
    assert "GRANT VIEW CHANGE TRACKING ON [dbo].[t] TO [reader]" in json.dumps(tables["t"])
    assert any("ALTER TABLE [dbo].[u] ENABLE CHANGE_TRACKING" in warning for warning in tables["u"]["warnings"])
    assert any("ADD PRIMARY KEY" in warning for warning in tables["w"]["warnings"])


def test_a_lost_permission_is_no_table_without_changes(shop):
    shop.sql("CREATE LOGIN reader WITH PASSWORD = 'p'; CREATE USER reader FOR LOGIN reader")
    shop.sql("GRANT SELECT ON t TO reader; GRANT VIEW CHANGE TRACKING ON t TO reader")
    shop.sync(user="reader")
    shop.sql("REVOKE VIEW CHANGE TRACKING ON t TO reader; UPDATE t SET name = N'x'")
    done = shop.sync(user="reader", code=3)
    assert "GRANT VIEW CHANGE TRACKING ON [dbo].[t] TO [reader]" in done.out


# ---- values


def test_values_of_every_type(place):
    place.sql(
        "CREATE TABLE v(id int NOT NULL PRIMARY KEY, b bit, ti tinyint, bi bigint, m money, r real, f float, d date, "
        "t time(7), dt datetime, d7 datetime2(7), dz datetimeoffset(7), vc varchar(20), nv nvarchar(max), bin varbinary(8), "
        "g uniqueidentifier, x xml)")
    place.sql("ALTER TABLE v ENABLE CHANGE_TRACKING")
    place.sql("INSERT INTO v VALUES (1, 1, 255, -9223372036854775808, -1.5, 1.5, 2.25, '0001-01-01', '23:59:59.9999999', "
              "'2026-01-01T12:00:00.003', '9999-12-31T23:59:59.9999999', '2026-06-01T12:00:00.1234567+02:00', 'Grüße', N'日本', "
              "0x00FF, '01234567-89ab-cdef-0123-456789abcdef', N'<a/>')")
    place.sql("INSERT INTO v(id) VALUES (2)")
    place.sync()
    folded = {row["id"]: row for path in place.dest.glob("data/shop/dbo/v/**/*.parquet")
              for row in pyarrow.parquet.read_table(path).to_pylist()}
    row = folded[1]
    assert row["b"] is True and row["ti"] == 255 and row["bi"] == -(2**63) and row["m"] == decimal.Decimal("-1.5000")
    assert row["d"] == datetime.date(1, 1, 1) and row["t"] == "23:59:59.9999999"
    assert row["d7"] == datetime.datetime(9999, 12, 31, 23, 59, 59, 999999) and row["d7__100ns"] == 9
    assert row["dz"].astimezone(datetime.UTC) == datetime.datetime(2026, 6, 1, 10, 0, 0, 123456, datetime.UTC)
    assert (row["dz__100ns"], row["dz__offset_min"]) == (7, 120)
    assert (row["vc"], row["nv"], row["bin"]) == ("Grüße", "日本", b"\x00\xff")
    assert row["g"] == "01234567-89ab-cdef-0123-456789abcdef" and row["x"] == "<a/>"
    assert all(value is None for name, value in folded[2].items() if name not in ("id", *LEAD))
    place.sql("UPDATE v SET b = 0 WHERE id = 2; DELETE FROM v WHERE id = 1")
    place.sync()
    assert place.verify().json()["failed"] == 0


# ---- at the same time


def test_a_busy_database_is_landed_exactly(shop):
    stop = threading.Event()
    other = shop.engine.admin("shop")

    def work():
        number = 0
        while not stop.is_set():
            number += 1
            other.query(f"UPDATE t SET size = {number % 1000} WHERE id = {number % 10 + 1}")
            other.query(f"INSERT INTO t VALUES ({1000 + number}, N'w', 0); DELETE FROM t WHERE id = {1000 + number - 5}")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(5):
            shop.sync()
    finally:
        stop.set()
        worker.join()
    shop.sync()
    assert_equal(shop)
    assert shop.verify().json()["failed"] == 0


# ---- loads that are interrupted


# From the last landed slice, and then what changed since.
def test_a_first_load_goes_on_after_a_lost_connection(place):
    place.sql(f"{TABLE}; {TRACK}")
    for start in range(0, 6_000, 1_000):
        place.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, N'n', 1)" for i in range(start, start + 1_000)))
    place.server.faults.add(Fault("disconnect", match="SELECT [id], [name], [size] FROM [dbo].[t] WHERE ([id] > @p1)",
                                  skip=3, rows=100, times=1))
    place.sql("EXEC tidemark_test.before_read N'dbo.t', N'SELECT 1'")
    done = place.synced("t", "--max-rows-per-file", "1000", "--workers", "1")
    assert (done["status"], done["rows"], done["attempts"]) == ("ok", 6_000, 2), done
    assert done["resumed_rows"] > 0
    assert_equal(place)
    assert place.verify().json()["failed"] == 0


# ---- change tracking by the program


def test_track_prints_statements_and_runs_them_only_when_asked(place):
    place.sql("ALTER DATABASE shop SET CHANGE_TRACKING = OFF; CREATE DATABASE plain; USE plain")
    place.sql(f"{TABLE}; CREATE TABLE [o]](d](id int NOT NULL PRIMARY KEY); CREATE TABLE log(v int)")
    url = place.url("plain")
    done = place.run("track", "enable", url)
    assert done.code == 0, done
    assert done.out.splitlines() == [
        "ALTER DATABASE [plain] SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON);",
        "ALTER DATABASE [plain] SET ALLOW_SNAPSHOT_ISOLATION ON;",
        "-- dbo.log: it has no primary key; ALTER TABLE [dbo].[log] ADD PRIMARY KEY (<columns>)",
        "ALTER TABLE [dbo].[o]](d] ENABLE CHANGE_TRACKING;",
        "ALTER TABLE [dbo].[t] ENABLE CHANGE_TRACKING;",
        "-- nothing was run; --apply runs these statements"]
    status = place.run("track", "status", url, "--json").tables()
    assert not status["dbo.t"]["is_tracked"] and "ALTER TABLE [dbo].[t] ENABLE" in status["dbo.t"]["because"]
    assert place.run("track", "enable", url, "--apply").code == 0
    status = place.run("track", "status", url, "--json").tables()
    assert status["dbo.t"]["is_tracked"] and status["dbo.t"]["retention_seconds"] == 7 * 86_400
    assert "-- dbo.t: it is tracked already" in place.run("track", "enable", url).out
    assert place.run("track", "disable", url, "dbo.t", "--apply").code == 0
    assert not place.run("track", "status", url, "--json").tables()["dbo.t"]["is_tracked"]
    wrong = place.run("track", "enable", url, "nosuch")
    assert wrong.code == 2 and "nosuch" in wrong.err
    assert place.run("track", "clean", url).code == 2


# ---- odd tables and columns


def test_what_cannot_be_landed_is_said(place):
    place.sql("CREATE TABLE t(id int NOT NULL PRIMARY KEY, secret nvarchar(20) MASKED WITH (FUNCTION = 'default()'), v AS id + 1)")
    place.sql(TRACK + "; INSERT INTO t(id, secret) VALUES (1, N'hidden')")
    place.sql("CREATE TABLE far(id int NOT NULL PRIMARY KEY); EXEC tidemark_test.table_flag N'far', N'is_external', 1")
    place.sql("CREATE TABLE bad(id int NOT NULL PRIMARY KEY, SYS_CHANGE_VERSION int)")
    place.sql("CREATE LOGIN reader WITH PASSWORD = 'p'; CREATE USER reader FOR LOGIN reader")
    for table in ("t", "far", "bad"):
        place.sql(f"GRANT SELECT ON {table} TO reader; GRANT VIEW CHANGE TRACKING ON {table} TO reader")
    tables = place.sync(user="reader").tables()
    assert tables["far"]["status"] == "skipped" and "external table" in tables["far"]["warnings"][0]
    assert tables["bad"]["status"] == "skipped" and "taken by the columns of a change" in tables["bad"]["warnings"][0]
    assert any('"secret" is masked' in warning for warning in tables["t"]["warnings"])
    assert [row["v"] for *_, row in place.rows("t")] == [2]


def test_a_table_that_is_altered_in_mid_read_is_read_again(shop):
    shop.sync()
    shop.sql("UPDATE t SET name = N'x' WHERE id = 1")
    shop.sql("EXEC tidemark_test.before_read N'dbo.t', N'ALTER TABLE t ADD extra int NULL'")
    done = shop.synced()
    assert (done["status"], done["reason"], done["updated"], done["attempts"]) == ("ok", "schema_changed", 1, 2)
    assert shop.verify().json()["failed"] == 0


# ---- a folder that azsql_ct filled


def test_files_of_azsql_ct_belong_to_the_table(shop):
    folder = shop.dest / "data" / "shop" / "dbo" / "t" / "2026-11-01"
    folder.mkdir(parents=True)
    rows = shop.sql("SELECT id, name, size FROM t")
    version = shop.sql("SELECT CHANGE_TRACKING_CURRENT_VERSION()")[0][0]
    table = pyarrow.table({
        "SYS_CHANGE_VERSION": pyarrow.array([version] * len(rows), pyarrow.int64()),
        "SYS_CHANGE_CREATION_VERSION": pyarrow.array([None] * len(rows), pyarrow.int64()),
        "SYS_CHANGE_OPERATION": ["L"] * len(rows),
        "id": pyarrow.array([row[0] for row in rows], pyarrow.int32()), "name": [row[1] for row in rows],
        "size": pyarrow.array([row[2] for row in rows], pyarrow.decimal128(10, 2))})
    pyarrow.parquet.write_table(table, folder / "dbo_t_20261101T120000Z_part1.parquet")
    marks = shop.dest / "watermarks" / "shop" / "dbo" / "t"
    marks.mkdir(parents=True)
    (marks / "watermarks.json").write_text(json.dumps({"dbo.t": {"version": version}}))
    shop.sql("UPDATE t SET name = N'x' WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (50, N'n', 1)")
    done = shop.synced()
    assert (done["mode"], done["inserted"], done["updated"], done["deleted"]) == ("incremental", 1, 1, 1)
    checked = shop.verify().json()
    assert checked["failed"] == 0 and checked["tables"][0]["rows_landed"] == 10, checked
    assert shop.run("compact", shop.dest).code == 0
    assert shop.verify().json()["failed"] == 0
