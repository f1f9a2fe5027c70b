"""Syncs from our SQL Server keep each rule (C1 …) and repeat no defect (D1 …) of what is known of change tracking."""

import pathlib
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from sqlserver_lake import SqlServerLake  # noqa: E402

DAY = 86_400


@pytest.fixture
def empty(tmp_path):
    place = SqlServerLake(tmp_path)
    yield place
    place.close()


@pytest.fixture
def shop(empty):
    """A tracked table of ten rows, landed once."""
    empty.sql("CREATE TABLE t(id int NOT NULL PRIMARY KEY, v nvarchar(20), n int)")
    empty.track("t")
    empty.sql("INSERT INTO t VALUES " + ", ".join(f"({i}, N'v{i}', {i})" for i in range(1, 11)))
    assert empty.sync()["dbo.t"]["reason"] == "first_load"
    return empty


def synced(place, reason=None, table="dbo.t", **more):
    """Syncs; asserts the reason and that files and table are the same, by DuckDB and by the program."""
    done = place.sync(**more)[table]
    if reason is not None:
        assert done["reason"] == reason, done
    place.assert_equal(table)
    place.verify()
    return done


# ---- defects of other systems


def test_d1_an_idle_table_is_never_expired(shop):
    """Its position moves with the database, so that retention does not reach it."""
    shop.sql("CREATE TABLE busy(id int PRIMARY KEY); ALTER TABLE busy ENABLE CHANGE_TRACKING")
    for day in range(1, 12):
        shop.sql(f"INSERT INTO busy VALUES ({day}); EXEC tidemark_test.advance_clock {2 * DAY}")
        assert shop.sync()["dbo.t"]["reason"] == "no_changes"
    shop.sql("UPDATE t SET v = 'last' WHERE id = 1")
    assert synced(shop, "changes")["rows"] == 1


def test_d2_a_reload_lands_the_deletes_of_the_gap_and_keeps_older_files(shop):
    before = {path.name for path in shop.dest.rglob("*.parquet")}
    shop.sql("DELETE FROM t WHERE id > 5; UPDATE t SET v = 'x' WHERE id = 1")
    shop.sql(f"EXEC tidemark_test.advance_clock {8 * DAY}; INSERT INTO t VALUES (99, 'new', 1)")
    shop.sql(f"EXEC tidemark_test.advance_clock {8 * DAY}")
    done = synced(shop, "expired")
    assert (done["mode"], done["rows"], done["deleted"]) == ("full", 6, 5)
    assert before <= {path.name for path in shop.dest.rglob("*.parquet")}


def test_d3_a_minimum_of_null_is_not_zero(shop):
    """Without the permission the server says NULL: no changes may be taken for granted."""
    shop.sql("CREATE LOGIN r WITH PASSWORD = 'p'; CREATE USER r FOR LOGIN r; GRANT SELECT ON t TO r")
    shop.sql("UPDATE t SET v = 'x' WHERE id = 1; DELETE FROM t WHERE id = 2")
    done = shop.run("sync", user="r")
    table = done.tables()["dbo.t"]
    if table["status"] == "ok":  # compared row by row instead
        shop.assert_equal()
        assert any("VIEW CHANGE TRACKING" in warning for warning in table["warnings"]), table
    else:
        assert "VIEW CHANGE TRACKING" in str(table["error"]), table


def test_d4_a_clean_up_during_the_read_is_noticed(shop):
    """Without SNAPSHOT the minimum is read again after the data."""
    shop.track(snapshot=False)
    shop.sql("DELETE FROM t WHERE id = 3; UPDATE t SET v = 'x' WHERE id = 1")
    shop.sql("EXEC tidemark_test.before_read 'dbo.t', 'EXEC tidemark_test.cleanup ''t'', 99'")
    shop.sync()
    synced(shop)


def test_d5_a_row_deleted_between_changes_and_join(shop):
    """Neither a row of NULLs nor a guessed delete is landed; its D comes with the next version."""
    shop.track(snapshot=False)
    shop.sql("INSERT INTO t VALUES (11, 'a', 1), (12, 'b', 2)")
    shop.sql("EXEC tidemark_test.before_read 'dbo.t', 'DELETE FROM dbo.t WHERE id = 12'")
    shop.sync()
    assert all(row["v"] is not None for _, _, operation, row in shop.landed_rows() if operation != "D")
    synced(shop)


def test_d6_an_update_to_null_is_landed(shop):
    shop.sql("UPDATE t SET v = NULL, n = NULL WHERE id = 4")
    synced(shop, "changes")
    assert shop.folded("dbo.t", "id")[4,] == {"id": 4, "v": None, "n": None}


def test_d7_rows_of_a_load_carry_the_fence(shop):
    """No row of a load has a version above the position that was kept."""
    kept = shop.sync()["dbo.t"]["version"]
    assert {version for _, version, operation, _ in shop.landed_rows() if operation == "L"} == {kept}
    shop.sql("UPDATE t SET v = 'x' WHERE id = 1")
    assert synced(shop, "changes")["version"] > kept


def test_d8_types_come_from_the_catalog_not_from_rows(empty):
    empty.sql("CREATE TABLE t(id int PRIMARY KEY, empty nvarchar(9), amount decimal(12,3), at datetime2(7))")
    empty.track("t")
    empty.sql("INSERT INTO t VALUES (1, NULL, 1, '2020-01-02 03:04:05.1234567')")
    empty.sync()
    empty.sql("INSERT INTO t VALUES (2, 'text', 123456789.125, '9999-12-31 23:59:59.9999999')")
    synced(empty, "changes")
    rows = {row["id"]: row for _, _, _, row in empty.landed_rows()}
    assert [rows[i]["at__100ns"] for i in (1, 2)] == [7, 9]


def test_d9_names_that_need_quoting_and_two_runs_in_a_second(empty):
    empty.sql("CREATE SCHEMA [o]]d]; CREATE TABLE [o]]d].[it's](id int PRIMARY KEY, [select] int, [a b] int)")
    empty.track("[o]]d].[it's]")
    for i in range(3):
        empty.sql(f"INSERT INTO [o]]d].[it's] VALUES ({i}, 1, 2)")
        assert empty.sync()["o]d.it's"]["rows"] == 1
    assert empty.verify().json()["tables"][0]["rows_landed"] == 3


# ---- C1: changes


def test_c1_3_to_6_inserts_updates_deletes_and_moved_keys(shop):
    shop.sql("INSERT INTO t VALUES (20, 'i', 0); UPDATE t SET v = 'iu' WHERE id = 20")  # I
    shop.sql("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'again', 0)")  # U
    shop.sql("UPDATE t SET id = 30 WHERE id = 2")  # D and I
    shop.sql("INSERT INTO t VALUES (40, 'x', 0); DELETE FROM t WHERE id = 40")  # nobody saw it
    done = synced(shop, "changes")
    assert done["inserted"] + done["updated"] + done["deleted"] == done["rows"]
    assert done["inserted"] == 2 and done["updated"] == 1


def test_c1_7_a_delete_of_a_row_that_is_there_is_an_update(shop):
    """KB4135113: the row itself decides."""
    shop.sql("CREATE UNIQUE INDEX u ON t(n)")
    shop.sync()
    shop.sql("EXEC tidemark_test.quirk 'insert_before_delete', 1; UPDATE t SET v = 'x' WHERE id = 1")
    synced(shop, "changes")
    assert shop.folded("dbo.t", "id")[1,]["v"] == "x"


def test_c1_7_a_row_hidden_by_a_policy_is_no_delete(shop):
    """In a snapshot a noted row must be there: one that is not means that this login sees less than all."""
    shop.sql("CREATE LOGIN r WITH PASSWORD = 'p'; CREATE USER r FOR LOGIN r; GRANT SELECT ON t TO r;"
             "GRANT VIEW CHANGE TRACKING ON t TO r")
    shop.sql("UPDATE t SET v = 'x' WHERE id = 1; EXEC tidemark_test.row_filter 'dbo.t', 'id > 1'")
    done = shop.run("sync", user="r")
    table = done.tables()["dbo.t"]
    assert table["status"] == "failed" or table["warnings"], table
    assert 1 in {key[0] for key in shop.folded("dbo.t", "id")} or table["warnings"]


def test_c1_8_truncate_reloads_with_deletes(shop):
    shop.sql("UPDATE t SET v = 'x'; TRUNCATE TABLE t; INSERT INTO t VALUES (1, 'after', 1)")
    done = synced(shop, "truncated")
    assert (done["mode"], done["rows"], done["deleted"]) == ("full", 1, 9)


def test_c1_8_truncate_at_the_landed_version(shop):
    shop.sync()
    shop.sql("TRUNCATE TABLE t")
    synced(shop)
    assert shop.folded("dbo.t", "id") == {}


# ---- C2, C3: versions and snapshots


def test_c2_1_transactions_that_commit_in_another_order(shop):
    early = shop.engine.admin("shop")
    early.query("BEGIN TRANSACTION; INSERT INTO t VALUES (50, 'early', 0)")
    shop.sql("INSERT INTO t VALUES (51, 'late', 0)")
    synced(shop, "changes")
    early.query("COMMIT")
    assert synced(shop, "changes")["rows"] == 1


@pytest.mark.parametrize("latest", [0, 1])
def test_c3_commits_around_the_begin_of_the_snapshot(shop, latest):
    """Whether the version within a snapshot is the snapshot's or the newest: nothing is lost (V_pre)."""
    shop.sql(f"EXEC tidemark_test.quirk 'version_is_latest', {latest}")
    for i in range(100, 104):
        shop.sql(f"EXEC tidemark_test.before_read 'dbo.t', 'INSERT INTO dbo.t VALUES ({i}, NULL, 1)'")
        shop.sql(f"UPDATE t SET v = 'r{i}' WHERE id = 1")
        shop.sync()
    synced(shop)


def test_c3_a_definition_that_changes_meanwhile_is_read_in_a_new_snapshot(shop):
    shop.sql("CREATE TABLE a(id int PRIMARY KEY); ALTER TABLE a ENABLE CHANGE_TRACKING; INSERT INTO a VALUES (1)")
    shop.sql("EXEC tidemark_test.before_read 'dbo.a', 'ALTER TABLE dbo.t ADD x int'; UPDATE t SET v = 'x' WHERE id = 1")
    synced(shop)


@pytest.mark.parametrize("number", [1205, 3960, 3961, 40501, 40613, 10928, 49918])
def test_c3_transient_errors_are_tried_again(shop, number):
    shop.sql(f"UPDATE t SET v = 'x' WHERE id = 1; EXEC tidemark_test.error {number}, 'CHANGETABLE', 1")
    synced(shop)


def test_c3_without_snapshot_there_is_a_warning_that_says_how(shop):
    shop.track(snapshot=False)
    shop.sql("UPDATE t SET v = 'x' WHERE id = 1")
    done = shop.run("sync")
    assert "ALLOW_SNAPSHOT_ISOLATION ON" in done.err + done.out, done
    synced(shop)


def test_c3_e_tables_of_one_run_are_one_cut(empty):
    """A transfer between two tables, again and again: each run lands both sides of each."""
    empty.sql("CREATE TABLE a(id int PRIMARY KEY, n int); CREATE TABLE b(id int PRIMARY KEY, n int);"
              "INSERT INTO a VALUES (1, 1000); INSERT INTO b VALUES (1, 0)")
    empty.track("a", "b")
    stop = threading.Event()

    def transfer():
        session = empty.engine.admin("shop")
        while not stop.is_set():
            session.query("BEGIN TRANSACTION; UPDATE a SET n = n - 1; UPDATE b SET n = n + 1; COMMIT")

    writer = threading.Thread(target=transfer)
    writer.start()
    try:
        for _ in range(6):
            empty.sync("--workers", "4")
            a, b = (empty.folded(f"dbo.{t}", "id")[1,]["n"] for t in "ab")
            assert a + b == 1000
    finally:
        stop.set()
        writer.join()


# ---- C5: restore, failover


def test_c5_a_restore_is_found_though_versions_look_right(shop):
    """Microsoft's example: landed to 100, restored to 70, worked on to 130."""
    shop.sql("EXEC tidemark_test.version 70; UPDATE t SET v = 'kept' WHERE id = 1; BACKUP DATABASE shop TO DISK = 'b'")
    shop.sql("EXEC tidemark_test.version 100; INSERT INTO t VALUES (100, 'lost', 1)")
    synced(shop, "changes")
    shop.sql("USE master; RESTORE DATABASE shop FROM DISK = 'b' WITH REPLACE; USE shop")
    shop.sql("EXEC tidemark_test.version 130; UPDATE t SET v = 'new' WHERE id = 2")
    done = synced(shop, "restored")
    assert (done["mode"], done["deleted"]) == ("full", 1)


def test_c5_a_version_that_goes_back_is_a_restore(shop):
    """Azure SQL Database says nothing of forks: the version alone has to do."""
    shop.sql("EXEC tidemark_test.server 'edition', 5")
    shop.sql("EXEC tidemark_test.version 50; UPDATE t SET v = 'a' WHERE id = 1")
    shop.sync()
    shop.sql("BACKUP DATABASE shop TO DISK = 'b'; EXEC tidemark_test.version 90; INSERT INTO t VALUES (90, 'lost', 1)")
    synced(shop, "changes")
    shop.sql("USE master; RESTORE DATABASE shop FROM DISK = 'b' WITH REPLACE; USE shop")
    synced(shop, "restored")


def test_c5_a_login_that_may_not_see_forks(shop):
    """Then the version is all there is."""
    shop.sql("CREATE LOGIN r WITH PASSWORD = 'p'; CREATE USER r FOR LOGIN r; GRANT SELECT ON t TO r;"
             "GRANT VIEW CHANGE TRACKING ON t TO r; DENY VIEW ANY DATABASE TO r")
    shop.sql("BACKUP DATABASE shop TO DISK = 'b'; UPDATE t SET v = 'lost' WHERE id = 1")
    shop.sync(user="r")
    shop.sql("USE master; RESTORE DATABASE shop FROM DISK = 'b' WITH REPLACE; USE shop")
    assert shop.sync(user="r")["dbo.t"]["reason"] == "restored"
    shop.assert_equal()


def test_c5_a_failover_is_reconciled(shop):
    shop.sql("EXEC tidemark_test.server 'edition', 5")
    shop.sync()
    shop.sql("EXEC tidemark_test.fail_over 'the-other-region'; DELETE FROM t WHERE id = 1")
    synced(shop)


# ---- C6: definitions


def test_c6_a_table_made_again(shop):
    shop.sql("DROP TABLE t; CREATE TABLE t(id int PRIMARY KEY, v nvarchar(20), n int); ALTER TABLE t ENABLE CHANGE_TRACKING;"
             "INSERT INTO t VALUES (1, 'new', 1)")
    done = synced(shop, "recreated")
    assert (done["rows"], done["deleted"]) == (1, 9)


def test_c6_tracking_off_and_on(shop):
    shop.sql("UPDATE t SET n = 0 WHERE id = 2; ALTER TABLE t DISABLE CHANGE_TRACKING; DELETE FROM t WHERE id = 1;"
             "ALTER TABLE t ENABLE CHANGE_TRACKING")
    assert synced(shop)["mode"] == "full" or shop.folded("dbo.t", "id").keys() == shop.source("dbo.t", "id").keys()


def test_c6_tracking_off_and_on_for_the_database(shop):
    shop.sql("ALTER TABLE t DISABLE CHANGE_TRACKING; ALTER DATABASE shop SET CHANGE_TRACKING = OFF; DELETE FROM t WHERE id = 1")
    shop.track("t")
    shop.sql("UPDATE t SET v = 'x' WHERE id = 2; UPDATE t SET v = 'y' WHERE id = 3")
    synced(shop)


@pytest.mark.parametrize("column", ["x int", "x int DEFAULT 7", "x int NOT NULL DEFAULT 7", "x int DEFAULT 7 WITH VALUES",
                                    "x AS n * 2"])
def test_c6_an_added_column_reaches_all_rows(shop, column):
    shop.sql(f"ALTER TABLE t ADD {column}; UPDATE t SET v = 'x' WHERE id = 1")
    synced(shop)
    shop.sql("UPDATE t SET n = 3 WHERE id = 5")
    synced(shop)


@pytest.mark.parametrize("ddl", ["ALTER TABLE t ALTER COLUMN n bigint", "ALTER TABLE t DROP COLUMN n",
                                 "EXEC sp_rename 'dbo.t.n', 'number', 'COLUMN'",
                                 "ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD n nvarchar(5) DEFAULT 'd' WITH VALUES",
                                 "ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD n int DEFAULT 5 WITH VALUES",
                                 "ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD n int"])
def test_c6_columns_that_change(shop, ddl):
    shop.sql(f"{ddl}; UPDATE t SET v = 'x' WHERE id = 1; DELETE FROM t WHERE id = 2")
    synced(shop)


@pytest.mark.parametrize("before, literal, after", [("nvarchar(20)", "N'日本'", "varchar(20)"), ("decimal(10,2)", "1.25", "decimal(10,1)"),
                                                    ("float", "0.1e0", "real"), ("datetime2(7)", "'2020-01-02T03:04:05.9999999'", "datetime2(0)"),
                                                    ("char(3)", "'a'", "char(5)"), ("int", "7", "bit")])
def test_c6_an_altered_type_that_changes_values(empty, before, literal, after):
    """Nothing is noted, and the landed type may be the same."""
    empty.sql(f"CREATE TABLE t(id int PRIMARY KEY, v {before}); INSERT INTO t VALUES (1, {literal}), (2, NULL)")
    empty.track("t")
    empty.sync()
    empty.sql(f"ALTER TABLE t ALTER COLUMN v {after}")
    synced(empty)


def test_c6_keys_without_case(empty):
    empty.sql("CREATE TABLE t(code varchar(9) PRIMARY KEY, n int); INSERT INTO t VALUES ('a', 1), ('b', 2)")
    empty.track("t")
    empty.sync()
    empty.sql("UPDATE t SET code = 'A', n = 5 WHERE code = 'a'; DELETE FROM t WHERE code = 'B '")
    empty.sync()
    empty.assert_equal("dbo.t", "code")
    empty.verify()


def test_c6_no_key_and_no_tracking(empty):
    empty.sql("CREATE TABLE heap(v int); INSERT INTO heap VALUES (1), (1); CREATE TABLE plain(id int PRIMARY KEY, v int);"
              "INSERT INTO plain VALUES (1, 1), (2, 2)")
    empty.sync()
    empty.sql("DELETE FROM plain WHERE id = 1; INSERT INTO plain VALUES (3, 3); INSERT INTO heap VALUES (2)")
    assert empty.sync()["dbo.plain"]["reason"] == "no_tracking"
    empty.assert_equal("dbo.plain")
    empty.verify()


# ---- C7: permissions


def test_c7_plan_says_what_an_administrator_has_to_run(empty):
    empty.sql("CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY); CREATE TABLE c(id int);"
              "CREATE TABLE d(id int PRIMARY KEY); CREATE TABLE e(id int PRIMARY KEY); CREATE LOGIN r WITH PASSWORD = 'p';"
              "CREATE USER r FOR LOGIN r; GRANT VIEW CHANGE TRACKING ON SCHEMA::dbo TO r; GRANT SELECT ON SCHEMA::dbo TO r;"
              "DENY SELECT ON a TO r; DENY VIEW CHANGE TRACKING ON b TO r")
    empty.track("a", "b", "e", snapshot=False)
    done = empty.run("plan", user="r")
    said = done.out + done.err
    for statement in ("GRANT SELECT ON [dbo].[a] TO [r]", "GRANT VIEW CHANGE TRACKING ON [dbo].[b] TO [r]",
                      "ALTER DATABASE [shop] SET ALLOW_SNAPSHOT_ISOLATION ON", "ALTER TABLE [dbo].[d] ENABLE CHANGE_TRACKING",
                      "ALTER TABLE [dbo].[c] ADD PRIMARY KEY"):
        assert statement in said, (statement, done)
