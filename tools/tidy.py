"""Runs clang-tidy over every source of ours in a compile_commands.json.

    tidy.py BUILD_FOLDER JOBS

A file whose text, headers of ours and rules have not changed since it was last found clean is not
looked at again; what was found clean is kept in BUILD_FOLDER/tidy-clean.
"""

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def own_files(path, seen):
    """`path` and what it includes of ours, directly or not."""
    if path in seen or not path.is_file():
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_text()):
        for base in (ROOT / "src", ROOT / "include", ROOT, path.parent):
            if (base / name).is_file():
                own_files((base / name).resolve(), seen)
                break


def digest_of(path, rules):
    seen = set()
    own_files(path, seen)
    digest = hashlib.sha256(rules)
    for file in sorted(seen):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def main(build, jobs):
    commands = json.loads((build / "compile_commands.json").read_text())
    files = sorted({Path(c["file"]) for c in commands if Path(c["file"]).is_relative_to(ROOT)})
    files = [f for f in files if not f.is_relative_to(ROOT / "build")]
    rules = (ROOT / ".clang-tidy").read_bytes()
    clean_folder = build / "tidy-clean"
    clean_folder.mkdir(exist_ok=True)

    def check(path):
        stamp = clean_folder / digest_of(path, rules)
        if stamp.exists():
            return True
        run = subprocess.run(
            ["clang-tidy-19", "--quiet", "--warnings-as-errors=*", "-p", str(build), str(path)],
            cwd=ROOT, capture_output=True, text=True)
        if run.returncode == 0:
            stamp.touch()
            return True
        print(run.stdout or run.stderr, flush=True)
        return False

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(check, files))
    print(f"{results.count(True)} of {len(files)} files are clean")
    return 0 if all(results) and files else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), int(sys.argv[2])))
