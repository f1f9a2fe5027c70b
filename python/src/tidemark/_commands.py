"""The program's commands as functions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ._config import destination_of, load, settings_of
from ._error import TidemarkError
from ._program import OnProgress, run
from ._results import CompactedTable, Plan, Status, Sync, SyncedTable, TrackedTable, Verification

Path = str | os.PathLike[str]


def sync(source: Path | None = None, *, to: Path | None = None, config: Path | None = None,
         tables: str | Iterable[str] = (), exclude: str | Iterable[str] = (), mode: str | None = None,
         workers: int | None = None, password: str | None = None, progress: OnProgress | None = None,
         arguments: Sequence[str] = ()) -> Sync:
    """Lands tables: everything the first time, then what changed.

    Either ``source`` (a SQLite file) and ``to`` (a folder), or ``config``, a configuration file.

    :param tables: only tables like these: names or ``schema.name``, with ``*`` and ``?``.
    :param exclude: leave out tables like these.
    :param mode: "full", "incremental" or "full_incremental", the default.
    :param workers: threads that work at once; as many as there are cores if not given.
    :param password: of the source. It reaches the program through its environment, never through its arguments.
    :param progress: called with a :class:`Progress` now and then, in this thread. What it raises stops the run cleanly.
    :param arguments: further options, as on the command line: ``["--compression", "snappy"]``.
    :raises TidemarkError: when nothing could be done at all. A table that failed is in the result instead.
    """
    words = ["sync", *_words(source, to, config, tables, exclude, mode, workers), *arguments]
    document = run(words, environment=_secrets(password), progress=progress)
    settings: Mapping[str, Any] = {}
    destination = os.fspath(to) if to is not None else ""
    if config is not None:
        loaded = load(config)
        settings = settings_of(loaded)
        destination = destination or destination_of(loaded, config)
    return synced(document, destination, settings)


def plan(source: Path | None = None, *, to: Path | None = None, config: Path | None = None,
         tables: str | Iterable[str] = (), exclude: str | Iterable[str] = (), mode: str | None = None,
         password: str | None = None, arguments: Sequence[str] = ()) -> Plan:
    """What :func:`sync` would do for each table, and why. Writes nothing."""
    words = ["plan", *_words(source, to, config, tables, exclude, mode, None), *arguments]
    return Plan(run(words, environment=_secrets(password)))


def verify(source: Path | None = None, *, to: Path | None = None, config: Path | None = None,
           tables: str | Iterable[str] = (), exclude: str | Iterable[str] = (), password: str | None = None,
           progress: OnProgress | None = None, arguments: Sequence[str] = ()) -> Verification:
    """Folds what was landed and compares it with the source, row by row. The result is true when all is equal."""
    words = ["verify", *_words(source, to, config, tables, exclude, None, None), *arguments]
    return Verification(run(words, environment=_secrets(password), progress=progress))


def compact(to: Path | None = None, *, config: Path | None = None, tables: str | Iterable[str] = (),
            exclude: str | Iterable[str] = (), prune: bool = False,
            arguments: Sequence[str] = ()) -> list[CompactedTable]:
    """Folds what was landed into a new base under ``current/``, with history where ``scd_type`` is 2.

    :param prune: remove the landed files that the base has taken in.
    """
    words = ["compact", *([os.fspath(to)] if to is not None else ["-c", _config_word(config)])]
    words += [*_globs(tables, exclude), *(["--prune"] if prune else []), *arguments]
    return [CompactedTable.of(table) for table in run(words)["tables"]]


def status(to: Path | None = None, *, config: Path | None = None, password: str | None = None,
           arguments: Sequence[str] = ()) -> Status:
    """What a destination knows of each table: version, rows, last run, how long until changes expire.

    :param config: only its tables, and what their databases say by now: ``lag_versions`` and ``next_reason``. ``to``
        beside it stands for its destination.
    """
    words = ["status", *_destination_words(to, config), *arguments]
    return Status(run(words, environment=_secrets(password)))


def track(action: str, file: Path, *tables: str, retention: str | None = None) -> list[TrackedTable]:
    """Change tracking in a SQLite database: ``action`` is "enable", "disable", "status" or "clean".

    :param tables: those meant; all if none is named.
    :param retention: of "enable": how long changes are kept, as "12h" or "7d".
    """
    words = ["track", action, os.fspath(file), *(["--retention", retention] if retention else [])]
    return [TrackedTable.of(table) for table in run([*words, "--", *tables])["tables"]]


def synced(document: Mapping[str, Any], to: str, settings: Mapping[str, Any]) -> Sync:
    return Sync(document, (
        SyncedTable(table, to, settings.get(f"{table['database']}.{table['schema']}.{table['table']}"))
        for table in document["tables"]))


def _words(source: Path | None, to: Path | None, config: Path | None, tables: str | Iterable[str],
           exclude: str | Iterable[str], mode: str | None, workers: int | None) -> list[str]:
    words: list[str] = []
    if config is not None:
        words += ["-c", _config_word(config)]
    elif source is None:
        raise TidemarkError("invalid", "neither a source nor a configuration is given",
                            'sync("shop.db", to="landing") or sync(config="pipeline.yaml")')
    if source is not None:
        words.append(os.fspath(source))
    if to is not None:
        words += ["--to", os.fspath(to)]
    words += _globs(tables, exclude)
    if mode is not None:
        words += ["--mode", mode]
    if workers is not None:
        words += ["--workers", str(workers)]
    return words


def _globs(tables: str | Iterable[str], exclude: str | Iterable[str]) -> list[str]:
    words: list[str] = []
    for option, globs in (("--table", tables), ("--exclude", exclude)):
        for glob in [globs] if isinstance(globs, str) else globs:
            words += [option, glob]
    return words


def _destination_words(to: Path | None, config: Path | None) -> list[str]:
    if config is None and to is not None:
        return [os.fspath(to)]
    return ["-c", _config_word(config), *(["--to", os.fspath(to)] if to is not None else [])]


def _config_word(config: Path | None) -> str:
    if config is None:
        raise TidemarkError("invalid", "neither a destination nor a configuration is given")
    return os.fspath(config)


def _secrets(password: str | None) -> dict[str, str]:
    return {"TIDEMARK_PASSWORD": password} if password is not None else {}
