"""azsql_ct's class, on tidemark."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from . import _config
from ._commands import synced
from ._error import TidemarkError
from ._program import OnProgress, run
from ._results import Plan, Status, Sync, Verification

Path = str | os.PathLike[str]


class ChangeTracker:
    """A pipeline: a connection, tables, and the folder they are landed in.

    Takes what azsql_ct's class of this name takes. ``output_dir`` and ``watermark_dir`` are ``data`` and ``watermarks``
    of one folder, the destination, as tidemark's files belong together; ``to`` names that folder itself.
    ``max_workers`` are threads, of which several may read one table. ``batch_size`` changes nothing: memory is bounded
    without it. Reads are always of one snapshot, with ``snapshot_isolation`` or without.

    The password is handed to the program through its environment, never through its arguments or a file.
    """

    def __init__(self, server: str = "", user: str = "", password: str = "", *, output_dir: Path | None = None,
                 watermark_dir: Path | None = None, max_workers: int = 1, batch_size: int | None = None,
                 snapshot_isolation: bool = True, output_manifest: Path | None = None, output_format: str = "per_table",
                 parquet_compression: str = "zstd", parquet_compression_level: int | None = None,
                 row_group_size: int = 500_000, to: Path | None = None) -> None:
        connection = {"server": server, "sql_login": user, "password": password}
        storage: dict[str, Any] = {
            "output_format": output_format,
            "parquet_compression": parquet_compression,
            "row_group_size": row_group_size,
        }
        if parquet_compression_level is not None:
            storage["parquet_compression_level"] = parquet_compression_level
        self._settings: dict[str, Any] = {
            "connection": {name: value for name, value in connection.items() if value},
            "storage": storage,
        }
        self._path: str | None = None  # of the file that the settings came from
        self._is_changed = False  # since then
        self._to: str | None = _destination(to, output_dir, watermark_dir, output_manifest) or "."
        self.max_workers: int | None = max(1, max_workers)
        """Threads; None: as the configuration says, else as many as there are cores."""

    @classmethod
    def from_config(cls, config: Path | Mapping[str, Any], *, max_workers: int | None = None,
                    output_dir: Path | None = None, watermark_dir: Path | None = None,
                    output_manifest: Path | None = None, batch_size: int | None = None,
                    snapshot_isolation: bool | None = None, to: Path | None = None) -> ChangeTracker:
        """From a configuration: a YAML or JSON file, or a dictionary of the same keys.

        ``${NAME}`` in it is taken from the environment, then from a file ``.env``. Arguments come before it.
        """
        tracker = cls()
        if isinstance(config, Mapping):
            tracker._settings = dict(config)
        else:
            tracker._path = os.fspath(config)
            tracker._settings = _config.load(config)
        tracker._to = _destination(to, output_dir, watermark_dir, output_manifest)
        tracker.max_workers = max_workers
        return tracker

    @property
    def server(self) -> str:
        """The server's name, as configured."""
        return str((self._settings.get("connection") or {}).get("server", ""))

    @property
    def user(self) -> str:
        """The login, as configured."""
        return str((self._settings.get("connection") or {}).get("sql_login", ""))

    @property
    def tables(self) -> _config.Tables:
        """``{database: {schema: tables}}``: "*", a list of names, or a map of names with a mode or settings each."""
        return _config.tables_of(self._settings)

    @tables.setter
    def tables(self, value: _config.Tables) -> None:
        _config.check_tables(value)
        self._settings = _config.with_tables(self._settings, value)
        self._is_changed = True

    def sync(self, *, progress: OnProgress | None = None) -> Sync:
        """Lands every table in its own mode. A table that failed is in the result; see :func:`tidemark.sync`."""
        return self._sync([], progress)

    def incremental_load(self, *, progress: OnProgress | None = None) -> Sync:
        """Lands what changed, of every table; one that was never landed fails."""
        return self._sync(["--mode", "incremental"], progress)

    def full_load(self, *, progress: OnProgress | None = None) -> Sync:
        """Lands every table whole."""
        return self._sync(["--mode", "full"], progress)

    def plan(self) -> Plan:
        """What :meth:`sync` would do for each table, and why. Writes nothing."""
        return Plan(self._run("plan", [], None))

    def verify(self, *, progress: OnProgress | None = None) -> Verification:
        """Compares what was landed with the source, row by row."""
        return Verification(self._run("verify", [], progress))

    def status(self) -> Status:
        """What the destination knows of each table, and how far it is behind its source."""
        if self._to is not None and not _config.tables_of(self._settings):
            return Status(run(["status", self._to]))
        return Status(self._run("status", [], None))

    def test_connectivity(self) -> bool:
        """Whether the source can be reached and lets us in."""
        try:
            self.plan()
        except TidemarkError as error:
            if error.kind in ("not_found", "denied", "unavailable"):
                return False
            raise
        return True

    def close(self) -> None:
        """Nothing is open between calls."""

    def __enter__(self) -> ChangeTracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        to = self._to or _config.destination_of(self._settings, self._path)
        return f"ChangeTracker(server={self.server!r}, user={self.user!r}, to={to!r})"

    def _sync(self, words: list[str], progress: OnProgress | None) -> Sync:
        document = self._run("sync", words, progress)
        to = self._to or _config.destination_of(self._settings, self._path)
        return synced(document, to, _config.settings_of(self._settings))

    def _run(self, command: str, words: list[str], progress: OnProgress | None) -> dict[str, Any]:
        if not _config.tables_of(self._settings):
            raise TidemarkError("invalid", "no tables are configured",
                                "set .tables, or databases: in the configuration")
        words = [*(["--to", self._to] if self._to else []), *words]
        if command != "status":
            words = [*(["--workers", str(self.max_workers)] if self.max_workers else []), *words]
        if self._path is not None and not self._is_changed:
            return run([command, "-c", self._path, *words], progress=progress)
        with _config.handed_over(self._settings) as (path, secrets):
            environment = {**_config.variables_beside(self._path), **secrets}
            return run([command, "-c", path, *words], environment=environment, progress=progress)


def _destination(to: Path | None, output_dir: Path | None, watermark_dir: Path | None,
                 output_manifest: Path | None) -> str | None:
    """The one folder that azsql_ct's places are in; None: none was named."""
    named = {"to": (to, ""), "output_dir": (output_dir, "data"), "watermark_dir": (watermark_dir, "watermarks"),
             "output_manifest": (output_manifest, "output.yaml")}
    folders: dict[str, str] = {}
    for argument, (path, last) in named.items():
        if path is not None:
            text = os.fspath(path)
            place = pathlib.PurePath(text)
            folders[argument] = str(place.parent) if last and place.name == last else text
    if len(set(folders.values())) > 1:
        raise TidemarkError("invalid", f"{' and '.join(folders)} are not in the same folder",
                            "data, watermarks and output.yaml stand in one folder: to=FOLDER names it")
    return next(iter(folders.values()), None)
