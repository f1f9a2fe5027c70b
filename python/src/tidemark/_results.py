"""What the program reports, as Python objects. ``document`` is always the JSON it printed, whole."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._error import TidemarkError
from ._names import path_parts


def _error_of(document: Mapping[str, Any], member: str = "error") -> TidemarkError | None:
    error = document.get(member)
    return TidemarkError(error["kind"], error["message"], error.get("hint")) if error else None


class SyncedTable(dict[str, Any]):
    """What a sync did with one table.

    Its attributes are tidemark's own, as ``tidemark sync --json`` prints them. As a dictionary it has the members and
    the words of azsql_ct's results: ``database``, ``table`` ("schema.table"), ``status`` ("ok", "error", "skipped"),
    ``mode``, ``reason`` of what was skipped, ``error`` (text) of what failed, ``since_version``, ``current_version``,
    ``rows_written``, ``files`` (with the destination before them), ``duration_seconds``, ``scd_type``, ``soft_delete``,
    ``primary_key``, ``columns``, ``schema_version`` and ``schema_changed``.
    """

    def __init__(self, document: Mapping[str, Any], to: str, settings: Mapping[str, Any] | None = None) -> None:
        self.document = dict(document)
        self.database: str = document["database"]
        self.schema: str = document["schema"]
        self.name: str = document["table"]
        self.status: str = document["status"]
        """"ok", "failed" or "skipped"."""
        self.mode: str = document["mode"]
        """What was done: "full" or "incremental"."""
        self.reason: str = document["reason"]
        """Why: "first_load", "changes", "no_changes" and so on."""
        self.rows: int = document["rows"] or 0
        self.inserted: int = document["inserted"]
        self.updated: int = document["updated"]
        self.deleted: int = document["deleted"]
        self.version: int = document["version"]
        self.since_version: int | None = document["since_version"]
        self.bytes: int = document["bytes"]
        self.files: tuple[str, ...] = tuple(document["files"])
        """Paths under the destination."""
        self.duration_seconds: float = document["duration_seconds"]
        self.attempts: int = document["attempts"]
        self.waited_seconds: float = document["waited_seconds"]
        """Between the attempts."""
        self.resumed_rows: int = document["resumed_rows"]
        """Of ``rows``: read by an earlier run, whose load this one ended."""
        self.error: TidemarkError | None = _error_of(document)
        self.warnings: tuple[str, ...] = tuple(document["warnings"])
        super().__init__(self._as_azsql_ct(to, settings or {}))

    def _as_azsql_ct(self, to: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = {"database": self.database, "table": f"{self.schema}.{self.name}"}
        if self.error is not None or self.status == "failed":
            return {**known, "status": "error", "error": str(self.error), "mode": self.mode}
        is_skipped = self.status == "skipped" or self.reason == "no_changes"
        known["status"] = "skipped" if is_skipped else "ok"
        if is_skipped:
            known["reason"] = self.reason.replace("_", " ")
        schema = _landed_schema(to, self)
        return {
            **known,
            "mode": self.mode,
            "scd_type": settings.get("scd_type", 1),
            "soft_delete": settings.get("soft_delete", False),
            "since_version": self.since_version,
            "current_version": self.version,
            "rows_written": self.rows,
            "files": [os.path.join(to, file) for file in self.files],
            "duration_seconds": round(self.duration_seconds, 2),
            "primary_key": schema.key,
            "columns": schema.columns,
            "schema_version": schema.version,
            "schema_changed": self.reason in ("schema_changed", "widened"),
        }


@dataclass
class _LandedSchema:
    columns: list[dict[str, Any]] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    version: int = 0


def _landed_schema(to: str, table: SyncedTable) -> _LandedSchema:
    """From the destination's own records; empty where they are not on this machine's disk."""
    landed = _LandedSchema()
    for parts in path_parts(table.database, table.schema, table.name):
        place = pathlib.Path(to, "watermarks", *parts, "schema.json")
        if not place.is_file():
            continue
        schema = json.loads(place.read_text(encoding="utf-8"))
        landed.version = schema["schema_version"]
        kept = ("name", "type", "precision", "scale")
        landed.columns = [{name: column[name] for name in kept if name in column} for column in schema["columns"]
                          if column.get("last_seen") == schema.get("updated_at")]
        state = pathlib.Path(to, "_tidemark", "state", *parts[:-1], parts[-1] + ".json")
        if state.is_file():
            landed.key = json.loads(state.read_text(encoding="utf-8")).get("key", [])
        break
    return landed


class Sync(list[SyncedTable]):
    """What a sync did, a :class:`SyncedTable` each table. A table that failed does not raise: look at ``failed``."""

    def __init__(self, document: Mapping[str, Any], tables: Iterable[SyncedTable]) -> None:
        super().__init__(tables)
        self.document = dict(document)
        self.run_id: str = document.get("run_id", "")
        self.started_at: str = document.get("started_at", "")
        self.duration_seconds: float = document.get("duration_seconds", 0.0)
        self.rows: int = document.get("rows", 0)
        self.bytes: int = document.get("bytes", 0)
        self.failed: int = document.get("failed", 0)
        """How many tables failed."""

    def raise_failed(self) -> Sync:
        """Raises the first table's error, if any table failed; else gives this back."""
        for table in self:
            if table.error is not None:
                raise table.error
        return self


@dataclass(frozen=True)
class PlannedTable:
    """What a sync would do with one table. ``rows`` is an estimate, or None."""

    database: str
    schema: str
    name: str
    status: str
    mode: str
    reason: str
    rows: int | None
    version: int
    since_version: int | None
    error: TidemarkError | None
    warnings: tuple[str, ...]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> PlannedTable:
        return cls(document["database"], document["schema"], document["table"], document["status"], document["mode"],
                   document["reason"], document["rows"], document["version"], document["since_version"],
                   _error_of(document), tuple(document["warnings"]), document)


class Plan(list[PlannedTable]):
    """What a sync would do."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(map(PlannedTable.of, document["tables"]))
        self.document = dict(document)
        self.failed: int = document["failed"]


@dataclass(frozen=True)
class VerifiedTable:
    """One table as landed, beside the source. ``pending`` rows wait for the next sync; they are no difference."""

    database: str
    schema: str
    name: str
    status: str
    """"equal", "different" or "failed" (could not be compared)."""
    rows_source: int
    rows_landed: int
    missing: int
    extra: int
    different: int
    pending: int
    examples: tuple[str, ...]
    """A few keys of each kind: "missing: id=42"."""
    error: TidemarkError | None
    warnings: tuple[str, ...]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> VerifiedTable:
        return cls(document["database"], document["schema"], document["table"], document["status"],
                   document["rows_source"], document["rows_landed"], document["missing"], document["extra"],
                   document["different"], document["pending"], tuple(document["examples"]), _error_of(document),
                   tuple(document["warnings"]), document)


class Verification(list[VerifiedTable]):
    """What :func:`tidemark.verify` found. It is true when every table is equal."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(map(VerifiedTable.of, document["tables"]))
        self.document = dict(document)
        self.failed: int = document["failed"]
        """How many tables differ or could not be compared."""
        self.sample: Mapping[str, Any] | None = document["sample"]
        """``seed`` and ``rows`` or ``share`` of a look at a part of each table; None: all of it was compared."""

    def __bool__(self) -> bool:
        return self.failed == 0


@dataclass(frozen=True)
class CompactedTable:
    """What compact did with one table: its rows as they are, or with their history, under ``current/``."""

    database: str
    schema: str
    name: str
    status: str
    """"ok", "failed" or "skipped"."""
    compacted: bool
    """Whether there was anything to do."""
    rows: int
    files: tuple[str, ...]
    pruned_files: int
    error: TidemarkError | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> CompactedTable:
        return cls(document["database"], document["schema"], document["table"], document["status"],
                   document["compacted"], document["rows"], tuple(document["files"]), document["pruned_files"],
                   _error_of(document), document)


@dataclass(frozen=True)
class StatusTable:
    """What the destination knows of one table."""

    database: str
    schema: str
    name: str
    version: int
    rows: int
    """In its files: each change is a row of its own."""
    files: int
    last_run: Mapping[str, Any]
    """``run_id``, ``mode``, ``reason`` and ``finished_at`` of the last run that landed something."""
    checked_at: str | None
    """Until when it was known to be in step."""
    expires_in_seconds: int | None
    """How long until the source forgets changes that were not landed; None: it never does, or nobody knows."""
    lag_seconds: int | None
    """How long ago it was known to be in step; None: never landed."""
    lag_versions: int | None
    """Versions that are not landed; None: the source was not asked, or they cannot be compared."""
    next_reason: str | None
    """What a sync would do now, as :attr:`PlannedTable.reason`; None: the source was not asked."""
    warnings: tuple[str, ...]
    last_error: TidemarkError | None
    """Of its last run, had that one failed."""
    error: TidemarkError | None
    """Its record cannot be read."""
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> StatusTable:
        return cls(document["database"], document["schema"], document["table"], document["version"], document["rows"],
                   document["files"], document["last_run"], document["checked_at"], document["expires_in_seconds"],
                   document["lag_seconds"], document["lag_versions"], document["next_reason"],
                   tuple(document["warnings"]), _error_of(document, "last_error"), _error_of(document), document)


class Status(list[StatusTable]):
    """What :func:`tidemark.status` found."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(map(StatusTable.of, document["tables"]))
        self.document = dict(document)
        self.others: tuple[str, ...] = tuple(".".join(other[part] for part in ("database", "schema", "table"))
                                             for other in document["others"])
        """Tables at the destination that the configuration does not choose: "database.schema.table"."""


@dataclass(frozen=True)
class TrackedTable:
    """What change tracking did with, or knows of, one table. ``document`` has all of it."""

    name: str
    status: str
    """"enabled", "unchanged", "disabled", "cleaned", "skipped"; of "status": "tracked" or "untracked"."""
    because: str
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> TrackedTable:
        status = document.get("status") or ("tracked" if document["is_tracked"] else "untracked")
        return cls(document["table"], status, document["because"], document)
