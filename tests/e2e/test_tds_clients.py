"""Clients that others wrote read every type and edge value from our test server, over each transport they know.

All of them in ./dev soak and by ./dev test tds_clients; otherwise those that need nothing beyond Debian, PyPI and npm.
"""

import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "support" / "tds_clients"))
import matrix  # noqa: E402
import python_clients  # noqa: E402
from compare import REFUSED, WRONG  # noqa: E402
from tds_server.samples import SampleEngine, all_samples  # noqa: E402
from tds_server.server import Server, Settings  # noqa: E402

RUNS = [pytest.param(client, transport, id=f"{client.name.split(' ')[0]}-{transport}")
        for client in matrix.CLIENTS for transport in client.transports]


def wants_all(config):
    return "TIDEMARK_SOAK_SEEDS" in os.environ or "tds_clients" in (config.option.keyword or "")


@pytest.mark.parametrize("client, transport", RUNS)
def test_a_foreign_client_reads_what_the_server_has(client, transport, request):
    if client.needs_toolchain and not wants_all(request.config):
        pytest.skip(f"{client.name} needs a toolchain of its own: ./dev test tds_clients runs it")
    engine, samples = SampleEngine(), all_samples()
    with Server(engine, Settings()) as server:
        try:
            outcomes = matrix.read_all(client, server, samples, transport)
        except matrix.Missing as missing:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"{client.name}: {missing}")
        seen = server.seen[0]
        assert server.problems == []
    assert len(outcomes) == len(samples) > 100
    bad = {name: outcome.detail for name, outcome in outcomes.items() if outcome.grade in (REFUSED, WRONG)}
    assert bad == {}
    assert seen.is_strict == (transport == "strict")
    if transport == "strict":
        assert (seen.tls_version, seen.alpn) == ("TLSv1.3", "tds/8.0")
    if transport == "tls":
        assert seen.tls_version == "TLSv1.2"


def test_a_value_that_is_read_wrongly_is_found():
    engine = SampleEngine()
    sample = engine.samples["decimal_38_38"]
    shown = [None if value is None else f"{value:f}" for _, value in sample.rows]
    assert matrix.judge(sample, {"values": shown}).grade == "exact"
    shown[0] = shown[0][:-1] + "8"
    assert matrix.judge(sample, {"values": shown}).grade in ("double", WRONG)
    assert matrix.judge(engine.samples["bigint"], {"values": ["-9223372036854775807", *["0"] * 5]}).grade == WRONG
    assert matrix.judge(engine.samples["nchar"], {"values": []}).grade == WRONG


@pytest.mark.parametrize("driver", ["pytds", "mssql_python"])
def test_parameters_arrive_as_they_were_sent(driver):
    # The clients encode them, the server reads them and sends them back by the types they came with.
    try:
        python = matrix.python_environment()
    except matrix.Missing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    with Server(SampleEngine(), Settings()) as server:
        done = subprocess.run([python, matrix.HERE / "python_clients.py", driver, server.host, str(server.port), "plain", "-"],
                              input="echo\n", capture_output=True, text=True, encoding="utf-8", timeout=120)
        assert server.problems == []
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    # pytds writes NULL into the statement.
    sent = [python_clients.text(value) for value in python_clients.ECHO if driver != "pytds" or value is not None]
    shown = answer["values"]
    assert Decimal(shown[5]) == Decimal(sent[5]) and float(shown[6]) == float(sent[6])
    assert [*shown[:5], *shown[7:]] == [*sent[:5], *sent[7:]]


@pytest.mark.parametrize("client", [pytest.param(c, id=c.name) for c in matrix.CLIENTS
                                    if c.name in ("tedious", "go-mssqldb", "mssql-jdbc")])
def test_prepared_statements_take_parameters(client, request):
    if client.needs_toolchain and not wants_all(request.config):
        pytest.skip(f"{client.name} needs a toolchain of its own: ./dev test tds_clients runs it")
    with Server(SampleEngine(), Settings(encryption="none")) as server:
        try:
            start = client.prepare()
        except matrix.Missing as missing:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"{client.name}: {missing}")
        done = subprocess.run([*start, server.host, str(server.port), "plain", "-"], input="echo\n", capture_output=True,
                              text=True, encoding="utf-8", timeout=120)
        assert server.problems == []
    answer = json.loads(done.stdout)
    assert answer.get("values") == ["7", "-1099511627776", "日本 😀 it's", "", "0x00ff", "0.1", "x" * 9000, None], answer
