"""SQL Server, from a reader without permissions to a restore: azsql_ct's own configuration against our test server.

    ./dev sqlserver-demo          the story below
    ./dev sqlserver-demo stay     then the server goes on until Ctrl-C, for whatever you want to try
"""

import os
import pathlib
import shutil
import sys
import threading

import duckdb

from steps import ROOT, TIDEMARK, say, tidemark

sys.path.insert(0, str(ROOT / "tests" / "support"))
from tds_server.engine import Engine  # noqa: E402
from tds_server.server import Server, Settings  # noqa: E402
from tds_server.wire import Certificate  # noqa: E402

FOLDER = ROOT / "build" / "sqlserver-demo"
CONFIGURATION = """\
connection:
  server: 127.0.0.1
  port: {port}
  sql_login: sync
  password: ${{ADMIN_PASSWORD}}        # resolved from environment
  ca_file: {authority}       # ours alone: the demo's server signs its own certificate

storage:
  ingest_pipeline: ./my_pipeline

parallelism: 4

databases:
  shop:
    uc_catalog: sales
    schemas:
      dbo:
        uc_schema: shop
        tables:
          orders:
            mode: full_incremental
            scd_type: 1
            soft_delete: true
          customers: full_incremental
          audit_log: full_incremental
"""
DATABASE = """
CREATE DATABASE shop; USE shop;
CREATE TABLE customers(code nvarchar(8) NOT NULL PRIMARY KEY, name nvarchar(50), since date);
CREATE TABLE orders(id int IDENTITY NOT NULL PRIMARY KEY, customer nvarchar(8), total decimal(10,2), placed_at datetime2(3),
                    note nvarchar(max), paid bit NOT NULL DEFAULT 0);
CREATE TABLE audit_log(id uniqueidentifier NOT NULL PRIMARY KEY, line nvarchar(200), at datetimeoffset(3));
INSERT INTO customers VALUES (N'ANN', N'Ann Ångström', '2019-05-01'), (N'BOB', N'Bob', '2020-02-29'), (N'CEM', N'Cem', NULL);
INSERT INTO orders(customer, total, placed_at, note) VALUES (N'ANN', 12.50, '2026-01-05T10:00:00.123', N'first'),
  (N'BOB', 3.00, '2026-01-05T10:02:00', NULL), (N'ANN', 99.90, '2026-01-06T08:00:00', N'gift 🎁'), (N'CEM', 7.25, NULL, N'');
INSERT INTO audit_log VALUES (NEWID(), N'opened', '2026-01-05 10:00:00 +01:00'), (NEWID(), N'sold', '2026-01-05 10:02:00 +01:00');
CREATE LOGIN sync WITH PASSWORD = 'let me in'; CREATE USER sync FOR LOGIN sync;
"""
ADMINISTRATOR = """
ALTER DATABASE [shop] SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON);
ALTER DATABASE [shop] SET ALLOW_SNAPSHOT_ISOLATION ON;
ALTER TABLE [dbo].[orders] ENABLE CHANGE_TRACKING;
ALTER TABLE [dbo].[customers] ENABLE CHANGE_TRACKING;
ALTER TABLE [dbo].[audit_log] ENABLE CHANGE_TRACKING;
GRANT SELECT ON SCHEMA::dbo TO [sync];
GRANT VIEW CHANGE TRACKING ON SCHEMA::dbo TO [sync]
"""
DAY = 86_400
EDITS = [
    ("2. Somebody works: an order, a payment, a customer who changes the code, a note that becomes NULL", [
        "INSERT INTO orders(customer, total, placed_at) VALUES (N'BOB', 41.00, '2026-01-07T09:30:00')",
        "UPDATE orders SET paid = 1 WHERE id = 1",
        "UPDATE customers SET code = N'ROB' WHERE code = N'BOB'; UPDATE orders SET customer = N'ROB' WHERE customer = N'BOB'",
        "UPDATE orders SET note = NULL WHERE id = 3"], []),
    ("3. A column with a default, which change tracking says nothing of; and a row is deleted", [
        "ALTER TABLE orders ADD currency char(3) NOT NULL DEFAULT 'EUR'",
        "UPDATE orders SET currency = 'SEK' WHERE customer = N'ANN'", "DELETE FROM orders WHERE id = 4"], []),
    ("4. Nobody syncs for longer than the server keeps changes, and rows are deleted meanwhile: deletes are landed all the same", [
        "DELETE FROM orders WHERE id = 2; DELETE FROM customers WHERE code = N'CEM'",
        f"EXEC tidemark_test.advance_clock {8 * DAY}; INSERT INTO orders(customer, total) VALUES (N'ANN', 1); "
        f"EXEC tidemark_test.advance_clock {8 * DAY}"], []),
    ("5. TRUNCATE leaves no trace of the rows that it takes", [
        "TRUNCATE TABLE audit_log; INSERT INTO audit_log VALUES (NEWID(), N'began anew', '2026-02-01 00:00:00 +00:00')"], []),
    ("6. The database is restored from a backup of this morning: versions go back, rows come and go", [
        "BACKUP DATABASE shop TO DISK = 'morning'",
        "INSERT INTO orders(customer, total) VALUES (N'ANN', 555.55); UPDATE customers SET name = N'nobody' WHERE code = N'ANN'"], [
        "USE master; RESTORE DATABASE shop FROM DISK = 'morning' WITH REPLACE; USE shop",
        "INSERT INTO orders(customer, total) VALUES (N'ROB', 8.00); UPDATE orders SET paid = 1 WHERE id = 5"]),
]


def perform(admin, statements):
    for statement in statements:
        print(f"  {statement}")
        admin.query(statement)


def compared(admin):
    """Rows of the view that the program wrote, beside those of the server."""
    views = FOLDER / "my_pipeline" / "views" / "duckdb.sql"
    os.chdir(FOLDER / "my_pipeline")
    connection = duckdb.connect()
    connection.execute(views.read_text())
    names = [row[0] for row in connection.execute("SELECT table_schema || '.' || table_name FROM information_schema.tables"
                                                  " WHERE table_name = 'orders'").fetchall()]
    print(connection.sql(f"SELECT id, customer, total, paid, currency FROM {names[0]} ORDER BY id"))
    landed = connection.execute(f"SELECT count(*) FROM {names[0]}").fetchone()[0]
    in_source = admin.query("SELECT COUNT(*) FROM orders")[0][0]
    print(f"{landed} orders in the view, {in_source} on the server")
    return landed == in_source


def story(server, admin):
    password = {"ADMIN_PASSWORD": "let me in"}

    def run(*words, **more):
        tidemark(FOLDER, *words, "--config", "pipeline.yaml", environment=password, **more)

    say("0. A reader who may do nothing yet: plan says what an administrator has to run")
    admin.query("GRANT VIEW DEFINITION ON SCHEMA::dbo TO sync; GRANT SELECT ON customers TO sync")
    run("plan", code=None, warnings_shown=9)
    say("   He runs it")
    perform(admin, [line for line in ADMINISTRATOR.strip().split("\n")])

    say("1. Everything, the first time, with the configuration file of azsql_ct")
    run("sync")
    for title, before, after in EDITS:
        say(title)
        perform(admin, before)
        if after:
            run("sync")
            perform(admin, after)
        run("sync")
    say("7. Is it the same, row by row?")
    run("verify")
    say("8. The orders as any reader sees them: the view that was written beside the files, in DuckDB")
    return compared(admin)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    engine = Engine()
    engine.any_password = False
    admin = engine.admin()
    admin.query(DATABASE)
    certificate = Certificate.make(FOLDER)
    with Server(engine, Settings(encryption="required", certificate=certificate)) as server:
        authority = os.path.relpath(certificate.authority, FOLDER)
        (FOLDER / "pipeline.yaml").write_text(CONFIGURATION.format(port=server.port, authority=authority))
        print(f"our test server listens on 127.0.0.1:{server.port}, database shop, login sync;\n"
              f"the configuration: {(FOLDER / 'pipeline.yaml').relative_to(ROOT)}\n")
        print((FOLDER / "pipeline.yaml").read_text())
        is_equal = story(server, admin)
        for text in engine.refused:
            print(f"the server refused: {text}")
        print(f"\nThe files: {(FOLDER / 'my_pipeline').relative_to(ROOT)}; the program: {os.path.relpath(TIDEMARK, ROOT)}")
        if sys.argv[1:] == ["stay"]:
            print(f"\nThe server stays, until Ctrl-C. In {FOLDER.relative_to(ROOT)}:\n"
                  f"  export ADMIN_PASSWORD='let me in'; tidemark sync --config pipeline.yaml\n"
                  f"  and any SQL client: server 127.0.0.1,{server.port}, login sa, no password", flush=True)
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                pass
    return 0 if is_equal and not engine.refused else 1


if __name__ == "__main__":
    sys.exit(main())
