"""Other people's ways from a SQLite file to Parquet with zstd level 1, each a process of its own.

    peers.py adbc|connectorx FILE TABLE OUT.parquet
"""

import pathlib
import sys

BATCH_ROWS = 65_536


def duckdb_command(database, tables, folder, threads, is_text_only=False):
    """The CLI, reading every table once. `preserve_insertion_order=false` is its fastest setting."""
    import duckdb_extension_sqlite_scanner as scanner  # a wheel, so that nothing is downloaded

    extension = next(pathlib.Path(scanner.__file__).parent.rglob("*.duckdb_extension"))
    script = [
        f"SET threads={threads}",
        "SET preserve_insertion_order=false",
        f"LOAD '{extension}'",
        # Values that are not of their column's declared type end its scan with an error otherwise.
        *(["SET sqlite_all_varchar=true"] if is_text_only else []),
        f"ATTACH '{database}' AS s (TYPE sqlite, READ_ONLY)",
    ]
    for table in tables:
        script.append(
            f"COPY (FROM s.\"{table}\") TO '{folder}/{table}.parquet'"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )
    cli = pathlib.Path(sys.executable).parent / "duckdb"
    # In a file, as thousands of tables are more than a command line holds.
    file = pathlib.Path(folder) / "script.sql"
    file.write_text(";\n".join(script) + ";\n")
    return [str(cli), "-bail", "-f", str(file)]


def adbc(database, table, out):
    import adbc_driver_sqlite.dbapi
    import pyarrow.parquet

    with adbc_driver_sqlite.dbapi.connect(database) as connection, connection.cursor() as rows:
        rows.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
        rows.execute(f'SELECT * FROM "{table}"')
        batches = rows.fetch_record_batch()
        with pyarrow.parquet.ParquetWriter(
            out, batches.schema, compression="zstd", compression_level=1
        ) as file:
            for batch in batches:
                file.write_batch(batch)


def connectorx(database, table, out):
    import connectorx
    import pyarrow.parquet

    rows = connectorx.read_sql(f"sqlite://{database}", f'SELECT * FROM "{table}"', return_type="arrow")
    pyarrow.parquet.write_table(rows, out, compression="zstd", compression_level=1)


if __name__ == "__main__":
    {"adbc": adbc, "connectorx": connectorx}[sys.argv[1]](*sys.argv[2:])
