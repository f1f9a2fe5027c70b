"""Change tracking: what a commit leaves behind, and what CHANGETABLE makes of it.

The rules' numbers (C1.1 …) are those of the reference page on change tracking; tests cite them.
"""

from __future__ import annotations

import bisect
import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .seam import SqlError

Key = tuple[Any, ...]


@dataclass
class Change:
    """One change of one row. A visible interval of commits, since cleanup must not be seen by older snapshots."""

    version: int
    key: Key
    key_values: tuple[Any, ...]
    operation: str  # I, U or D
    columns: frozenset[int] | None  # ids that an update touched; None: all or unknown
    context: bytes | None
    commit: int
    removed: int | None = None

    def is_visible(self, commit: int) -> bool:
        return self.commit <= commit and (self.removed is None or self.removed > commit)


@dataclass
class NetChange:
    """One row of CHANGETABLE(CHANGES …)."""

    version: int
    creation_version: int | None
    operation: str
    columns: bytes | None
    context: bytes | None
    key: Key
    key_values: tuple[Any, ...]


@dataclass
class TableTracking:
    begin_version: int
    internal_id: int
    internal_created: datetime.datetime
    track_columns: bool = False
    cleanup_version: int = 0
    changes: list[Change] = field(default_factory=list)

    @property
    def min_valid_version(self) -> int:
        return max(self.begin_version, self.cleanup_version)

    def since(self, version: int | None, commit: int) -> Iterator[Change]:
        at = 0 if version is None else bisect.bisect_right(self.changes, version, key=lambda c: c.version)
        return (change for change in self.changes[at:] if change.is_visible(commit))

    def net(self, version: int | None, commit: int, quirks: Quirks) -> list[NetChange]:
        """At most one row a key (C1.1), relative to the version asked for (C1.3)."""
        by_key: dict[Key, list[Change]] = {}
        for change in self.since(version, commit):
            by_key.setdefault(change.key, []).append(change)
        rows = []
        for key, changes in by_key.items():
            row = _net_of(key, changes, quirks)
            if row is not None:
                rows.append(row)
        return rows


@dataclass
class Quirks:
    """What documentation leaves open, or what some build got wrong; each may be ordered by a test."""

    insert_then_delete: str = "D"  # C1.6: "D", or "" for no row at all
    insert_before_delete: bool = False  # C1.7, KB4135113: an update is noted as an I before a D
    version_is_latest: bool = False  # CHANGE_TRACKING_CURRENT_VERSION() ignores the snapshot (C3, must test)
    truncate_takes_version: bool = False  # TRUNCATE moves the database's version (C1.8)
    reads_wait: bool = False  # READ COMMITTED waits for rows that others have changed and not committed
    enable_keeps_version: bool = False  # OFF and ON goes on with the old counter instead of 0


def _net_of(key: Key, changes: list[Change], quirks: Quirks) -> NetChange | None:
    first, last = changes[0], changes[-1]
    existed = first.operation != "I"
    if last.operation == "D":
        operation = "D"
        if not existed and not quirks.insert_then_delete and not quirks.insert_before_delete:
            return None
    else:
        # A deleted and inserted row is an update of all columns (C1.4).
        operation = "U" if existed else "I"
    created = next((c.version for c in reversed(changes) if c.operation == "I"), None)
    columns: bytes | None = None
    if operation == "U" and all(c.operation == "U" and c.columns is not None for c in changes):
        ids = frozenset().union(*(c.columns or frozenset() for c in changes))
        columns = b"\0\0\0\0" + b"".join(i.to_bytes(4, "little") for i in sorted(ids))
    return NetChange(last.version, created, operation, columns, last.context, key, last.key_values)


@dataclass
class DatabaseTracking:
    retention: int = 2
    unit: str = "DAYS"  # MINUTES, HOURS or DAYS
    auto_cleanup: bool = True
    version: int = 0
    commits: list[tuple[int, datetime.datetime, int]] = field(default_factory=list)  # version, time, commit
    # Change entries of transactions are given their version here, at commit (C2.1).

    @property
    def retention_units(self) -> int:
        return {"MINUTES": 1, "HOURS": 2, "DAYS": 3}[self.unit]

    @property
    def retention_time(self) -> datetime.timedelta:
        return datetime.timedelta(**{self.unit.lower(): self.retention})

    def version_at(self, commit: int) -> int:
        """The version of the last transaction that a reader of that commit sees."""
        for version, _, number in reversed(self.commits):
            if number <= commit:
                return version
        return self.commits[0][0] - 1 if self.commits else self.version

    def expired_version(self, now: datetime.datetime) -> int:
        """The last version that is older than the retention."""
        limit = now - self.retention_time
        return max((version for version, time, _ in self.commits if time < limit), default=0)


def clean(tracking: TableTracking, up_to: int, commit: int) -> int:
    """Removes the changes up to that version, as of that commit; how many. Older snapshots still see them."""
    removed = 0
    for change in tracking.changes:
        if change.version <= up_to and change.removed is None:
            change.removed = commit
            removed += 1
    tracking.cleanup_version = max(tracking.cleanup_version, up_to)
    return removed


def forget(tracking: TableTracking, oldest_reader: int) -> None:
    tracking.changes = [c for c in tracking.changes if c.removed is None or c.removed > oldest_reader]


def parse_retention(count: Any, unit: str) -> tuple[int, str]:
    unit = unit.upper()
    if unit not in ("MINUTES", "HOURS", "DAYS") or not isinstance(count, int) or count < 1:
        raise SqlError(22113, "The value for change tracking option 'change_retention' is not valid. The value must be "
                              "between 1 minute and 24855 days.")
    return count, unit
