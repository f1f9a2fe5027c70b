"""The wheel: installed with nothing but `pip install ./python`, it brings the program and all it needs."""

import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from python_package import ROOT, shop  # noqa: E402, F401

PROGRAM = os.environ["TIDEMARK_BIN"]
# What a login shell has, and nothing of the repository: no TIDEMARK_BIN, no library paths.
BARE = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
NETWORK = {name: value for name, value in os.environ.items()
           if name.lower().endswith("_proxy") or name.startswith(("PIP_", "SSL_"))}


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder of a new Python environment in which the package was installed."""
    place = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    done = subprocess.run([place / "bin" / "pip", "install", "--disable-pip-version-check", "--no-input",
                           ROOT / "python"], capture_output=True, text=True,
                          env={**BARE, **NETWORK, "TIDEMARK_BIN": PROGRAM})
    if done.returncode != 0 and "No matching distribution" in done.stderr and os.environ.get("CI") != "true":
        pytest.skip("no package registry is reachable: " + done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return place


def test_the_console_script_is_the_program(installed, shop):
    def tidemark(*words):
        return subprocess.run([installed / "bin" / "tidemark", *words], env=BARE, capture_output=True, text=True)

    assert tidemark("version").stdout.startswith("tidemark ")
    done = tidemark("sync", "shop.db", "--to", "landing")
    assert (done.returncode, done.stderr) == (0, "") and "main.orders" in done.stdout
    assert tidemark("sync", "no.db", "--to", "landing").returncode == 3
    module = subprocess.run([installed / "bin" / "python", "-m", "tidemark", "status", "landing"], env=BARE,
                            capture_output=True, text=True)
    assert module.returncode == 0 and "shop.main.orders" in module.stdout


def test_the_import_needs_nothing_else(installed, shop):
    script = "import tidemark; print(tidemark.sync('shop.db', to='landing').rows)"
    done = subprocess.run([installed / "bin" / "python", "-I", "-c", script], env=BARE, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("6\n", "")


def test_libraries_come_from_the_package_pyarrow_and_the_system(installed):
    program, = installed.glob("lib/python3*/site-packages/tidemark/bin/tidemark")
    linked = subprocess.run(["ldd", program], env={}, capture_output=True, text=True).stdout
    assert "not found" not in linked
    for line in linked.splitlines():
        if "=> /" in line:
            path = pathlib.Path(line.split("=> ")[1].split(" (")[0]).resolve()
            ours = path.is_relative_to(installed.resolve())
            assert ours or path.is_relative_to("/usr/lib") or path.is_relative_to("/lib"), line
    assert str(ROOT).encode() not in b"".join(
        subprocess.run(["readelf", "-d", program], capture_output=True).stdout.splitlines())


def test_a_wheel_is_for_any_python_3_of_this_kind_of_machine(tmp_path):
    """Also that a build leaves the package's folder as it was."""
    before = sorted(path for path in (ROOT / "python").rglob("*") if "__pycache__" not in path.parts)
    done = subprocess.run([sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps", "-w",
                           tmp_path, ROOT / "python"], capture_output=True, text=True,
                          env={**BARE, **NETWORK, "TIDEMARK_BIN": PROGRAM})
    if done.returncode != 0 and "No matching distribution" in done.stderr and os.environ.get("CI") != "true":
        pytest.skip("no package registry is reachable")
    assert done.returncode == 0, done.stderr
    wheel, = tmp_path.glob("*.whl")
    assert "-py3-none-linux_" in wheel.name
    with zipfile.ZipFile(wheel) as packed:
        assert {"tidemark/py.typed", "tidemark/bin/tidemark", "tidemark/lib/libsqlite3.so.0.copyright"} <= set(packed.namelist())
    after = sorted(path for path in (ROOT / "python").rglob("*") if "__pycache__" not in path.parts)
    assert after == before


def test_types_are_strict():
    done = subprocess.run([sys.executable, "-m", "mypy", "--no-incremental", "--config-file", "pyproject.toml"],
                          cwd=ROOT / "python", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
