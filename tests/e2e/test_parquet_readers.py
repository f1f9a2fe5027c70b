"""Files of our encoder as three readers see them: cell by cell, and with filters that statistics answer.

DuckDB and Polars share no code with the encoder; pyarrow is here because users read with it.
"""

import decimal
import json
import os
import pathlib
import struct
import subprocess

import duckdb
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENCODE_SAMPLE = os.environ.get(
    "ENCODE_SAMPLE_BIN", str(ROOT / "build" / "release" / "tests" / "encode_sample")
)


class Sample:
    def __init__(self, folder, *arguments):
        subprocess.run([ENCODE_SAMPLE, str(folder), *map(str, arguments)], check=True, timeout=120)
        self.path = str(folder / "sample.parquet")
        with open(folder / "expected.jsonl") as lines:
            self.columns = [json.loads(line) for line in lines]
        self.names = [c["name"] for c in self.columns]

    def assert_equal(self, reader, column, cells):
        for row, (expected, seen) in enumerate(zip(column["cells"], cells, strict=True)):
            assert expected == seen, f"{reader}: {column['name']} row {row}"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample(tmp_path_factory.mktemp("sample"), 10_000, 700, 2_500, "zstd")


def bits(value):
    return None if value is None else struct.pack(">d", value).hex()


def hexed(value):
    return None if value is None else (value.encode() if isinstance(value, str) else bytes(value)).hex()


def canonical(kind, values):
    """Cells as encode_sample writes them."""
    if kind in ("double", "float"):
        return [bits(v) for v in values]
    if kind in ("string", "large_string", "binary") or kind.startswith("fixed_size_binary"):
        return [hexed(v) for v in values]
    if kind.startswith("decimal"):
        exact = decimal.Context(prec=60)
        return [None if v is None else str(int(v.scaleb(-v.as_tuple().exponent, exact))) for v in values]
    return values


def arrow_cells(kind, column):
    if kind == "date32[day]":
        column = column.cast(pyarrow.int32())
    elif kind.startswith("timestamp"):
        assert column.type == pyarrow.timestamp("us"), column.type
        column = column.cast(pyarrow.int64())
    return canonical(kind, column.to_pylist())


def polars_cells(kind, series):
    if kind == "date32[day]":
        assert series.dtype == polars.Date
        series = series.to_physical()
    elif kind.startswith("timestamp"):
        assert series.dtype == polars.Datetime("us"), series.dtype
        series = series.to_physical()
    return canonical(kind, series.to_list())


DUCKDB_TYPES = {
    "date32[day]": ("DATE", '"{0}" - DATE \'1970-01-01\''),
    "timestamp[us]": ("TIMESTAMP", 'epoch_us("{0}")'),
    "string": ("VARCHAR", '"{0}"'),
    "large_string": ("VARCHAR", '"{0}"'),
    "binary": ("BLOB", '"{0}"'),
    "int8": ("TINYINT", '"{0}"'),
    "int16": ("SMALLINT", '"{0}"'),
    "int32": ("INTEGER", '"{0}"'),
    "int64": ("BIGINT", '"{0}"'),
}


def duckdb_cells(path, column):
    kind = column["type"]
    declared, expression = DUCKDB_TYPES.get(kind, (None, '"{0}"'))
    expression = expression.format(column["name"])
    relation = duckdb.sql(f'SELECT {expression}, typeof("{column["name"]}") FROM \'{path}\'')
    rows = relation.fetchall()
    if declared and rows:
        assert rows[0][1] == declared, column["name"]
    return canonical(kind, [row[0] for row in rows])


def assert_all_readers_agree(sample):
    arrow = pyarrow.parquet.read_table(sample.path)
    frame = polars.read_parquet(sample.path)
    assert arrow.column_names == frame.columns == sample.names
    for column in sample.columns:
        name, kind = column["name"], column["type"]
        sample.assert_equal("pyarrow", column, arrow_cells(kind, arrow[name]))
        sample.assert_equal("polars", column, polars_cells(kind, frame[name]))
        sample.assert_equal("duckdb", column, duckdb_cells(sample.path, column))


@pytest.mark.parametrize(
    "rows, batch_rows, row_group_rows, codec",
    [
        (0, 100, 1000, "zstd"),
        (1, 100, 1000, "zstd"),
        (9, 2, 1000, "zstd"),
        (10_000, 10_000, 500_000, "zstd"),
        (5_000, 333, 999, "snappy"),
        (3_000, 1_000, 500_000, "gzip"),
        (3_000, 1_000, 500_000, "brotli"),
        (3_000, 1_000, 500_000, "lz4"),
        (3_000, 1_000, 500_000, "none"),
    ],
)
def test_cells(tmp_path, rows, batch_rows, row_group_rows, codec):
    assert_all_readers_agree(Sample(tmp_path, rows, batch_rows, row_group_rows, codec))


FILTERED_WAYS = ("edge", "sorted", "runs", "sparse", "nan", "zero", "long")


def filtered(sample):
    return [name for name in sample.names if name.split("_")[1] in FILTERED_WAYS]


def literals(table, name):
    """A few values of the column, among them its least and greatest in this reader's order."""
    values = table[name].drop_null()
    if len(values) == 0:
        return []
    ends = pyarrow.compute.min_max(values)
    picked = [ends["min"], ends["max"], *(values[i * len(values) // 5] for i in range(5))]
    return list({str(v): v for v in picked}.values())


OPERATORS = ("<", "=", ">")


def test_duckdb_filters(sample):
    """A filter that reaches the statistics keeps the rows that it keeps in memory."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE held AS FROM '{sample.path}'")
    table = pyarrow.parquet.read_table(sample.path)
    checked = 0
    for name in filtered(sample):
        for literal in literals(table, name):
            for operator in OPERATORS:
                where = f'SELECT count(*) FROM {{}} WHERE "{name}" {operator} $1::{{}}'
                kind = connection.execute(f'SELECT any_value(typeof("{name}")) FROM held').fetchone()[0]
                value = literal.as_py()
                expected = connection.execute(where.format("held", kind), [value]).fetchone()
                seen = connection.execute(where.format(f"'{sample.path}'", kind), [value]).fetchone()
                assert seen == expected, (name, operator, value)
                checked += 1
    assert checked > 400


def test_duckdb_ends(sample):
    """min() and max(), which a reader may take from the statistics alone."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE held AS FROM '{sample.path}'")
    for name in sample.names:
        query = f'SELECT min("{name}"), max("{name}"), count("{name}") FROM {{}}'
        expected = connection.execute(query.format("held")).fetchone()
        seen = connection.execute(query.format(f"'{sample.path}'")).fetchone()
        assert all(a == b or (a != a and b != b) for a, b in zip(seen, expected, strict=True)), name


def test_polars_filters(sample):
    held = polars.read_parquet(sample.path)
    table = pyarrow.parquet.read_table(sample.path)
    checked = 0
    for name in filtered(sample):
        for literal in literals(table, name):
            value = polars.lit(literal.as_py(), dtype=held.schema[name])
            column = polars.col(name)
            for predicate in (column < value, column == value, column > value):
                expected = held.filter(predicate).height
                seen = polars.scan_parquet(sample.path).filter(predicate).collect().height
                assert seen == expected, (name, str(predicate))
                checked += 1
    assert checked > 400


def test_pyarrow_filters(sample):
    held = pyarrow.parquet.read_table(sample.path)
    files = pyarrow.dataset.dataset(sample.path)
    checked = 0
    for name in filtered(sample):
        if held.schema.field(name).type == pyarrow.large_string():
            continue
        for literal in literals(held, name):
            field = pyarrow.dataset.field(name)
            for predicate in (field < literal, field == literal, field > literal):
                expected = held.filter(predicate).num_rows
                assert files.count_rows(filter=predicate) == expected, (name, str(predicate))
                checked += 1
    assert checked > 400


def test_filters_skip_row_groups(sample):
    """The statistics are there and used: a sorted column's row groups do not overlap."""
    metadata = pyarrow.parquet.ParquetFile(sample.path).metadata
    assert metadata.num_row_groups == 4
    column = sample.names.index("int64_sorted")
    ends = [metadata.row_group(i).column(column).statistics for i in range(4)]
    assert all(a.max < b.min for a, b in zip(ends, ends[1:]))
    assert all(metadata.row_group(i).column(column).has_offset_index for i in range(4))
    assert all(metadata.row_group(i).column(column).has_column_index for i in range(4))
