"""What a reader of a landed folder sees, by DuckDB and the rule that the documentation gives."""

import glob
import os
import re
import sqlite3

import duckdb

_TIMESTAMP = re.compile(r"_(\d{8}T\d{12}Z)_part(\d+)\.parquet$")


def data_files(dest):
    """All files under data/, each of which must be a finished Parquet file of ours."""
    files = []
    for folder, _, names in os.walk(os.path.join(dest, "data")):
        for name in names:
            path = os.path.join(folder, name)
            assert _TIMESTAMP.search(path), f"{path} is not a landed file"
            with open(path, "rb") as file:
                assert file.read(4) == b"PAR1", f"{path} begins wrong"
                file.seek(-4, os.SEEK_END)
                assert file.read(4) == b"PAR1", f"{path} ends wrong"
            files.append(path)
    return sorted(files)


def table_files(dest, database, table):
    """`table`: its name, after its schema where that is not main."""
    schema, _, name = table.rpartition(".")
    pattern = os.path.join(glob.escape(dest), "data", database, schema or "main", name, "**", "*.parquet")
    return sorted(glob.glob(pattern, recursive=True))


def rows(dest, database, table):
    """(file timestamp, version, operation, row as dict) of every landed row, in folding order."""
    landed = []
    for path in table_files(dest, database, table):
        timestamp = _TIMESTAMP.search(path).group(1)
        cursor = duckdb.execute("SELECT * FROM read_parquet(?)", [path])
        names = [d[0] for d in cursor.description]
        for values in cursor.fetchall():
            row = dict(zip(names, values))
            version = row.pop("SYS_CHANGE_VERSION")
            row.pop("SYS_CHANGE_CREATION_VERSION")
            landed.append((timestamp, version, row.pop("SYS_CHANGE_OPERATION"), row))
    landed.sort(key=lambda r: (r[0], r[1]))
    return landed


def fold(dest, database, table, key):
    """The table as landed: key tuple -> row."""
    folded = {}
    for _, _, operation, row in rows(dest, database, table):
        k = tuple(_hashable(row[name]) for name in key)
        if operation == "D":
            folded.pop(k, None)
        else:
            folded[k] = row
    return folded


def assert_no_row_twice(dest, database, table, key):
    """No change of a key may have been landed twice, in whatever files."""
    seen = set()
    for timestamp, version, operation, row in rows(dest, database, table):
        k = (version, operation, tuple(_hashable(row[name]) for name in key))
        # A load carries its fence on all rows; two loads at one version are told apart by their time.
        if operation in "LD":
            k = (timestamp, *k)
        assert k not in seen, f"{table}: landed twice: {k}"
        seen.add(k)


def source(path, table, key):
    connection = sqlite3.connect(path)
    cursor = connection.execute(f'SELECT * FROM "{table}"')
    names = [d[0] for d in cursor.description]
    rows = {}
    for values in cursor.fetchall():
        row = dict(zip(names, values))
        rows[tuple(_hashable(row[name]) for name in key)] = row
    connection.close()
    return rows


def _hashable(value):
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value
