"""azsql_ct's class: what its users call and read, on a SQLite database."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from python_package import shop, sql  # noqa: E402, F401

import tidemark  # noqa: E402

PIPELINE = """
connection:
  path: .
storage:
  ingest_pipeline: ./${PIPELINE_FOLDER}
parallelism: 2
databases:
  shop:
    uc_catalog: sales
    schemas:
      main:
        uc_schema: raw
        tables:
          orders: {mode: full_incremental, scd_type: 2, soft_delete: true}
          customers: full
"""
# What azsql_ct's sync() gives for a table that was landed.
MEMBERS = {"database", "table", "mode", "scd_type", "soft_delete", "since_version", "current_version", "rows_written",
           "files", "duration_seconds", "primary_key", "columns", "schema_version", "schema_changed"}


@pytest.fixture
def pipeline(shop, monkeypatch):
    monkeypatch.setenv("PIPELINE_FOLDER", "my_pipeline")
    (shop / "pipeline.yaml").write_text(PIPELINE)
    return shop / "pipeline.yaml"


def test_a_program_of_azsql_ct_changes_one_line(pipeline):
    import tidemark as azsql_ct

    ct = azsql_ct.ChangeTracker.from_config("pipeline.yaml")
    results = ct.sync()
    by_table = {r["table"]: r for r in results}
    assert set(by_table) == {"main.orders", "main.customers"}
    orders = by_table["main.orders"]
    assert MEMBERS <= set(orders) and json.loads(json.dumps(results)) == results
    assert (orders["status"], orders["mode"], orders["rows_written"], orders["since_version"]) == ("ok", "full", 3, None)
    assert (orders["scd_type"], orders["soft_delete"], orders["primary_key"]) == (2, True, ["id"])
    assert by_table["main.customers"]["scd_type"] == 1
    assert [c["name"] for c in orders["columns"]] == ["id", "customer", "total"]
    assert orders["columns"][2] == {"name": "total", "type": "decimal", "precision": 10, "scale": 2}
    assert all(pathlib.Path(file).is_file() for file in orders["files"]) and orders["files"][0].startswith("./my_pipeline")
    schema = json.loads(pathlib.Path("my_pipeline/watermarks/shop/main/orders/schema.json").read_text())
    assert orders["schema_version"] == schema["schema_version"] and not orders["schema_changed"]

    tidemark.track("enable", "shop.db")
    ct.sync()
    again = {r["table"]: r for r in ct.sync()}
    assert (again["main.orders"]["status"], again["main.orders"]["reason"]) == ("skipped", "no changes")
    assert again["main.customers"]["rows_written"] == 2  # mode full
    sql("shop.db", "DELETE FROM orders WHERE id = 1")
    orders = {r["table"]: r for r in ct.sync()}["main.orders"]
    assert (orders["mode"], orders["rows_written"], orders["current_version"], orders["since_version"]) == (
        "incremental", 1, 1, 0)


def test_the_destination_may_come_from_a_dot_env_file(pipeline, monkeypatch):
    monkeypatch.delenv("PIPELINE_FOLDER")
    pathlib.Path(".env").write_text("# ours\nexport OTHER=1\nPIPELINE_FOLDER='from env'  # a comment\n")
    for result in tidemark.ChangeTracker.from_config(pipeline).sync():
        assert result["files"][0].startswith("./from env/data") and result["columns"]
    files = tidemark.sync(config="pipeline.yaml", mode="full")[0]["files"]
    assert pathlib.Path(files[0]).is_file()

    pathlib.Path("elsewhere").mkdir()
    pathlib.Path(".env").rename("elsewhere/.env")
    pipeline.rename("elsewhere/pipeline.yaml")
    ct = tidemark.ChangeTracker.from_config("elsewhere/pipeline.yaml")
    ct.tables = {"shop": {"main": {"orders": "full"}}}
    assert ct.sync()[0]["files"][0].startswith("./from env/data")


def test_tables_are_set_as_lists_and_as_maps(pipeline):
    ct = tidemark.ChangeTracker.from_config(pipeline)
    assert ct.tables == {"shop": {"main": {"orders": {"mode": "full_incremental", "scd_type": 2, "soft_delete": True},
                                           "customers": "full"}}}
    ct.tables = {"shop": {"main": ["customers"]}}
    assert [(r["table"], r["rows_written"]) for r in ct.sync()] == [("main.customers", 2)]
    ct.tables = {"shop": {"main": {"orders": "full", "odd log": {"mode": "full"}}}}
    assert sorted(r["table"] for r in ct.sync()) == ["main.odd log", "main.orders"]
    for wrong in ([], {"shop": []}, {"shop": {"main": "orders"}}, {"shop": {"main": []}}):
        with pytest.raises(ValueError, match="wanted"):
            ct.tables = wrong
    ct.tables = {"shop": {"main": {"orders": "sometimes"}}}
    with pytest.raises(tidemark.TidemarkError, match="databases.shop.schemas.main.tables.orders"):
        ct.sync()


def test_the_older_shapes_of_a_configuration(shop):
    legacy = {"connection": {"path": "."}, "storage": {"ingest_pipeline": "a"},
              "databases": {"shop": {"main": {"orders": "full_incremental"}}}}
    flat = {"connection": {"path": "."}, "storage": {"ingest_pipeline": "b"},
            "tables": [{"database": "shop", "table": "main.orders", "mode": "full", "scd_type": 2}]}
    for config, scd_type in ((legacy, 1), (flat, 2)):
        ct = tidemark.ChangeTracker.from_config(config)
        assert list(ct.tables["shop"]["main"]) == ["orders"]
        result, = ct.sync()
        assert (result["table"], result["rows_written"], result["scd_type"]) == ("main.orders", 3, scd_type)


def test_places_are_in_one_folder(pipeline, shop):
    for arguments in ({"to": "x"}, {"output_dir": "x/data", "watermark_dir": "x/watermarks"}, {"output_dir": "x"},
                      {"output_dir": "x/data", "output_manifest": "x/output.yaml"}):
        ct = tidemark.ChangeTracker.from_config(pipeline, max_workers=1, **arguments)
        assert not ct.sync().failed
        assert (shop / "x" / "data" / "shop").is_dir() and not (shop / "my_pipeline").exists()
        assert {t.name for t in ct.status()} == {"orders", "customers"}
    with pytest.raises(tidemark.TidemarkError, match="not in the same folder"):
        tidemark.ChangeTracker.from_config(pipeline, output_dir="x/data", watermark_dir="y/watermarks")


def test_plan_verify_status_and_loads(pipeline):
    with tidemark.ChangeTracker.from_config(pipeline) as ct:
        assert ct.test_connectivity()
        assert {t.reason for t in ct.plan()} == {"first_load"}
        seen = []
        assert ct.sync(progress=seen.append).rows == 5 and seen[-1].event == "ended"
        assert ct.verify() and {t.name: t.rows for t in ct.status()} == {"orders": 3, "customers": 2}
        assert {r["mode"] for r in ct.full_load()} == {"full"}
        assert all(r["status"] == "skipped" for r in ct.incremental_load())


def test_an_incremental_load_of_what_was_never_landed_says_what_to_do(pipeline):
    failed = tidemark.ChangeTracker.from_config(pipeline).incremental_load()
    assert failed.failed == 2
    assert all(r["status"] == "error" and "full_incremental" in r["error"] for r in failed)


def test_no_tables_are_an_error():
    with pytest.raises(RuntimeError, match="no tables are configured"):
        tidemark.ChangeTracker("server", "login", "password").sync()


SPY = """#!{python}
import os, sys
with open({seen!r}, "w") as seen:
    words = sys.argv[1:]
    config = open(words[words.index("-c") + 1]).read()
    secrets = {{name: value for name, value in os.environ.items() if name.startswith("TIDEMARK_SECRET_")}}
    print(repr((words, config, secrets)), file=seen)
print('{{"tables": []}}')
"""


def test_a_password_is_neither_an_argument_nor_in_a_file(shop, monkeypatch):
    """With a program in place of ours that notes what it is given."""
    spy = shop / "spy"
    spy.write_text(SPY.format(python=sys.executable, seen=str(shop / "seen")))
    spy.chmod(0o755)
    monkeypatch.setenv("TIDEMARK_BIN", str(spy))
    ct = tidemark.ChangeTracker("server", "login", "pa$$w0rd", to="x")
    ct.tables = {"shop": {"dbo": ["orders"]}}
    ct.sync()
    words, config, secrets = eval((shop / "seen").read_text())
    assert "pa$$w0rd" not in repr((words, config, ct)) and list(secrets.values()) == ["pa$$w0rd"]
    assert json.loads(config)["connection"]["password"] == "${" + next(iter(secrets)) + "}"
    assert not pathlib.Path(words[words.index("-c") + 1]).exists()


def test_a_server_that_does_not_answer_is_told_with_a_sentence(shop):
    ct = tidemark.ChangeTracker("127.0.0.1,1", "login", "secret-word", to="x")
    ct.tables = {"shop": {"dbo": ["orders"]}}
    with pytest.raises(tidemark.TidemarkError) as caught:
        ct.sync()
    assert "127.0.0.1" in str(caught.value) and "secret-word" not in str(caught.value)
