"""What of a table lands, said in a configuration file: columns, hashes and rows, in loads, changes and verify."""

import hashlib
import hmac
import json

from conftest import run

KEY = b"a secret of the tests"


def hashed(letter, value):
    return hmac.new(KEY, letter + str(value).encode(), hashlib.sha256).hexdigest()


def configured(place, **settings):
    path = place.folder / "tidemark.json"
    path.write_text(json.dumps({
        "connection": {"type": "sqlite"}, "storage": {"ingest_pipeline": str(place.dest)}, "hash_key": "${TEST_KEY}",
        "databases": {"shop": {"path": str(place.path), "schemas": {"main": {"tables": {"t": settings}}}}}}))

    def call(command, code=0):
        done = run(command, "-c", path, "--json", environment={"TEST_KEY": KEY.decode()})
        assert done.code == code, done
        return done

    return call


def make(place):
    place.sql("PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY, mail TEXT, region TEXT, notes TEXT);"
              "INSERT INTO t VALUES(1, 'a@x', 'EU', 'n'), (2, 'b@x', 'US', 'n'), (3, NULL, 'EU', 'n')")
    place.track()


def test_columns_hashes_and_rows_in_loads_changes_and_verify(place):
    make(place)
    call = configured(place, exclude=["Notes"], hash=["ID", "mail"], where="region = 'EU'")
    assert call("sync").tables()["t"]["rows"] == 2
    place.sql("UPDATE t SET region = 'US' WHERE id = 1; UPDATE t SET region = 'EU' WHERE id = 2;"
              "INSERT INTO t VALUES(4, 'd@x', 'EU', 'n'); DELETE FROM t WHERE id = 3")
    assert call("sync").tables()["t"]["reason"] == "changes"
    call("verify")
    assert place.folded("t", "id") == {
        (hashed(b"i", i),): {"id": hashed(b"i", i), "mail": hashed(b"t", mail), "region": "EU"}
        for i, mail in ((2, "b@x"), (4, "d@x"))}
    for path in place.dest.rglob("*"):
        assert not path.is_file() or KEY not in path.read_bytes(), path


def test_what_cannot_be_chosen_is_one_error_before_anything_is_read(place):
    make(place)
    done = configured(place, columns=["id", "mial"])("sync", code=2)
    assert "main.t" in done.err and '"mial"' in done.err and '"mail"' in done.err
    done = configured(place, where="regoin = 'EU'")("sync", code=2)
    assert "regoin" in done.err and "columns: id, mail" in done.err
    assert place.files() == []
