"""What somebody who runs tidemark in the background sees: status, metrics, a service that goes on."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time

import pytest
from conftest import TIDEMARK, run
from prometheus_client.parser import text_string_to_metric_families


def samples(path):
    """name -> {table or None: value}, as Prometheus' own parser reads the file."""
    found = {}
    for family in text_string_to_metric_families(path.read_text()):
        assert family.documentation and family.type in ("gauge", "counter"), family
        for sample in family.samples:
            found.setdefault(sample.name, {})[sample.labels.get("table")] = sample.value
    return found


def status(shop):
    done = run("status", shop.dest, "--json")
    assert done.code == 0, done
    return done.tables()


def service(shop, *options):
    return subprocess.Popen([TIDEMARK, "sync", str(shop.path), "--to", str(shop.dest), *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_line(stream, text):
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"never said: {text}")


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # only looks again: the condition decides


def test_metrics_of_runs(shop):
    """Every sample is one that Prometheus reads; counters go on from run to run."""
    metrics = shop.folder / "tidemark.prom"
    shop.track()
    shop.sync("--metrics", metrics)
    first = samples(metrics)
    assert first["tidemark_last_run_success"][None] == 1 and first["tidemark_runs_total"][None] == 1
    assert first["tidemark_table_rows_landed_total"] == {"t": 100, "log": 3}
    assert first["tidemark_table_failed"] == {"t": 0, "log": 0}
    assert first["tidemark_table_last_success_timestamp_seconds"]["t"] > 1.7e9
    assert first["tidemark_table_expires_timestamp_seconds"]["t"] > time.time() + 6 * 86400
    assert "log" not in first["tidemark_table_expires_timestamp_seconds"]  # without a key nothing is tracked
    shop.sql("UPDATE t SET name = 'x' WHERE id <= 7; DELETE FROM t WHERE id = 50")
    shop.sync("--metrics", metrics)
    second = samples(metrics)
    assert second["tidemark_runs_total"][None] == 2 and second["tidemark_run_failures_total"][None] == 0
    assert second["tidemark_table_rows_landed_total"] == {"t": 108, "log": 3}
    assert second["tidemark_table_version"]["t"] > first["tidemark_table_version"]["t"]
    assert not [name for name in os.listdir(shop.folder) if name.endswith(".tmp")]


def test_metrics_of_failures_and_retries(shop):
    metrics = shop.folder / "tidemark.prom"
    shop.sync("--retries", "0", "--metrics", metrics, code=1,
              environment={"TIDEMARK_FAILPOINT": "upload_write=error"})
    failed = samples(metrics)
    assert failed["tidemark_last_run_success"][None] == 0 and failed["tidemark_run_failures_total"][None] == 1
    assert failed["tidemark_last_run_failed_tables"][None] == 1
    assert sum(failed["tidemark_table_failed"].values()) == 1
    shop.sync("--metrics", metrics, environment={"TIDEMARK_FAILPOINT": "upload_write=error"})
    healed = samples(metrics)
    assert sum(healed["tidemark_table_retries_total"].values()) == 1
    assert sum(healed["tidemark_table_failed"].values()) == 0
    # Nothing could be done at all: that is a failed run as well, and the tables are still told.
    os.rename(shop.path, str(shop.path) + ".away")
    shop.sync("--metrics", metrics, code=3)
    gone = samples(metrics)
    assert gone["tidemark_last_run_success"][None] == 0 and gone["tidemark_runs_total"][None] == 3
    assert gone["tidemark_table_version"].keys() == {"t", "log"}


def test_metrics_of_odd_names(place):
    """A table may have any name; the file stays readable."""
    place.sql('CREATE TABLE "we""ird\n{x=""1""}\\"(id INTEGER PRIMARY KEY); CREATE TABLE "größe"(a)')
    metrics = place.folder / "tidemark.prom"
    place.sync("--metrics", metrics)
    assert len(samples(metrics)["tidemark_table_version"]) == 2
    assert run("status", place.dest, "--metrics", metrics).code == 0
    assert "größe" in samples(metrics)["tidemark_table_version"]


def test_metrics_that_cannot_be_written_are_an_error(shop):
    done = shop.sync("--metrics", shop.folder / "no" / "folder.prom")
    assert "metrics could not be written" in done.err
    assert run("status", shop.dest, "--metrics", shop.folder / "no" / "folder.prom").code == 3


def test_status_tells_the_last_error_until_a_run_succeeds(shop):
    shop.sync()
    shop.sql("INSERT INTO t VALUES(1000, 'new', 1)")
    shop.sync("--retries", "0", code=1, environment={"TIDEMARK_FAILPOINT": "upload_write=error"})
    error = status(shop)["t"]["last_error"]
    assert error["kind"] == "unavailable" and "upload_write" in error["message"] and error["at"]
    assert status(shop)["log"]["last_error"] is None
    assert "upload_write" in run("status", shop.dest).out
    shop.sync()
    assert status(shop)["t"]["last_error"] is None


def test_status_tells_a_table_that_never_landed(shop):
    shop.sync("--table", "log")
    shop.sync("--table", "t", "--retries", "0", code=1, environment={"TIDEMARK_FAILPOINT": "upload_write=error"})
    table = status(shop)["t"]
    assert "upload_write" in table["last_error"]["message"] and table["checked_at"] is None
    assert "never landed" in run("status", shop.dest).out


def test_status_tells_an_unfinished_load(place):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
              "INSERT INTO t SELECT i, 'name ' || i FROM n")
    place.track()
    killed = subprocess.run([TIDEMARK, "sync", str(place.path), "--to", str(place.dest), "--max-rows-per-file", "500"],
                            env={**os.environ, "TIDEMARK_FAILPOINT": "load_after_keep=kill@3"})
    assert killed.returncode == -signal.SIGKILL
    assert status(place)["t"]["loading_rows"] >= 1000
    assert "loading" in run("status", place.dest).out
    place.sync()
    assert status(place)["t"]["loading_rows"] is None


def test_status_of_a_configuration_asks_its_databases(shop):
    """Its tables alone, with the versions that are not landed; the others at the destination by name."""
    shop.sql("CREATE TABLE later(id INTEGER PRIMARY KEY)")
    shop.track()
    shop.sync("--exclude", "later")
    config = shop.folder / "p.yaml"
    config.write_text(f"connection: {{path: {shop.path}}}\nstorage: {{ingest_pipeline: {shop.dest}}}\n"
                      "databases: {shop: {schemas: {main: {tables: [T, later]}}}}\n")
    shop.sql("INSERT INTO t VALUES(1000, 'new', 1)")
    done = run("status", "-c", config, "--json")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    tables = {table["table"]: table for table in document["tables"]}
    assert tables.keys() == {"t", "later"}
    assert (tables["t"]["lag_versions"], tables["t"]["next_reason"]) == (1, "changes")
    assert tables["later"]["next_reason"] == "first_load" and tables["later"]["lag_versions"] is None
    assert document["others"] == [{"database": "shop", "schema": "main", "table": "log"}]
    text = run("status", "-c", config).out
    assert "1 version, at most" in text and "1 table more at the destination" in text and "shop.main.log" in text
    shop.sync()
    table = json.loads(run("status", "-c", config, "--json").out)["tables"]
    assert [(t["table"], t["lag_versions"]) for t in table if t["table"] == "t"] == [("t", 0)]
    assert "in step" in run("status", "-c", config).out
    # The destination alone cannot know.
    assert status(shop)["t"]["lag_versions"] is None and status(shop)["t"]["next_reason"] is None


def test_status_of_a_database_that_cannot_be_asked(shop):
    shop.sync()
    config = shop.folder / "p.yaml"
    config.write_text(f"connection: {{path: {shop.path}}}\nstorage: {{ingest_pipeline: {shop.folder / 'away'}}}\n"
                      "databases: {shop: {schemas: {main: {tables: '*'}}}}\n")
    shop.path.rename(shop.folder / "moved.db")
    done = run("status", "-c", config, "--to", shop.dest, "--json")
    document = json.loads(done.out)
    assert done.code == 0 and "database shop: its source could not be asked" in done.err
    assert [(d["database"], d["error"]["kind"]) for d in document["databases"]] == [("shop", "not_found")]
    assert {t["table"]: (t["rows"], t["lag_versions"]) for t in document["tables"]} == {"t": (100, None), "log": (3, None)}
    assert run("status", shop.dest, "--to", shop.dest).code == 2


def test_status_warns_when_runs_are_too_rare(shop):
    """Changes that are kept for an hour need a run every twenty minutes."""
    shop.track()
    assert run("track", "enable", shop.path, "--retention", "1h").code == 0
    shop.sync()
    shop.sync()
    assert status(shop)["t"]["warnings"] == []
    note = shop.dest / "_tidemark" / "idle" / "shop.json"
    text = json.loads(note.read_text())
    now = text["runs_us"][-1]
    text["runs_us"] = [now - i * 1800 * 1_000_000 for i in (4, 3, 2, 1, 0)]
    note.write_text(json.dumps(text))
    table = status(shop)["t"]
    assert table["interval_seconds"] == 1800 and "30 minutes" in table["warnings"][0]
    assert "more than a third" in run("status", shop.dest).err


def test_a_service_goes_on_and_ends_with_0_between_runs(shop):
    shop.track()
    metrics = shop.folder / "tidemark.prom"
    process = service(shop, "--every", "20ms", "--metrics", str(metrics))
    wait_until(lambda: metrics.exists() and samples(metrics)["tidemark_runs_total"][None] >= 2)
    shop.sql("INSERT INTO t VALUES(1000, 'new', 1)")
    wait_until(lambda: samples(metrics)["tidemark_table_rows_landed_total"]["t"] == 101)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode in (0, 143)  # it may just have begun another run
    shop.assert_equal()
    process = service(shop, "--every", "1h")
    assert re.search(r"next run at \d{4}-\d\d-\d\dT", wait_for_line(process.stdout, "next run at"))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert process.returncode == 0, err


def test_a_service_survives_what_fails(shop):
    shop.sync()
    away = str(shop.path) + ".away"
    metrics = shop.folder / "tidemark.prom"
    os.rename(shop.path, away)
    process = service(shop, "--every", "20ms", "--metrics", str(metrics))
    wait_until(lambda: metrics.exists() and samples(metrics)["tidemark_run_failures_total"][None] >= 2)
    os.rename(away, shop.path)
    wait_until(lambda: samples(metrics)["tidemark_last_run_success"][None] == 1)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode in (0, 130)


def test_a_service_does_not_start_with_wrong_words(shop):
    assert run("sync", shop.path, "--to", shop.dest, "--every", "soon").code == 2
    assert run("sync", shop.path, "--to", shop.dest, "--every", "0").code == 2
    assert run("sync", shop.path, "--every", "1h").code == 2


def test_status_of_a_destination_written_before(shop):
    """Notes without failures and runs are read as they were."""
    shop.sync()
    shop.sync()
    note = shop.dest / "_tidemark" / "idle" / "shop.json"
    text = json.loads(note.read_text())
    del text["failed"], text["runs_us"]
    note.write_text(json.dumps(text))
    assert status(shop)["t"]["interval_seconds"] is None
    shop.sync()
    connection = sqlite3.connect(shop.path)
    connection.close()
    assert len(json.loads(note.read_text())["runs_us"]) == 1


def many(place):
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
              "INSERT INTO t SELECT i, 'name ' || i FROM n")
    place.sync()


def test_a_sample_reads_a_part_and_says_so(place):
    """Equal rows are found equal, and nobody takes a sample for the whole."""
    many(place)
    done = place.verify("--sample", "5%")
    table = done.tables()["t"]
    assert table["status"] == "equal" and 500 < table["rows_source"] < 20_000
    seed = done.json()["sample"]["seed"]
    again = place.verify("--sample", "5%", "--seed", seed)
    assert again.tables()["t"]["rows_source"] == table["rows_source"]
    text = run("verify", place.path, "--to", place.dest, "--sample", "1000").out
    assert "only a sample" in text and "--seed" in text
    assert place.verify().json()["sample"] is None


def test_a_sample_finds_what_is_different_and_missing(place):
    many(place)
    place.sql("UPDATE t SET v = 'other' WHERE id % 3 = 0; INSERT INTO t SELECT id + 1000000, v FROM t")
    table = place.verify("--sample", "20%", code=1).tables()["t"]
    assert table["different"] + table["missing"] > 1000 and table["extra"] == 0
    assert any(example.startswith(("different", "missing")) for example in table["examples"])


def test_a_sample_finds_rows_that_are_landed_and_gone(place):
    many(place)
    place.sql("DELETE FROM t WHERE id % 2 = 0")
    done = place.verify("--sample", "10%", code=1)
    table = done.tables()["t"]
    assert table["extra"] > 100 and table["different"] == table["missing"] == 0
    named = [example.removeprefix("extra: id=") for example in table["examples"]]
    assert len(named) == 5 and all(int(key) % 2 == 0 for key in named)
    again = place.verify("--sample", "10%", "--seed", done.json()["sample"]["seed"], code=1).tables()["t"]
    assert again["extra"] == table["extra"]


@pytest.mark.parametrize("table, keys", [
    ("t(k TEXT COLLATE NOCASE PRIMARY KEY)", ["'a'", "'b'", "''"]),
    ("t(k BLOB PRIMARY KEY)", ["x''", "x'00'", "x'ff00'"]),
    ("t(k REAL PRIMARY KEY)", ["1", "2.5", "-1e300"]),
    ("t(k NUMERIC PRIMARY KEY)", ["1", "2", "3"]),
    ("t(k INT, l TEXT, PRIMARY KEY(l, k)) WITHOUT ROWID", ["1, 'x'", "1, 'y'", "2, 'x'"]),
    ("t(k BOOLEAN PRIMARY KEY)", ["0", "1"]),
    ("t(k DATE PRIMARY KEY)", ["'2026-01-01'", "'2026-01-02'", "'2026-02-01'"]),
    ("t(k DATETIME PRIMARY KEY)", ["'2026-01-01 10:00:00'", "'2026-01-01T11:00:00'"]),
], ids=["text", "blob", "real", "numeric", "two", "boolean", "date", "time"])
def test_landed_keys_of_every_type_are_looked_up(place, table, keys):
    """All of them where the sample is the whole: what is there is found there, what is gone is gone."""
    place.sql(f"CREATE TABLE {table}", *(f"INSERT INTO t VALUES ({key})" for key in keys))
    place.sync()
    assert place.verify("--sample", "1").tables()["t"]["extra"] == 0
    first = " AND ".join(f"{name} = {value}" for name, value in zip("kl", keys[0].split(", ")))
    place.sql(f"DELETE FROM t WHERE {first}")
    found = place.verify("--sample", "100%", code=1)
    table = found.tables()["t"]
    assert (table["extra"], table["missing"], table["different"]) == (1, 0, 0), found
    assert table["warnings"] == [] and table["examples"][0].startswith("extra: ")


def test_keys_that_cannot_be_looked_up_are_a_warning(place):
    """What a sample cannot know it does not keep to itself."""
    place.sql("CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t VALUES ('a'), ('b')",
              "CREATE TABLE u(v)", "INSERT INTO u VALUES (1)")
    config = place.folder / "p.yaml"
    config.write_text(f"connection: {{path: {place.path}}}\nstorage: {{ingest_pipeline: {place.dest}}}\n"
                      f"hash_key: {'secret' * 4}\ndatabases: {{shop: {{schemas: {{main: {{tables: "
                      "{t: {hash: [k]}, u: full_incremental}}}}}\n")
    assert run("sync", "-c", config).code == 0
    place.sql("DELETE FROM t WHERE k = 'a'")
    done = run("verify", "-c", config, "--sample", "100%", "--json")
    assert done.code == 0, done
    assert ["which are hashed" in warning for warning in done.tables()["t"]["warnings"]] == [True]
    assert ["it has no key" in warning for warning in done.tables()["u"]["warnings"]] == [True]


def test_verify_names_the_keys_of_each_kind(shop):
    """Also those that wait for the next sync, which are no difference."""
    shop.track()
    shop.sync()
    shop.sql("UPDATE t SET name = 'x' WHERE id = 3", "DELETE FROM t WHERE id = 5", "INSERT INTO t VALUES(1000, 'n', 1)")
    table = shop.verify().tables()["t"]
    assert (table["status"], table["pending"]) == ("equal", 3)
    assert sorted(table["examples"]) == ["pending: id=1000", "pending: id=3", "pending: id=5"]
    assert "pending: id=5" in run("verify", shop.path, "--to", shop.dest).out


def test_a_sample_of_nonsense_is_refused(shop):
    for words in (["--sample", "some"], ["--sample", "0"], ["--sample", "101%"], ["--seed", "3"]):
        assert run("verify", shop.path, "--to", shop.dest, *words).code == 2
