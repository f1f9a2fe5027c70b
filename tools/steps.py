"""How the demos show what they do: a heading, the command as a user types it, what it prints."""

import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDEMARK = os.environ.get("TIDEMARK_BIN", str(ROOT / "build" / "release" / "tidemark"))
WARNINGS_SHOWN = 2


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else f"\n{text}", flush=True)


def shortened(lines, last_lines):
    return lines if last_lines is None or len(lines) <= last_lines else ["..."] + lines[-last_lines:]


def tidemark(folder, *words, last_lines=None, code=0, environment=None, warnings_shown=WARNINGS_SHOWN):
    """Runs the program in that folder; anything but `code` (None: whatever comes) ends the demo."""
    print(f"$ tidemark {shlex.join(words)}", flush=True)
    done = subprocess.run([TIDEMARK, *words], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})
    warnings = [line for line in done.stderr.splitlines() if line.startswith("tidemark: warning: ")]
    others = [line for line in done.stderr.splitlines() if line not in warnings]
    for line in warnings[:warnings_shown] + others:
        print(line)
    if len(warnings) > warnings_shown:
        print(f"... and {len(warnings) - warnings_shown} more warnings of this kind")
    print("\n".join(shortened(done.stdout.splitlines(), last_lines)), flush=True)
    if code is not None and done.returncode != code:
        sys.exit(f"tidemark ended with {done.returncode}")
