"""What change tracking costs the program that writes: microseconds per one-row statement, all in one
transaction, with and without it, and the ratio. Rounds alternate, so that a busy machine disturbs both
alike; the best of each counts. Fails above the ceiling.

    bench/tracking_cost.py [--tidemark build/release/tidemark] [--rows 200000] [--rounds 3]
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

CEILING = 3.5
SHAPES = {
    "1-column key": {
        "table": "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)",
        "insert": ("INSERT INTO t VALUES(?,?,?)", lambda i: (i, f"name {i}", i)),
        "update": ("UPDATE t SET n=n+1 WHERE id=?", lambda i: (i,)),
        "delete": ("DELETE FROM t WHERE id=?", lambda i: (i,)),
    },
    "2-column key": {
        "table": "CREATE TABLE t(a INT, b TEXT, name TEXT, n INT, PRIMARY KEY(a, b))",
        "insert": ("INSERT INTO t VALUES(?,?,?,?)", lambda i: (i // 10, f"b{i % 10}", "name", i)),
        "update": ("UPDATE t SET n=n+1 WHERE a=? AND b=?", lambda i: (i // 10, f"b{i % 10}")),
        "delete": ("DELETE FROM t WHERE a=? AND b=?", lambda i: (i // 10, f"b{i % 10}")),
    },
    "1-column key, UNIQUE": {
        "table": "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INT)",
        "insert": ("INSERT INTO t VALUES(?,?,?)", lambda i: (i, f"name {i}", i)),
        "update": ("UPDATE t SET n=n+1 WHERE id=?", lambda i: (i,)),
        "delete": ("DELETE FROM t WHERE id=?", lambda i: (i,)),
    },
}


def seconds_of_statements(shape, rows, tidemark):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bench.db")
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(shape["table"])
        if tidemark:
            subprocess.run([tidemark, "track", "enable", path], check=True, capture_output=True)
        spent = {}
        for kind in ("insert", "update", "delete"):
            sql, values = shape[kind]
            arguments = [values(i) for i in range(rows)]
            start = time.process_time()
            db.execute("BEGIN")
            db.executemany(sql, arguments)
            db.execute("COMMIT")
            spent[kind] = time.process_time() - start
        db.close()
    return spent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", default="build/release/tidemark")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    worst = 0.0
    print(f"{'table':22}{'statement':10}{'without us':>11}{'with us':>9}{'ratio':>7}")
    for name, shape in SHAPES.items():
        without, tracked = [], []
        for _ in range(options.rounds):
            without.append(seconds_of_statements(shape, options.rows, None))
            tracked.append(seconds_of_statements(shape, options.rows, options.tidemark))
        for kind in ("insert", "update", "delete"):
            base = min(run[kind] for run in without) / options.rows * 1e6
            cost = min(run[kind] for run in tracked) / options.rows * 1e6
            worst = max(worst, cost / base)
            print(f"{name:22}{kind:10}{base:11.2f}{cost:9.2f}{cost / base:6.2f}x")
    print(f"worst {worst:.2f}x, ceiling {CEILING}x")
    return 0 if worst <= CEILING else 1


if __name__ == "__main__":
    sys.exit(main())
