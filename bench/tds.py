"""Reading rows of SQL Server's protocol beside other clients, from a server that only sends: for bench/run.py.

As a program it is one of the Python clients: tds.py mssql_python|pymssql plain|tls PORT SQL
"""

import json
import pathlib
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PEERS = {
    "dblib": "FreeTDS db-lib, values only looked at",
    "mssql_python": "mssql-python (ODBC 18), to Arrow",
    "pymssql": "pymssql, to Python's tuples",
}


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def read_arrow(mode, port, sql):
    import mssql_python

    encryption = "Encrypt=no" if mode == "plain" else "Encrypt=yes;TrustServerCertificate=yes"
    connection = mssql_python.connect(
        f"Server=127.0.0.1,{port};UID=sa;PWD=secret;{encryption};PacketSize=32767", autocommit=True)
    cursor = connection.cursor()
    began = time.monotonic(), processor_seconds()
    cursor.execute(sql)
    rows = sum(batch.num_rows for batch in cursor.arrow_reader(batch_size=65_536))
    return rows, *began


def read_tuples(_, port, sql):
    import pymssql

    connection = pymssql.connect("127.0.0.1", "sa", "secret", port=str(port), tds_version="7.4", charset="UTF-8",
                                 autocommit=True, conn_properties="")
    cursor = connection.cursor()
    began = time.monotonic(), processor_seconds()
    cursor.execute(sql)
    rows = 0
    while found := cursor.fetchmany(10_000):
        rows += len(found)
    return rows, *began


ENCRYPTION = {"plain": "encrypt=false", "tls": "encrypt=true&trust_server_certificate=true"}


def freetds_conf(work, mode, port):
    file = work / f"freetds-{mode}.conf"
    encryption = "off" if mode == "plain" else "require"
    file.write_text(f"[{mode}]\n  host = 127.0.0.1\n  port = {port}\n  encryption = {encryption}\n")
    return file


class RowsServer:
    """The server as a process of its own."""

    def __init__(self):
        self._process = subprocess.Popen([sys.executable, HERE / "tds_rows_server.py"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def commands(build, work):
    """How each client is started with "plain" or "tls", PORT and SQL, made where it must be compiled."""
    program = work / "tds_dblib_bench"
    subprocess.run(["cc", "-O2", "-o", program, HERE / "tds_dblib_bench.c", "-lsybdb"], check=True)
    subprocess.run(["ninja", "--quiet", "-C", build, "tds_read_bench"], check=True, stdout=subprocess.DEVNULL)
    ours = build / "tests" / "tds_read_bench"
    return {
        "ours": lambda mode, port, sql: [ours, f"sqlserver://sa:secret@127.0.0.1:{port}/bench?{ENCRYPTION[mode]}", sql],
        "dblib": lambda mode, port, sql: ["env", f"FREETDSCONF={freetds_conf(work, mode, port)}", program, mode, sql],
        **{name: (lambda mode, port, sql, name=name: [sys.executable, HERE / "tds.py", name, mode, str(port), sql])
           for name in ("mssql_python", "pymssql")},
    }


def measure(command, rows):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    said = json.loads(done.stdout)
    assert said["rows"] == rows, (command, said)
    return said


if __name__ == "__main__":
    read = {"mssql_python": read_arrow, "pymssql": read_tuples}[sys.argv[1]]
    rows, wall, processor = read(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    print(json.dumps({"seconds": time.monotonic() - wall, "processor": processor_seconds() - processor, "rows": rows}))
