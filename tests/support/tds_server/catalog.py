"""The catalog views: sys.tables, sys.columns and the others that clients ask."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import kinds, times
from .convert import convert
from .scope import Row, SourceColumn
from .seam import SqlError
from .store import Database, Table, TableColumn

if TYPE_CHECKING:
    import datetime

    from .run import Run

Rows = Iterable[tuple[Any, ...]]
_TYPE_IDS = {  # name -> system_type_id, user_type_id, max_length, precision, scale
    "image": (34, 34, 16, 0, 0), "text": (35, 35, 16, 0, 0), "uniqueidentifier": (36, 36, 16, 0, 0),
    "date": (40, 40, 3, 10, 0), "time": (41, 41, 5, 16, 7), "datetime2": (42, 42, 8, 27, 7),
    "datetimeoffset": (43, 43, 10, 34, 7), "tinyint": (48, 48, 1, 3, 0), "smallint": (52, 52, 2, 5, 0),
    "int": (56, 56, 4, 10, 0), "smalldatetime": (58, 58, 4, 16, 0), "real": (59, 59, 4, 24, 0),
    "money": (60, 60, 8, 19, 4), "datetime": (61, 61, 8, 23, 3), "float": (62, 62, 8, 53, 0),
    "sql_variant": (98, 98, 8016, 0, 0), "ntext": (99, 99, 16, 0, 0), "bit": (104, 104, 1, 1, 0),
    "decimal": (106, 106, 17, 38, 38), "numeric": (108, 108, 17, 38, 38), "smallmoney": (122, 122, 4, 10, 4),
    "bigint": (127, 127, 8, 19, 0), "hierarchyid": (240, 128, 892, 0, 0), "geometry": (240, 129, -1, 0, 0),
    "geography": (240, 130, -1, 0, 0), "varbinary": (165, 165, 8000, 0, 0), "varchar": (167, 167, 8000, 0, 0),
    "binary": (173, 173, 8000, 0, 0), "char": (175, 175, 8000, 0, 0), "timestamp": (189, 189, 8, 0, 0),
    "nvarchar": (231, 231, 8000, 0, 0), "nchar": (239, 239, 8000, 0, 0), "xml": (241, 241, -1, 0, 0),
    "json": (244, 244, -1, 0, 0), "vector": (255, 255, 8000, 0, 0), "sysname": (231, 256, 256, 0, 0),
}
_TIME_LENGTHS = {"time": (3, 3, 3, 4, 4, 5, 5, 5), "datetime2": (6, 6, 6, 7, 7, 8, 8, 8),
                 "datetimeoffset": (8, 8, 8, 9, 9, 10, 10, 10)}


@dataclass
class View:
    columns: list[SourceColumn]
    rows: Callable[[], Rows]


def view(run: Run, parts: list[str]) -> View | None:
    """The view of that name, in the database that its name says."""
    database = run.database_named(parts[-3] if len(parts) > 2 else "")
    known = _VIEWS.get(parts[-2].lower() + "." + parts[-1].lower())
    if known is None:
        return None
    if known.not_on_azure and run.engine.edition == 5:
        return None
    if known.permission and not run.session.has_server_permission(known.permission):
        raise SqlError(300, f"{known.permission} permission was denied on object 'server', database 'master'.", severity=14)
    if known.database_permission and not database.permissions.has(run.user_in(database), known.database_permission):
        raise SqlError(262, f"{known.database_permission} permission denied in database '{database.name}'.", severity=14)
    columns = [SourceColumn(name, kinds.SYSNAME if type_ == "sysname" else kinds.of(type_)) for name, type_ in known.columns]
    return View(columns, lambda: known.rows(run, database))


@dataclass
class _View:
    columns: list[tuple[str, str]]
    rows: Callable[[Run, Database], Rows]
    not_on_azure: bool = False
    permission: str = ""
    database_permission: str = ""


_VIEWS: dict[str, _View] = {}


def _define(name: str, columns: str, **more: Any) -> Callable[[Callable[[Run, Database], Rows]], None]:
    """`columns`: pairs of name and type, separated by commas."""

    def register(rows: Callable[[Run, Database], Rows]) -> None:
        pairs = [tuple(c.strip().split(" ", 1)) for c in columns.split(";")]
        _VIEWS[name] = _View([(n, t.strip()) for n, t in pairs], rows, **more)

    return register


def _moment(value: datetime.datetime) -> Any:
    return convert(times.of_datetime(value), kinds.of("datetime2"), kinds.DATETIME)


def visible_tables(run: Run, database: Database) -> list[Table]:
    return [table for table in database.tables.values() if run.sees(database, table)]


@_define("sys.databases", "name sysname; database_id int; create_date datetime; compatibility_level tinyint;"
         "collation_name sysname; snapshot_isolation_state tinyint; snapshot_isolation_state_desc nvarchar(60);"
         "is_read_committed_snapshot_on bit; is_read_only bit; state tinyint; state_desc nvarchar(60);"
         "recovery_model_desc nvarchar(60); user_access tinyint; containment tinyint; owner_sid varbinary(85)")
def _databases(run: Run, database: Database) -> Rows:
    for d in run.engine.databases.values():
        allowed = int(d.snapshot_allowed)
        yield (d.name, d.id, _moment(d.created), d.compatibility, d.collation.name, allowed, "ON" if allowed else "OFF",
               int(d.read_committed_snapshot), int(d.read_only), 0, "ONLINE", "FULL", 0, 0, b"\1")


@_define("sys.change_tracking_databases", "database_id int; is_auto_cleanup_on bit; retention_period int;"
         "retention_period_units tinyint; retention_period_units_desc nvarchar(60); max_cleanup_version bigint")
def _tracked_databases(run: Run, database: Database) -> Rows:
    for d in run.engine.databases.values():
        if d.tracking is not None:
            yield (d.id, int(d.tracking.auto_cleanup), d.tracking.retention, d.tracking.retention_units, d.tracking.unit,
                   None)


@_define("sys.database_recovery_status", "database_id int; database_guid uniqueidentifier; family_guid uniqueidentifier;"
         "last_log_backup_lsn numeric(25,0); recovery_fork_guid uniqueidentifier;"
         "first_recovery_fork_guid uniqueidentifier; fork_point_lsn numeric(25,0)", not_on_azure=True)
def _recovery_status(run: Run, database: Database) -> Rows:
    """Rows are seen by whom VIEW ANY DATABASE is not denied: everybody has it by public."""
    for d in run.engine.databases.values() if run.session.may_view_any_database else ():
        yield (d.id, d.database_guid, d.family_guid, None, d.recovery_fork_guid, None, None)


@_define("sys.dm_os_sys_info", "cpu_count int; sqlserver_start_time datetime", permission="VIEW SERVER STATE")
def _system(run: Run, database: Database) -> Rows:
    yield (2, _moment(run.engine.databases["master"].created))


@_define("sys.schemas", "name sysname; schema_id int; principal_id int")
def _schemas(run: Run, database: Database) -> Rows:
    return ((name, id_, 1) for name, id_ in database.schemas.items())


def _schema_id(database: Database, table: Table) -> int:
    return database.schemas[database.schema(table.schema) or "dbo"]


@_define("sys.tables", "name sysname; object_id int; principal_id int; schema_id int; parent_object_id int; type char(2);"
         "type_desc nvarchar(60); create_date datetime; modify_date datetime; is_ms_shipped bit; is_memory_optimized bit;"
         "durability tinyint; temporal_type tinyint; temporal_type_desc nvarchar(60); history_table_id int; is_external bit;"
         "is_node bit; is_edge bit; is_filetable bit; is_tracked_by_cdc bit; is_replicated bit; ledger_type tinyint;"
         "max_column_id_used int")
def _tables(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        flag = t.flags.get
        yield (t.name, t.object_id, None, _schema_id(database, t), 0, "U ", "USER_TABLE", _moment(t.created),
               _moment(t.created), int(flag("is_ms_shipped", 0)), int(flag("is_memory_optimized", 0)), 0,
               flag("temporal_type", 0), "NON_TEMPORAL_TABLE", flag("history_table_id"), int(flag("is_external", 0)),
               int(flag("is_node", 0)), int(flag("is_edge", 0)), 0, 0, 0, flag("ledger_type", 0), t.last_column)


@_define("sys.objects", "name sysname; object_id int; schema_id int; parent_object_id int; type char(2);"
         "type_desc nvarchar(60); create_date datetime; is_ms_shipped bit")
def _objects(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        yield (t.name, t.object_id, _schema_id(database, t), 0, "U ", "USER_TABLE", _moment(t.created), 0)


@_define("sys.change_tracking_tables", "object_id int; is_track_columns_updated_on bit; min_valid_version bigint;"
         "begin_version bigint; cleanup_version bigint")
def _tracked_tables(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        if t.tracking is not None:
            yield (t.object_id, int(t.tracking.track_columns), t.tracking.min_valid_version, t.tracking.begin_version,
                   t.tracking.cleanup_version)


@_define("sys.internal_tables", "name sysname; object_id int; schema_id int; parent_object_id int; create_date datetime;"
         "internal_type tinyint; internal_type_desc nvarchar(60); parent_id int")
def _internal_tables(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        if t.tracking is not None:
            yield (f"change_tracking_{t.object_id}", t.tracking.internal_id, 4, t.object_id,
                   _moment(t.tracking.internal_created), 209, "CHANGE_TRACKING", t.object_id)


def type_ids(column: TableColumn, database: Database) -> tuple[int, int]:
    if column.declared in _TYPE_IDS:
        return _TYPE_IDS[column.declared][:2]
    name = "timestamp" if column.type.name == "rowversion" else column.type.name
    return _TYPE_IDS[name][0], 257 + sorted(database.alias_types).index(column.declared.lower())


def lengths(column: TableColumn) -> tuple[int, int, int]:
    """max_length in bytes, precision and scale as sys.columns has them."""
    type_ = column.type
    name = "timestamp" if type_.name == "rowversion" else type_.name
    _, _, length, precision, scale = _TYPE_IDS[name]
    if name in ("decimal", "numeric"):
        return next(n for most, n in ((9, 5), (19, 9), (28, 13), (38, 17)) if type_.precision <= most), type_.precision, \
            type_.scale
    if name in _TIME_LENGTHS:
        whole = {"time": 8, "datetime2": 19, "datetimeoffset": 26}[name]
        return _TIME_LENGTHS[name][type_.scale], whole + (type_.scale + 1 if type_.scale else 0), type_.scale
    if name in ("char", "varchar", "nchar", "nvarchar", "binary", "varbinary"):
        return -1 if type_.is_max else type_.length * (2 if type_.is_unicode else 1), 0, 0
    if name == "vector":
        return 8 + 4 * type_.length, 0, 0
    return length, precision, scale


_COLUMNS = ("object_id int; name sysname; column_id int; system_type_id tinyint; user_type_id int; max_length smallint;"
            "precision tinyint; scale tinyint; collation_name sysname; is_nullable bit; is_ansi_padded bit;"
            "is_rowguidcol bit; is_identity bit; is_computed bit; is_sparse bit; is_column_set bit;"
            "generated_always_type tinyint; generated_always_type_desc nvarchar(60); encryption_type int;"
            "encryption_type_desc nvarchar(64); column_encryption_key_id int; is_hidden bit; is_masked bit;"
            "default_object_id int; graph_type int; graph_type_desc nvarchar(60); masking_function nvarchar(4000);"
            "definition nvarchar(max); is_persisted bit; seed_value sql_variant; vector_dimensions int")


def _default_id(table: Table, column: TableColumn) -> int:
    """An id for a default's constraint, made from its table's."""
    return (table.object_id + 16 * column.id) % 2147483647 if column.default is not None else 0


def _column_row(database: Database, table: Table, c: TableColumn) -> tuple[Any, ...]:
    length, precision, scale = lengths(c)
    collation = c.type.text_collation.name if kinds.is_text(c.type) and c.type.name not in ("xml", "json") else None
    return (table.object_id, c.name, c.id, *type_ids(c, database), length, precision, scale, collation, int(c.nullable), 1, 0,
            int(c.identity is not None), int(c.computed is not None), int(c.sparse), int(c.column_set), c.generated_always,
            "NOT_APPLICABLE", c.encryption_type, None, None, int(c.hidden), int(c.mask is not None), _default_id(table, c),
            c.graph_type, None, c.mask, c.computed, int(c.persisted), None,
            c.type.length if c.type.name == "vector" else None)


def _column_rows(keep: Callable[[TableColumn], bool]) -> Callable[[Run, Database], Rows]:
    return lambda run, database: (_column_row(database, t, c) for t in visible_tables(run, database) for c in t.columns
                                  if keep(c))


_define("sys.columns", _COLUMNS)(_column_rows(lambda c: True))
_define("sys.all_columns", _COLUMNS)(_column_rows(lambda c: True))
_define("sys.computed_columns", _COLUMNS)(_column_rows(lambda c: c.computed is not None))
_define("sys.masked_columns", _COLUMNS)(_column_rows(lambda c: c.mask is not None))
_define("sys.identity_columns", _COLUMNS)(_column_rows(lambda c: c.identity is not None))


@_define("sys.types", "name sysname; system_type_id tinyint; user_type_id int; schema_id int; max_length smallint;"
         "precision tinyint; scale tinyint; collation_name sysname; is_nullable bit; is_user_defined bit;"
         "is_assembly_type bit; is_table_type bit")
def _types(run: Run, database: Database) -> Rows:
    for name, (system, user, length, precision, scale) in _TYPE_IDS.items():
        yield (name, system, user, 4, length, precision, scale, None, 1, 0, int(name in kinds.CLR), 0)
    for i, key in enumerate(sorted(database.alias_types)):
        spelt, type_, nullable = database.alias_types[key]
        column = TableColumn(1, spelt, type_, type_.name)
        yield (spelt, _TYPE_IDS[type_.name][0], 257 + i, 1, *lengths(column), None, int(nullable), 1, 0, 0)


@_define("sys.default_constraints", "name sysname; object_id int; parent_object_id int; parent_column_id int;"
         "definition nvarchar(max); schema_id int; is_system_named bit")
def _defaults(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        for c in t.columns:
            if c.default is not None:
                yield (c.default_name, _default_id(t, c), t.object_id, c.id, f"({c.default})", _schema_id(database, t), 0)


@_define("sys.indexes", "object_id int; name sysname; index_id int; type tinyint; type_desc nvarchar(60); is_unique bit;"
         "is_primary_key bit; is_unique_constraint bit; is_disabled bit; has_filter bit")
def _indexes(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        if t.primary_key is None:
            yield (t.object_id, None, 0, 0, "HEAP", 0, 0, 0, 0, 0)
        for i in t.indexes:
            kind = (1, "CLUSTERED") if i.id == 1 else (2, "NONCLUSTERED")
            yield (t.object_id, i.name, i.id, *kind, int(i.unique), int(i.primary), int(i.constraint and not i.primary), 0, 0)


@_define("sys.key_constraints", "name sysname; object_id int; parent_object_id int; type char(2); unique_index_id int")
def _key_constraints(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        for i in t.indexes:
            if i.constraint:
                yield (i.name, (t.object_id + i.id) % 2147483647, t.object_id, "PK" if i.primary else "UQ", i.id)


@_define("sys.index_columns", "object_id int; index_id int; index_column_id int; column_id int; key_ordinal tinyint;"
         "partition_ordinal tinyint; is_descending_key bit; is_included_column bit")
def _index_columns(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        for i in t.indexes:
            for at, (column, descending) in enumerate(zip(i.columns, i.descending), 1):
                yield (t.object_id, i.id, at, column, at, 0, int(descending), 0)


@_define("sys.partitions", "partition_id bigint; object_id int; index_id int; partition_number int; rows bigint")
def _partitions(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        count = t.count(run.engine.commit)
        if t.primary_key is None:
            yield (t.object_id * 256, t.object_id, 0, 1, count)
        for i in t.indexes:
            yield (t.object_id * 256 + i.id, t.object_id, i.id, 1, count)


@_define("sys.dm_db_partition_stats", "partition_id bigint; object_id int; index_id int; partition_number int;"
         "row_count bigint; used_page_count bigint; reserved_page_count bigint", database_permission="VIEW DATABASE STATE")
def _partition_stats(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        count = t.count(run.engine.commit)
        yield (t.object_id * 256, t.object_id, 1 if t.primary_key else 0, 1, count, count // 100 + 1, count // 100 + 1)


@_define("sys.dm_tran_commit_table", "commit_ts bigint; xdes_id bigint; commit_lbn bigint; commit_csn bigint;"
         "commit_time datetime", database_permission="VIEW DATABASE STATE")
def _commit_table(run: Run, database: Database) -> Rows:
    for version, time, number in database.tracking.commits if database.tracking else ():
        yield (version, number, number, number, _moment(time.replace(second=0, microsecond=0)))


@_define("sys.security_policies", "name sysname; object_id int; is_enabled bit; is_schema_bound bit; schema_id int")
def _policies(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        if t.row_filter is not None:
            yield (f"policy_{t.name}", (t.object_id + 7) % 2147483647, 1, 1, 1)


@_define("sys.security_predicates", "object_id int; security_predicate_id int; target_object_id int;"
         "predicate_definition nvarchar(max); predicate_type int; predicate_type_desc nvarchar(60); operation int")
def _predicates(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        if t.row_filter is not None:
            yield ((t.object_id + 7) % 2147483647, 1, t.object_id, t.row_filter, 0, "FILTER", None)


@_define("sys.database_principals", "name sysname; principal_id int; type char(1); type_desc nvarchar(60);"
         "authentication_type_desc nvarchar(60)")
def _principals(run: Run, database: Database) -> Rows:
    yield ("dbo", 1, "S", "SQL_USER", "INSTANCE")
    for i, name in enumerate(database.permissions.users.values(), 5):
        yield (name, i, "S", "SQL_USER", "INSTANCE")


@_define("information_schema.tables", "TABLE_CATALOG sysname; TABLE_SCHEMA sysname; TABLE_NAME sysname;"
         "TABLE_TYPE varchar(10)")
def _information_tables(run: Run, database: Database) -> Rows:
    for t in visible_tables(run, database):
        yield (database.name, t.schema, t.name, "BASE TABLE")


