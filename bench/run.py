"""Measures tidemark beside other tools on the same data and machine: bench/run.py [--write] [NAME…]

Each line names what is measured, our figure, the other's and their ratio. Runs alternate, and the
median counts. Makes its Python environment from deps/bench.txt and its databases when they are missing.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
VENV = ROOT / "build" / "venv-bench"


def enter_environment():
    """Runs this program again in its own environment, made anew when deps/bench.txt has changed."""
    wanted = (ROOT / "deps" / "bench.txt").read_text()
    stamp = VENV / ".installed"
    python = VENV / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing deps/bench.txt into {VENV.relative_to(ROOT)}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", ROOT / "deps" / "bench.txt"], check=True)
        stamp.write_text(wanted)
    if pathlib.Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(python, [str(python), *sys.argv])


if __name__ == "__main__":
    enter_environment()

import datasets  # noqa: E402
import peers  # noqa: E402
import tds  # noqa: E402
import tds_rows_server  # noqa: E402
import tracking_cost  # noqa: E402

TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
WORK = datasets.FOLDER / "work"
TRACKED_ROWS = 200_000
CORES = len(os.sched_getaffinity(0))


class Run:
    def __init__(self, command):
        out = WORK / "output.txt"
        with open(out, "wb") as file:
            began = time.monotonic()
            process = subprocess.Popen([str(c) for c in command], stdout=file, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            self.seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        self.output = out.read_text(errors="replace")
        if process.returncode != 0:
            raise SystemExit(f"{command[0]} ended with {process.returncode}: {self.output[-2000:]}")
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_mib = usage.ru_maxrss / 1024


def empty_folder(name):
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def alternate(runs, *measures):
    """The medians of what each of `measures` gives, called in turns; the first turn warms up only."""
    turns = [[measure() for measure in measures] for _ in range(runs + 1)][1:]
    return [statistics.median(column) for column in zip(*turns)]


class Lines:
    def __init__(self):
        self.lines = []

    def add(self, name, ours, theirs, unit, peer, digits=2):
        ratio = f"{ours / theirs:.2f}x" if theirs else ""
        if theirs > ours and unit == "s":
            ratio = f"{theirs / ours:.1f}x faster"
        shown = [f"{v:.{digits}f} {unit}" for v in (ours, theirs)]
        self.lines.append((name, shown[0], shown[1], peer, ratio))
        print("| " + " | ".join(self.lines[-1]) + " |", flush=True)


HEAD = "| what | tidemark | beside | which is | ratio |\n|---|---|---|---|---|"


def sync(database, dest, *options):
    return Run([TIDEMARK, "sync", database, "--to", dest, "--no-progress", *options])


def first_sync(database, name="ours"):
    return sync(database, empty_folder(name))


def duckdb_load(database, tables):
    is_text_only = pathlib.Path(database).name == "proj.db"
    return Run(peers.duckdb_command(database, tables, empty_folder("duckdb"), CORES, is_text_only))


def python_load(peer, database, table):
    out = empty_folder(peer) / f"{table}.parquet"
    return Run([sys.executable, ROOT / "bench" / "peers.py", peer, database, table, out])


def bench_load(lines, runs):
    """A whole database to Parquet, zstd level 1."""
    sets = [("lineitem, 6.0 M rows", datasets.lineitem()), ("mixed, 2 M rows", datasets.mixed())]
    sets.append(("2,000 small tables", datasets.many_tables(2000)))
    if datasets.proj():
        sets.append(("proj.db, its tables", datasets.proj()))
    for name, database in sets:
        tables = datasets.tables_of(database)
        ours, theirs = alternate(
            runs, lambda: first_sync(database).seconds, lambda: duckdb_load(database, tables).seconds
        )
        lines.add(f"load {name}", ours, theirs, "s", f"DuckDB CLI, {CORES} threads")
        sizes = [
            sum(file.stat().st_size for file in (WORK / folder).rglob("*.parquet")) / 1e6
            for folder in ("ours", "duckdb")
        ]
        lines.add(f"size of {name}", *sizes, "MB", "DuckDB CLI", 1)


def bench_rollback(lines, runs):
    """A database in rollback-journal mode: a private copy comes first, so that its writer is free."""
    database = datasets.fresh_copy(datasets.lineitem(), WORK / "lineitem.db")
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode=delete")
    connection.close()
    ours, theirs = alternate(
        max(1, runs // 2),
        lambda: first_sync(database).seconds,
        lambda: duckdb_load(database, ["lineitem"]).seconds,
    )
    lines.add("load lineitem, rollback mode", ours, theirs, "s", f"DuckDB CLI, {CORES} threads")
    datasets.remove(database)


def bench_peers(lines, runs):
    """The same load by what a Python program would use."""
    for name, database in (("lineitem", datasets.lineitem()), ("mixed", datasets.mixed())):
        (table,) = datasets.tables_of(database)
        for peer, label in (("adbc", "adbc-driver-sqlite + pyarrow"), ("connectorx", "ConnectorX + pyarrow")):
            ours, theirs = alternate(
                max(1, runs // 2),
                lambda: first_sync(database).seconds,
                lambda: python_load(peer, database, table).seconds,
            )
            lines.add(f"load {name}", ours, theirs, "s", label)


def bench_unified(lines, runs):
    """Unified files, by what azsql_ct's users run: rows as JSON by orjson, files by pyarrow."""
    for name, database in (("lineitem", datasets.lineitem()), ("mixed", datasets.mixed())):
        (table,) = datasets.tables_of(database)
        made = ([], [])

        def ours():
            made[0].append(sync(database, empty_folder("ours"), "--format", "unified"))
            return made[0][-1].seconds

        def theirs():
            made[1].append(python_load("orjson", database, table))
            return made[1][-1].seconds

        peer = "Python's sqlite3, orjson + pyarrow"
        lines.add(f"load {name}, unified", *alternate(max(1, runs // 2), ours, theirs), "s", peer)
        # The other works on one core: this is what is left when there is only one.
        spent = [statistics.median(run.cpu_seconds for run in of[1:]) for of in made]
        lines.add(f"processor time of {name}, unified", *spent, "s", peer)


def bench_memory(lines, runs):
    """Peak memory must not grow with the table."""
    sizes = {"1 M": 1_000_000, "10 M": 10_000_000, "20 M": 20_000_000}
    tables = {name: datasets.narrow(rows) for name, rows in sizes.items()}
    peaks = dict(
        zip(tables, alternate(runs, *[lambda d=d: first_sync(d).peak_mib for d in tables.values()]))
    )
    for rows in ("1 M", "20 M"):
        theirs = duckdb_load(tables[rows], ["t"]).peak_mib
        lines.add(f"peak memory, {rows} rows", peaks[rows], theirs, "MiB", "DuckDB CLI", 0)
    for rows in ("10 M", "20 M"):
        lines.add(f"peak memory, {rows} rows", peaks[rows], peaks["1 M"], "MiB", "tidemark, 1 M rows", 0)
    wide = first_sync(datasets.lineitem()).peak_mib
    lines.add("peak memory, lineitem", wide, peaks["1 M"], "MiB", "tidemark, 1 M rows", 0)


def change_rows(database, count, rows):
    pick = random.Random(rows + time.monotonic_ns())
    connection = sqlite3.connect(database)
    with connection:
        for _ in range(count):
            connection.execute("UPDATE t SET a = a + 1 WHERE id = ?", (pick.randint(1, rows),))
    connection.close()


class Tracked:
    """A copy of a database with tracking on, which was synced once."""

    def __init__(self, source, name):
        self.database = datasets.fresh_copy(source, WORK / f"{name}.db")
        self.dest = empty_folder(name)
        Run([TIDEMARK, "track", "enable", self.database])
        sync(self.database, self.dest)

    def sync(self):
        return sync(self.database, self.dest)

    def remove(self):
        datasets.remove(self.database)
        shutil.rmtree(self.dest)


def bench_changes(lines, runs):
    """1,000 changed rows cost the same in a table a thousand times as long."""
    sizes = (10_000, 10_000_000)
    tracked = [Tracked(datasets.narrow(rows), f"tracked_{rows}") for rows in sizes]

    def measure(table, rows):
        change_rows(table.database, 1000, rows)
        done = Run([TIDEMARK, "sync", table.database, "--to", table.dest, "--no-progress", "--json"])
        landed = json.loads(done.output[done.output.index("{") :])["tables"][0]
        assert landed["mode"] == "incremental" and landed["rows"] > 900, landed
        return done.seconds * 1000

    small, large = alternate(
        runs * 3, *[lambda t=t, r=r: measure(t, r) for t, r in zip(tracked, sizes)]
    )
    lines.add("1,000 changes in 10 M rows", large, small, "ms", "tidemark, 10 k rows", 1)
    version = statistics.median(Run([TIDEMARK, "version"]).seconds * 1000 for _ in range(runs * 3))
    idle = statistics.median(tracked[1].sync().seconds * 1000 for _ in range(runs * 3))
    lines.add("nothing to do, 10 M rows", idle - version, version, "ms", "`tidemark version`, taken off", 1)
    for table in tracked:
        table.remove()


def bench_idle(lines, runs):
    """Thousands of tables in which nothing happened."""
    count = 2000
    tracked = Tracked(datasets.many_tables(count), "idle")
    (ours,) = alternate(runs, lambda: tracked.sync().seconds * 1000)
    version = statistics.median(Run([TIDEMARK, "version"]).seconds * 1000 for _ in range(runs))
    lines.add(f"{count:,} idle tables, each", (ours - version) / count, version, "ms", "`tidemark version`, taken off", 3)
    tracked.remove()


def bench_tracking(lines, runs):
    """What a writer pays for tracking: processor time of one-row statements inside one transaction."""
    for shape_name, shape in tracking_cost.SHAPES.items():
        spent = {False: [], True: []}
        for _ in range(max(2, runs)):
            for is_tracked in (False, True):
                spent[is_tracked].append(
                    tracking_cost.seconds_of_statements(shape, TRACKED_ROWS, TIDEMARK if is_tracked else None)
                )
        for kind in ("insert", "update", "delete"):
            ours, theirs = (min(run[kind] for run in spent[t]) / TRACKED_ROWS * 1e6 for t in (True, False))
            lines.add(f"{kind}, {shape_name}", ours, theirs, "us", "the same untracked")


def bench_tds(lines, runs):
    """Rows of SQL Server's protocol into memory: processor time a value, and the wall clock of the mixed sets."""
    readers = tds.commands(pathlib.Path(TIDEMARK).parent, WORK)
    server = tds.RowsServer()
    for name, mode in [*((name, "plain") for name in tds_rows_server.SETS), ("mixed", "tls")]:
        types, rows, _ = tds_rows_server.SETS[name]
        sql, port = f"SELECT * FROM bench.[{name}]", server.ports[mode]
        # Python's objects take a hundred times as long: once is enough to know that.
        peers_here = {r: label for r, label in tds.PEERS.items() if r != "pymssql" or (name, mode) == ("mixed", "plain")}
        found = {reader: [] for reader in ("ours", *peers_here)}

        def measure(reader):
            found[reader].append(tds.measure(readers[reader](mode, port, sql), rows))
            return found[reader][-1]["processor"] / (rows * (len(types) + 1)) * 1e9

        shown = name if mode == "plain" else f"{name}, encrypted"
        spent = dict(zip(found, alternate(runs, *[lambda r=r: measure(r) for r in found])))
        for reader, label in peers_here.items():
            lines.add(f"rows of {shown}, a value", spent["ours"], spent[reader], "ns", label, 1)
        if name.startswith("mixed"):
            walls = {r: statistics.median(run["seconds"] for run in found[r][1:]) for r in found}
            for reader, label in peers_here.items():
                lines.add(f"{rows:,} rows of {shown}", walls["ours"], walls[reader], "s", label)
    server.close()


BENCHES = {
    "load": bench_load,
    "rollback": bench_rollback,
    "peers": bench_peers,
    "unified": bench_unified,
    "memory": bench_memory,
    "changes": bench_changes,
    "idle": bench_idle,
    "tracking": bench_tracking,
    "tds": bench_tds,
}


def machine():
    model = next(
        (l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [l.strip() for l in open(ROOT / "deps" / "bench.txt") if "==" in l]
    return (
        f"{CORES} cores of {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"SQLite {sqlite3.sqlite_version}; {', '.join(v.replace('==', ' ') for v in versions)}"
    )


def write_page(command, lines):
    page = ROOT / "docs" / "benchmarks.md"
    page.parent.mkdir(exist_ok=True)
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    page.write_text(
        f"# Benchmarks\n\n`{command}`, {time.strftime('%Y-%m-%d', time.gmtime())}, on {machine()}.\n\n"
        "Every figure of ours stands beside another one that was measured in the same run, in turns, on the\n"
        "same data; medians. All files are Parquet with zstd level 1. Ours are synced to the disk (fsync) and\n"
        "committed before a run ends, the others' are not. proj.db holds text in integer columns: DuckDB reads\n"
        "it with every column as text, as it refuses it otherwise. A ratio below 1x is less than what it stands\n"
        f"beside.\n\n{HEAD}\n{table}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; default: all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    chosen = [n for n in BENCHES if not options.names or any(part in n for part in options.names)]
    if not chosen:
        parser.error(f"no benchmark has {options.names} in its name; there are {', '.join(BENCHES)}")
    if not os.access(TIDEMARK, os.X_OK):
        parser.error(f"{TIDEMARK} is not there: run ./dev build")
    WORK.mkdir(parents=True, exist_ok=True)
    print(HEAD)
    lines = Lines()
    for name in chosen:
        BENCHES[name](lines, options.runs)
        if options.write:
            write_page(" ".join(["./dev bench", *sys.argv[1:]]), lines.lines)
    shutil.rmtree(WORK)


if __name__ == "__main__":
    main()
