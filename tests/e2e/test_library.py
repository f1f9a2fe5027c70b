"""The C++ library as somebody else uses it: installed, found by CMake, linked, run."""

import os
import shutil
import subprocess

import pytest
from conftest import ROOT, TIDEMARK


def test_an_installed_library_is_found_and_does_the_whole_job(shop, tmp_path):
    build = os.path.dirname(TIDEMARK)
    prefix, consumer = tmp_path / "prefix", tmp_path / "consumer"
    done = subprocess.run(["cmake", "--install", build, "--prefix", prefix], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in (["cmake", "-S", ROOT / "tests" / "library", "-B", consumer, "-G", "Ninja",
                     f"-DCMAKE_PREFIX_PATH={prefix}", *sanitizers(build)],
                    ["cmake", "--build", consumer]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    config = tmp_path / "pipeline.yaml"
    config.write_text(f"connection: {{path: {shop.path}}}\nstorage: {{ingest_pipeline: {shop.dest}}}\n"
                      "databases: {shop: {schemas: {main: {tables: '*'}}}}\n")
    done = subprocess.run([consumer / "consumer", shop.path, shop.dest, config], capture_output=True, text=True,
                          cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "plan t first_load",
        "sync 100 rows, told 100, tables ended 1, failed 0",
        "verify equal",
        "status 100 rows",
        "service 3 runs",
        "compact 100 rows, ok",
        "stopped 1",
        "again 3 rows, 2 tables",
        "unknown invalid about oracle://me@there/db",
        'misspelt no store takes a setting "s3.regoin"',
        "refused 1: configuration no such file.yaml: no such file",
    ]
    shop.assert_equal()
    # What the documentation shows, where it says that it works.
    shop.path.rename(tmp_path / "shop.db")
    done = subprocess.run([consumer / "page"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr, sorted(done.stdout.split())) == (0, "", ["log", "t"])
    assert (tmp_path / "landing" / "output.yaml").is_file()


def sanitizers(build):
    """What the archive was built with, the program that links it needs too."""
    for line in open(os.path.join(build, "CMakeCache.txt")):
        if line.startswith("TIDEMARK_SANITIZE:") and line.strip().split("=", 1)[1]:
            return [f"-DCMAKE_CXX_FLAGS=-fsanitize={line.strip().split('=', 1)[1]}"]
    return []


def test_the_header_needs_nothing_but_the_standard_library(tmp_path):
    compiler = shutil.which("g++")
    if not compiler:
        pytest.skip("g++ is not on this machine")
    source = tmp_path / "alone.cc"
    source.write_text('#include "tidemark/tidemark.h"\nint main() { return tidemark::Failure().hint.size(); }\n')
    done = subprocess.run([compiler, "-std=c++23", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                           "-I", ROOT / "include", source], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
