"""The main job on a real database: land it, change it, land what changed, compare, read it back.

The database is Debian's proj.db (coordinate systems of the world), copied to build/demo.
"""

import os
import pathlib
import shlex
import shutil
import sqlite3
import subprocess
import sys

import duckdb

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "demo"
ORIGINAL = pathlib.Path("/usr/share/proj/proj.db")
TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))

CHANGES = [
    ("insert a planet that ESRI forgot",
     "INSERT INTO celestial_body VALUES('ESRI', 'Vulcan', 'Vulcan', 2000000.0)"),
    ("update the radius of 100 bodies",
     "UPDATE celestial_body SET semi_major_axis = semi_major_axis + 1 WHERE auth_name = 'IAU_2015'"),
    ("delete a moon", "DELETE FROM celestial_body WHERE auth_name = 'ESRI' AND code = 'Moon'"),
    ("change a key: one row goes, another comes",
     "UPDATE celestial_body SET code = 'Planet_9' WHERE auth_name = 'ESRI' AND code = 'Pluto'"),
    ("replace: pushes the row IAU_2015 out, through a UNIQUE index",
     "INSERT OR REPLACE INTO versioned_auth_name_mapping VALUES('IAU_2022', 'IAU', '2022', 1)"),
    ("rename 2,000 projected systems",
     "UPDATE projected_crs SET name = name || ' *' WHERE auth_name = 'EPSG' AND code < 4000"),
]

FOLD = """SELECT * EXCLUDE (filename, SYS_CHANGE_VERSION, SYS_CHANGE_CREATION_VERSION, SYS_CHANGE_OPERATION)
FROM read_parquet('landing/data/proj/main/celestial_body/**/*.parquet', filename = true)
QUALIFY row_number() OVER (PARTITION BY auth_name, code
          ORDER BY parse_filename(filename) DESC, SYS_CHANGE_VERSION DESC) = 1
  AND SYS_CHANGE_OPERATION <> 'D'"""


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else f"\n{text}", flush=True)


def tidemark(*words, last_lines=None):
    print(f"$ tidemark {shlex.join(words)}" + (f" | tail -n {last_lines}" if last_lines else ""), flush=True)
    done = subprocess.run([TIDEMARK, *words], cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    print("\n".join(lines[-last_lines:] if last_lines else lines), flush=True)
    if done.returncode != 0:
        sys.exit(f"tidemark ended with {done.returncode}")


def main():
    if not ORIGINAL.exists():
        sys.exit(f"{ORIGINAL} is not there: install the package proj-data")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    shutil.copyfile(ORIGINAL, FOLDER / "proj.db")

    say("1. Everything, the first time")
    tidemark("sync", "proj.db", "--to", "landing", last_lines=6)

    say("2. From now on a sync shall cost what changed")
    tidemark("track", "enable", "proj.db", last_lines=3)
    tidemark("sync", "proj.db", "--to", "landing", last_lines=3)

    say("3. Some program changes the database")
    connection = sqlite3.connect(FOLDER / "proj.db")
    for what, statement in CHANGES:
        count = connection.execute(statement).rowcount
        print(f"  {what}: {count} rows")
    connection.commit()
    connection.close()

    say("4. Only what changed is read and landed")
    tidemark("sync", "proj.db", "--to", "landing")

    say("5. Is it the same, row by row?")
    tidemark("verify", "proj.db", "--to", "landing", last_lines=1)

    say("6. What was landed, as any reader sees it")
    os.chdir(FOLDER)
    print(duckdb.sql("""SELECT split_part(filename, '/', 5) AS "table", SYS_CHANGE_OPERATION AS op, count(*) AS rows,
        count(DISTINCT filename) AS files FROM read_parquet('landing/data/**/*.parquet', filename = true, union_by_name = true)
        WHERE SYS_CHANGE_OPERATION <> 'L' GROUP BY ALL ORDER BY ALL"""))

    say("7. The rows as they are now, by DuckDB")
    print(FOLD + "\n  AND auth_name = 'ESRI' AND code IN ('Vulcan', 'Moon', 'Pluto', 'Planet_9', 'Mars')")
    print(duckdb.sql(FOLD + " AND auth_name = 'ESRI' AND code IN ('Vulcan', 'Moon', 'Pluto', 'Planet_9', 'Mars') ORDER BY code"))
    rows = duckdb.sql(f"SELECT count(*) FROM ({FOLD})").fetchone()[0]
    with sqlite3.connect("proj.db") as connection:
        in_source = connection.execute("SELECT count(*) FROM celestial_body").fetchone()[0]
    print(f"{rows} rows folded, {in_source} rows in the database")
    print(f"\nThe files: {(FOLDER / 'landing').relative_to(ROOT)}/data; the program: {os.path.relpath(TIDEMARK, ROOT)}")
    return 0 if rows == in_source else 1


if __name__ == "__main__":
    sys.exit(main())
