"""What is busy or unreachable for a moment is tried again; what stays wrong is said at once."""

import fcntl
import os
import signal
import subprocess

import pytest
from conftest import TIDEMARK


def start(shop, *options, **environment):
    return subprocess.Popen([TIDEMARK, "sync", str(shop.path), "--to", str(shop.dest), "-v", "--json", *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, **environment})


def lock(shop, table):
    folder = shop.dest / "watermarks" / "shop" / "main" / table
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / ".sync.lock", "a+b")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def wait_for(process, text):
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"never said: {text}")


@pytest.mark.parametrize("point", ["snapshot_after", "upload_write", "state_before_take", "state_before_commit",
                                   "read_batch", "sweep_after"])
def test_a_failure_that_passes_is_made_good_by_the_same_run(shop, point):
    """One refusal at any step costs a second attempt of what it hit, and no row twice."""
    shop.track()
    done = shop.sync("-v", environment={"TIDEMARK_FAILPOINT": f"{point}=error"})
    tables = done.tables().values()
    assert all(t["status"] == "ok" for t in tables)
    assert max(t["attempts"] for t in tables) == 2, done
    assert all(t["waited_seconds"] >= 0 for t in tables)
    assert f"failpoint {point}" in done.err and "attempt 2 of 5" in done.err
    shop.assert_equal()
    assert len(shop.files("log")) == 1
    shop.verify()


def test_the_number_of_attempts_is_bounded(shop):
    """--retries 0: the first failure is the last."""
    done = shop.sync("--retries", "0", code=1, environment={"TIDEMARK_FAILPOINT": "upload_write=error"})
    failed = [t for t in done.tables().values() if t["status"] == "failed"]
    assert len(failed) == 1 and failed[0]["attempts"] == 1 and failed[0]["waited_seconds"] == 0


def test_a_lock_that_is_let_go_is_waited_for(shop):
    """A table that another run holds is landed once that run is done; the others need not wait for it."""
    held = lock(shop, "t")
    process = start(shop)
    wait_for(process, "attempt 2 of")
    held.close()
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert '"attempts": 1' in out and '"attempts": 2' in out or '"attempts": 3' in out
    shop.assert_equal()


def test_a_lock_that_stays_is_told(shop):
    held = lock(shop, "t")
    done = shop.sync("--retries", "1", "--table", "t", code=4)
    assert "another run" in done.err or "lock" in done.err
    done = shop.sync("--retries", "1")
    assert done.tables()["t"]["status"] == "skipped" and done.tables()["t"]["attempts"] == 2
    assert done.tables()["log"]["status"] == "ok" and done.tables()["log"]["attempts"] == 1
    held.close()


def test_a_wait_ends_at_once_when_told_to_stop(shop):
    held = lock(shop, "t")
    process = start(shop, "--retries", "1000")
    wait_for(process, "attempt 2 of")
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    held.close()


def test_what_does_not_pass_is_not_tried_again(shop):
    """A state that cannot be read, and a wrong configuration, fail at once."""
    shop.sync()
    shop.state_file("t").write_text("{broken")
    done = shop.sync("-v", code=1)
    assert done.tables()["t"]["attempts"] == 1 and "attempt 2" not in done.err


def test_a_lock_that_cannot_be_taken_is_its_tables_failure_alone(shop):
    """A folder where one table's lock should be does not keep the others from being landed."""
    (shop.dest / "watermarks" / "shop" / "main" / "t" / ".sync.lock").mkdir(parents=True)
    done = shop.sync(code=1)
    assert done.tables()["t"]["status"] == "failed" and done.tables()["log"]["status"] == "ok"
