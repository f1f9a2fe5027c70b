"""The command line: usage, exit codes, JSON, completion, the manual, terminals and signals."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from conftest import ROOT, TIDEMARK, run

COMMANDS = ["sync", "plan", "status", "verify", "compact", "track", "schema", "completion", "version", "help"]
RUN_MEMBERS = {"run_id", "started_at", "duration_seconds", "rows", "bytes", "failed", "tables"}
TABLE_MEMBERS = {"database", "schema", "table", "status", "mode", "reason", "rows", "inserted", "updated", "deleted",
                 "version", "since_version", "bytes", "files", "duration_seconds", "error", "warnings"}
RUN_ONLY = {"inserted", "updated", "deleted", "bytes", "files", "duration_seconds"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_usage_and_examples(command):
    for words in ([command, "--help"], ["help", command]):
        done = run(*words)
        assert done.code == 0 and done.err == ""
        assert done.out.startswith(f"usage: tidemark {command}")
        assert "examples:\n  " in done.out


def test_help_lists_every_command_and_the_exit_codes():
    done = run("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command}  ", done.out, re.M)
    assert "130, 143" in done.out
    assert run("help").out == done.out


def test_version():
    for words in (["version"], ["--version"]):
        done = run(*words)
        assert done.code == 0
        assert re.fullmatch(r"tidemark \d+\.\d+\.\d+ \(Arrow [\d.]+, SQLite [\d.]+\)\n", done.out)


@pytest.mark.parametrize("words, says", [
    ([], "no command"),
    (["sink"], '"sink"'),
    (["serve", "x"], '"serve"'),
    (["sync"], "operand is missing"),
    (["sync", "a.db"], "--to is missing"),
    (["sync", "a.db", "b.db", "--to", "x"], '"b.db"'),
    (["sync", "a.db", "--to"], "--to"),
    (["sync", "-c", "tidemark.yaml"], "configuration tidemark.yaml: no such file"),
    (["sync", "a.db", "-c", "tidemark.yaml"], '"a.db" and --config'),
    (["sync", "a.db", "--to", "x", "--mode", "half"], '"half"'),
    (["sync", "a.db", "--to", "x", "--format", "csv"], '"csv"'),
    (["sync", "a.db", "--to", "x", "--format", "delta"], "allowed: per_table, unified"),
    (["sync", "a.db", "--to", "x", "--compression", "rar"], '"rar"'),
    (["sync", "a.db", "--to", "x", "--workers", "none"], '"none"'),
    (["sync", "a.db", "--to", "x", "--workers", "0"], '"0"'),
    (["sync", "a.db", "--to", "x", "--memory", "1KiB"], '"1KiB"'),
    (["sync", "a.db", "--to", "x", "--memory", "much"], '"much"'),
    (["sync", "a.db", "--to", "x", "--row-group-rows", "-5"], "-5"),
    (["sync", "a.db", "--to", "x", "--lock-timeout", "soon"], '"soon"'),
    (["sync", "a.db", "--to", "x", "--temp-dir", "/no/such/folder"], '"/no/such/folder"'),
    (["sync", "a.db", "--to", "x", "--log-format", "xml"], '"xml"'),
    (["sync", "oracle://x/y", "--to", "x"], "oracle"),
    (["sync", "a.db", "--to", "ftp://x/y"], "ftp"),
    (["status"], "operand is missing"),
    (["track", "enable"], "operand is missing"),
    (["track", "start", "a.db"], '"start"'),
    (["completion", "csh"], '"csh"'),
    (["help", "sink"], '"sink"'),
])
def test_wrong_usage_is_2_and_names_the_word(words, says, tmp_path):
    (tmp_path / "a.db").write_bytes(b"")
    done = run(*words, cwd=tmp_path)
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("tidemark: error: ") and says in done.err
    assert "\nhint: " in done.err
    assert not (tmp_path / "x").exists()


def test_a_glob_that_matches_no_table_is_wrong_usage(shop):
    done = shop.sync("--table", "orders", code=2)
    assert '"orders"' in done.err and "main.t" in done.err


def test_an_unknown_compression_level_is_refused(shop):
    assert "level" in shop.sync("--compression", "zstd", "--compression-level", "99", code=2).err


def test_sync_json_has_the_members_of_the_contract(shop):
    document = shop.sync().json()
    assert RUN_MEMBERS <= document.keys()
    assert document["rows"] == 103 and document["failed"] == 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["started_at"])
    tables = {table["table"]: table for table in document["tables"]}
    assert tables.keys() == {"t", "log"}
    for table in tables.values():
        assert TABLE_MEMBERS <= table.keys()
        assert (table["database"], table["schema"], table["status"]) == ("shop", "main", "ok")
        assert (table["mode"], table["reason"], table["error"]) == ("full", "first_load", None)
        for file in table["files"]:
            assert (shop.dest / file).is_file()
    assert tables["t"]["rows"] == 100
    assert document["bytes"] == sum(path.stat().st_size for path in shop.files())


def test_plan_has_the_same_tables_and_writes_nothing(shop):
    done = run("plan", shop.path, "--to", shop.dest, "--json")
    assert done.code == 0, done
    assert not shop.dest.exists()
    planned = done.tables()
    assert planned.keys() == {"t", "log"}
    for table in planned.values():
        assert TABLE_MEMBERS - RUN_ONLY <= table.keys()
        assert not RUN_ONLY & table.keys()
        assert (table["mode"], table["reason"]) == ("full", "first_load")
    shop.sync()
    before = {path: path.stat().st_mtime_ns for path in shop.dest.rglob("*")}
    again = run("plan", shop.path, "--to", shop.dest, "--json")
    assert again.code == 0 and again.tables().keys() == {"t", "log"}
    assert {path: path.stat().st_mtime_ns for path in shop.dest.rglob("*")} == before


def test_verify_counts_and_ends_with_1_on_a_difference(shop):
    shop.sync()
    document = shop.verify().json()
    assert document["failed"] == 0
    for table in document["tables"]:
        assert {"rows_source", "rows_landed", "missing", "extra", "different", "pending"} <= table.keys()
    shop.sql("UPDATE t SET name = 'other' WHERE id = 7; DELETE FROM t WHERE id = 8;"
             "INSERT INTO t VALUES(1000, 'new', 1.0)")
    done = shop.verify(code=1)
    table = done.tables()["t"]
    assert (table["missing"], table["extra"], table["different"], table["pending"]) == (1, 1, 1, 0)
    assert done.json()["failed"] == 1
    assert "main.t" in done.err
    shop.sync()
    shop.verify()


def test_verify_counts_changes_that_wait_as_pending(shop):
    shop.track()
    shop.sync()
    shop.sql("UPDATE t SET name = 'other' WHERE id = 7")
    table = shop.verify("--table", "t").tables()["t"]
    assert (table["different"], table["pending"]) == (0, 1)


def test_status_reads_the_destination_alone(shop):
    shop.track("enable", "t")
    shop.sync()
    shop.path.unlink()
    done = run("status", shop.dest, "--json")
    assert done.code == 0, done
    tables = done.tables()
    assert tables["t"]["rows"] == 100
    assert 6 * 86400 < tables["t"]["expires_in_seconds"] <= 7 * 86400
    assert tables["log"]["expires_in_seconds"] is None
    assert tables["t"]["last_run"]["mode"] == "full"
    text = run("status", shop.dest)
    assert "shop.main.t" in text.out and "100" in text.out


def test_status_of_an_empty_and_of_a_missing_destination(tmp_path):
    (tmp_path / "empty").mkdir()
    done = run("status", tmp_path / "empty", "--json")
    assert done.code == 0 and done.json() == {"tables": [], "others": []}
    assert run("status", tmp_path / "missing").code == 3
    assert not (tmp_path / "missing").exists()


def test_the_report_for_people_goes_to_stdout_and_idle_tables_are_counted(shop):
    done = run("sync", shop.path, "--to", shop.dest)
    assert done.code == 0 and done.err == ""
    assert re.search(r"^main\.t +ok +full +first_load +100 ", done.out, re.M)
    assert done.out.splitlines()[-1].startswith("2 tables: 2 landed; 103 rows, ")
    again = run("sync", shop.path, "--to", shop.dest)
    assert "main.t" not in again.out
    assert "2 without changes" in again.out.splitlines()[-1]
    assert "main.t" in run("sync", shop.path, "--to", shop.dest, "-v").out
    assert run("sync", shop.path, "--to", shop.dest, "-q").out == ""


def test_errors_as_json_are_one_object_a_line(tmp_path):
    done = run("sync", tmp_path / "no.db", "--to", tmp_path / "x", "--log-format", "json")
    assert done.code == 3
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert lines[-1]["level"] == "error" and "no.db" in lines[-1]["message"]
    assert lines[-1]["kind"] == "not_found" and "SQLite" in lines[-1]["hint"]
    assert "hint" not in lines[-1]["message"]
    for words in (["sync", "--what", "--log-format", "json"], ["sync", "--log-format=json", "--what"]):
        assert json.loads(run(*words).err)["kind"] == "invalid"


def test_progress_as_json_is_one_event_a_line(shop):
    done = run("sync", shop.path, "--to", shop.dest, "--progress", "json")
    events = [json.loads(line) for line in done.err.splitlines()]
    assert events[0] == {"progress": "planned", "tables": 2, "estimated_rows": events[0]["estimated_rows"]}
    assert {(e["table"], e["ok"], e["rows"]) for e in events if e["progress"] == "ended"} == {("t", True, 100), ("log", True, 3)}
    assert run("sync", shop.path, "--to", shop.dest, "--progress", "json", "--no-progress").err == ""


def test_one_failed_table_is_1_and_the_others_are_landed(shop):
    shop.sync()
    shop.state_file("log").write_text("not a state")
    shop.sql("UPDATE t SET name = 'x' WHERE id = 1")
    done = shop.sync(code=1)
    tables = done.tables()
    assert tables["t"]["status"] == "ok" and tables["t"]["updated"] == 1
    assert tables["log"]["status"] == "failed" and tables["log"]["error"]["kind"] == "corrupt"
    assert done.json()["failed"] == 1
    assert "main.log" in done.err


def test_a_database_under_a_name_of_its_own(shop):
    shop.sync("--database", "other")
    assert (shop.dest / "data" / "other" / "main" / "t").is_dir()


def test_options_of_the_files(shop):
    shop.sync("--max-rows-per-file", "30", "--row-group-rows", "10", "--compression", "gzip", "--table", "t")
    files = shop.files("t")
    assert len(files) == 4
    import pyarrow.parquet
    metadata = pyarrow.parquet.ParquetFile(files[0]).metadata
    assert (metadata.num_rows, metadata.num_row_groups) == (30, 3)
    assert metadata.row_group(0).column(4).compression == "GZIP"
    shop.assert_equal()


def test_another_source_is_refused_and_a_moved_one_adopted(shop):
    shop.sync()
    moved = shop.folder / "elsewhere"
    moved.mkdir()
    shop.path.rename(moved / "shop.db")
    shop.path = moved / "shop.db"
    refused = shop.sync(code=2)
    assert "--adopt" in refused.err and "--database" in refused.err
    shop.sync("--adopt")
    shop.sync()


def test_a_result_that_cannot_be_written_is_an_error():
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w") as full:
        process = subprocess.run([TIDEMARK, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert process.returncode == 1 and "stdout" in process.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_the_shell_can_read(shell):
    done = run("completion", shell)
    assert done.code == 0 and "max-rows-per-file" in done.out and "verify" in done.out
    if subprocess.run(["sh", "-c", f"command -v {shell}"], capture_output=True).returncode == 0:
        checked = subprocess.run([shell, "-n"], input=done.out, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("line, offers", [
    ("tidemark s", {"sync", "schema", "status"}),
    ("tidemark sync shop.db --comp", {"--compression", "--compression-level"}),
    ("tidemark sync --mode f", {"full", "full_incremental"}),
    ("tidemark track e", {"enable"}),
    ("tidemark -q ver", {"verify", "version"}),
])
def test_bash_completes(line, offers):
    script = (run("completion", "bash").out +
              f"\nCOMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _tidemark; echo \"${{COMPREPLY[@]}}\"")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offers


def test_the_manual_is_clean_and_names_every_option():
    manual = ROOT / "man" / "tidemark.1"
    text = manual.read_text().replace("\\-", "-")
    for command in COMMANDS:
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", run("help", command).out):
            assert option in text, option
    if not shutil.which("man"):
        pytest.skip("man is not on this machine")
    done = subprocess.run(["man", "-l", "--warnings", str(manual)], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat", "MANWIDTH": "100"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "EXIT STATUS" in done.stdout


def test_an_installed_program_runs_on_its_own(tmp_path):
    """With nothing of the repository or of its Python environment in its surroundings."""
    build = os.path.dirname(TIDEMARK)
    subprocess.run(["cmake", "--install", build, "--prefix", tmp_path], check=True, capture_output=True)
    done = subprocess.run([tmp_path / "bin" / "tidemark", "version"], env={}, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("tidemark "), done
    for path in ("share/man/man1/tidemark.1", "share/bash-completion/completions/tidemark",
                 "share/zsh/site-functions/_tidemark", "share/fish/vendor_completions.d/tidemark.fish"):
        assert (tmp_path / path).stat().st_size > 0
    linked = subprocess.run(["ldd", tmp_path / "bin" / "tidemark"], capture_output=True, text=True).stdout
    assert "site-packages" not in linked


def on_terminal(words, environment=None, size=(40, 120)):
    """What a run writes to a terminal that is its stderr."""
    import fcntl
    import struct
    import termios
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    process = subprocess.Popen([TIDEMARK, *map(str, words)], stdout=subprocess.DEVNULL, stderr=theirs,
                               env={**os.environ, "TERM": "xterm", **(environment or {})})
    os.close(theirs)
    seen = b""
    while True:
        try:
            got = os.read(ours, 65536)
        except OSError:
            break
        if not got:
            break
        seen += got
    os.close(ours)
    assert process.wait() == 0
    return seen.decode()


@pytest.fixture
def slow(place):
    """Enough rows that the bars are drawn at least once on any machine."""
    place.sql("CREATE TABLE big(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000)"
              "INSERT INTO big SELECT i, hex(randomblob(20)), hex(randomblob(20)), hex(randomblob(20)) FROM n")
    return place


def test_bars_are_drawn_on_a_terminal_only(slow):
    words = ["sync", slow.path, "--to", slow.dest, "--compression", "gzip", "--mode", "full", "--workers", "1"]
    seen = on_terminal(words)
    assert "main.big" in seen and "rows" in seen and "0 of 1 tables" in seen and "\x1b[1m" in seen
    assert seen.endswith("\x1b[J")  # what was drawn is taken away
    assert "\x1b[1m" not in on_terminal(words, {"NO_COLOR": "1"})
    assert on_terminal(words, {"TERM": "dumb"}) == ""
    assert on_terminal([*words, "--no-progress"]) == ""
    assert on_terminal([*words, "-q"]) == ""
    assert run(*words).err == ""


@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_stops_at_a_safe_point(slow, name, code):
    process = subprocess.Popen([TIDEMARK, "sync", slow.path, "--to", slow.dest, "--compression", "gzip"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (slow.dest / "_tidemark").exists() and time.monotonic() < deadline:
        select.select([], [], [], 0.005)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (out, err)
    assert "interrupted" in err
    assert out == ""
    assert slow.files() == []
    slow.sync()
    slow.assert_equal("big", "id")
    slow.verify()


def test_an_interrupted_run_tells_as_json_what_was_done(slow):
    """The small table is landed while the large one, which gzip makes slow, is at work."""
    slow.sql("CREATE TABLE few(id INTEGER PRIMARY KEY); INSERT INTO few VALUES (1), (2)")
    process = subprocess.Popen([TIDEMARK, "sync", slow.path, "--to", slow.dest, "--compression", "gzip",
                                "--compression-level", "9", "--workers", "2", "--json", "--progress", "json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while '"ended"' not in (line := process.stderr.readline()):
        assert line
    assert json.loads(line)["table"] == "few"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    document = json.loads(out)
    tables = {table["table"]: table for table in document["tables"]}
    assert (tables["few"]["status"], tables["few"]["rows"]) == ("ok", 2)
    assert (tables["big"]["status"], tables["big"]["error"]["kind"], tables["big"]["files"]) == ("failed", "cancelled", [])
    assert (document["failed"], document["rows"]) == (1, 2)
    assert len(slow.files("few")) == 1 and slow.files("big") == []


def test_status_of_a_folder_inside_a_landing_names_the_landing(shop):
    shop.sync()
    for folder in (shop.dest / "data", shop.dest / "data" / "shop" / "main"):
        done = run("status", folder)
        assert done.code == 0 and "0 tables" in done.out
        assert f"lies in the landing {shop.dest}," in done.err
    assert run("status", shop.dest).err == ""


def test_errors_of_words_in_the_wrong_place_name_the_way_out(shop):
    shop.sync()
    done = run("sync", shop.dest, "--to", shop.folder / "x")
    assert done.code == 3 and f"{shop.dest} is a folder, not a database file" in done.err
    assert "hint: name a SQLite database file as the source; the folder to land in follows --to" in done.err
    for command in ("sync", "plan", "verify"):
        done = run(command, shop.path, "landing")
        assert done.code == 2 and '"landing" is one operand too many' in done.err
        assert f"hint: the destination follows --to: tidemark {command} SOURCE --to landing" in done.err
    assert run("sync", shop.path, "landing", "--to", shop.dest).code == 2
    assert not (shop.folder / "x").exists()


def test_plan_tells_how_many_rows_a_table_without_rowids_has_or_that_it_does_not_know(place):
    place.sql("CREATE TABLE w(k TEXT PRIMARY KEY, v INT) WITHOUT ROWID;"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO w SELECT hex(i), i FROM n;"
              "CREATE VIRTUAL TABLE words USING fts5(x); INSERT INTO words VALUES ('a')")
    planned = run("plan", place.path, "--to", place.dest, "--json").tables()
    assert 1000 < planned["w"]["rows"] < 25000
    assert planned["words"]["rows"] is None
    assert re.search(r"^main\.words +ok +full +first_load +\?$", run("plan", place.path, "--to", place.dest).out, re.M)
