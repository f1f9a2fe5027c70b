"""`tidemark compact` and the views: on random histories they agree with each other and with the source."""

import glob
import json
import os
import random
import sqlite3

import duckdb
import pytest
import yaml
from conftest import landed, run

ROUNDS = int(os.environ.get("TIDEMARK_SOAK_ROUNDS", "8"))
SEED = int(os.environ.get("TIDEMARK_SEED", "20261121"))
KINDS = [(1, False), (1, True), (2, False), (2, True)]


def views(dest, query):
    """What a user of DuckDB sees who starts it in the destination with views/duckdb.sql."""
    before = os.getcwd()
    os.chdir(dest)
    try:
        connection = duckdb.connect()
        connection.execute((dest / "views" / "duckdb.sql").read_text())
        return connection.execute(query).fetchall()
    finally:
        os.chdir(before)


def ordered(rows):
    return sorted(rows, key=repr)


def source(path, table):
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    connection.close()
    return ordered(rows)


def current_files(dest, table):
    return sorted(glob.glob(str(dest / "current" / "shop" / "main" / table / "*.parquet")))


def compacted(dest, table, what="*"):
    return duckdb.execute(f"SELECT {what} FROM read_parquet(?)", [current_files(dest, table)]).fetchall()


def compact(dest, *options, code=0, **more):
    done = run("compact", dest, "--json", *options, **more)
    assert done.code == code, done
    return done


def show(place, scd_type, soft_delete, *tables):
    """Notes in the states how tables are to be shown, as a sync with a configuration file does."""
    for table in tables:
        file = place.state_file(table)
        state = json.loads(file.read_text())
        state["presentation"].update(scd_type=scd_type, soft_delete=soft_delete)
        file.write_text(json.dumps(state) + "\n")
    (place.dest / "views" / "duckdb.sql").unlink()  # the next run of all tables writes it again


def change(connection, rng, count):
    for _ in range(count):
        i, j, word = rng.randint(1, 30), rng.randint(1, 30), rng.choice(["a", "b", "", None, "ß" * 9])
        statement, values = rng.choice([
            ("INSERT OR REPLACE INTO t VALUES(?,?,?,?)", (i, word, j / 4, bytes([i]))),
            ("UPDATE t SET name = ? WHERE id = ?", (word, i)),
            ("UPDATE t SET size = size WHERE id = ?", (i,)),
            ("UPDATE OR REPLACE t SET id = ? WHERE id = ?", (j, i)),
            ("DELETE FROM t WHERE id = ?", (i,)),
            ("DELETE FROM t WHERE id > 25", ()),
            ("INSERT OR REPLACE INTO pair VALUES(?,?,?)", (word or "k", i % 5, j)),
            ("DELETE FROM pair WHERE n = ?", (i % 5,)),
            ("INSERT OR REPLACE INTO plain VALUES(?,?)", (i, word)),
            ("DELETE FROM plain WHERE id = ?", (i,)),
            ("INSERT INTO log VALUES(?)", (word,)),
        ])
        connection.execute(statement, values)
    connection.commit()


def check(place, scd_type, soft_delete):
    for table in ("t", "pair", "plain", "log"):
        now = ordered(views(place.dest, f"SELECT * FROM {table}"))
        assert now == source(place.path, table), table
        past = views(place.dest, f"SELECT * EXCLUDE(__start_version, __end_version, __is_current)"
                                 f" FROM (SELECT * FROM {table}_history WHERE __is_current)")
        assert ordered(row[:-1] if soft_delete else row for row in past) == now, table
        if soft_delete:
            kept = views(place.dest, f"SELECT * FROM {table}_with_deleted")
            assert ordered(row[:-1] for row in kept if not row[-1]) == now, table
            if scd_type == 1:
                continue  # once pruned, a base of current rows does not say since when one is deleted
            deleted = views(place.dest, f"SELECT * EXCLUDE(__start_version, __end_version, __is_current, _is_deleted)"
                                        f" FROM {table}_history WHERE _is_deleted")
            assert ordered(row[:-1] for row in kept if row[-1]) == ordered(deleted), table


def history(place, table):
    return ordered(views(place.dest, f"SELECT * FROM {table}_history"))


def deleted(place, table):
    return ordered(views(place.dest, f"SELECT * FROM {table}_with_deleted"))


def one_round(place, seed):
    rng = random.Random(seed)
    scd_type, soft_delete = rng.choice(KINDS)
    connection = sqlite3.connect(place.path)
    connection.executescript(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size REAL, b BLOB);"
        "CREATE TABLE pair(k TEXT, n INTEGER, v INTEGER, PRIMARY KEY(k, n));"
        "CREATE TABLE plain(id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE log(line TEXT);")
    tables = ("t", "pair", "plain", "log")
    change(connection, rng, rng.randint(0, 40))
    place.track("enable", "t", "pair")  # plain is compared, log has no key
    place.sync()
    show(place, scd_type, soft_delete, *tables)
    for _ in range(rng.randint(4, 9)):
        change(connection, rng, rng.randint(0, 25))
        if rng.random() < 0.1:
            place.track("disable", "t")
            change(connection, rng, 5)
            place.track("enable", "t")
        place.sync(*(["--mode", "full"] if rng.random() < 0.2 else []))
        if rng.random() < 0.5:
            before = {table: history(place, table) for table in tables}
            gone = {table: deleted(place, table) for table in tables} if soft_delete else {}
            prunes = rng.random() < 0.5
            done = compact(place.dest, *(["--prune"] if prunes else []))
            assert len(done.json()["tables"]) == len(tables)
            for table in tables:
                where = "" if scd_type == 1 else " WHERE __is_current"
                columns = {"t": "id, name, size, b", "pair": "k, n, v", "plain": "id, name", "log": "line"}[table]
                if scd_type == 1 and soft_delete:
                    where = " WHERE NOT _is_deleted"
                rows = duckdb.execute(f"SELECT {columns} FROM read_parquet(?){where}",
                                      [current_files(place.dest, table)]).fetchall()
                assert ordered(rows) == source(place.path, table), (seed, table)
                if scd_type == 2:
                    assert history(place, table) == before[table], (seed, table)
                    assert ordered(compacted(place.dest, table)) == before[table], (seed, table)
                elif not prunes and soft_delete:
                    assert ordered(compacted(place.dest, table)) == gone[table], (seed, table)
                if soft_delete:
                    assert deleted(place, table) == gone[table], (seed, table)
                if prunes:
                    assert place.files(table) == []
            again = compact(place.dest, *(["--prune"] if prunes else []))
            assert not any(table["compacted"] for table in again.json()["tables"])
        check(place, scd_type, soft_delete)
        place.verify()
    connection.close()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_random_histories_agree(place, number):
    """Views, compacted rows, verify and the source say the same, whatever happened and was pruned."""
    one_round(place, SEED + number)


def test_nothing_new_is_left_alone(shop):
    """A second compact writes nothing; a sync without changes neither."""
    shop.track()
    shop.sync()
    first = compact(shop.dest).json()
    assert {t["table"]: (t["compacted"], t["rows"]) for t in first["tables"]} == {"t": (True, 100), "log": (True, 3)}
    files = current_files(shop.dest, "t")
    again = compact(shop.dest).json()
    assert not any(t["compacted"] for t in again["tables"])
    shop.sync()
    assert current_files(shop.dest, "t") == files
    pruned = compact(shop.dest, "--prune").json()
    assert {t["table"]: t["pruned_files"] for t in pruned["tables"]} == {"t": 1, "log": 1}
    assert current_files(shop.dest, "t") == files and shop.files() == []
    shop.verify()


def test_globs_and_exit_codes(shop, tmp_path):
    shop.sync()
    done = compact(shop.dest, "--table", "t")
    assert [t["table"] for t in done.json()["tables"]] == ["t"]
    done = compact(shop.dest, "--exclude", "t")
    assert [t["table"] for t in done.json()["tables"]] == ["log"]
    assert run("compact", shop.dest, "--table", "nothing").code == 2
    assert run("compact").code == 2
    assert run("compact", tmp_path / "absent").code == 3
    assert not (tmp_path / "absent").exists()


def test_a_lost_base_is_told(shop):
    shop.sync()
    compact(shop.dest, "--prune")
    lost = current_files(shop.dest, "t")[0]
    os.remove(lost)
    assert os.path.basename(lost) in shop.verify(code=1).out


def test_any_name_has_a_view(place):
    """Quotes, dots, unicode, keywords, names of our own columns, and two tables one of which is called like a view."""
    names = ['a"b', "a.b", "..", "wörter", "select", "x y;", "back`tick", "it's", "t", "t_history", "-- view 1 {}"]
    for name in names:
        quoted = name.replace('"', '""')
        place.sql(f'CREATE TABLE "{quoted}"("id ""x" INTEGER PRIMARY KEY, "sel.ect" TEXT, "__tm_at" TEXT, filename TEXT);'
                  f'INSERT INTO "{quoted}" VALUES(1, \'{name.replace(chr(39), chr(39) * 2)}\', \'x\', \'y\')')
    place.sync()
    for _ in range(2):
        for name in names:
            quoted = name.replace('"', '""')
            assert views(place.dest, f'SELECT * FROM shop.main."{quoted}"') == [(1, name, "x", "y")], name
        compact(place.dest, "--prune")
    manifest = yaml.safe_load((place.dest / "output.yaml").read_text())
    assert set(names) <= set(manifest["databases"]["shop"]["main"])


def test_a_name_that_compact_adds_is_refused(place):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, _is_deleted TEXT); INSERT INTO t VALUES(1, 'x');")
    place.sync()
    assert compact(place.dest).json()["tables"][0]["compacted"]
    show(place, 1, True, "t")
    place.sql("INSERT INTO t VALUES(2, 'y')")
    place.sync()
    done = compact(place.dest, code=1)
    assert "_is_deleted" in done.json()["tables"][0]["error"]["message"]
    assert len(views(place.dest, "SELECT * FROM t")) == 2


def test_shared_views_come_back(shop):
    """Views and output.yaml that someone removed or broke are there again after the next run."""
    shop.sync()
    for name in ("views/duckdb.sql", "views/spark.sql", "output.yaml"):
        text = (shop.dest / name).read_text()
        (shop.dest / name).unlink()
        shop.sync()
        assert (shop.dest / name).read_text() == text
    (shop.dest / "views/duckdb.sql").write_text("SELECT 1")
    shop.sync()
    assert (shop.dest / "views/duckdb.sql").read_text() == (shop.dest / "views/duckdb.sql").read_text()
    assert list((shop.dest / "views").glob("duckdb.sql.broken-*"))
    assert len(views(shop.dest, "FROM t")) == 100


def test_spark_views_parse(shop):
    """Spark's dialect takes every statement, before and after compact."""
    sqlglot = pytest.importorskip("sqlglot")
    shop.track()
    shop.sync()
    show(shop, 2, True, "t", "log")
    for _ in range(2):
        text = (shop.dest / "views" / "spark.sql").read_text()
        parsed = sqlglot.parse(text, dialect="spark", error_level=sqlglot.ErrorLevel.RAISE)
        statements = [sql for sql in (s.sql("spark", comments=False) for s in parsed if s) if sql]
        for sql in statements:
            assert sql.startswith("CREATE OR REPLACE TEMPORARY VIEW"), sql
        assert len(statements) >= 6
        shop.sql("UPDATE t SET name = 'x' WHERE id = 3")
        shop.sync()
        compact(shop.dest, "--prune")


def test_memory_follows_the_changes(place):
    """A base and changes beyond the budget spill and are right all the same."""
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
              "INSERT INTO t SELECT i, 'some longer name of row ' || i FROM n")
    place.track()
    place.sync()
    show(place, 2, True, "t")
    compact(place.dest, "--memory", "16MiB", "--prune")
    place.sql("UPDATE t SET name = name || '!'; DELETE FROM t WHERE id % 7 = 0")
    place.sync()
    done = compact(place.dest, "--memory", "16MiB", "--prune")
    assert done.json()["tables"][0]["rows"] == 300000 + 300000 - 300000 // 7
    assert views(place.dest, "SELECT count(*), sum(id) FROM t") == \
        [tuple(sqlite3.connect(place.path).execute("SELECT count(*), sum(id) FROM t").fetchone())]
    place.verify()


def test_a_configuration_says_how_tables_are_shown(shop):
    """scd_type, soft_delete and catalog names reach output.yaml, the views and compact; what is not said stays."""
    shop.track()
    file = shop.folder / "shop.yaml"
    file.write_text(f"""
connection: {{type: sqlite}}
databases:
  shop:
    path: {shop.path}
    uc_catalog: prod
    schemas: {{main: {{uc_schema: gold, tables: {{t: {{scd_type: 2, soft_delete: true}}, log: full_incremental}}}}}}
storage: {{ingest_pipeline: {shop.dest}}}
""")
    assert run("sync", "-c", file).code == 0
    manifest = yaml.safe_load((shop.dest / "output.yaml").read_text())["databases"]["shop"]
    assert manifest["uc_catalog_name"] == "prod" and manifest["main"]["uc_schema_name"] == "gold"
    entry = manifest["main"]["t"]
    assert entry["scd_type"] == 2 and entry["soft_delete"] is True and entry["primary_key"] == ["id"]
    assert "scd_type" not in manifest["main"]["log"]
    shop.sql("UPDATE t SET name = 'x' WHERE id = 1; DELETE FROM t WHERE id = 2")
    shop.sync()  # without the configuration
    done = run("compact", "-c", file, "--prune", "--json")
    assert done.code == 0, done
    assert {t["table"]: (t["scd_type"], t["soft_delete"], t["rows"]) for t in done.json()["tables"]} == \
        {"t": (2, True, 101), "log": (1, False, 3)}
    assert views(shop.dest, "SELECT name, __is_current, _is_deleted FROM t_history WHERE id < 3 ORDER BY ALL") == \
        [("name 1", False, False), ("name 2", False, True), ("x", True, False)]
    assert views(shop.dest, "SELECT id, name, _is_deleted FROM t_with_deleted WHERE id < 3 ORDER BY id") == \
        [(1, "x", False), (2, "name 2", True)]
    shop.verify()


def test_unified_files_are_shown_and_compacted(shop):
    """Rows that lie in JSON come out as they are, from views and from compact."""
    shop.sql("CREATE TABLE v(id INTEGER PRIMARY KEY, b BLOB, d DATE, s DATETIME, f BOOLEAN, \"a/b~c\" TEXT, r REAL);"
             "INSERT INTO v VALUES(1, x'00ff', '2024-02-29', '2024-02-29 10:11:12', 1, 'q\"', 0.1),"
             "(9007199254740993, NULL, NULL, NULL, NULL, NULL, NULL)")
    shop.track()
    shop.sync("--format", "unified")
    shop.sql("UPDATE v SET f = 0 WHERE id = 1; DELETE FROM t WHERE id = 5")
    shop.sync("--format", "unified")
    before = {table: ordered(views(shop.dest, f"SELECT * FROM {table}")) for table in ("t", "log", "v")}
    assert before["t"] == source(shop.path, "t") and before["log"] == source(shop.path, "log")
    past = history(shop, "v")
    assert len(past) == 3
    compact(shop.dest)
    for table, rows in before.items():
        assert ordered(compacted(shop.dest, table)) == rows
        assert ordered(views(shop.dest, f"SELECT * FROM {table}")) == rows
    assert history(shop, "v") == past
    shop.verify("--format", "unified")


def test_columns_come_and_go_after_a_compact(shop):
    """Added, dropped and renamed columns: base, files and views tell the same table."""
    shop.track()
    shop.sync()
    show(shop, 2, False, "t", "log")
    compact(shop.dest, "--prune")
    steps = ["ALTER TABLE t ADD COLUMN extra TEXT", "UPDATE t SET extra = 'e' WHERE id < 4",
             "ALTER TABLE t DROP COLUMN size", "ALTER TABLE t RENAME COLUMN name TO label",
             "UPDATE t SET label = 'l' WHERE id = 7"]
    for step in steps:
        shop.sql(step)
        shop.sync()
        assert ordered(views(shop.dest, "SELECT * FROM t")) == source(shop.path, "t"), step
        shop.verify()
        compact(shop.dest, *(["--prune"] if step.startswith("UPDATE") else []))
        assert ordered(views(shop.dest, "SELECT * FROM t")) == source(shop.path, "t"), step
        shop.verify()


def test_a_rename_that_only_views_follow(shop):
    """Files keep the names of their time; base and views have the present one."""
    file = shop.folder / "shop.yaml"
    file.write_text(f"""
connection: {{type: sqlite}}
databases: {{shop: {{path: {shop.path}, schemas: {{main: {{tables: {{t: {{on_rename: views}}}}}}}}}}}}
storage: {{ingest_pipeline: {shop.dest}}}
""")
    shop.track()
    assert run("sync", "-c", file).code == 0
    compact(shop.dest)
    for step in ("ALTER TABLE t RENAME COLUMN name TO label", "UPDATE t SET label = 'l' WHERE id = 7"):
        shop.sql(step)
        assert run("sync", "-c", file).code == 0
        assert ordered(views(shop.dest, "SELECT * FROM t")) == source(shop.path, "t"), step
    assert len(views(shop.dest, "SELECT * FROM t_history")) == 101
    compact(shop.dest, "--prune")
    assert ordered(views(shop.dest, "SELECT * FROM t")) == source(shop.path, "t")
    assert ordered(compacted(shop.dest, "t")) == source(shop.path, "t")
