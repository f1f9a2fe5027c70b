"""CSV, JSON and JSON lines of our encoders as readers see them that share no code with us, cell by cell."""

import csv
import datetime
import io
import json
import os
import pathlib
import struct
import subprocess
import sys

import duckdb
import orjson
import polars
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import postgres  # noqa: E402

ENCODE_SAMPLE = os.environ.get(
    "ENCODE_SAMPLE_BIN", str(ROOT / "build" / "release" / "tests" / "encode_sample")
)
DAY_ZERO = datetime.datetime(1970, 1, 1)


class Sample:
    """A file of one format, and for each column the texts that its cells are to be, or None."""

    def __init__(self, folder, extension, rows=3000):
        subprocess.run([ENCODE_SAMPLE, str(folder), str(rows), "700", "2500", "none", extension], check=True,
                       timeout=120)
        self.path = folder / f"sample.{extension}"
        with open(folder / "expected.jsonl") as lines:
            self.columns = [json.loads(line) for line in lines]
        self.names = [c["name"] for c in self.columns]

    def assert_equal(self, reader, column, cells):
        for row, (expected, seen) in enumerate(zip(column["cells"], cells, strict=True)):
            assert expected == seen, f"{reader}: {column['name']} row {row}"


@pytest.fixture(scope="module")
def csv_sample(tmp_path_factory):
    return Sample(tmp_path_factory.mktemp("csv"), "csv")


@pytest.fixture(scope="module")
def json_sample(tmp_path_factory):
    return Sample(tmp_path_factory.mktemp("json"), "json")


@pytest.fixture(scope="module")
def ndjson_sample(tmp_path_factory):
    return Sample(tmp_path_factory.mktemp("ndjson"), "ndjson")


def unbase64(text):
    import base64

    return base64.b64decode(text, validate=True).hex()


def micros(text):
    assert text[10] in " T", text
    delta = datetime.datetime.fromisoformat(text) - DAY_ZERO
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def canonical(kind, text):
    """A cell's text as encode_sample writes the cell."""
    if text is None:
        return None
    if kind == "bool":
        return {"true": True, "false": False, True: True, False: False}[text]
    if kind.startswith(("int", "uint")):
        return int(text)
    if kind == "float":  # its shortest digits are those that a float is read from
        return struct.pack(">d", struct.unpack(">f", struct.pack(">f", float(text)))[0]).hex()
    if kind == "double":
        return struct.pack(">d", float(text)).hex()
    if kind == "date32[day]":
        return (datetime.datetime.fromisoformat(text) - DAY_ZERO).days
    if kind.startswith("timestamp"):
        return micros(text)
    if kind.startswith("decimal"):
        return str(int(text.replace(".", "", 1)))
    if kind in ("string", "large_string"):
        return text.encode().hex()
    return unbase64(text)


def test_csv_in_pythons_reader(csv_sample):
    """Its reader does not tell '' from NULL; all else it tells."""
    with open(csv_sample.path, newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file, strict=True)
    assert names == csv_sample.names
    for place, column in enumerate(csv_sample.columns):
        expected = [None if cell == "" else cell for cell in column["cells"]]
        cells = [canonical(column["type"], row[place] or None) for row in rows]
        csv_sample.assert_equal("csv", {**column, "cells": expected}, cells)


def test_csv_in_duckdb(csv_sample):
    """NULL stands without quotes, '' in quotes."""
    frame = duckdb.sql(f"FROM read_csv('{csv_sample.path}', all_varchar=true, header=true, nullstr='', "
                       "allow_quoted_nulls=false, parallel=false, max_line_size=10000000)")
    assert frame.columns == csv_sample.names
    rows = frame.fetchall()
    for place, column in enumerate(csv_sample.columns):
        csv_sample.assert_equal("duckdb", column, [canonical(column["type"], row[place]) for row in rows])


def test_csv_in_polars(csv_sample):
    frame = polars.read_csv(csv_sample.path, infer_schema=False)
    assert frame.columns == csv_sample.names
    for column in csv_sample.columns:
        expected = [None if cell == "" else cell for cell in column["cells"]]
        cells = [canonical(column["type"], cell or None) for cell in frame[column["name"]].to_list()]
        csv_sample.assert_equal("polars", {**column, "cells": expected}, cells)


def postgres_type(kind):
    if kind == "bool":
        return "boolean"
    if kind.startswith(("int", "uint")):
        return "bigint"
    if kind in ("double", "float"):
        return {"double": "double precision", "float": "real"}[kind]
    if kind.startswith("decimal"):
        return "numeric"
    return {"date32[day]": "date", "timestamp[us]": "timestamp"}.get(kind, "text")


@pytest.mark.skipif(postgres.programs() is None, reason="PostgreSQL is not on this machine")
def test_csv_in_postgresql(csv_sample):
    """COPY takes the file as it is, into columns of the right types. PostgreSQL's texts cannot hold NUL, so
    that one byte is replaced by another one first."""
    data = csv_sample.path.read_bytes().replace(b"\0", b"\1")
    columns = ", ".join(f'"{c["name"]}" {postgres_type(c["type"])}' for c in csv_sample.columns)
    with postgres.server() as server:
        server.psql("-c", f"CREATE TABLE sample(place serial, {columns})")
        names = ", ".join(f'"{name}"' for name in csv_sample.names)
        server.psql("-c", f"COPY sample({names}) FROM STDIN (FORMAT csv, HEADER true)", input=data)
        lines = server.psql("-A", "-t", "-c", "SELECT row_to_json(sample) FROM sample ORDER BY place")
        rows = [json.loads(line, parse_float=str, parse_int=str) for line in lines.splitlines()]
    for column in csv_sample.columns:
        expected = [cell.replace("00", "01") if isinstance(cell, str) and "string" in column["type"]
                    and bytes.fromhex(cell).find(b"\0") >= 0 else cell for cell in column["cells"]]
        cells = [canonical(column["type"], row[column["name"]]) for row in rows]
        csv_sample.assert_equal("postgresql", {**column, "cells": expected}, cells)


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def refuse_twice(pairs):
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def assert_json_rows(sample, reader, rows):
    for column in sample.columns:
        seen = [row[column["name"]] for row in rows]
        if column["type"] in ("double", "float"):
            assert all(isinstance(value, (float, str, type(None))) for value in seen)
        sample.assert_equal(reader, column, [canonical(column["type"], value) for value in seen])


def test_json_in_strict_parsers(json_sample):
    """No NaN, no name twice, valid UTF-8, nothing behind the end."""
    text = json_sample.path.read_bytes()
    rows = json.loads(text.decode("utf-8"), parse_constant=refuse_constant, object_pairs_hook=refuse_twice)
    assert_json_rows(json_sample, "json", rows)
    assert orjson.loads(text) == rows


def test_ndjson_line_by_line(ndjson_sample):
    lines = ndjson_sample.path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    rows = [orjson.loads(line) for line in lines]
    assert_json_rows(ndjson_sample, "orjson", rows)
    assert [json.loads(line) for line in lines] == rows


@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_json_in_duckdb(kind, json_sample, ndjson_sample):
    sample, form = (json_sample, "array") if kind == "json" else (ndjson_sample, "newline_delimited")
    columns = {c["name"]: {"double": "DOUBLE", "float": "DOUBLE", "bool": "BOOLEAN"}.get(
        c["type"], "BIGINT" if c["type"].startswith("int") else "VARCHAR") for c in sample.columns}
    rows = duckdb.sql(f"FROM read_json('{sample.path}', format='{form}', columns={columns}, "
                      "maximum_object_size=50000000)").fetchall()
    for place, column in enumerate(sample.columns):
        sample.assert_equal("duckdb", column, [canonical(column["type"], row[place]) for row in rows])


def test_ndjson_in_polars(ndjson_sample):
    """NaN and infinities are texts in JSON, so the columns that hold them are read as texts."""
    types = {"double": polars.String, "float": polars.String, "bool": polars.Boolean}
    schema = {c["name"]: types.get(c["type"], polars.Int64 if c["type"].startswith("int") else polars.String)
              for c in ndjson_sample.columns}
    frame = polars.read_ndjson(io.BytesIO(ndjson_sample.path.read_bytes()), schema=schema)
    for column in ndjson_sample.columns:
        if column["type"] in ("double", "float"):
            continue  # Polars respells numbers that it reads as texts
        cells = [canonical(column["type"], cell) for cell in frame[column["name"]].to_list()]
        ndjson_sample.assert_equal("polars", column, cells)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("kind", ["csv", "json", "ndjson"])
def test_files_of_no_rows_and_of_one(tmp_path, kind, rows):
    sample = Sample(tmp_path, kind, rows)
    text = sample.path.read_text()
    if kind == "csv":
        assert len(list(csv.reader(io.StringIO(text), strict=True))) == rows + 1
    else:
        assert len(json.loads(text) if kind == "json" else text.splitlines()) == rows
