"""Other people's ways from a SQLite file to Parquet with zstd level 1, each a process of its own.

    peers.py adbc|connectorx|orjson FILE TABLE OUT.parquet
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


def orjson(database, table, out):
    """The columns of unified files: rows as JSON by orjson, what is the same on every row repeated by Arrow."""
    import base64
    import sqlite3
    import time
    import uuid

    import orjson
    import pyarrow as pa
    import pyarrow.parquet

    name = pathlib.Path(database).stem
    text, number = pa.string(), pa.int64()
    table_id = {"catalog": name, "schema": "main", "name": table,
                "uoid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}\0main\0{table}"))}
    cursor = {"lsn": (None, text), "seqNum": ("1", text), "sequence": ("1", text), "timestamp": (None, number)}
    extracted_ms = time.time_ns() // 1_000_000

    def repeated(value, kind, rows):
        return pa.repeat(pa.scalar(value, kind), rows)

    def batch(names, rows):
        data = [orjson.dumps(dict(zip(names, row)), default=lambda b: base64.b64encode(b).decode()).decode()
                for row in rows]
        count = len(rows)
        return pa.record_batch({
            "data": pa.array(data, text),
            "table_id": pa.StructArray.from_arrays([repeated(v, text, count) for v in table_id.values()], list(table_id)),
            "cursor": pa.StructArray.from_arrays([repeated(*v, count) for v in cursor.values()], list(cursor)),
            "extractionTimestamp": repeated(extracted_ms, number, count),
            "operation": repeated("LOAD", text, count),
            "schemaVersion": repeated(1, number, count),
        })

    rows = sqlite3.connect(database).execute(f'SELECT * FROM "{table}"')
    names = [column[0] for column in rows.description]
    file = None
    while part := rows.fetchmany(BATCH_ROWS):
        made = batch(names, part)
        file = file or pyarrow.parquet.ParquetWriter(out, made.schema, compression="zstd", compression_level=1)
        file.write_batch(made)
    file.close()


if __name__ == "__main__":
    {"adbc": adbc, "connectorx": connectorx, "orjson": orjson}[sys.argv[1]](*sys.argv[2:])
