"""Finds the program that came with this package and runs it."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from ._error import TidemarkError

logger = logging.getLogger("tidemark")

_HERE = pathlib.Path(__file__).resolve().parent
_INTERRUPTED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def find_program() -> str:
    """The path of the program: ``TIDEMARK_BIN`` if it is set, else the one inside this package."""
    named = os.environ.get("TIDEMARK_BIN")
    if named:
        return named
    program = _HERE / "bin" / "tidemark"
    if program.is_file():
        return str(program)
    raise TidemarkError("not_found", f"{program}: the program is not there",
                        "an editable install does not carry it: set TIDEMARK_BIN to a built tidemark")


def environment_for(program: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the program runs in: this process's environment, and where Arrow is if that is not beside us."""
    environment = {**os.environ, **(more or {})}
    is_ours = pathlib.Path(program).parent == _HERE / "bin"
    if is_ours and not (_HERE.parent / "pyarrow").is_dir():
        arrow = importlib.util.find_spec("pyarrow")
        if arrow is not None and arrow.submodule_search_locations:
            folders = [*arrow.submodule_search_locations, environment.get("LD_LIBRARY_PATH", "")]
            environment["LD_LIBRARY_PATH"] = ":".join(filter(None, folders))
    return environment


def main() -> NoReturn:
    """The console script: becomes the program, so that signals, terminals and exit codes are its own."""
    try:
        program = find_program()
        os.execve(program, ["tidemark", *sys.argv[1:]], environment_for(program))
    except (TidemarkError, OSError) as error:
        raise SystemExit(f"tidemark: error: {error}") from None


@dataclass(frozen=True)
class Progress:
    """One event of a run that goes on.

    ``event`` is "planned" (``tables`` and perhaps ``estimated_rows`` are known), "began", "advanced" (``rows`` so far,
    at most ten times a second for each table) or "ended" (``ok``). ``table`` is its bare name.
    """

    event: str
    database: str | None = None
    schema: str | None = None
    table: str | None = None
    tables: int | None = None
    estimated_rows: int | None = None
    rows: int = 0
    bytes: int = 0
    ok: bool | None = None


OnProgress = Callable[[Progress], None]


def run(words: Sequence[str], *, environment: Mapping[str, str] | None = None,
        progress: OnProgress | None = None) -> dict[str, Any]:
    """Runs the program and gives back its JSON document.

    Warnings go to the logger "tidemark". The callback is called in the caller's thread. Whatever is raised meanwhile,
    KeyboardInterrupt among others, stops the program at its next safe point before it goes on to the caller.
    """
    program = find_program()
    told = ["--json", "--log-format", "json", "--progress", "json" if progress else "none"]
    command = [program, words[0], *told, *words[1:]]
    try:
        # A session of its own: Ctrl-C reaches this process, and the program hears of it from us, once.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment_for(program, environment), text=True, encoding="utf-8",
                                   errors="replace", start_new_session=True)
    except OSError as error:
        raise TidemarkError("unavailable", f"{program} cannot be started: {error}") from error
    assert process.stdout is not None and process.stderr is not None
    printed: list[str] = []
    reading = threading.Thread(target=_read, args=(process.stdout, printed), daemon=True)
    reading.start()
    try:
        failures = _listen(process.stderr, progress)
        reading.join()
        code = process.wait()
    except BaseException:
        _stop(process)
        raise
    finally:
        process.stderr.close()
        reading.join()
        process.stdout.close()
    if code in _INTERRUPTED or not printed or not printed[0].strip():
        if code in _INTERRUPTED:
            raise TidemarkError("cancelled", "interrupted; what was committed stays",
                                "the same call again goes on", code)
        failure = failures.pop() if failures else TidemarkError("internal", f"the program ended with {code}")
        failure.exit_code = code
        raise failure
    for failure in failures:
        logger.error("%s", failure)
    document: dict[str, Any] = json.loads(printed[0])
    return document


def _read(stream: IO[str], into: list[str]) -> None:
    into.append(stream.read())


def _listen(stream: IO[str], progress: OnProgress | None) -> list[TidemarkError]:
    """Takes what the program says until it says no more. Gives back the errors, the one that ended it last."""
    failures: list[TidemarkError] = []
    for line in stream:
        try:
            said = json.loads(line)
        except ValueError:
            logger.warning("%s", line.rstrip("\n"))  # of a library, say of the loader
            continue
        if "progress" in said:
            if progress is not None:
                known = {name: said[name] for name in Progress.__dataclass_fields__ if said.get(name) is not None}
                progress(Progress(event=said["progress"], **known))
        elif said.get("level") == "error":
            failures.append(TidemarkError(said.get("kind", "internal"), said.get("message", ""), said.get("hint")))
        else:
            level = logging.WARNING if said.get("level") == "warning" else logging.DEBUG
            logger.log(level, "%s", said.get("message", ""))
    return failures


def _stop(process: subprocess.Popen[str]) -> None:
    """Asks the program to stop and waits until it did; asked a second time it ends at once."""
    assert process.stderr is not None
    process.stderr.close()  # what it still says is heard by nobody, and must not hold it up
    try:
        process.send_signal(signal.SIGINT)
        process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
