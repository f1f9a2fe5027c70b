"""Lands SQL databases as Parquet files: everything the first time, then only what changed, exactly once.

    import tidemark

    for table in tidemark.sync("shop.db", to="landing"):
        print(table.name, table.reason, table.rows)

``import tidemark as azsql_ct`` is all that programs written for azsql_ct change: see :class:`ChangeTracker`.
"""

from ._commands import compact, plan, status, sync, track, verify
from ._error import TidemarkError
from ._program import OnProgress, Progress
from ._results import (
    CompactedTable,
    Plan,
    PlannedTable,
    Status,
    StatusTable,
    Sync,
    SyncedTable,
    TrackedTable,
    Verification,
    VerifiedTable,
)
from ._tracker import ChangeTracker

__all__ = [
    "ChangeTracker",
    "CompactedTable",
    "OnProgress",
    "Plan",
    "PlannedTable",
    "Progress",
    "Status",
    "StatusTable",
    "Sync",
    "SyncedTable",
    "TidemarkError",
    "TrackedTable",
    "Verification",
    "VerifiedTable",
    "compact",
    "plan",
    "status",
    "sync",
    "track",
    "verify",
]
