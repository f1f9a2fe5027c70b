"""Runs by a configuration file, and what a user sees when one is wrong."""

import json
import re
import sqlite3

import jsonschema
import pytest
import yaml
from conftest import ROOT, Place, run

# The example of azsql_ct's documentation. Only its connection is changed, and its placeholders are filled in.
SEED = """\
connection:
  path: .                              # a folder that holds <database>.db

storage:
  ingest_pipeline: ./my_pipeline     # data, watermarks, and manifest go here
  # output_format: per_table         # (default) or "unified"
  # parquet_compression: zstd        # (default) or snappy, gzip, brotli, lz4, none
  # parquet_compression_level: 3     # optional; ZSTD 1-22, higher = smaller files
  # row_group_size: 500000           # (default) rows per Parquet row group; smaller = less memory

parallelism: 4                       # tables synced in parallel

databases:
  sales:
    uc_catalog: lake            # informational Unity Catalog mapping (not used by sync)
    schemas:
      dbo:
        uc_schema: bronze              # informational Unity Catalog mapping (not used by sync)
        tables:
          orders:
            mode: full_incremental
            scd_type: 1
            soft_delete: true
          audit_log: incremental     # short-hand when no extra options needed
"""


def make(folder, *names, tables=("orders", "audit_log")):
    for name in names:
        connection = sqlite3.connect(folder / f"{name}.db")
        for table in tables:
            connection.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, v TEXT)")
            connection.execute(f"INSERT INTO {table} VALUES(1, 'a'), (2, 'b')")
        connection.commit()
        connection.close()


def write(folder, text, name="p.yaml"):
    (folder / name).write_text(text)
    return name


def statuses(done):
    return {(t["database"], t["schema"], t["table"]): t["status"] for t in done.json()["tables"]}


def test_the_seeds_own_example_runs(tmp_path):
    make(tmp_path, "sales")
    name = write(tmp_path, SEED)
    done = run("sync", "-c", name, "--json", cwd=tmp_path)
    # audit_log is `incremental`, which there too wants an earlier sync.
    assert done.code == 1
    assert statuses(done) == {("sales", "dbo", "orders"): "ok", ("sales", "dbo", "audit_log"): "failed"}
    assert "mode incremental needs an earlier sync" in done.err
    done = run("sync", "--config", name, "--mode", "full_incremental", "--workers", "2", "-v", cwd=tmp_path)
    assert done.code == 0, done
    done = run("sync", "-c", name, cwd=tmp_path)
    assert done.code == 0, done
    dest = tmp_path / "my_pipeline"
    assert list((dest / "data/sales/dbo/orders").rglob("dbo_orders_*_part1.parquet"))
    assert (dest / "watermarks/sales/dbo/orders/watermarks.json").is_file()
    assert "dbo" in yaml.safe_load((dest / "output.yaml").read_text())["databases"]["sales"]
    for command in ("plan", "status", "verify"):
        done = run(command, "-c", name, "--json", cwd=tmp_path)
        assert done.code == 0 and len(done.json()["tables"]) == 2, done


@pytest.mark.parametrize("text", [
    "databases: {sales: {dbo: {orders: full, audit_log: {mode: full}}}}",
    "databases: {sales: {schemas: {dbo: {tables: [orders, audit_log]}}}}",
    "databases: {sales: {schemas: {dbo: {tables: '*'}}}}",
    "databases: {sales: {dbo: '*', path: sales.db}}",
    "tables: [{database: sales, table: dbo.orders, mode: full}, {database: sales, table: audit_log}]",
])
def test_every_form_lands_the_same_tables(tmp_path, text):
    make(tmp_path, "sales")
    name = write(tmp_path, "connection: {path: .}\nstorage: {ingest_pipeline: out}\n" + text)
    done = run("sync", "-c", name, "--json", cwd=tmp_path)
    assert done.code == 0, done
    assert statuses(done) == {("sales", "dbo", "orders"): "ok", ("sales", "dbo", "audit_log"): "ok"}


def test_json_is_taken_like_yaml(tmp_path):
    make(tmp_path, "sales")
    text = json.dumps({**yaml.safe_load(SEED), "mode": "full"}, indent="\t")
    done = run("plan", "-c", write(tmp_path, text, "p.json"), "--mode", "full", "--json", cwd=tmp_path)
    assert done.code == 0 and len(done.json()["tables"]) == 2, done
    assert not (tmp_path / "my_pipeline").exists()


def test_several_databases_are_one_run(tmp_path):
    make(tmp_path, "a", "b")
    name = write(tmp_path, "connection: {path: .}\nstorage: {ingest_pipeline: out}\n"
                           "databases: {a: {m: '*'}, b: {m: [Orders, nope]}, gone: {m: [x]}}\n")
    done = run("sync", "-c", name, "--json", cwd=tmp_path)
    assert done.code == 1
    assert statuses(done) == {("a", "m", "orders"): "ok", ("a", "m", "audit_log"): "ok", ("b", "m", "orders"): "ok",
                              ("b", "m", "nope"): "failed", ("gone", "m", "x"): "failed"}
    document = done.json()
    assert [d["database"] for d in document["databases"]] == ["a", "b", "gone"]
    assert [d["error"] is None for d in document["databases"]] == [True, True, False]
    for database in document["databases"][:2]:
        assert (tmp_path / "out/_tidemark/runs" / f"{database['run_id']}.json").is_file()
    assert "database gone: ./gone.db: no such file" in done.err
    assert done.err.count("gone.db") == 1
    assert "a.m.orders" in run("plan", "-c", name, "-v", cwd=tmp_path).out
    only = run("sync", "-c", name, "--database", "a", "--table", "order*", "--json", cwd=tmp_path)
    assert only.code == 0 and list(only.tables()) == ["orders"]
    assert run("verify", "-c", name, "--database", "a", cwd=tmp_path).code == 0
    none = run("sync", "-c", name, "--table", "nothing*", cwd=tmp_path)
    assert none.code == 2 and '"nothing*" matches no table' in none.err


def test_nothing_usable_is_3_and_leaves_no_folder(tmp_path):
    name = write(tmp_path, "connection: {path: .}\nstorage: {ingest_pipeline: out}\n"
                           "databases: {a: {m: [x]}, b: {m: [x]}}\n")
    assert run("sync", "-c", name, cwd=tmp_path).code == 3
    assert run("sync", "-c", name, "--database", "a", cwd=tmp_path).code == 3
    assert not (tmp_path / "out").exists()


def test_a_server_is_understood_and_said_not_to_be_there_yet(tmp_path):
    name = write(tmp_path, "connection: {type: postgresql, server: s, sql_login: l, password: hunter2}\n"
                           "storage: {ingest_pipeline: out}\ndatabases: {crm: {dbo: [Orders]}}\n")
    done = run("sync", "-c", name, cwd=tmp_path)
    assert done.code == 2, done
    assert "postgresql://s/crm: this version cannot read from postgresql" in done.err
    assert "hunter2" not in done.err


def test_a_server_that_does_not_answer(tmp_path):
    name = write(tmp_path, "connection: {server: 127.0.0.1, port: 1, sql_login: l, password: hunter2}\n"
                           "storage: {ingest_pipeline: out}\ndatabases: {crm: {dbo: [Orders]}}\n")
    done = run("sync", "-c", name, "--retries", "0", cwd=tmp_path)
    assert done.code == 3, done
    assert "127.0.0.1" in done.err and "hunter2" not in done.err
    assert not (tmp_path / "out").exists()


def test_variables_and_options_in_their_order(tmp_path):
    make(tmp_path, "sales")
    name = write(tmp_path, "connection: {path: .}\nstorage: {ingest_pipeline: \"${WHERE}\"}\n"
                           "databases: {sales: {m: [orders]}}\n")
    done = run("sync", "-c", name, cwd=tmp_path)
    assert done.code == 2
    assert "p.yaml:2:28: storage.ingest_pipeline: variable WHERE is not set\nhint: " in done.err
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf# where it goes\r\nexport WHERE='from dot env'\r\n")
    assert run("sync", "-c", name, cwd=tmp_path).code == 0
    assert (tmp_path / "from dot env/data").is_dir()
    assert run("sync", "-c", name, cwd=tmp_path, environment={"WHERE": "from environment"}).code == 0
    assert (tmp_path / "from environment/data").is_dir()
    assert run("sync", "-c", name, "--to", "from option", cwd=tmp_path).code == 0
    assert (tmp_path / "from option/data").is_dir()
    # Relative paths are the working directory's, the .env beside the file is the second choice.
    other = tmp_path / "other"
    other.mkdir()
    make(other, "sales")
    assert run("sync", "-c", tmp_path / name, cwd=other).code == 0
    assert (other / "from dot env/data").is_dir()


def test_the_options_of_azsql_ct(tmp_path):
    make(tmp_path, "sales")
    name = write(tmp_path, "connection: {path: .}\ndatabases: {sales: {m: [orders]}}\n")
    done = run("sync", "--config", name, "--output-dir", "o/data", "--watermark-dir", "o/watermarks", "--workers", "8",
               "-v", cwd=tmp_path)
    assert done.code == 0, done
    assert (tmp_path / "o/data/sales").is_dir() and (tmp_path / "o/watermarks/sales").is_dir()
    assert run("sync", "--config", name, "--output-dir", "o2", cwd=tmp_path).code == 0
    assert (tmp_path / "o2/data/sales").is_dir()
    done = run("sync", "--config", name, "--output-dir", "o", "--watermark-dir", "w", cwd=tmp_path)
    assert done.code == 2 and "is not beside" in done.err
    assert run("sync", "--config", name, cwd=tmp_path).code == 2


# One mistake each: the file, and the whole of what is printed.
GALLERY = [
    ("connection: {path: .}\nstorage: {ingest_pipline: out}\n",
     "p.yaml:2:11: storage.ingest_pipline: there is no such key\n"
     "hint: did you mean \"ingest_pipeline\"? allowed: ingest_pipeline, output_format, parquet_compression, "
     "parquet_compression_level, row_group_size, max_rows_per_file"),
    ("connection: {path: .}\ndatabases: {a: {m: {t: ful}}}\n",
     "p.yaml:2:24: databases.a.m.t: \"ful\" is not a mode\n"
     "hint: did you mean \"full\"? allowed: full, incremental, full_incremental"),
    ("connection: {path: .}\ndatabases: {a: {m: {t: {scd_type: 3}}}}\n",
     "p.yaml:2:35: databases.a.m.t.scd_type: \"3\" is not in the range\nhint: allowed: 1, 2"),
    ("connection: {path: .}\ndatabases: {a: {m: {t: {soft_delete: 'yes'}}}}\n",
     "p.yaml:2:38: databases.a.m.t.soft_delete: \"yes\" is not true or false\nhint: without quotes"),
    ("connection: {path: .}\ndatabases: {a: {schemas: {m: {tables: {}}}}}\n",
     "p.yaml:2:39: databases.a.schemas.m.tables: the map is empty"),
    ("connection: {path: .}\ndatabases: {a: {schemas: [m]}}\n",
     "p.yaml:2:26: databases.a.schemas: a list is found, a map of schemas is wanted"),
    ("connection: {path: .}\ndatabases: {a: {m: [t, T]}}\n",
     "p.yaml:2:24: databases.a.m[1]: table T is chosen already, as t\nhint: take one of them out"),
    ("connection: {path: .}\nconnection: {path: .}\n",
     "p.yaml:2:1: key \"connection\" stands here twice\nhint: the other one is in line 1"),
    ("databases:\n\ta: 1\n",
     "p.yaml:2:3: not valid YAML: illegal map value\nhint: the line is indented with a tab: YAML wants blanks"),
    ("connection: {path: .}\ndatabases: {a: {m: {t: {hash: [x]}}}}\n",
     "p.yaml:2:31: databases.a.m.t.hash: columns are to be hashed, but there is no hash_key\n"
     "hint: hash_key: ${NAME}, or the environment variable TIDEMARK_HASH_KEY"),
    ("connection: {path: .}\ndatabases: {a: {x: [t], y: [t]}}\nstorage: {ingest_pipeline: o}\n",
     "p.yaml: databases.a: SQLite has one schema, 2 are given\n"
     "hint: put all tables under one; its name is used in paths"),
    ("connection: {path: .}\nparallelism: 4\n",
     "p.yaml: no databases are chosen\nhint: databases: {NAME: {schemas: {main: {tables: \"*\"}}}}"),
]


@pytest.mark.parametrize("text, says", GALLERY)
def test_the_gallery_of_mistakes(tmp_path, text, says):
    done = run("sync", "-c", write(tmp_path, text), cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"tidemark: error: {says}\n"
    assert [p.name for p in tmp_path.iterdir()] == ["p.yaml"]


def test_an_alias_bomb_costs_nothing(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    done = run("plan", "-c", write(tmp_path, "\n".join(lines)), cwd=tmp_path)
    assert done.code == 2 and "too many values" in done.err
    done = run("plan", "-c", write(tmp_path, "a" * (10 << 20)), cwd=tmp_path)
    assert done.code == 2 and "a configuration of" in done.err and "at most 2 MiB" in done.err


def test_a_file_that_is_none(tmp_path):
    for name in ("absent.yaml", "."):
        done = run("sync", "-c", name, cwd=tmp_path)
        assert done.code == 2 and done.err.startswith("tidemark: error: configuration ") and "hint: " in done.err


# The schema, the parser and the documentation are held against each other.

SCHEMA = None


def schema():
    global SCHEMA
    if SCHEMA is None:
        done = run("schema")
        assert done.code == 0
        SCHEMA = jsonschema.Draft202012Validator(done.json())
        jsonschema.Draft202012Validator.check_schema(done.json())
    return SCHEMA


def examples():
    """Every indented or fenced block of the documentation that is a configuration."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text()
        blocks = re.findall(r"(?:^    .*\n(?:[ \t]*\n(?=    ))?)+", text, re.M)
        # Commands may stand below the file that they take.
        blocks = [re.sub(r"^\$ .*\n", "", re.sub(r"^    ", "", block, flags=re.M), flags=re.M) for block in blocks]
        blocks += re.findall(r"^```(?:ya?ml|json)\n(.*?)^```", text, re.M | re.S)
        for block in blocks:
            if re.search(r"^(databases|connection|\{\s*\"(databases|connection)\"):?", block, re.M):
                # Two examples may stand in one block, each beginning with its connection.
                parts = re.split(r"^(?=connection:)", block, flags=re.M)
                if parts[0].strip():  # what stands before the first belongs to it
                    parts = [parts[0] + "".join(parts[1:2]), *parts[2:]]
                found += [(path.name, part) for part in parts if part.strip()]
    return found


def test_every_example_of_the_documentation_is_taken_by_schema_and_parser(tmp_path):
    looked_at = 0
    (tmp_path / "databases").mkdir()
    for file, text in examples():
        document = yaml.safe_load(text)
        errors = [e.message for e in schema().iter_errors(document)]
        assert errors == [], f"{file}: {errors}\n{text}"
        variables = {name: "value" for name in re.findall(r"\$\{(\w+)\}", text)}
        done = run("plan", "-c", write(tmp_path, text), cwd=tmp_path,
                   environment={**variables, "TIDEMARK_HASH_KEY": "k" * 32, "TIDEMARK_PATH": ".",
                                "TIDEMARK_INGEST_PIPELINE": "out"})
        # Its databases are not here; that is found out after the whole file was read.
        assert "p.yaml:" not in done.err and done.code != 0, f"{file}: {done}\n{text}"
        looked_at += 1
    assert looked_at >= 5


@pytest.mark.parametrize("text", [SEED] + [
    "connection: {path: .}\ndatabases: {a: {m: {t: {mode: full, scd_type: 2, soft_delete: yes, columns: [a], where: x}, u: }}}",
    "connection: {server: '${S}', port: '${P}', password: 12345}\ntables: [{database: a, table: b}]",
    "connection: {path: .}\ntables: [{database: a, table: b}]\nmemory: 128MiB\nlock_timeout: 10s\n"
    "logging: {output_format: unified, row_group_size: '500_000'}\n",
    "x-a: {b: c}\nconnection: {path: .}\ntables: [{database: a, table: b}]\nretry: {attempts: 2, first_wait: 1s}\n"
    "stores: {azure: {account: a}}\n",
])
def test_schema_and_parser_take_the_same(tmp_path, text):
    assert [e.message for e in schema().iter_errors(yaml.safe_load(text))] == []
    done = run("plan", "-c", write(tmp_path, text), cwd=tmp_path, environment={"S": "s", "P": "1"})
    assert "p.yaml:" not in done.err, done


@pytest.mark.parametrize("text", [text for text, says in GALLERY[:6]] + [
    "storage: out", "parallelism: 0", "databases: {a: {uc_catlog: x}}", "databases: {a: {schemas: {m: {}}}}",
    "databases: {a: {schemas: {m: {tables: [t]}}, m: [t]}}", "tables: [{table: b}]", "mode: fast", "memory: much",
    "databases: {a: }", "databases: {}", "retry: 3", "stores: {gcs: {}}", "server: {tokens: t}",
])
def test_schema_and_parser_refuse_the_same(tmp_path, text):
    assert list(schema().iter_errors(yaml.safe_load(text))) != [], text
    done = run("plan", "-c", write(tmp_path, text), "--to", "out", cwd=tmp_path, environment={"TIDEMARK_PATH": "."})
    assert done.code == 2 and "p.yaml:" in done.err, done


def test_the_documentation_names_every_key():
    text = (ROOT / "docs" / "configuration.md").read_text()

    def names(node):
        for key, value in node.get("properties", {}).items():
            yield key
            for choice in [value, *value.get("anyOf", [])]:
                yield from names(choice)
    sections = schema().schema["properties"]
    for key in sections:
        assert key in text, key
    for section in ("connection", "storage", "retry", "stores"):
        for key in names(sections[section]["anyOf"][0]):
            assert re.search(rf"[`.]{key}[`.]", text), f"{section}.{key}"


def test_a_place_of_the_old_command_line_is_the_same(tmp_path):
    """A folder that `sync SOURCE --to DEST` filled goes on by a configuration."""
    place = Place(tmp_path)
    place.sql("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)")
    place.sync()
    place.sql("INSERT INTO t VALUES(2)")
    name = write(tmp_path, "connection: {path: shop.db}\nstorage: {ingest_pipeline: landing}\n"
                           "databases: {shop: {main: '*'}}\n")
    done = run("sync", "-c", name, "--json", cwd=tmp_path)
    assert done.code == 0 and done.tables()["t"]["inserted"] == 1
    place.assert_equal()
