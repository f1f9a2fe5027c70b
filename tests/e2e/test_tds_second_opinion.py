"""Our client and FreeTDS' db-lib read the same results: cell for cell, and values of a hundred megabytes."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "support" / "tds_clients"))
import matrix  # noqa: E402
from tds_server.random_tables import random_table  # noqa: E402
from tds_server.samples import Sample, SampleEngine  # noqa: E402
from tds_server.server import Server, Settings  # noqa: E402
from tds_server.types import MAX, SqlType  # noqa: E402

SEED = int(os.environ.get("TIDEMARK_SEED", "1"))
TABLES = 40 if "TIDEMARK_SOAK_SEEDS" in os.environ else 6
LARGE_MB = 100
DBLIB = next(client for client in matrix.CLIENTS if client.name == "FreeTDS db-lib")


def prepared(client):
    try:
        client.prepare()
    except matrix.Missing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{client.name}: {missing}")
    return client


@pytest.mark.parametrize("client", [matrix.COLUMNS, matrix.ROWS, DBLIB], ids=["columns", "small-results", "db-lib"])
def test_tables_by_chance_are_read_cell_for_cell(client):
    # The values themselves are the third party: two clients that agree with them agree with each other.
    tables = [random_table(SEED * 1000 + number) for number in range(TABLES)]
    with Server(SampleEngine(*tables), Settings()) as server:
        outcomes = matrix.read_all(prepared(client), server, tables, "plain")
        assert server.problems == []
    assert {name: (outcome.grade, outcome.detail) for name, outcome in outcomes.items() if outcome.grade != "exact"} == {}
    assert len(outcomes) == TABLES and len(tables[0].cells()) > 5000


def test_half_a_surrogate_pair_is_replaced_and_nothing_else():
    halves = ("a\ud800b", "\udc00", "\ud83d", "\ud800\ud800😀\udc00")
    lone = [Sample(name, SqlType.parse(declared), halves) for name, declared in (
        ("lone_short", "nvarchar(20)"), ("lone_large", "nvarchar(max)"), ("lone_fixed", "nchar(5)"), ("lone_old", "ntext"))]
    with Server(SampleEngine(*lone), Settings()) as server:
        command = prepared(matrix.COLUMNS).prepare()
        done = subprocess.run([command[0], matrix.our_address(server, "plain"), command[1]], capture_output=True, text=True,
                              input="".join(f"{sample.name}\n" for sample in lone), encoding="utf-8", timeout=120)
    shown = ["a\ufffdb", "\ufffd", "\ufffd", "\ufffd\ufffd😀\ufffd", None]
    # What is stored of char(n) has its blanks, counted in halves.
    fixed = ["a\ufffdb  ", "\ufffd    ", "\ufffd    ", "\ufffd\ufffd😀\ufffd", None]
    read = [json.loads(line)["values"] for line in done.stdout.splitlines()]
    assert read == [shown, shown, fixed, shown]


@pytest.mark.parametrize("packet_bytes", [512, 1460, 4096, 32767])
def test_a_row_may_break_anywhere(packet_bytes):
    table = random_table(SEED * 1000 + packet_bytes, rows=40)
    with Server(SampleEngine(table), Settings()) as server:
        command = [*matrix.COLUMNS.prepare()] if prepared(matrix.COLUMNS) else []
        address = matrix.our_address(server, "plain") + f"&packet_size={packet_bytes}"
        done = subprocess.run([command[0], address, command[1]], input=f"{table.name}\n", capture_output=True, text=True,
                              encoding="utf-8", timeout=300)
        assert server.seen[0].hello.packet_bytes == packet_bytes
    assert matrix.judge(table, json.loads(done.stdout)).grade == "exact"


def digests(command, names, environment=None):
    done = subprocess.run(command, input="".join(f"{name}\n" for name in names), capture_output=True, text=True,
                          timeout=600, env={**os.environ, **(environment or {})})
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all("error" not in line for line in lines), lines
    return [line["values"] for line in lines], [line["peak_kib"] / 1024 for line in lines]


def test_a_value_of_a_hundred_megabytes_is_read_alike(record_property):
    words = "0123456789 äöü 日本 😀 "
    text = words * (LARGE_MB * 1_000_000 // len(words.encode()))
    large = [Sample("small", SqlType("int"), (1,)),
             Sample("large_text", SqlType("nvarchar", MAX, plp_piece=8000), (text,)),
             Sample("large_bytes", SqlType("varbinary", MAX, plp_piece=8000, plp_total_known=False),
                    (bytes(range(256)) * (LARGE_MB * 1_000_000 // 256),))]
    names = [sample.name for sample in large]
    with Server(SampleEngine(*large), Settings(encryption="optional")) as server, tempfile.TemporaryDirectory() as place:
        ours_program = prepared(matrix.COLUMNS).prepare()[0]
        ours, our_peaks = digests([ours_program, matrix.our_address(server, "plain"), "digest"], names)
        dblib_program = prepared(DBLIB).prepare()[0]
        section = matrix.freetds_section(server.port, server.certificate.authority, Path(place), "plain")
        theirs, their_peaks = digests([dblib_program, section, "digest"], names,
                                      {"FREETDSCONF": str(Path(place) / "freetds.conf")})
        assert server.problems == []
    assert ours[1][0].split()[0] == str(len(text.encode())) and ours[2][0].split()[0] == str(len(large[2].values[0]))
    assert ours[1] == theirs[1]
    assert ours[2] == theirs[2]
    for name, mine, other in zip(names, our_peaks, their_peaks, strict=True):
        record_property(f"peak MiB, {name}", f"tidemark {mine:.0f}, db-lib {other:.0f}")
        print(f"peak memory after {name}: tidemark {mine:.0f} MiB, db-lib {other:.0f} MiB")
    # The place that grows, doubled, and what it is copied from: never more.
    assert our_peaks[1] - our_peaks[0] < 3.5 * LARGE_MB
