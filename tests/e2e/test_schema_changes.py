"""Columns come, go and change their names: a plain glob by DuckDB and verify agree with the source after each step."""

import json
import random
import sqlite3

import duckdb
import pyarrow.parquet as pq
import pytest

from conftest import Place

ROWS = 40


def globbed(place, key):
    """What a reader sees that knows only the rule: all files by name, the last row of each key."""
    pattern = str(place.dest / "data" / "shop" / "main" / "t" / "**" / "*.parquet")
    keys = ", ".join(f'"{k}"' for k in key)
    relation = duckdb.sql(
        "SELECT * EXCLUDE (filename, SYS_CHANGE_VERSION, SYS_CHANGE_CREATION_VERSION, SYS_CHANGE_OPERATION) "
        f"FROM read_parquet('{pattern}', filename = true, union_by_name = true) "
        f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY parse_filename(filename) DESC, "
        "SYS_CHANGE_VERSION DESC) = 1 AND SYS_CHANGE_OPERATION <> 'D'")
    return [dict(zip(relation.columns, row)) for row in relation.fetchall()]


def assert_same(place, key=("id",)):
    connection = sqlite3.connect(place.path)
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM t")]
    connection.close()
    columns = list(rows[0])
    seen = [{name: row[name] for name in columns} for row in globbed(place, key)]
    order = lambda row: tuple(str(row[k]) for k in key)  # noqa: E731
    assert sorted(seen, key=order) == sorted(rows, key=order)
    place.verify()


def synced(place):
    return place.sync().tables()["t"]


def schema_json(place):
    path = place.dest / "watermarks" / "shop" / "main" / "t" / "schema.json"
    return {c["name"]: c for c in json.loads(path.read_text())["columns"]}


def field_ids(place):
    """Of the newest file."""
    newest = max(place.files("t"), key=lambda p: p.name)
    schema = pq.read_schema(newest)
    return {f.name: int(f.metadata[b"PARQUET:field_id"]) for f in schema}


@pytest.fixture(params=["tracked", "untracked"])
def table(request, place):
    place.sql("PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c TEXT);"
              f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
              "INSERT INTO t SELECT i, 'a' || i, i, 'c' || i FROM n")
    if request.param == "tracked":
        place.track()
    synced(place)
    place.is_tracked = request.param == "tracked"
    return place


def test_added_column_that_is_null_lands_no_rows(table):
    table.sql("ALTER TABLE t ADD COLUMN d TEXT")
    done = synced(table)
    assert (done["mode"], done["reason"], done["rows"], len(done["files"])) == ("incremental", "schema_changed", 0, 1)
    assert_same(table)
    table.sql("UPDATE t SET d = 'x' WHERE id = 3; INSERT INTO t VALUES(99, 'a', 1, 'c', 'd')")
    assert synced(table)["rows"] == 2
    assert_same(table)
    assert synced(table)["reason"] == "no_changes"


def test_added_column_with_a_default_is_filled_in_all_rows(table):
    table.sql("ALTER TABLE t ADD COLUMN d TEXT DEFAULT 'seven'; UPDATE t SET d = NULL WHERE id = 3")
    done = synced(table)
    assert (done["mode"], done["reason"], done["updated"]) == ("incremental", "schema_changed", ROWS - 1)
    assert_same(table)
    table.sql("ALTER TABLE t ADD COLUMN e AS (b * 2)")
    assert synced(table)["updated"] == ROWS
    assert_same(table)


def test_dropped_column_stays_in_older_files_and_in_the_schema_history(table):
    table.sql("ALTER TABLE t DROP COLUMN b")
    done = synced(table)
    assert (done["mode"], done["rows"]) == ("incremental", 0)
    assert_same(table)
    table.sql("UPDATE t SET a = 'x' WHERE id = 3")
    assert synced(table)["rows"] == 1
    assert_same(table)
    assert list(schema_json(table)) == ["id", "a", "b", "c"]


def test_column_that_comes_back_does_not_bring_its_older_values(table):
    table.sql("ALTER TABLE t DROP COLUMN c")
    synced(table)
    table.sql("ALTER TABLE t ADD COLUMN c TEXT")
    assert synced(table)["updated"] == ROWS
    assert_same(table)


def test_drop_and_add_at_once_is_noticed_though_the_definition_reads_the_same(table):
    table.sql("ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c TEXT; UPDATE t SET c = 'new' WHERE id < 3")
    done = synced(table)
    assert (done["mode"], done["updated"]) == ("incremental", ROWS)
    assert_same(table)


def test_column_that_comes_back_with_another_type_replaces_older_files(table):
    table.sql("ALTER TABLE t DROP COLUMN c")
    synced(table)
    table.sql("ALTER TABLE t ADD COLUMN c INTEGER DEFAULT 5")
    done = synced(table)
    assert (done["mode"], done["reason"]) == ("full", "schema_changed")
    assert_same(table)
    assert {str(pq.read_schema(f).field("c").type) for f in table.files("t")} == {"int64"}
    assert schema_json(table)["c"]["previous_type"] == "text"


def test_renamed_column_lands_its_rows_again_and_keeps_its_field_id(table):
    before = field_ids(table)
    table.sql("ALTER TABLE t RENAME COLUMN a TO name")
    done = synced(table)
    assert (done["mode"], done["reason"], done["rows"], done["deleted"]) == ("full", "schema_changed", ROWS, 0)
    assert_same(table)
    after = field_ids(table)
    assert after["name"] == before["a"] and after["id"] == before["id"]
    table.sql("ALTER TABLE t ADD COLUMN a TEXT DEFAULT 'new'; DELETE FROM t WHERE id = 7")
    synced(table)
    assert field_ids(table)["a"] > max(before.values())
    assert_same(table)
    history = schema_json(table)
    assert list(history) == ["id", "a", "b", "c", "name"]


def test_renamed_key_goes_on(table):
    table.sql("ALTER TABLE t RENAME COLUMN id TO number")
    done = synced(table)
    assert (done["mode"], done["reason"]) == ("full", "schema_changed")
    assert_same(table, ("number",))
    table.sql("UPDATE t SET b = 0 WHERE number < 5; DELETE FROM t WHERE number = 9")
    done = synced(table)
    # The triggers of a tracked table were renamed with it.
    assert (done["reason"], done["rows"]) == ("changes" if table.is_tracked else "no_tracking", 5)
    assert_same(table, ("number",))


def test_retyped_column_replaces_older_files(table):
    table.sql("CREATE TABLE t2(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT); INSERT INTO t2 SELECT * FROM t;"
              "DROP TABLE t; ALTER TABLE t2 RENAME TO t")
    done = synced(table)
    assert done["mode"] == "full" and done["reason"] in ("schema_changed", "recreated")
    assert {str(pq.read_schema(f).field("b").type) for f in table.files("t")} == {"string"}
    assert_same(table)


def test_keyless_table_follows_its_columns(place):
    place.sql("CREATE TABLE t(a TEXT, b INTEGER); INSERT INTO t VALUES('x', 1), ('x', 1), ('y', 2)")
    synced(place)
    for change, rows in (("ALTER TABLE t ADD COLUMN c TEXT", 3), ("ALTER TABLE t DROP COLUMN b", 3),
                         ("ALTER TABLE t RENAME COLUMN a TO z", 3), ("INSERT INTO t(z) VALUES('w')", 4)):
        place.sql(change)
        synced(place)
        pattern = str(place.dest / "data" / "shop" / "main" / "t" / "**" / "*.parquet")
        columns = [c[1] for c in sqlite3.connect(place.path).execute("PRAGMA table_info(t)")]
        names = ", ".join(columns)
        seen = duckdb.sql(f"SELECT {names} FROM read_parquet('{pattern}', union_by_name = true) ORDER BY ALL").fetchall()
        kept = sqlite3.connect(place.path).execute(f"SELECT {names} FROM t").fetchall()
        order = lambda row: tuple(str(v) for v in row)  # noqa: E731
        assert sorted(seen, key=order) == sorted(kept, key=order) and len(seen) == rows
        place.verify()


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_changes(tmp_path, seed):
    dice = random.Random(seed)
    place = Place(tmp_path)
    place.sql("PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER);"
              "INSERT INTO t VALUES(1, 'one', 1), (2, 'two', 2), (3, NULL, 3)")
    if seed % 3:
        place.track()
    synced(place)
    columns, next_id = ["a", "b"], 10
    for _ in range(12):
        for _ in range(dice.randint(1, 3)):
            name = dice.choice(["a", "b", "c", "d", "e"])
            kind = dice.choice(["add", "add", "drop", "rename", "insert", "update", "delete"])
            if kind == "add" and name not in columns:
                type_and_default = dice.choice(["TEXT", "TEXT", "TEXT DEFAULT 'd'", "INTEGER", "INTEGER DEFAULT 7"])
                place.sql(f"ALTER TABLE t ADD COLUMN {name} {type_and_default}")
                columns.append(name)
            elif kind == "drop" and len(columns) > 1:
                place.sql(f"ALTER TABLE t DROP COLUMN {(gone := dice.choice(columns))}")
                columns.remove(gone)
            elif kind == "rename" and columns and name not in columns:
                at = dice.randrange(len(columns))
                place.sql(f"ALTER TABLE t RENAME COLUMN {columns[at]} TO {name}")
                columns[at] = name
            elif kind == "insert":
                place.sql(f"INSERT INTO t(id) VALUES({(next_id := next_id + 1)})")
            elif kind == "update" and columns:
                place.sql(f"UPDATE t SET {dice.choice(columns)} = {dice.randint(0, 9)} WHERE id % 2 = {dice.randint(0, 1)}")
            elif kind == "delete":
                place.sql(f"DELETE FROM t WHERE id = {dice.randint(2, next_id)}")
        synced(place)
        assert_same(place)
