"""Unified files: the same columns for every table, rows as JSON; read by DuckDB, Polars and Python's own json."""

import base64
import hashlib
import json
import math
import sqlite3
import subprocess
import sys
import uuid

import duckdb
import polars
import pyarrow
import pyarrow.parquet
import pytest

from conftest import TIDEMARK

COLUMNS = ("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size REAL, body BLOB, day DATE, at DATETIME, yes BOOLEAN,"
           ' "odd "" name\n\u2028" TEXT)')
# Every value that is easily lost: a row each, NULL elsewhere.
EDGES = {
    "id": [2**63 - 1, -2**63, 0],
    "size": [0.1, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, -1.5, 1e22, 123456.78, 0.1 + 0.2, 1e-7, 3.0,
             math.inf, -math.inf],
    "name": ["", "\x00", "".join(map(chr, range(32))), "\u2028\u2029", '"', "'", "\\", '\\"', "\x7f", "é漢🌊\uffff\U0010ffff",
             "null", "{}", "a" * 70_000 + "é" * 70_000],
    "body": [b"", b"\x00", bytes(range(256)), b"f", b"fo", b"foo"],
    "day": ["0001-01-01", "1970-01-01", "2024-02-29", "9999-12-31"],
    "at": ["0001-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2024-02-29T12:34:56.500000", "9999-12-31T23:59:59.999999"],
    "yes": [0, 1],
    'odd " name\n\u2028': ["x"],
}


def as_json(name, value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if name == "yes" and value is not None:
        return bool(value)
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def same(a, b):
    """Equal to the last bit and of the same type."""
    return type(a) is type(b) and (a.hex() == b.hex() if isinstance(a, float) else a == b)


def fill(place):
    """Returns what each row should read as."""
    expected = {}
    place.sql(COLUMNS)
    names = [c for c in EDGES]
    connection = sqlite3.connect(place.path)
    key = 10
    for name, values in EDGES.items():
        for value in values:
            key += 1
            row = {n: None for n in ("id", "name", "size", "body", "day", "at", "yes", 'odd " name\n\u2028')}
            row["id"] = value if name == "id" else key
            row[name] = value
            quoted = ", ".join('"' + n.replace('"', '""') + '"' for n in row)
            connection.execute(f"INSERT INTO t({quoted}) VALUES({', '.join('?' * len(row))})", list(row.values()))
            expected[row["id"]] = {n: as_json(n, v) for n, v in row.items()}
    connection.commit()
    connection.close()
    assert names and len(expected) == sum(len(v) for v in EDGES.values())
    return expected


def texts_by_reader(path):
    """The column `data`, by three readers that share no code."""
    yield [r[0] for r in duckdb.execute("SELECT data FROM read_parquet(?)", [str(path)]).fetchall()]
    yield polars.read_parquet(path)["data"].to_list()
    yield pyarrow.parquet.read_table(path)["data"].to_pylist()


def test_every_edge_value_comes_back_exactly(place):
    expected = fill(place)
    place.sync("--format", "unified")
    (path,) = place.files("t")
    for texts in texts_by_reader(path):
        rows = [json.loads(text) for text in texts]
        assert len(rows) == len(expected)
        for row in rows:
            wanted = expected[row["id"]]
            assert list(row) == list(wanted)
            for name, value in wanted.items():
                assert same(row[name], value), (name, row[name], value)


def test_duckdb_and_polars_take_the_json_apart_exactly(place):
    expected = fill(place)
    place.sync("--format", "unified")
    (path,) = place.files("t")
    rows = duckdb.execute(
        "SELECT (data->>'$.id')::BIGINT, (data->>'$.size')::DOUBLE, from_base64(data->>'$.body'), (data->>'$.day')::DATE::VARCHAR,"
        " (data->>'$.at')::TIMESTAMP, (data->>'$.yes')::BOOLEAN FROM read_parquet(?)", [str(path)]).fetchall()
    for key, size, body, day, at, yes in rows:
        wanted = expected[key]
        size_wanted = float(wanted["size"]) if wanted["size"] is not None else None
        assert size == size_wanted and yes == wanted["yes"] and day == wanted["day"]
        assert body == (base64.b64decode(wanted["body"]) if wanted["body"] is not None else None)
        assert (at.isoformat() if at else None) == wanted["at"]
    decoded = polars.read_parquet(path).select(
        polars.col("data").str.json_decode(polars.Struct({"id": polars.Int64, "name": polars.String})).struct.unnest())
    assert {r["id"]: r["name"] for r in decoded.to_dicts()} == {k: v["name"] for k, v in expected.items()}


def test_columns_beside_the_data_are_those_azsql_ct_writes(place):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, total DECIMAL(10,2));", "INSERT INTO t VALUES(1, 2.5)")
    place.sync("--format", "unified")
    (path,) = place.files("t")
    text = pyarrow.string()
    # As pyarrow makes it of the same columns: everything may be null.
    ours = pyarrow.parquet.ParquetFile(path).schema
    made = place.folder / "made.parquet"
    pyarrow.parquet.write_table(pyarrow.schema([
        ("data", text), ("table_id", pyarrow.struct([(n, text) for n in ("catalog", "schema", "name", "uoid")])),
        ("cursor", pyarrow.struct([("lsn", text), ("seqNum", text), ("sequence", text), ("timestamp", pyarrow.int64())])),
        ("extractionTimestamp", pyarrow.int64()), ("operation", text), ("schemaVersion", pyarrow.int64())]).empty_table(), made)
    assert ours.equals(pyarrow.parquet.ParquetFile(made).schema)
    for read in (lambda p: duckdb.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(p)]).fetchall(),
                 lambda p: polars.read_parquet_schema(p)):
        assert read(path) == read(made)
    (row,) = pyarrow.parquet.read_table(path).to_pylist()
    assert row["table_id"] == {"catalog": "shop", "schema": "main", "name": "t",
                               "uoid": str(uuid.uuid5(uuid.NAMESPACE_DNS, "shop\0main\0t"))}
    assert row["cursor"] == {"lsn": None, "seqNum": "1", "sequence": "1", "timestamp": None}
    assert row["operation"] == "LOAD"
    hashed = hashlib.sha256(b"id:integer|total:decimal").hexdigest()[:15]
    schema = json.loads((place.dest / "watermarks/shop/main/t/schema.json").read_text())
    assert row["schemaVersion"] == schema["schema_version"] == int(hashed, 16)
    state = json.loads(place.state_file().read_text())
    assert row["extractionTimestamp"] == state["last_timestamp_us"] // 1000


def folded(place, table="t"):
    """The table as a reader folds it: by file, then version; the last row of a key wins."""
    rows = []
    for path in place.files(table):
        for row in pyarrow.parquet.read_table(path).to_pylist():
            rows.append((path.name.rsplit("_", 2)[1], int(row["cursor"]["seqNum"]), row["operation"], json.loads(row["data"])))
    live = {}
    for _, _, operation, row in sorted(rows, key=lambda r: r[:2]):
        if operation == "DELETE":
            live.pop(row["id"], None)
        else:
            live[row["id"]] = row
    return live


@pytest.mark.parametrize("is_tracked", [True, False])
def test_changes_reloads_and_verify(place, is_tracked):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, size REAL, body BLOB);"
              "INSERT INTO t VALUES(1, 'a', 0.1, x'00'), (2, 'b', 1.0, NULL), (3, NULL, 1e300, x'ff')")
    if is_tracked:
        place.track()
    source = lambda: {row[0]: {"id": row[0], "name": row[1], "size": row[2], "body": as_json("body", row[3])}  # noqa: E731
                      for row in sqlite3.connect(place.path).execute("SELECT * FROM t")}
    place.sync("--format", "unified")
    assert folded(place) == source()
    place.verify()
    place.sql("UPDATE t SET size = 0.3 WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES(4, 'new', 4.0, NULL)")
    if not is_tracked:
        assert place.verify(code=1).tables()["t"]["different"] == 1
    else:
        assert place.verify().tables()["t"]["pending"] == 3
    done = place.sync("--format", "unified").tables()["t"]
    assert (done["mode"], done["inserted"], done["updated"], done["deleted"]) == ("incremental", 1, 1, 1)
    assert folded(place) == source()
    place.verify()
    assert place.sync("--format", "unified").tables()["t"]["rows"] == 0
    # A reload lands a DELETE for what is gone.
    place.sql("DELETE FROM t WHERE id = 3")
    done = place.sync("--format", "unified", "--mode", "full").tables()["t"]
    assert (done["rows"], done["deleted"]) == (2, 1)
    assert folded(place) == source()
    place.verify()


def test_a_changed_format_replaces_the_files_both_ways(place):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES(1, 'a'), (2, 'b')",
              "CREATE TABLE log(line TEXT)", "INSERT INTO log VALUES('x'), ('x')")
    place.sync()
    for key, (options, column) in enumerate(((["--format", "unified"], "data"), ([], "name"), (["--format", "unified"], "data"))):
        place.sql(f"DELETE FROM t WHERE id = (SELECT max(id) FROM t); INSERT INTO t VALUES({key + 10}, 'n')")
        tables = place.sync(*options).tables()
        for name in ("t", "log"):
            assert (tables[name]["mode"], tables[name]["reason"]) == ("full", "config_changed")
            for path in place.files(name):
                assert (column in pyarrow.parquet.read_schema(path).names) == (name == "t" or column == "data")
        # Readers that have taken the older files in hear of what is gone.
        assert tables["t"]["deleted"] == 1
        place.verify(*options)
        place.verify()
        assert all(t["rows"] == 0 for t in place.sync(*options).tables().values())


def test_widened_columns_keep_what_was_stored(place):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t VALUES(1, 1), (2, 'one'), (3, 1.5), (4, NULL)")
    place.sync("--format", "unified")
    assert {k: (r["v"], r["v__type"]) for k, r in folded(place).items()} == {
        1: ("1", "integer"), 2: ("one", "text"), 3: ("1.5", "real"), 4: (None, None)}
    place.verify()
    place.sql("UPDATE t SET v = '1' WHERE id = 4", "UPDATE t SET v = x'ff' WHERE id = 3")
    place.sync("--format", "unified")
    place.verify()
    row = folded(place)[3]
    assert (base64.b64decode(row["v"]), row["v__type"]) == (b"\xff", "blob")


def test_a_landed_row_that_was_tampered_with_is_found(place):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES(1, 'a'), (2, 'b')")
    place.sync("--format", "unified")
    (path,) = place.files("t")
    table = pyarrow.parquet.read_table(path)
    for old, code, said in (('"b"', 1, "different"), ("}", 1, "missing")):
        data = [text.replace(old, '"c"' if said == "different" else "") for text in table["data"].to_pylist()]
        pyarrow.parquet.write_table(table.set_column(0, "data", pyarrow.array(data)), path)
        done = place.verify(code=code)
        if said == "different":
            assert done.tables()["t"]["different"] == 1
        else:
            assert "not JSON" in done.tables()["t"]["error"]["message"]


@pytest.mark.parametrize("declared, value", [("BLOB", "randomblob(200000000)"),
                                             ("TEXT", "replace(hex(zeroblob(25000000)), '0', 'ab\"d')")])
def test_a_huge_value_passes_in_bounded_memory(place, declared, value):
    place.sql(f"CREATE TABLE t(id INTEGER PRIMARY KEY, body {declared}); INSERT INTO t SELECT 1, {value}")
    # From a small process: a child's peak begins with the size of what it was forked from.
    words = [TIDEMARK, "sync", place.path, "--to", place.dest, "--format", "unified", "--no-progress", "-q"]
    script = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
              "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    peak = subprocess.run([sys.executable, "-c", script, *map(str, words)], check=True, capture_output=True, text=True).stdout
    assert int(peak.split()[-1]) < (192 << 10) + 4 * 200_000_000 // 1024
    (path,) = place.files("t")
    (text,) = pyarrow.parquet.read_table(path)["data"].to_pylist()
    body = json.loads(text)["body"]
    wanted = sqlite3.connect(place.path).execute("SELECT body FROM t").fetchone()[0]
    assert len(wanted) == 200_000_000
    assert (base64.b64decode(body) if declared == "BLOB" else body) == wanted
