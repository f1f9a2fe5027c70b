"""What README and docs/ show is what happens: their examples are run, and their links lead somewhere.

In a page, all blocks marked console, python and duckdb run in turn in one new folder:

  console  lines after "$ " are commands ("> " goes on with one), the lines below are what they print; it is compared,
           where "…" stands for anything within a line and a line of only "…" for any lines. A command that is to fail
           ends with "# exit N".
  python   a program; a block marked text right after it is what it prints
  duckdb   statements

Blocks marked otherwise, and indented ones, are only read.
"""

import os
import pathlib
import re
import subprocess
import sys

import duckdb
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDEMARK = pathlib.Path(os.environ.get("TIDEMARK_BIN", ROOT / "build" / "release" / "tidemark"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "python" / "README.md"])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(page):
    return [(match[1], match[2]) for match in BLOCK.finditer(page.read_text())]


def pattern_of(expected):
    """The regular expression that a block's expected lines stand for."""
    lines = []
    for line in expected.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            # Columns are as wide as their widest value: blanks count as one.
            words = re.split(r"\s+", line.strip())
            lines.append(r"[ \t]*" + r"[ \t]+".join(".*".join(map(re.escape, word.split("…"))) for word in words)
                         + r"[ \t]*\n")
    return "".join(lines)


def commands_of(text):
    """[command, expected output, exit code] of a console block."""
    commands = []
    for line in text.splitlines():
        if line.startswith("$ "):
            code = re.search(r"\s*# exit (\d+)$", line)
            commands.append([line[2:len(line) - len(code[0])] if code else line[2:], "", int(code[1]) if code else 0])
        elif line.startswith("> "):
            commands[-1][0] += "\n" + line[2:]
        else:
            commands[-1][1] += line + "\n"
    return commands


class Page:
    def __init__(self, folder):
        self.folder = folder
        path = f"{TIDEMARK.parent}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "TIDEMARK_BIN": str(TIDEMARK),
                            "PYTHONPATH": str(ROOT / "python" / "src"), "TERM": "dumb"}
        self.environment.pop("NO_COLOR", None)

    def run(self, words):
        return subprocess.run(words, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)

    def console(self, text):
        for command, expected, code in commands_of(text):
            done = self.run(["bash", "-c", command])
            assert done.returncode == code, f"$ {command}\n{done.stdout}"
            same = re.fullmatch(pattern_of(expected), done.stdout)
            assert same or not expected.strip(), f"$ {command}\n--- prints\n{done.stdout}--- the page says\n{expected}"

    def python(self, text, expected):
        done = self.run([sys.executable, "-c", text])
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        if expected is not None:
            same = re.fullmatch(pattern_of(expected), done.stdout)
            assert same, f"{text}\n--- prints\n{done.stdout}--- the page says\n{expected}"

    def duckdb(self, text):
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            with duckdb.connect() as connection:
                connection.execute(text)
        finally:
            os.chdir(before)


RUNNABLE = [page for page in PAGES if any(kind in ("console", "python", "duckdb") for kind, _ in blocks_of(page))]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_examples_do_what_the_page_says(page, tmp_path):
    place = Page(tmp_path)
    blocks = blocks_of(page)
    for (kind, text), (next_kind, following) in zip(blocks, [*blocks[1:], ("", "")]):
        if kind == "console":
            place.console(text)
        elif kind == "python":
            place.python(text, following if next_kind == "text" else None)
        elif kind == "duckdb":
            place.duckdb(text)


def test_the_comparison_can_fail():
    assert re.fullmatch(pattern_of("a  … c\n"), "a b   c\n")
    assert not re.fullmatch(pattern_of("a … c\n"), "a b d\n")
    assert re.fullmatch(pattern_of("a\n…\nz\n"), "a\n1\n2\nz\n") and not re.fullmatch(pattern_of("a\n"), "a\nb\n")
    assert commands_of("$ x  # exit 2\nsaid\n$ y\n> z\n") == [["x", "said\n", 2], ["y\nz", "", 0]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in anchors, link
