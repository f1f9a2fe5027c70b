"""The test server's engine keeps to what is documented of change tracking. Rules are cited by their numbers (C1 …)."""

import datetime
import decimal
import pathlib
import random
import sys
import threading
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from tds_server.engine import Engine  # noqa: E402
from tds_server.seam import Login, SqlError  # noqa: E402

TRACKED = """
CREATE DATABASE shop; USE shop;
ALTER DATABASE shop SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON);
ALTER DATABASE shop SET ALLOW_SNAPSHOT_ISOLATION ON;
CREATE TABLE t(id int NOT NULL PRIMARY KEY, v nvarchar(20));
ALTER TABLE t ENABLE CHANGE_TRACKING"""
CHANGES = "SELECT SYS_CHANGE_OPERATION, id FROM CHANGETABLE(CHANGES dbo.t, @p1) AS ct ORDER BY id"


class Shop:
    """An engine with a database, and sessions on it."""

    def __init__(self):
        self.engine = Engine()
        self.engine.any_password = False
        self.admin = self.engine.admin()
        self.admin.query(TRACKED)

    def session(self, user=None):
        if user is None:
            return self.engine.admin("shop")
        return self.engine.session(Login(user=user, password="p", database="shop"))

    def sql(self, text, *parameters):
        return self.admin.query(text, *parameters)

    def changes(self, since):
        return self.sql(CHANGES, since)

    def version(self):
        return self.sql("SELECT CHANGE_TRACKING_CURRENT_VERSION()")[0][0]

    def min_valid(self, table="dbo.t"):
        return self.sql(f"SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(N'{table}'))")[0][0]


@pytest.fixture
def shop():
    made = Shop()
    yield made
    assert made.engine.refused == []


def error_of(session, text, *parameters):
    with pytest.raises(SqlError) as caught:
        session.query(text, *parameters)
    return caught.value.number


# ---- C1: CHANGETABLE


def test_c1_1_a_key_comes_once_and_null_means_everything(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    shop.sql("UPDATE t SET v = 'c' WHERE id = 1; UPDATE t SET v = 'd' WHERE id = 1")
    assert shop.changes(None) == [("I", 1), ("I", 2)]
    assert shop.changes(1) == [("U", 1)]
    assert shop.changes(3) == []
    assert error_of(shop.admin, "SELECT 1 FROM CHANGETABLE(CHANGES t, 1 + 1) AS ct") == 102
    shop.engine.refused.clear()


def test_c1_2_versions_of_change_and_creation(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql("UPDATE t SET v = 'b'")
    rows = shop.sql("SELECT SYS_CHANGE_VERSION, SYS_CHANGE_CREATION_VERSION, SYS_CHANGE_OPERATION, SYS_CHANGE_COLUMNS,"
                    " SYS_CHANGE_CONTEXT, id FROM CHANGETABLE(CHANGES t, 0) AS ct")
    assert rows == [(2, 1, "I", None, None, 1)]


def test_c1_3_the_operation_is_relative_to_the_version(shop):
    shop.sql("EXEC tidemark_test.version 10; INSERT INTO t VALUES (1, 'a')")
    shop.sql("EXEC tidemark_test.version 15; UPDATE t SET v = 'b'")
    assert shop.changes(12) == [("U", 1)] and shop.changes(8) == [("I", 1)]


def test_c1_4_deleted_and_inserted_again_is_an_update(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql("DELETE FROM t; INSERT INTO t VALUES (1, 'b')")
    assert shop.changes(1) == [("U", 1)]


def test_c1_5_a_new_key_is_a_delete_and_an_insert(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql("UPDATE t SET id = 7")
    assert shop.changes(1) == [("D", 1), ("I", 7)]


def test_c1_6_inserted_and_deleted_is_a_delete_of_an_unknown_key(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a'); DELETE FROM t")
    assert shop.changes(0) == [("D", 1)]
    shop.sql("EXEC tidemark_test.quirk 'insert_then_delete', ''")
    assert shop.changes(0) == []


def test_c1_7_the_bug_that_notes_a_delete_last(shop):
    shop.sql("CREATE UNIQUE INDEX u ON t(v); EXEC tidemark_test.quirk 'insert_before_delete', 1")
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql("UPDATE t SET v = 'b'")
    assert shop.changes(1) == [("D", 1)] and shop.sql("SELECT id, v FROM t") == [(1, "b")]


def test_c1_7_read_committed_joins_a_row_that_is_gone(shop):
    """A row deleted between CHANGETABLE and the join: noted as I, and not there."""
    shop.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    joined = ("SELECT ct.SYS_CHANGE_OPERATION, ct.id, t.v FROM CHANGETABLE(CHANGES t, 0) AS ct"
              " LEFT OUTER JOIN t AS t ON t.id = ct.id ORDER BY ct.id")
    shop.sql("EXEC tidemark_test.before_read 'dbo.t', 'DELETE FROM dbo.t WHERE id = 2'")
    assert shop.sql(joined) == [("I", 1, "a"), ("I", 2, None)]
    assert shop.sql(joined) == [("I", 1, "a"), ("D", 2, None)]
    snapshot = shop.session()
    snapshot.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
    shop.sql("EXEC tidemark_test.before_read 'dbo.t', 'DELETE FROM dbo.t WHERE id = 1'")
    assert snapshot.query(joined) == [("I", 1, "a"), ("D", 2, None)]


def test_c1_8_truncate_is_not_tracked_and_begins_anew(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    begun = shop.sql("SELECT begin_version FROM sys.change_tracking_tables")
    shop.sql("TRUNCATE TABLE t")
    assert shop.changes(None) == [] and shop.min_valid() == 1 and begun == [(0,)]
    assert shop.sql("SELECT begin_version FROM sys.change_tracking_tables") == [(1,)]


def test_c1_9_the_mask_of_columns(shop):
    shop.sql("CREATE TABLE m(id int PRIMARY KEY, a int, b int, c AS a + b)")
    shop.sql("ALTER TABLE m ENABLE CHANGE_TRACKING WITH (TRACK_COLUMNS_UPDATED = ON)")
    shop.sql("INSERT INTO m VALUES (1, 1, 1), (2, 2, 2)")
    shop.sql("UPDATE m SET a = 5 WHERE id = 1; UPDATE m SET a = 6, b = 6 WHERE id = 2")
    rows = shop.sql("SELECT id, CHANGE_TRACKING_IS_COLUMN_IN_MASK(COLUMNPROPERTY(OBJECT_ID('m'), 'a', 'ColumnId'),"
                    " SYS_CHANGE_COLUMNS), CHANGE_TRACKING_IS_COLUMN_IN_MASK(3, SYS_CHANGE_COLUMNS)"
                    " FROM CHANGETABLE(CHANGES m, 1) AS ct ORDER BY id")
    assert rows == [(1, 1, 0), (2, None, None)]  # all columns at once: NULL
    assert shop.sql("SELECT SYS_CHANGE_COLUMNS FROM CHANGETABLE(CHANGES m, 0) AS ct WHERE id = 1") == [(None,)]


def test_c1_10_names_of_up_to_four_parts_and_synonyms(shop):
    shop.sql("CREATE SCHEMA [o]]d]; CREATE TABLE [o]]d].[it's](id int PRIMARY KEY); CREATE SYNONYM s FOR [o]]d].[it's]")
    shop.sql("ALTER TABLE [shop].[o]]d].[it's] ENABLE CHANGE_TRACKING; INSERT INTO s VALUES (1)")
    for name in ("[o]]d].[it's]", "shop.[o]]d].[it's]", "s"):
        assert shop.sql(f"SELECT id FROM CHANGETABLE(CHANGES {name}, 0) AS ct") == [(1,)]


# ---- C2: versions


def test_c2_1_one_version_a_transaction_given_at_commit(shop):
    first, second = shop.session(), shop.session()
    first.query("BEGIN TRANSACTION; INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    second.query("BEGIN TRANSACTION; INSERT INTO t VALUES (3, 'c')")
    assert shop.version() == 0 and shop.changes(0) == []
    second.query("COMMIT")
    first.query("COMMIT")
    rows = shop.sql("SELECT id, SYS_CHANGE_VERSION FROM CHANGETABLE(CHANGES t, 0) AS ct ORDER BY id")
    assert rows == [(1, 2), (2, 2), (3, 1)] and shop.version() == 2


def test_c2_1_null_when_tracking_is_off(shop):
    shop.sql("ALTER TABLE t DISABLE CHANGE_TRACKING; ALTER DATABASE shop SET CHANGE_TRACKING = OFF")
    assert shop.version() is None


def test_c2_2_the_minimum_is_null_without_table_tracking_or_permission(shop):
    shop.sql("CREATE TABLE plain(id int PRIMARY KEY)")
    assert shop.min_valid("dbo.plain") is None and shop.min_valid("dbo.nothing") is None and shop.min_valid() == 0
    shop.sql("CREATE LOGIN r WITH PASSWORD = 'p'; CREATE USER r FOR LOGIN r; GRANT SELECT ON t TO r")
    reader = shop.session("r")
    asked = "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID('dbo.t'))"
    assert reader.query(asked) == [(None,)]
    shop.sql("GRANT VIEW CHANGE TRACKING ON SCHEMA::dbo TO r")
    assert reader.query(asked) == [(0,)]


def test_c2_4_the_commit_table_has_minutes(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    ((version, days, at),) = [(v, *at) for v, at in shop.sql("SELECT commit_ts, commit_time FROM sys.dm_tran_commit_table")]
    assert version == 1 and at % (300 * 60) == 0 and days == datetime.datetime.now(datetime.UTC).date().toordinal() - 1


# ---- C3: reading


def test_c3_a_snapshot_sees_one_state(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    reader = shop.session()
    reader.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION")
    shop.sql("UPDATE t SET v = 'b'")  # before the first access to data: seen
    assert reader.query("SELECT v FROM t") == [("b",)]
    shop.sql("UPDATE t SET v = 'c'; DELETE FROM t; INSERT INTO t VALUES (2, 'z')")
    assert reader.query("SELECT id, v FROM t") == [(1, "b")]
    assert reader.query("SELECT CHANGE_TRACKING_CURRENT_VERSION()") == [(2,)]
    assert reader.query(CHANGES, 0) == [("I", 1)]
    reader.query("COMMIT")
    assert reader.query("SELECT id, v FROM t") == [(2, "z")]


def test_c3_the_version_may_be_newer_than_the_view(shop):
    """Whether the function keeps to the snapshot is not documented: a test may order that it does not."""
    shop.sql("EXEC tidemark_test.quirk 'version_is_latest', 1; INSERT INTO t VALUES (1, 'a')")
    reader = shop.session()
    reader.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION; SELECT v FROM t")
    shop.sql("UPDATE t SET v = 'b'")
    assert reader.query("SELECT CHANGE_TRACKING_CURRENT_VERSION()") == [(2,)]
    assert reader.query(CHANGES, 1) == []


def test_c3_a_snapshot_must_be_allowed(shop):
    shop.sql("ALTER DATABASE shop SET ALLOW_SNAPSHOT_ISOLATION OFF")
    reader = shop.session()
    reader.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION")
    assert error_of(reader, "SELECT v FROM t") == 3952 and reader.transaction is None


@pytest.mark.parametrize("ddl", ["ALTER TABLE t ADD x int", "ALTER TABLE t DROP COLUMN v", "TRUNCATE TABLE t",
                                 "ALTER TABLE t DISABLE CHANGE_TRACKING", "EXEC sp_rename 'dbo.t.v', 'w', 'COLUMN'",
                                 "DROP TABLE t; CREATE TABLE t(id int PRIMARY KEY)"])
def test_c3_a_concurrent_definition_ends_a_snapshot(shop, ddl):
    shop.sql("INSERT INTO t VALUES (1, 'a'); CREATE TABLE other(id int PRIMARY KEY)")
    reader = shop.session()
    reader.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION; SELECT * FROM other")
    shop.sql(ddl)
    assert error_of(reader, "SELECT id FROM t") == 3961
    assert reader.transaction is None and reader.rolled_back
    reader.query("BEGIN TRANSACTION; SELECT id FROM t; COMMIT")


def test_c3_two_writers_of_one_row(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    first = shop.session()
    first.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION; SELECT v FROM t")
    shop.sql("UPDATE t SET v = 'b'")
    assert error_of(first, "UPDATE t SET v = 'c'") == 3960 and first.transaction is None


def test_c3_cleanup_is_invisible_inside_a_snapshot(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    reader = shop.session()
    reader.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION; SELECT v FROM t")
    shop.sql("EXEC tidemark_test.cleanup 't', 1")
    assert reader.query(CHANGES, 0) == [("I", 1)] and shop.changes(0) == [] and shop.min_valid() == 1


# ---- C4: retention


def test_c4_what_is_older_than_the_retention_goes(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql("EXEC tidemark_test.advance_clock 100000; INSERT INTO t VALUES (2, 'b')")
    assert shop.min_valid() == 0
    shop.sql("EXEC tidemark_test.advance_clock 100000")
    assert shop.min_valid() == 1 and shop.changes(0) == [("I", 2)]
    assert shop.sql("SELECT cleanup_version, min_valid_version FROM sys.change_tracking_tables") == [(1, 1)]


def test_c4_without_auto_cleanup_nothing_goes_by_itself(shop):
    shop.sql("ALTER DATABASE shop SET CHANGE_TRACKING (AUTO_CLEANUP = OFF); INSERT INTO t VALUES (1, 'a')")
    shop.sql("EXEC tidemark_test.advance_clock 1000000")
    assert shop.min_valid() == 0
    shop.sql("EXEC sp_flush_CT_internal_table_on_demand")
    assert shop.min_valid() == 1
    rows = shop.sql("SELECT retention_period, retention_period_units, is_auto_cleanup_on FROM sys.change_tracking_databases")
    assert rows == [(2, 3, 0)]


def test_c4_1_off_and_on_begins_anew(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql("ALTER TABLE t DISABLE CHANGE_TRACKING; ALTER DATABASE shop SET CHANGE_TRACKING = OFF;"
             "ALTER DATABASE shop SET CHANGE_TRACKING = ON; ALTER TABLE t ENABLE CHANGE_TRACKING")
    assert shop.version() == 0 and shop.changes(None) == []
    assert error_of(shop.admin, "ALTER DATABASE shop SET CHANGE_TRACKING = OFF") == 22115


# ---- C5: restore and failover


def test_c5_a_restore_goes_back_and_forks(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a'); BACKUP DATABASE shop TO DISK = 'monday'; INSERT INTO t VALUES (2, 'b')")
    fork = "SELECT database_guid, family_guid, recovery_fork_guid FROM sys.database_recovery_status WHERE database_id = DB_ID()"
    before = shop.sql(fork)
    shop.sql("USE master; RESTORE DATABASE shop FROM DISK = 'monday' WITH REPLACE; USE shop")
    assert shop.version() == 1 and shop.sql("SELECT id FROM t") == [(1,)]
    ((database, family, now),) = shop.sql(fork)
    assert (database, family) == before[0][:2] and now != before[0][2]


def test_c5_a_failover_shows_in_the_name(shop):
    shop.sql("EXEC tidemark_test.fail_over 'other'")
    assert shop.sql("SELECT @@SERVERNAME") == [("other",)]


# ---- C6: definitions


def test_c6_a_table_made_again_has_another_id(shop):
    before = shop.sql("SELECT OBJECT_ID('dbo.t')")
    shop.sql("DROP TABLE t; CREATE TABLE t(id int PRIMARY KEY)")
    assert shop.sql("SELECT OBJECT_ID('dbo.t')") != before and shop.min_valid() is None
    assert error_of(shop.admin, CHANGES, 0) == 22105


def test_c6_tracking_switched_off_and_on_forgets(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a'); ALTER TABLE t DISABLE CHANGE_TRACKING; ALTER TABLE t ENABLE CHANGE_TRACKING")
    assert shop.min_valid() == 1 and shop.changes(None) == []


def test_c6_a_tracked_key_stays(shop):
    ((name,),) = shop.sql("SELECT name FROM sys.key_constraints")
    assert error_of(shop.admin, f"ALTER TABLE t DROP CONSTRAINT [{name}]") == 4929
    shop.sql("CREATE TABLE heap(id int)")
    assert error_of(shop.admin, "ALTER TABLE heap ENABLE CHANGE_TRACKING") == 4998


@pytest.mark.parametrize("column, seen", [("x int", None), ("x int DEFAULT 7", None), ("x int NOT NULL DEFAULT 7", 7),
                                          ("x int DEFAULT 7 WITH VALUES", 7), ("x AS id * 2", 2)])
def test_c6_added_columns_fill_rows_without_a_note(shop, column, seen):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql(f"ALTER TABLE t ADD {column}")
    assert shop.sql("SELECT x FROM t") == [(seen,)] and shop.version() == 1 and shop.changes(1) == []
    shop.sql("UPDATE t SET v = 'b'")
    assert shop.changes(1) == [("U", 1)]


def test_c6_altered_and_dropped_columns_leave_no_note(shop):
    shop.sql("CREATE TABLE a(id int PRIMARY KEY, n int, w int); ALTER TABLE a ENABLE CHANGE_TRACKING")
    shop.sql("INSERT INTO a VALUES (1, 5, 6); ALTER TABLE a ALTER COLUMN n decimal(10,2); ALTER TABLE a DROP COLUMN w")
    assert shop.sql("SELECT * FROM a") == [(1, decimal.Decimal("5.00"))] and shop.version() == 1


def test_c6_a_renamed_column_keeps_its_id(shop):
    ids = "SELECT column_id FROM sys.columns WHERE object_id = OBJECT_ID('t') ORDER BY column_id"
    shop.sql("EXEC sp_rename 'dbo.t.v', 'value', 'COLUMN'")
    assert shop.sql(ids) == [(1,), (2,)] and shop.sql("SELECT value FROM t") == []
    shop.sql("ALTER TABLE t DROP COLUMN value; ALTER TABLE t ADD value int")
    assert shop.sql(ids) == [(1,), (3,)]


def test_c6_a_partition_of_a_tracked_table_cannot_be_switched(shop):
    shop.sql("CREATE TABLE target(id int NOT NULL PRIMARY KEY, v nvarchar(20))")
    assert error_of(shop.admin, "ALTER TABLE t SWITCH TO target") == 4900


def test_c6_no_tracking_in_memory(shop):
    shop.sql("CREATE TABLE fast(id int NOT NULL PRIMARY KEY NONCLUSTERED) WITH (MEMORY_OPTIMIZED = ON)")
    assert error_of(shop.admin, "ALTER TABLE fast ENABLE CHANGE_TRACKING") == 12317
    assert shop.sql("SELECT is_memory_optimized FROM sys.tables WHERE name = 'fast'") == [(1,)]


def test_c6_a_key_without_case(shop):
    shop.sql("CREATE TABLE k(code varchar(5) PRIMARY KEY, n int); ALTER TABLE k ENABLE CHANGE_TRACKING")
    shop.sql("INSERT INTO k VALUES ('a', 1)")
    assert error_of(shop.admin, "INSERT INTO k VALUES ('A ', 2)") == 2627
    shop.sql("UPDATE k SET code = 'A'")
    rows = shop.sql("SELECT SYS_CHANGE_OPERATION, ct.code, k.code FROM CHANGETABLE(CHANGES k, 1) AS ct JOIN k ON k.code = ct.code")
    assert rows == [("U", "A", "A")]
    shop.sql("CREATE TABLE b(code varchar(5) COLLATE Latin1_General_BIN2 PRIMARY KEY); INSERT INTO b VALUES ('a'), ('A')")
    assert shop.sql("SELECT code FROM b ORDER BY code") == [("A",), ("a",)]


# ---- C7: permissions


def test_c7_what_a_reader_may(shop):
    shop.sql("CREATE LOGIN r WITH PASSWORD = 'p'; CREATE USER r FOR LOGIN r; CREATE TABLE hidden(id int PRIMARY KEY)")
    reader = shop.session("r")
    assert error_of(reader, "SELECT * FROM t") == 208  # nobody sees what he has no permission on
    shop.sql("GRANT SELECT ON t TO r")
    assert reader.query("SELECT * FROM t") == [] and error_of(reader, CHANGES, 0) == 229
    asked = "SELECT HAS_PERMS_BY_NAME(N'dbo.t', N'OBJECT', N'SELECT'), HAS_PERMS_BY_NAME(N'dbo.t', N'OBJECT', N'VIEW CHANGE TRACKING')"
    assert reader.query(asked) == [(1, 0)]
    shop.sql("GRANT VIEW CHANGE TRACKING ON dbo.t TO r")
    assert reader.query(asked) == [(1, 1)] and reader.query(CHANGES, 0) == []
    assert reader.query("SELECT name FROM sys.tables") == [("t",)]
    shop.sql("DENY SELECT ON t TO r")
    assert error_of(reader, "SELECT * FROM t") == 229
    assert error_of(reader, "SELECT 1 FROM sys.dm_tran_commit_table") == 262
    assert error_of(reader, "SELECT 1 FROM sys.dm_os_sys_info") == 300
    assert len(reader.query("SELECT 1 FROM sys.database_recovery_status WHERE database_id = DB_ID()")) == 1
    shop.sql("DENY VIEW ANY DATABASE TO r")
    assert reader.query("SELECT 1 FROM sys.database_recovery_status") == []
    assert error_of(reader, "INSERT INTO t VALUES (1, 'a')") == 229


def test_c7_single_columns(shop):
    shop.sql("CREATE LOGIN r WITH PASSWORD = 'p'; CREATE USER r FOR LOGIN r; GRANT SELECT ON t(id) TO r")
    reader = shop.session("r")
    assert reader.query("SELECT id FROM t") == [] and error_of(reader, "SELECT id, v FROM t") == 230


def test_c6_masks_and_row_level_security(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'); CREATE LOGIN r WITH PASSWORD = 'p'; CREATE USER r FOR LOGIN r;"
             "GRANT SELECT ON t TO r; GRANT VIEW CHANGE TRACKING ON t TO r;"
             "ALTER TABLE t ALTER COLUMN v ADD MASKED WITH (FUNCTION = 'default()')")
    reader = shop.session("r")
    assert reader.query("SELECT v FROM t") == [("xxxx",), ("xxxx",)]
    shop.sql("GRANT UNMASK TO r; EXEC tidemark_test.row_filter 'dbo.t', 'id > 1'")
    assert reader.query("SELECT v FROM t") == [("b",)] and len(reader.query(CHANGES, 0)) == 2
    assert shop.sql("SELECT name FROM sys.masked_columns") == [("v",)]
    assert len(shop.sql("SELECT target_object_id FROM sys.security_predicates WHERE predicate_type = 0")) == 1


def test_logins(shop):
    shop.sql("CREATE LOGIN r WITH PASSWORD = 'p'")
    for login, number, state in ((Login("r", "wrong", "master"), 18456, 8), (Login("x", "p", "master"), 18456, 5),
                                 (Login("r", "p", "shop"), 4060, 1), (Login("r", "p", "nothing"), 4060, 1)):
        with pytest.raises(SqlError) as caught:
            shop.engine.session(login)
        assert (caught.value.number, caught.value.state, caught.value.fatal) == (number, state, True)


# ---- C8


def test_c8_a_context_tags_a_change(shop):
    shop.sql("WITH CHANGE_TRACKING_CONTEXT(0x0102) INSERT INTO t VALUES (1, 'a')")
    assert shop.sql("SELECT SYS_CHANGE_CONTEXT FROM CHANGETABLE(CHANGES t, 0) AS ct") == [(b"\1\2",)]


# ---- transactions and locks


def test_a_rollback_leaves_nothing(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a')")
    shop.sql("BEGIN TRAN; UPDATE t SET v = 'b'; SAVE TRAN s; DELETE FROM t; ROLLBACK TRAN s; ALTER TABLE t ADD x int; ROLLBACK")
    assert shop.sql("SELECT * FROM t") == [(1, "a")] and shop.version() == 1


def test_a_statement_that_fails_leaves_nothing(shop):
    assert error_of(shop.admin, "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (1, 'c')") == 2627
    assert shop.sql("SELECT COUNT(*) FROM t") == [(0,)] and shop.version() == 0


def test_writers_wait_for_each_other(shop):
    shop.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    first, second = shop.session(), shop.session()
    first.query("BEGIN TRAN; UPDATE t SET v = 'first' WHERE id = 1")
    second.query("SET LOCK_TIMEOUT 20")
    assert error_of(second, "UPDATE t SET v = 'second' WHERE id = 1") == 1222
    second.query("SET LOCK_TIMEOUT -1; BEGIN TRAN; UPDATE t SET v = 'second' WHERE id = 2")
    waiting = threading.Thread(target=lambda: first.query("UPDATE t SET v = 'first' WHERE id = 2"))
    waiting.start()
    while first.running.waits_for is None:
        pass
    assert error_of(second, "UPDATE t SET v = 'second' WHERE id = 1") == 1205
    waiting.join()
    first.query("COMMIT")
    assert shop.sql("SELECT v FROM t") == [("first",), ("first",)]


def test_readers_wait_when_ordered(shop):
    """As READ COMMITTED does where READ_COMMITTED_SNAPSHOT is off."""
    shop.sql("INSERT INTO t VALUES (1, 'a'); EXEC tidemark_test.quirk 'reads_wait', 1")
    writer, reader = shop.session(), shop.session()
    writer.query("BEGIN TRAN; UPDATE t SET v = 'b'")
    reader.query("SET LOCK_TIMEOUT 10")
    assert error_of(reader, "SELECT v FROM t") == 1222
    reader.query("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
    assert reader.query("SELECT v FROM t") == [("a",)]
    writer.query("COMMIT")
    assert reader.query("SELECT v FROM t") == [("b",)]


def test_errors_come_when_ordered(shop):
    shop.sql("EXEC tidemark_test.error 1205, 'FROM t', 2")
    assert [error_of(shop.admin, "SELECT * FROM t") for _ in range(2)] == [1205, 1205]
    assert shop.sql("SELECT * FROM t") == []


# ---- types and names


VALUES = [
    ("bit", "1", 1), ("tinyint", "255", 255), ("smallint", "-32768", -32768), ("int", "2147483647", 2**31 - 1),
    ("bigint", "-9223372036854775808", -(2**63)), ("decimal(38,38)", "0.12345678901234567890123456789012345678",
                                                   decimal.Decimal("0.12345678901234567890123456789012345678")),
    ("money", "922337203685477.5807", decimal.Decimal("922337203685477.5807")), ("smallmoney", "-0.0001", decimal.Decimal("-0.0001")),
    ("real", "1.5", 1.5), ("float", "1e308", 1e308), ("date", "'9999-12-31'", 3652058), ("time(7)", "'23:59:59.9999999'", 863999999999),
    ("smalldatetime", "'2079-06-06 23:59'", (759130, 1439)), ("datetime", "'2020-01-02 03:04:05.678'", (737425, 3313703)),
    ("datetime2(7)", "'0001-01-01 00:00:00.0000001'", (0, 1)), ("datetime2(3)", "'2020-01-02 00:00:00.0005'", (737425, 10000)),
    ("datetimeoffset(7)", "'2020-01-02 01:00:00 +02:00'", (737424, 828000000000, 120)), ("char(3)", "'a'", "a  "),
    ("varchar(5)", "N'aЖ'", "a?"), ("varchar(10) COLLATE Latin1_General_100_CI_AS_SC_UTF8", "N'aЖ'", "aЖ"),
    ("nchar(2)", "N'é'", "é "), ("nvarchar(max)", "N'日本'", "日本"), ("text", "'x'", "x"), ("ntext", "N'y'", "y"),
    ("binary(3)", "0x01", b"\1\0\0"), ("varbinary(max)", "0x0102", b"\1\2"), ("image", "0xff", b"\xff"),
    ("uniqueidentifier", "'00112233-4455-6677-8899-aabbccddeeff'", uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")),
    ("xml", "'<a/>'", "<a/>"), ("json", "'{}'", "{}"), ("vector(2)", "'[1, 2.5]'", (1.0, 2.5)), ("sysname", "'x'", "x"),
]


@pytest.mark.parametrize("declared, literal, value", VALUES)
def test_a_value_of_each_type(shop, declared, literal, value):
    shop.sql(f"CREATE TABLE v(id int PRIMARY KEY, x {declared}); INSERT INTO v VALUES (1, {literal})")
    assert shop.sql("SELECT x FROM v") == [(value,)]
    result = next(iter(shop.admin.execute("SELECT x FROM v", [])))
    result.columns[0].type.encode(value)  # the wire can say it


def test_what_the_catalog_says_of_odd_columns_and_tables(shop):
    shop.sql("CREATE TABLE odd(id int PRIMARY KEY, a int SPARSE, b xml COLUMN_SET FOR ALL_SPARSE_COLUMNS,"
             " c nvarchar(9) MASKED WITH (FUNCTION = 'default()'), d varbinary(20) ENCRYPTED WITH (COLUMN_ENCRYPTION_KEY = k),"
             " e datetime2 GENERATED ALWAYS AS ROW START HIDDEN NOT NULL, f datetime2 GENERATED ALWAYS AS ROW END NOT NULL,"
             " g AS id * 2 PERSISTED, PERIOD FOR SYSTEM_TIME (e, f)) WITH (SYSTEM_VERSIONING = ON)")
    shop.sql("CREATE TABLE n(id int PRIMARY KEY) AS NODE; EXEC tidemark_test.table_flag 'dbo.n', 'is_external', 1")
    rows = shop.sql("SELECT name, is_hidden, is_masked, encryption_type, generated_always_type, is_column_set, is_computed"
                    " FROM sys.columns WHERE object_id = OBJECT_ID('odd') ORDER BY column_id")
    assert rows == [("id", 0, 0, None, 0, 0, 0), ("a", 0, 0, None, 0, 0, 0), ("b", 0, 0, None, 0, 1, 0),
                    ("c", 0, 1, None, 0, 0, 0), ("d", 0, 0, 1, 0, 0, 0), ("e", 1, 0, None, 1, 0, 0),
                    ("f", 0, 0, None, 2, 0, 0), ("g", 0, 0, None, 0, 0, 1)]
    assert shop.sql("SELECT name, temporal_type, is_node, is_external FROM sys.tables ORDER BY name") == [
        ("n", 0, 1, 1), ("odd", 2, 0, 0), ("t", 0, 0, 0)]
    shop.sql("INSERT INTO odd(id, c) VALUES (1, 'x')")
    assert "e" not in [c.name for c in next(iter(shop.admin.execute("SELECT * FROM odd", []))).columns]


def test_clr_types_and_variants(shop):
    shop.sql("CREATE TABLE g(id int PRIMARY KEY, h hierarchyid, s geometry, w geography, x sql_variant);"
             "INSERT INTO g VALUES (1, '/1/2/', geometry::STGeomFromText('POINT (1 2 3 4)', 7), 'POINT (3 4)', 1.5)")
    rows = shop.sql("SELECT [h].ToString(), [s].STSrid, [s].AsBinaryZM(), [w].STSrid, SQL_VARIANT_PROPERTY(x, 'BaseType'), x FROM g")
    path, srid, wkb, geography_srid, base, variant = rows[0]
    assert (path, srid, geography_srid, base.value, variant.value) == ("/1/2/", 7, 4326, "decimal", decimal.Decimal("1.5"))
    assert wkb.hex().startswith("01b90b0000")  # a point with Z and M
    ((h, s),) = shop.sql("SELECT h, s FROM g")
    assert bytes(h) == bytes.fromhex("5b40") and bytes(s)[:6] == bytes.fromhex("07000000010f")


def test_uniqueidentifiers_sort_from_their_last_group(shop):
    shop.sql("CREATE TABLE u(id uniqueidentifier PRIMARY KEY)")
    texts = ["ffffffff-ffff-ffff-ffff-000000000001", "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0100-000000000000",
             "00000000-0000-0001-0000-000000000000", "00000000-0001-0000-0000-000000000000", "00000001-0000-0000-0000-000000000000"]
    for text in texts:
        shop.sql(f"INSERT INTO u VALUES ('{text}')")
    ordered = [str(row[0]) for row in shop.sql("SELECT id FROM u ORDER BY id")]
    assert ordered == [texts[5], texts[4], texts[3], texts[2], texts[0], texts[1]]


def test_names_that_need_quoting(shop):
    shop.sql("CREATE TABLE [a]]b'c](id int PRIMARY KEY, [select] int, [x y] nvarchar(5))")
    shop.sql("INSERT INTO [a]]b'c] VALUES (1, 2, N'it''s')")
    assert shop.sql("SELECT [select], [x y], QUOTENAME(N'a]b') FROM [dbo].[a]]b'c]") == [(2, "it's", "[a]]b]")]


def test_unknown_statements_are_refused(shop):
    for text in ("MERGE t USING t", "SELECT * FROM t FOR JSON AUTO", "SELECT OPENROWSET(1)", "FROBNICATE t; SELECT 1"):
        assert error_of(shop.admin, text) in (102, 156, 195, 2812)
    assert len(shop.engine.refused) >= 3
    shop.engine.refused.clear()


# ---- the statements of src/source/sqlserver/statements.cc, as they are


DATABASE = (
    "SELECT DB_NAME(), d.database_id, CONVERT(nvarchar(30), d.create_date, 126), d.snapshot_isolation_state, "
    "d.is_read_committed_snapshot_on, CAST(d.compatibility_level AS int), d.collation_name, "
    "CAST(SERVERPROPERTY('EngineEdition') AS int), CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), @@SERVERNAME, "
    "c.retention_period, c.retention_period_units, c.is_auto_cleanup_on, "
    "CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)), USER_NAME(), "
    "HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'UNMASK') FROM sys.databases AS d "
    "LEFT OUTER JOIN sys.change_tracking_databases AS c ON c.database_id = d.database_id WHERE d.database_id = DB_ID()")
TABLES = (
    "SELECT s.name, t.name, t.object_id, CONVERT(nvarchar(30), t.create_date, 126), t.is_memory_optimized, t.temporal_type, "
    "t.is_external, t.is_node, t.is_edge, ct.begin_version, ct.cleanup_version, ct.min_valid_version, "
    "ct.is_track_columns_updated_on, CHANGE_TRACKING_MIN_VALID_VERSION(t.object_id), "
    "HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(t.name), N'OBJECT', N'SELECT'), "
    "HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(t.name), N'OBJECT', N'VIEW CHANGE TRACKING'), "
    "HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(t.name), N'OBJECT', N'UNMASK'), p.row_count "
    "FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id "
    "LEFT OUTER JOIN sys.change_tracking_tables AS ct ON ct.object_id = t.object_id "
    "LEFT OUTER JOIN (SELECT object_id, SUM(rows) AS row_count FROM sys.partitions "
    "WHERE index_id IN (0, 1) GROUP BY object_id) AS p ON p.object_id = t.object_id "
    "WHERE t.is_ms_shipped = 0 ORDER BY s.name, t.name")
COLUMNS = (
    "SELECT c.object_id, c.column_id, c.name, st.name, ut.name, c.max_length, c.precision, c.scale, c.collation_name, "
    "c.is_nullable, c.is_computed, c.is_hidden, c.is_masked, c.encryption_type, c.generated_always_type, c.is_column_set, "
    "c.graph_type, c.is_identity, dc.definition FROM sys.columns AS c INNER JOIN sys.tables AS t ON t.object_id = c.object_id "
    "LEFT OUTER JOIN sys.types AS ut ON ut.user_type_id = c.user_type_id "
    "LEFT OUTER JOIN sys.types AS st ON st.user_type_id = c.system_type_id "
    "LEFT OUTER JOIN sys.default_constraints AS dc ON dc.object_id = c.default_object_id "
    "WHERE t.is_ms_shipped = 0 ORDER BY c.object_id, c.column_id")
KEYS = (
    "SELECT ic.object_id, ic.column_id, ic.key_ordinal, ic.is_descending_key FROM sys.indexes AS i "
    "INNER JOIN sys.tables AS t ON t.object_id = i.object_id INNER JOIN sys.index_columns AS ic "
    "ON ic.object_id = i.object_id AND ic.index_id = i.index_id "
    "WHERE i.is_primary_key = 1 AND t.is_ms_shipped = 0 AND ic.key_ordinal > 0 ORDER BY ic.object_id, ic.key_ordinal")


def test_the_catalog_as_the_client_asks_it(shop):
    shop.sql("CREATE TYPE dbo.Code FROM varchar(8) NOT NULL; CREATE TABLE w(a Code, b decimal(10,2) DEFAULT 1, c AS b * 2,"
             " d nvarchar(max), e rowversion, h datetime2(3), i int IDENTITY, PRIMARY KEY (b DESC, a)); INSERT INTO w(a) VALUES ('x')")
    ((name, number, created, *rest),) = shop.sql(DATABASE)
    assert (name, number) == ("shop", 5) and "T" in created
    assert rest == [1, 0, 160, "SQL_Latin1_General_CP1_CI_AS", 3, "16.0.4175.1", "TIDEMARK-TEST", 2, 3, 1, "READ_WRITE", "dbo", 1]
    tables = {row[1]: row for row in shop.sql(TABLES)}
    assert tables["t"][4:] == (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0)
    assert tables["w"][9:] == (None, None, None, None, None, 1, 1, 1, 1)
    id_ = tables["w"][2]
    columns = [row[2:] for row in shop.sql(COLUMNS) if row[0] == id_]
    none = (0, 0, 0, None, 0, 0, None)
    text = "SQL_Latin1_General_CP1_CI_AS"
    assert columns == [
        ("a", "varchar", "Code", 8, 0, 0, text, 0, *none, 0, None), ("b", "decimal", "decimal", 9, 10, 2, None, 0, *none, 0, "(1)"),
        ("c", "decimal", "decimal", 13, 21, 2, None, 1, 1, *none[1:], 0, None),
        ("d", "nvarchar", "nvarchar", -1, 0, 0, text, 1, *none, 0, None),
        ("e", "timestamp", "timestamp", 8, 0, 0, None, 0, *none, 0, None),
        ("h", "datetime2", "datetime2", 7, 23, 3, None, 1, *none, 0, None), ("i", "int", "int", 4, 10, 0, None, 0, *none, 1, None)]
    assert [row[1:] for row in shop.sql(KEYS) if row[0] == id_] == [(2, 1, 1), (1, 2, 0)]


def test_rows_and_changes_as_the_client_asks_them(shop):
    shop.sql("CREATE TABLE w(a int, b varchar(5), v int, PRIMARY KEY (a, b DESC)); ALTER TABLE w ENABLE CHANGE_TRACKING")
    shop.sql("INSERT INTO w VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3), (2, 'z', 4)")
    after = ("SELECT [v] FROM [dbo].[w] WHERE ([a] > @p1 OR ([a] = @p1 AND [b] < @p2)) AND "
             "([a] < @p3 OR ([a] = @p3 AND [b] >= @p4)) AND (v > 0 -- all\n)")
    assert shop.sql(after, 1, "y", 2, "z") == [(1,), (4,)]
    bounds = ("SELECT [a], [b] FROM (SELECT [a], [b], ROW_NUMBER() OVER (ORDER BY [a], [b] DESC) AS [tidemark_row] "
              "FROM [dbo].[w]) AS r WHERE r.[tidemark_row] % @p1 = 0 ORDER BY [a], [b] DESC")
    assert shop.sql(bounds, 2) == [(1, "x"), (2, "x")]
    shop.sql("DELETE FROM w WHERE v = 1; UPDATE w SET v = -1 WHERE v = 2; INSERT INTO w VALUES (3, 'q', 9)")
    head = "SELECT ct.SYS_CHANGE_VERSION, ct.SYS_CHANGE_CREATION_VERSION, CASE WHEN "
    gone = ".[a] IS NULL THEN CASE ct.SYS_CHANGE_OPERATION WHEN N'D' THEN N'D' ELSE N'?' END "
    last = ("WHEN ct.SYS_CHANGE_OPERATION = N'I' THEN N'I' ELSE N'U' END, ct.[a], COALESCE(t.[b], ct.[b]), t.[v] "
            "FROM CHANGETABLE(CHANGES [dbo].[w], @p1) AS ct LEFT OUTER JOIN [dbo].[w] AS ")
    plain = shop.sql(head + "t" + gone + last + "t ON t.[a] = ct.[a] AND t.[b] = ct.[b]", 1)
    assert sorted(row[2:] for row in plain) == [("D", 1, "x", None), ("I", 3, "q", 9), ("U", 1, "y", -1)]
    chosen = shop.sql(head + "b" + gone + "WHEN t.[a] IS NULL THEN N'D' " + last + "b ON b.[a] = ct.[a] AND b.[b] = ct.[b] "
                      "LEFT OUTER JOIN (SELECT [a], [b], [v] FROM [dbo].[w] WHERE (v > 0\n)) AS t ON t.[a] = ct.[a] AND "
                      "t.[b] = ct.[b]", 1)
    assert sorted(row[2:5] for row in chosen) == [("D", 1, "x"), ("D", 1, "y"), ("I", 3, "q")]
    changed = ("SELECT 0 WHERE EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES [dbo].[t], @p1) AS ct) UNION ALL "
               "SELECT 1 WHERE EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES [dbo].[w], @p2) AS ct)")
    assert shop.sql(changed, 0, 1) == [(1,)] and shop.sql(changed, 0, 99) == []
    assert shop.sql("SELECT TOP (0) 1 FROM [dbo].[w] WHERE (v > 1\n)") == []
    assert error_of(shop.admin, "SELECT TOP (0) 1 FROM [dbo].[w] WHERE (v >\n)") == 102
    assert error_of(shop.admin, "SELECT TOP (0) 1 FROM [dbo].[w] WHERE (nothing = 1\n)") == 207
    shop.engine.refused.clear()
    assert shop.sql("SELECT TOP (1) 1 FROM [dbo].[w]") == [(1,)]
    shop.sql("SET NOCOUNT ON; SET XACT_ABORT OFF; SET TEXTSIZE -1; SET LOCK_TIMEOUT 5000; SET DATEFIRST 7")
    shop.sql("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")


def test_what_other_clients_send(shop):
    """tedious, pymssql, mssql-jdbc and ODBC around their queries."""
    shop.sql("set ansi_nulls on\nset ansi_null_dflt_on on\nset ansi_padding on\nset ansi_warnings on\nset arithabort on\n"
             "set concat_null_yields_null on\nset cursor_close_on_commit off\nset datefirst 7\nset dateformat mdy\n"
             "set implicit_transactions off\nset language us_english\nset numeric_roundabort off\nset quoted_identifier on\n"
             "set textsize 2147483647\nset transaction isolation level read committed\nset xact_abort off")
    shop.sql("use [shop]")
    assert shop.sql("SELECT @@MAX_PRECISION, @@TRANCOUNT") == [(38, 0)]
    shop.sql("set implicit_transactions on; INSERT INTO t VALUES (1, 'a')")
    assert shop.admin.transaction is not None
    shop.sql("IF @@TRANCOUNT > 0 COMMIT TRAN; set implicit_transactions off")
    assert shop.sql("SELECT CAST(SERVERPROPERTY('EngineEdition') as INT), @@SPID") [0][0] == 3
    shop.sql("BEGIN TRAN"), shop.sql("ROLLBACK TRAN")
    session = shop.session()
    session.begin(5)
    assert session.transaction is not None and session.running.is_snapshot
    session.rollback()
    assert session.transaction is None and session.rolled_back
    assert shop.sql("EXEC sp_executesql N'SELECT v FROM t WHERE id = @a', N'@a int', @a = 1") == [("a",)]


@pytest.mark.parametrize("seed", range(8))
def test_changes_of_any_version_bring_a_copy_up_to_date(shop, seed):
    """What C1 and C2 promise together, by random transactions: a copy of any version and the net changes since make
    the table, whoever committed when."""
    rng = random.Random(seed)
    sessions = [shop.session() for _ in range(3)]
    copies = {0: {}}
    for _ in range(120):
        session, i, j = rng.choice(sessions), rng.randint(1, 12), rng.randint(1, 12)
        session.query("SET LOCK_TIMEOUT 0")
        text = rng.choice(["BEGIN TRANSACTION", "COMMIT", "COMMIT", "ROLLBACK", f"INSERT INTO t VALUES ({i}, 'i')", "",
                           f"UPDATE t SET v = '{j}' WHERE id = {i}", f"DELETE FROM t WHERE id = {i}",
                           f"UPDATE t SET id = {i} WHERE id = {j}", f"DELETE FROM t WHERE id = {i}; INSERT INTO t VALUES ({i}, 'di')"])
        try:
            session.query(text)
        except SqlError as error:
            assert error.number in (1222, 2627, 3902, 3903, 1205), error
        copies[shop.version()] = dict(shop.sql("SELECT id, v FROM t"))
    now = dict(shop.sql("SELECT id, v FROM t"))
    for version, copy in copies.items():
        for operation, key, value in shop.sql("SELECT ct.SYS_CHANGE_OPERATION, ct.id, t.v FROM CHANGETABLE(CHANGES t, @p1) AS ct"
                                              " LEFT JOIN t ON t.id = ct.id", version):
            assert (operation == "U") == (key in copy) or operation == "D"
            if operation == "D":
                copy.pop(key, None)
            else:
                copy[key] = value
        assert copy == now
    assert len(copies) > 10
