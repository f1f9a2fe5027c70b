"""The order of folders and the size of files, as CONTRIBUTING.md states them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/', re.MULTILINE)
LINES_MAX = 800

# What each folder may include from, beside itself.
ALLOWED = {
    "base": set(),
    "model": {"base"},
    "object": {"base", "model"},
    "source": {"base", "model", "object"},
    "encode": {"base", "model", "object"},
    "commit": {"base", "model", "object", "source"},
    "fold": {"base", "model", "object", "source", "encode", "commit"},
}
ALLOWED["sync"] = {*ALLOWED, "fold"}
ALLOWED["jobs"] = {"base", "model", "object", "source", "encode", "commit", "fold"}
ALLOWED["config"] = {"base"}
ALLOWED["library"] = {*ALLOWED, "sync"}
# Pipelines through include/tidemark/tidemark.h alone; the rest is of `track` and `schema`.
ALLOWED["cli"] = {"base", "model", "source", "config"}


def sources():
    listed = subprocess.run(["git", "ls-files", "--", "src", "tests", "bench", "tools", "dev"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def wrong_includes(path, text):
    folder = path.relative_to(ROOT / "src").parts[0]
    included = set(INCLUDE.findall(text))
    return sorted((included & ALLOWED.keys()) - ALLOWED[folder] - {folder})


def test_no_include_runs_up():
    problems = []
    looked_at = 0
    for path in sources():
        if path.is_relative_to(ROOT / "src") and path.suffix in {".h", ".cc"}:
            looked_at += 1
            for folder in wrong_includes(path, path.read_text()):
                problems.append(f"{path.relative_to(ROOT)} includes from {folder}/")
    assert looked_at > 20
    assert problems == []


def test_every_folder_has_a_place_in_the_order():
    folders = {path.relative_to(ROOT / "src").parts[0] for path in sources()
               if path.is_relative_to(ROOT / "src") and path.suffix in {".h", ".cc"}}
    assert folders <= ALLOWED.keys()


def test_an_include_that_runs_up_is_found():
    assert wrong_includes(ROOT / "src/base/x.h", '#include "model/table.h"\n') == ["model"]
    assert wrong_includes(ROOT / "src/encode/x.cc", '#include "source/source.h"\n') == ["source"]
    assert wrong_includes(ROOT / "src/cli/x.cc", '#include "library/opened.h"\n#include "sync/sync.h"\n') == [
        "library", "sync"]
    assert wrong_includes(ROOT / "src/fold/x.cc", '#include "source/source.h"\n') == []


def test_no_file_has_outgrown_a_reader():
    long = [f"{path.relative_to(ROOT)}: {lines} lines" for path in sources()
            if path.suffix in {".h", ".cc", ".py", ""}
            and (lines := path.read_text().count("\n")) > LINES_MAX]
    assert long == []


def test_no_path_of_one_machine_and_no_secret_stands_in_the_repository():
    found = subprocess.run(
        ["git", "grep", "-nIE", r"(^|[^a-z.])/(work|farm|root)/[a-z.]|BEGIN [A-Z ]*PRIVATE KEY", "--", ".",
         ":!tests/e2e/test_structure.py"], cwd=ROOT, capture_output=True, text=True).stdout
    assert found == ""
