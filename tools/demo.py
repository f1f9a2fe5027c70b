"""The main job on a real database: land it, change it, land what changed, compare, read it back.

The database is Debian's proj.db (coordinate systems of the world), copied to build/demo.
"""

import os
import pathlib
import shutil
import sqlite3
import sys

import duckdb

from steps import ROOT, TIDEMARK, say, tidemark

FOLDER = ROOT / "build" / "demo"
ORIGINAL = pathlib.Path("/usr/share/proj/proj.db")

CHANGES = [
    ("insert a grid", "INSERT INTO grid_alternatives VALUES('NOT-YET-IN-GRID-TRANSFORMATION-tide.gsb', 'tide.tif', NULL, "
     "'GTiff', 'hgridshift', 0, NULL, 'https://cdn.proj.org/tide.tif', 1, 1, NULL)"),
    ("rename every conversion parameter that is a scale", "UPDATE conversion_param SET name = name || ' (scaled)' "
     "WHERE name LIKE '%scale%'"),
    ("delete the grids of a method", "DELETE FROM grid_alternatives WHERE proj_method = 'velocity_grid'"),
    ("change a key: one row goes, another comes", "UPDATE prime_meridian SET code = '9999' WHERE name = 'Paris RGS'"),
    ("replace a row that pushes another one out, through a UNIQUE index",
     "INSERT OR REPLACE INTO versioned_auth_name_mapping VALUES('IAU_2022', 'IAU', '2022', 1)"),
    ("delete a body of a table whose key is texts and numbers, so it cannot be tracked",
     "DELETE FROM celestial_body WHERE auth_name = 'ESRI' AND code = 'Moon'"),
]

FOLD = """SELECT * EXCLUDE (filename, SYS_CHANGE_VERSION, SYS_CHANGE_CREATION_VERSION, SYS_CHANGE_OPERATION)
FROM read_parquet('landing/data/proj/main/prime_meridian/**/*.parquet', filename = true)
QUALIFY row_number() OVER (PARTITION BY auth_name, code
          ORDER BY parse_filename(filename) DESC, SYS_CHANGE_VERSION DESC) = 1
  AND SYS_CHANGE_OPERATION <> 'D'"""


def main():
    if not ORIGINAL.exists():
        sys.exit(f"{ORIGINAL} is not there: install the package proj-data")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    shutil.copyfile(ORIGINAL, FOLDER / "proj.db")

    say("1. Everything, the first time")
    tidemark(FOLDER, "sync", "proj.db", "--to", "landing", last_lines=6)

    say("2. From now on a sync shall cost what changed")
    tidemark(FOLDER, "track", "enable", "proj.db", last_lines=4)
    tidemark(FOLDER, "sync", "proj.db", "--to", "landing", last_lines=4)

    say("3. Some program changes the database")
    connection = sqlite3.connect(FOLDER / "proj.db")
    for what, statement in CHANGES:
        count = connection.execute(statement).rowcount
        print(f"  {what}: {count} rows")
    connection.commit()
    connection.close()

    say("4. Only what changed is read and landed")
    tidemark(FOLDER, "sync", "proj.db", "--to", "landing")

    say("5. Is it the same, row by row?")
    tidemark(FOLDER, "verify", "proj.db", "--to", "landing", last_lines=1)

    say("6. The changes that were landed, as any reader sees them")
    os.chdir(FOLDER)
    print(duckdb.sql("""SELECT split_part(filename, '/', 5) AS "table", SYS_CHANGE_OPERATION AS operation, count(*) AS rows
        FROM read_parquet('landing/data/**/*.parquet', filename = true, union_by_name = true)
        WHERE SYS_CHANGE_OPERATION <> 'L' GROUP BY ALL ORDER BY ALL"""))

    say("7. The rows as they are now: DuckDB folds the files")
    print(FOLD)
    print(duckdb.sql(f"SELECT auth_name, code, name, longitude FROM ({FOLD}) WHERE name LIKE 'Pa%' ORDER BY code"))
    rows = duckdb.sql(f"SELECT count(*) FROM ({FOLD})").fetchone()[0]
    with sqlite3.connect("proj.db") as connection:
        in_source = connection.execute("SELECT count(*) FROM prime_meridian").fetchone()[0]
    print(f"{rows} rows folded, {in_source} rows in the database")
    print(f"\nThe files: {(FOLDER / 'landing').relative_to(ROOT)}/data; the program: {os.path.relpath(TIDEMARK, ROOT)}")
    return 0 if rows == in_source else 1


if __name__ == "__main__":
    sys.exit(main())
