"""The commands as functions: results, errors, progress, interruption."""

import logging
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from python_package import ROOT, shop, sql  # noqa: E402, F401

import tidemark  # noqa: E402


def test_a_sync_tells_what_it_did_and_why(shop):
    first = tidemark.sync("shop.db", to="landing")
    assert [(t.name, t.status, t.mode, t.reason, t.rows) for t in first] == [
        ("customers", "ok", "full", "first_load", 2), ("odd log", "ok", "full", "first_load", 1),
        ("orders", "ok", "full", "first_load", 3)]
    assert (first.rows, first.failed) == (6, 0) and first.run_id and first.document["tables"]
    assert all((shop / "landing" / file).is_file() for table in first for file in table.files)

    assert {t.name: t.status for t in tidemark.track("enable", "shop.db")} == {
        "customers": "enabled", "odd log": "skipped", "orders": "enabled"}
    tidemark.sync("shop.db", to="landing")
    sql("shop.db", "UPDATE orders SET total = 9 WHERE id = 1; DELETE FROM orders WHERE id = 2;"
                   "INSERT INTO orders VALUES(4, 'c', 0)")
    orders, = tidemark.sync("shop.db", to="landing", tables="orders", progress=None)
    assert (orders.mode, orders.reason, orders.inserted, orders.updated, orders.deleted) == (
        "incremental", "changes", 1, 1, 1)


def test_plan_verify_and_status(shop):
    assert [t.reason for t in tidemark.plan("shop.db", to="landing")] == ["first_load"] * 3
    assert not (shop / "landing").exists()
    tidemark.sync("shop.db", to="landing")
    assert tidemark.verify("shop.db", to="landing")
    assert {t.name: t.rows for t in tidemark.status("landing")} == {"customers": 2, "odd log": 1, "orders": 3}
    assert {t.lag_versions for t in tidemark.status("landing")} == {None}
    (shop / "p.yaml").write_text("connection: {path: shop.db}\nstorage: {ingest_pipeline: landing}\n"
                                 "databases: {shop: {schemas: {main: {tables: [customers]}}}}\n")
    found = tidemark.status(config="p.yaml")
    assert found.others == ("shop.main.odd log", "shop.main.orders")
    asked, = found
    assert (asked.name, asked.next_reason, asked.warnings, asked.last_error) == ("customers", "no_tracking", (), None)
    assert asked.lag_seconds is not None and asked.lag_seconds >= 0
    for file in (shop / "landing" / "data" / "shop" / "main" / "orders").rglob("*.parquet"):
        file.unlink()
    found = tidemark.verify("shop.db", to="landing", tables=["orders", "customers"])
    assert not found and found.failed == 1
    assert {t.name: (t.status, t.missing) for t in found} == {"customers": ("equal", 0), "orders": ("failed", 3)}
    assert "files are gone" in str(found[1].error)


def test_track_status_tells_what_is_tracked(shop):
    tidemark.track("enable", "shop.db", "orders", retention="30d")
    tracked = {t.name: t for t in tidemark.track("status", "shop.db")}
    assert (tracked["orders"].status, tracked["customers"].status) == ("tracked", "untracked")
    assert tracked["orders"].document["retention_seconds"] == 30 * 86400


def test_what_cannot_begin_is_an_exception_with_kind_and_hint(shop):
    with pytest.raises(tidemark.TidemarkError) as caught:
        tidemark.sync("no.db", to="landing")
    error = caught.value
    assert (error.kind, error.exit_code) == ("not_found", 3)
    assert "no.db" in error.message and "SQLite" in error.hint and error.hint in str(error)
    with pytest.raises(tidemark.TidemarkError, match="no option") as caught:
        tidemark.sync("shop.db", to="landing", arguments=["--what"])
    assert (caught.value.kind, caught.value.exit_code) == ("invalid", 2)
    with pytest.raises(tidemark.TidemarkError, match="neither a source"):
        tidemark.sync(to="landing")


def test_a_table_that_fails_is_in_the_result(shop, caplog):
    tidemark.sync("shop.db", to="landing")
    (shop / "landing" / "_tidemark" / "state" / "shop" / "main" / "orders.json").write_text("torn")
    sql("shop.db", "DELETE FROM customers")
    result = tidemark.sync("shop.db", to="landing")
    failed, = (t for t in result if t.error)
    assert (result.failed, failed.name, failed.status, failed.error.kind) == (1, "orders", "failed", "corrupt")
    assert {t.name: t.deleted for t in result}["customers"] == 2
    assert any("orders" in r.message for r in caplog.records if r.levelno == logging.ERROR)
    with pytest.raises(tidemark.TidemarkError, match="orders"):
        result.raise_failed()


def test_progress_comes_to_the_callers_thread_in_order(shop):
    seen = []
    tidemark.sync("shop.db", to="landing", progress=seen.append)
    assert seen[0].event == "planned" and seen[0].tables == 3
    ended = {event.table: event for event in seen if event.event == "ended"}
    assert {name: (event.rows, event.ok) for name, event in ended.items()} == {
        "customers": (2, True), "odd log": (1, True), "orders": (3, True)}
    began = [event.table for event in seen if event.event == "began"]
    assert sorted(began) == sorted(ended)


@pytest.fixture
def big(shop):
    sql("shop.db", "CREATE TABLE big(id INTEGER PRIMARY KEY, a TEXT, b TEXT);"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)"
                   "INSERT INTO big SELECT i, hex(randomblob(30)), hex(randomblob(30)) FROM n")
    return shop


def nothing_is_half_done(shop):
    """No file is visible of a table that was not committed, and the next run goes on."""
    assert not list((shop / "landing" / "data").rglob("*big*.parquet"))
    assert {t.name: t.rows for t in tidemark.sync("shop.db", to="landing", tables="big")} == {"big": 400000}
    assert tidemark.verify("shop.db", to="landing", tables="big")


def test_what_a_callback_raises_stops_the_run_cleanly(big):
    def stop(event):
        if event.table == "big" and event.event == "began":
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        tidemark.sync("shop.db", to="landing", tables="big", progress=stop, arguments=["--compression", "gzip"])
    nothing_is_half_done(big)


def test_keyboard_interrupt_stops_the_program_and_waits_for_it(big):
    """As Ctrl-C does: the signal goes to Python alone, as the program is in a session of its own."""
    script = textwrap.dedent("""
        import sys
        import tidemark

        def told(event):
            if event.table == "big":
                print("began", flush=True)
                sys.stdin.readline()

        try:
            tidemark.sync("shop.db", to="landing", tables="big", progress=told, arguments=["--compression", "gzip"])
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(ROOT / "python" / "src")})
    assert process.stdout.readline() == "began\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert (out, process.returncode) == ("interrupted\n", 0)
    nothing_is_half_done(big)  # no lock is held either: the program has ended
