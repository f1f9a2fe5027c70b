"""Definitions: databases, tables, columns, keys, change tracking, users. They take effect at once and are undone when
their transaction rolls back; a SNAPSHOT reader that began before meets error 3961."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import kinds
from .collation import collation
from .convert import assign
from .expressions import Compiler
from .parser import Parser
from .run import Run
from .scope import Scope
from .seam import Result, SqlError
from .store import Database, Index, Table, TableColumn, no_such_object
from .tracking import DatabaseTracking, TableTracking, parse_retention

if TYPE_CHECKING:
    from .statements import ColumnDefinition, IndexDefinition, Statement

_DONE = Result()


def change(run: Run, database: Database, table: Table) -> None:
    """Begins a change of the definition: waits for writers, keeps what an undo needs, moves the commit number."""
    transaction, engine = run.session.running, run.engine
    engine.locks.table(transaction, table, run.session.lock_timeout_ms)
    before = dict(table.__dict__)
    before["columns"] = [copy.copy(c) for c in table.columns]
    before["indexes"] = [copy.copy(i) for i in table.indexes]
    before["chains"] = {key: list(chain) for key, chain in table.chains.items()}
    before["tracking"] = copy.deepcopy(table.tracking)
    transaction.undo.append(lambda: table.__dict__.update(before))
    engine.commit += 1
    table.changed_definition = engine.commit


def _undo(run: Run, undo: Callable[[], object]) -> None:
    run.session.running.undo.append(undo)


def _altered(run: Run, parts: list[str]) -> tuple[Database, Table]:
    found = run.find(parts)
    if found is None or not run.sees(*found):
        raise SqlError(4902, f'Cannot find the object "{".".join(parts)}" because it does not exist or you do not have '
                             "permissions.")
    database, table = found
    if not run.may("ALTER", database, table):
        raise SqlError(1088, f'Cannot find the object "{".".join(parts)}" because it does not exist or you do not have '
                             "permissions.")
    return database, table


def reset_tracking(run: Run, database: Database, table: Table, track_columns: bool | None = None) -> None:
    assert database.tracking is not None
    columns = table.tracking.track_columns if table.tracking and track_columns is None else bool(track_columns)
    table.tracking = TableTracking(database.tracking.version, database.new_object_id(), run.now, columns)
    run.session.running.notes.pop(table, None)
    run.session.running.writes.pop(table, None)


# ---- tables


def create_table(run: Run, statement: Statement) -> Result:
    f = statement.f
    *before, name = f["table"]
    database = run.database_named(before[-2] if len(before) > 1 else "")
    run.session.demand_database(database, "CREATE TABLE")
    schema = database.schema(before[-1] if before and before[-1] else "dbo")
    if schema is None:
        raise SqlError(2760, f'The specified schema name "{before[-1]}" either does not exist or you do not have permission '
                             "to use it.")
    if database.table(schema, name) is not None:
        raise SqlError(2714, f"There is already an object named '{name}' in the database.", state=6)
    run.engine.commit += 1
    table = Table(database.new_object_id(), schema, name, run.now, [], flags=f["flags"],
                  changed_definition=run.engine.commit)
    for definition in f["columns"]:
        table.columns.append(_new_column(run, database, table, definition))
    for definition in f["indexes"]:
        _add_index(table, definition)
    database.tables[schema.lower(), name.lower()] = table
    _undo(run, lambda: database.tables.pop((schema.lower(), name.lower()), None))
    return _DONE


def _new_column(run: Run, database: Database, table: Table, d: ColumnDefinition) -> TableColumn:
    if table.column(d.name) is not None:
        raise SqlError(2705, f"Column names in each table must be unique. Column name '{d.name}' in table "
                             f"'{table.full_name}' is specified more than once.", state=3)
    table.last_column += 1
    if d.computed is not None:
        scope = Scope()
        from .sources import table_columns

        scope.add([table.name], table_columns(run, database, table))
        typed = Compiler(run, scope).value(Parser(d.computed).expression())
        type_, declared, nullable = typed.type or kinds.INT, (typed.type or kinds.INT).name, True
        if kinds.is_text(type_):
            type_ = kinds.with_collation(type_, type_.collation or database.collation)
    else:
        type_, declared, nullable = database.type_named(d.type or "int")
        if d.collation is not None:
            type_ = kinds.with_collation(type_, collation(d.collation))
    column = TableColumn(table.last_column, d.name, type_, declared, nullable if d.nullable is None else d.nullable)
    column.default, column.identity, column.computed, column.persisted = d.default, d.identity, d.computed, d.persisted
    column.default_name = d.default_name or f"DF__{table.name[:9]}__{d.name[:5]}__{table.object_id + column.id:08X}"
    column.mask, column.hidden, column.sparse, column.column_set = d.mask, d.hidden, d.sparse, d.column_set
    column.generated_always, column.encryption_type = d.generated_always, d.encryption_type
    if d.identity is not None or type_.name == "rowversion" or d.primary:
        column.nullable = False
    return column


def _add_index(table: Table, d: IndexDefinition) -> None:
    columns = []
    for name, _ in d.columns:
        column = table.column(name)
        if column is None:
            raise SqlError(1911, f"Column name '{name}' does not exist in the target table or view.")
        if d.primary:
            column.nullable = False
        columns.append(column.id)
    if d.primary and table.primary_key is not None:
        raise SqlError(1779, f"Table '{table.name}' already has a primary key defined on it.", state=0)
    kind = "PK" if d.primary else "UQ"
    name = d.name or f"{kind}__{table.name[:9]}__{table.object_id + len(table.indexes):016X}"
    id_ = 1 if d.primary else max([i.id for i in table.indexes] + [1]) + 1
    table.indexes.append(Index(name, columns, [descending for _, descending in d.columns], True, d.primary, True, id_))


def drop_table(run: Run, statement: Statement) -> Result:
    for parts in statement.f["names"]:
        found = run.find(parts)
        if found is None:
            if statement.f["if_exists"]:
                continue
            raise SqlError(3701, f"Cannot drop the table '{'.'.join(parts)}', because it does not exist or you do not have "
                                 "permission.", severity=11, state=5)
        database, table = found
        _altered(run, parts)
        change(run, database, table)
        key = (table.schema.lower(), table.name.lower())
        del database.tables[key]
        _undo(run, lambda database=database, key=key, table=table: database.tables.update({key: table}))  # type: ignore[misc]
    return _DONE


def create_index(run: Run, statement: Statement) -> Result:
    f = statement.f
    database, table = _altered(run, f["table"])
    change(run, database, table)
    columns = [table.column(name) for name, _ in f["columns"]]
    if None in columns:
        raise SqlError(1911, "Column name does not exist in the target table or view.")
    table.indexes.append(Index(f["name"], [c.id for c in columns if c], [d for _, d in f["columns"]], f["unique"],
                               id=max([i.id for i in table.indexes] + [1]) + 1))
    return _DONE


def drop_index(run: Run, statement: Statement) -> Result:
    database, table = _altered(run, statement.f["table"])
    change(run, database, table)
    names = {parts[-1].lower() for parts in statement.f["names"]}
    table.indexes = [i for i in table.indexes if i.name.lower() not in names]
    return _DONE


# ---- columns


def add_columns(run: Run, statement: Statement) -> Result:
    """Existing rows get a default's value, or none, without a note in change tracking (C6)."""
    database, table = _altered(run, statement.f["table"])
    has_rows = table.count(run.engine.commit) > 0
    change(run, database, table)
    for d in statement.f["columns"]:
        column = _new_column(run, database, table, d)
        if d.default is not None and (not column.nullable or d.with_values):
            typed = Compiler(run, Scope()).value(Parser(d.default).expression())
            column.initial = assign(typed.fn(()), typed.type, column.type, f"column '{d.name}'")
        elif not column.nullable and column.computed is None and has_rows:
            if column.type.name == "rowversion":
                column.initial = database.new_rowversion()
            elif column.identity is None:
                raise SqlError(4901, "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT "
                                     f"definition specified. Column '{d.name}' cannot be added to non-empty table "
                                     f"'{table.name}' because it does not satisfy these conditions.")
        table.columns.append(column)
    return _DONE


def drop_columns(run: Run, statement: Statement) -> Result:
    database, table = _altered(run, statement.f["table"])
    change(run, database, table)
    for name in statement.f["columns"]:
        column = table.column(name)
        if column is None:
            raise SqlError(4924, f"ALTER TABLE DROP COLUMN failed because column '{name}' does not exist in table "
                                 f"'{table.name}'.")
        if any(column.id in index.columns for index in table.indexes) or column.default is not None:
            raise SqlError(5074, f"The object is dependent on column '{name}'. ALTER TABLE DROP COLUMN {name} failed because "
                                 "one or more objects access this column.")
        table.columns.remove(column)
    return _DONE


def alter_column(run: Run, statement: Statement) -> Result:
    """Rows are converted; change tracking hears nothing of it (C6)."""
    d: ColumnDefinition = statement.f["column"]
    database, table = _altered(run, statement.f["table"])
    column = table.column(d.name)
    if column is None:
        raise SqlError(4924, f"ALTER TABLE ALTER COLUMN failed because column '{d.name}' does not exist in table "
                             f"'{table.name}'.")
    if column.id in {c.id for c in table.key_columns()} and table.tracking is not None:
        raise SqlError(4922, f"ALTER TABLE ALTER COLUMN {d.name} failed because one or more objects access this column.",
                       state=9)
    change(run, database, table)
    column = table.column_by_id(column.id)
    old_type = column.type
    new_type, declared, nullable = database.type_named(d.type or "int")
    if d.collation is not None:
        new_type = kinds.with_collation(new_type, collation(d.collation))
    chains = {}
    for key, row in table.scan(run.engine.commit):
        values = [None] * table.last_column
        for c in table.columns:
            values[c.id - 1] = table.value(row, c)
        values[column.id - 1] = assign(values[column.id - 1], old_type, new_type, f"column '{d.name}'")
        if d.nullable is False and values[column.id - 1] is None:
            raise SqlError(515, f"Cannot insert the value NULL into column '{d.name}', table '{table.full_name}'; column does "
                                "not allow nulls. UPDATE fails.", state=2)
        chains[key] = [(run.engine.commit, tuple(values))]
    table.chains = chains  # type: ignore[assignment]
    column.type, column.declared = new_type, declared
    column.nullable = nullable if d.nullable is None else d.nullable
    return _DONE


def mask_column(run: Run, statement: Statement) -> Result:
    database, table = _altered(run, statement.f["table"])
    change(run, database, table)
    column = table.column(statement.f["column"])
    if column is None:
        raise SqlError(4924, f"ALTER TABLE ALTER COLUMN failed because column '{statement.f['column']}' does not exist.")
    column.mask = statement.f["mask"]
    return _DONE


def add_default(run: Run, statement: Statement) -> Result:
    f = statement.f
    database, table = _altered(run, f["table"])
    change(run, database, table)
    column = table.column(f["column"])
    if column is None or column.default is not None:
        raise SqlError(1781, "Column already has a DEFAULT bound to it.")
    column.default, column.default_name = f["default"], f["name"]
    return _DONE


def add_key(run: Run, statement: Statement) -> Result:
    database, table = _altered(run, statement.f["table"])
    change(run, database, table)
    rows = [row for _, row in table.scan(run.engine.commit)]
    _add_index(table, statement.f["index"])
    chains = {table.key_of(row): [(run.engine.commit, row)] for row in rows}
    if len(chains) < len(rows):
        raise SqlError(1505, f"The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object "
                             f"name '{table.full_name}'.")
    table.chains = chains  # type: ignore[assignment]
    return _DONE


def drop_constraint(run: Run, statement: Statement) -> Result:
    name = statement.f["name"].lower()
    database, table = _altered(run, statement.f["table"])
    index = next((i for i in table.indexes if i.name.lower() == name), None)
    column = next((c for c in table.columns if c.default is not None and c.default_name.lower() == name), None)
    if index is None and column is None:
        raise SqlError(3728, f"'{statement.f['name']}' is not a constraint.")
    if index is not None and index.primary and table.tracking is not None:
        raise SqlError(4929, f"Cannot drop primary key '{index.name}': change tracking is enabled on the table "
                             f"'{table.name}'.")
    change(run, database, table)
    if index is not None:
        table.indexes = [i for i in table.indexes if i.name.lower() != name]
        if index.primary:
            rows = [row for _, row in table.scan(run.engine.commit)]
            table.chains = {table.key_of(row): [(run.engine.commit, row)] for row in rows}
    else:
        assert column is not None
        table.column_by_id(column.id).default = None
    return _DONE


def rename(run: Run, old: list[str], new: str, kind: str) -> Result:
    """sp_rename. A column keeps its id (C6)."""
    if kind == "COLUMN":
        database, table = _altered(run, old[:-1])
        column = table.column(old[-1])
        if column is None:
            raise SqlError(15248, "Either the parameter @objname is ambiguous or the claimed @objtype (COLUMN) is wrong.")
        change(run, database, table)
        table.column_by_id(column.id).name = new
        return _DONE
    database, table = _altered(run, old)
    change(run, database, table)
    before, after = (table.schema.lower(), table.name.lower()), (table.schema.lower(), new.lower())
    if after in database.tables and after != before:
        raise SqlError(15335, f"Error: The new name '{new}' is already in use as a OBJECT name.")
    del database.tables[before]
    table.name = new
    database.tables[after] = table

    def undo() -> None:
        database.tables.pop(after, None)
        database.tables[before] = table

    _undo(run, undo)
    return _DONE


def switch(run: Run, statement: Statement) -> Result:
    database, table = _altered(run, statement.f["table"])
    _, target = _altered(run, statement.f["target"])
    if table.tracking is not None or target.tracking is not None:
        raise SqlError(4900, "The ALTER TABLE SWITCH statement failed for table "
                             f"'{table.full_name}'. It is not possible to switch the partition of a table that has change "
                             "tracking enabled. Disable change tracking before using ALTER TABLE SWITCH.")
    change(run, database, table)
    change(run, database, target)
    table.chains, target.chains = {}, {key: chain for key, chain in table.chains.items()}
    return _DONE


# ---- change tracking


def enable_tracking(run: Run, statement: Statement) -> Result:
    database, table = _altered(run, statement.f["table"])
    if database.tracking is None:
        raise SqlError(4997, f"Cannot enable change tracking on table '{table.name}'. Change tracking is not enabled on "
                             "this database. Enable change tracking on the database before enabling it on a table.")
    if table.primary_key is None:
        raise SqlError(4998, f"Cannot enable change tracking on table '{table.name}'. Change tracking requires a primary key "
                             "on the table. Create a primary key on the table before enabling change tracking.")
    if table.flags.get("is_memory_optimized"):
        raise SqlError(12317, "Change tracking is not supported with memory optimized tables.")
    if table.tracking is not None:
        raise SqlError(4996, f"Change tracking is already enabled for table '{table.name}'.")
    change(run, database, table)
    reset_tracking(run, database, table, statement.f["columns"])
    return _DONE


def disable_tracking(run: Run, statement: Statement) -> Result:
    database, table = _altered(run, statement.f["table"])
    if table.tracking is None:
        raise SqlError(22105, f"Change tracking is not enabled on table '{table.name}'.")
    change(run, database, table)
    table.tracking = None
    run.session.running.notes.pop(table, None)
    return _DONE


def alter_database(run: Run, statement: Statement) -> Result:
    f = statement.f
    database = run.database if f["name"] is None else run.engine.database(f["name"])
    run.session.demand_database(database, "ALTER")
    option, value = f["option"], str(f["value"]).upper()
    if option == "CHANGE_TRACKING":
        _track_database(run, database, f)
    elif option == "ALLOW_SNAPSHOT_ISOLATION":
        database.snapshot_allowed = value == "ON"
    elif option == "READ_COMMITTED_SNAPSHOT":
        database.read_committed_snapshot = value == "ON"
    elif option == "COMPATIBILITY_LEVEL":
        database.compatibility = int(value)
    elif option == "COLLATE":
        database.collation = collation(f["value"])
    elif option in ("READ_ONLY", "READ_WRITE"):
        database.read_only = option == "READ_ONLY"
    elif option not in ("RECOVERY", "SINGLE_USER", "MULTI_USER"):
        raise SqlError(102, f"Incorrect syntax near '{option}'.", severity=15)
    return _DONE


def _track_database(run: Run, database: Database, f: dict[str, Any]) -> None:
    if f["value"] == "OFF":
        if any(t.tracking is not None for t in database.tables.values()):
            raise SqlError(22115, f"Change tracking is enabled for one or more tables in database '{database.name}'. Disable "
                                  "change tracking on each table before disabling it for the database.")
        database.last_version = database.tracking.version if database.tracking is not None else 0
        database.tracking = None
        return
    if f["value"] == "ON" and database.tracking is not None:
        raise SqlError(5088, f"Change tracking is already enabled for database '{database.name}'.")
    if f["value"] == "ON":
        kept = database.last_version if run.engine.quirks.enable_keeps_version else 0
        database.tracking = DatabaseTracking(version=kept)
    if database.tracking is None:
        raise SqlError(22104, f"Change tracking is not enabled on database '{database.name}'.")
    if f["retention"] is not None:
        database.tracking.retention, database.tracking.unit = parse_retention(*f["retention"])
    if f["cleanup"] is not None:
        database.tracking.auto_cleanup = f["cleanup"]


# ---- databases, schemas, types


def create_database(run: Run, statement: Statement) -> Result:
    run.session.demand_admin("CREATE DATABASE")
    database = run.engine.create_database(statement.f["name"])
    if statement.f["collation"]:
        database.collation = collation(statement.f["collation"])
    return _DONE


def drop_database(run: Run, statement: Statement) -> Result:
    run.session.demand_admin("DROP DATABASE")
    for parts in statement.f["names"]:
        if parts[-1].lower() not in run.engine.databases:
            if statement.f["if_exists"]:
                continue
            raise SqlError(3701, f"Cannot drop the database '{parts[-1]}', because it does not exist or you do not have "
                                 "permission.", severity=11)
        del run.engine.databases[parts[-1].lower()]
    return _DONE


def create_schema(run: Run, statement: Statement) -> Result:
    database, name = run.database, statement.f["name"]
    run.session.demand_database(database, "ALTER")
    if database.schema(name) is not None:
        raise SqlError(2714, f"There is already an object named '{name}' in the database.", state=6)
    database.schemas[name] = max([4, *database.schemas.values()]) + 1
    _undo(run, lambda: database.schemas.pop(name, None))
    return _DONE


def drop_schema(run: Run, statement: Statement) -> Result:
    for parts in statement.f["names"]:
        run.session.demand_database(run.database, "ALTER")
        spelt = run.database.schema(parts[-1])
        if spelt is None:
            raise SqlError(15151, f"Cannot drop the schema '{parts[-1]}', because it does not exist or you do not have "
                                  "permission.")
        if any(schema == spelt.lower() for schema, _ in run.database.tables):
            raise SqlError(3729, f"Cannot drop schema '{spelt}' because it is being referenced by an object.")
        del run.database.schemas[spelt]
    return _DONE


def create_type(run: Run, statement: Statement) -> Result:
    name = statement.f["name"]
    type_, _, _ = run.database.type_named(statement.f["type"])
    run.database.alias_types[name.lower()] = (name, type_, statement.f["nullable"])
    return _DONE


def create_synonym(run: Run, statement: Statement) -> Result:
    *before, name = statement.f["name"]
    run.database.synonyms[(before[-1] if before else "dbo").lower(), name.lower()] = statement.f["target"]
    return _DONE


def drop_synonym(run: Run, statement: Statement) -> Result:
    for *before, name in statement.f["names"]:
        if run.database.synonyms.pop(((before[-1] if before else "dbo").lower(), name.lower()), None) is None:
            raise no_such_object(name)
    return _DONE


def backup(run: Run, statement: Statement) -> Result:
    run.engine.backups[statement.f["file"].lower()] = run.engine.database(statement.f["name"]).backup()
    return _DONE


def restore(run: Run, statement: Statement) -> Result:
    """The database as it was; its versions go on from there, on another recovery fork (C5)."""
    run.session.demand_admin("RESTORE DATABASE")
    kept = run.engine.backups.get(statement.f["file"].lower())
    if kept is None:
        raise SqlError(3201, f"Cannot open backup device '{statement.f['file']}'. Operating system error 2.", state=2)
    restored = kept.restored()
    name = statement.f["name"]
    current = run.engine.databases.get(name.lower())
    restored.name, restored.id = name, current.id if current is not None else max(
        d.id for d in run.engine.databases.values()) + 1
    run.engine.commit += 1
    for table in restored.tables.values():
        table.changed_definition = run.engine.commit
    run.engine.databases[name.lower()] = restored
    return _DONE


# ---- logins, users, permissions


def create_login(run: Run, statement: Statement) -> Result:
    from .engine import LoginAccount

    run.session.demand_admin("CREATE LOGIN")
    name = statement.f["name"]
    run.engine.logins[name.lower()] = LoginAccount(name, str(statement.f["password"]))
    return _DONE


def alter_login(run: Run, statement: Statement) -> Result:
    run.session.demand_admin("ALTER LOGIN")
    account = run.engine.logins.get(statement.f["name"].lower())
    if account is None:
        raise SqlError(15151, f"Cannot alter the login '{statement.f['name']}', because it does not exist or you do not have "
                              "permission.")
    account.is_disabled = statement.f["disabled"]
    return _DONE


def drop_login(run: Run, statement: Statement) -> Result:
    run.session.demand_admin("DROP LOGIN")
    for parts in statement.f["names"]:
        run.engine.logins.pop(parts[-1].lower(), None)
    return _DONE


def create_user(run: Run, statement: Statement) -> Result:
    run.session.demand_database(run.database, "ALTER")
    run.database.permissions.users[statement.f["login"].lower()] = statement.f["name"]
    return _DONE


def drop_user(run: Run, statement: Statement) -> Result:
    users = run.database.permissions.users
    for parts in statement.f["names"]:
        for login in [login for login, user in users.items() if user.lower() == parts[-1].lower()]:
            del users[login]
    return _DONE


def alter_role(run: Run, statement: Statement) -> Result:
    run.session.demand_database(run.database, "ALTER")
    members = run.database.permissions.members.setdefault(statement.f["user"].lower(), set())
    members.add(statement.f["role"].lower()) if statement.f["added"] else members.discard(statement.f["role"].lower())
    return _DONE


def permission(run: Run, statement: Statement) -> Result:
    """GRANT, DENY and REVOKE on the database, a schema, an object or columns of it; VIEW SERVER STATE on the server."""
    f, database = statement.f, run.database
    run.session.demand_database(database, "CONTROL")
    for user in f["users"]:
        for name in f["permissions"]:
            if name in ("VIEW SERVER STATE", "VIEW ANY DEFINITION", "VIEW ANY DATABASE"):
                account = run.engine.logins.get(user.lower())
                if account is not None:
                    account.permissions.add(name) if f["granted"] else account.permissions.discard(name)
                    account.denied.add(name) if f["granted"] is False else account.denied.discard(name)
                continue
            for securable in _securables(run, database, f):
                database.permissions.set(user, name, securable, f["granted"])
    return _DONE


def _securables(run: Run, database: Database, f: dict[str, Any]) -> list[str]:
    if f["parts"] is None or f["securable"] == "DATABASE":
        return [""]
    if f["securable"] == "SCHEMA":
        schema = database.schema(f["parts"][-1])
        if schema is None:
            raise SqlError(15151, f"Cannot find the schema '{f['parts'][-1]}', because it does not exist or you do not have "
                                  "permission.")
        return [f"schema:{database.schemas[schema]}"]
    found = run.find(f["parts"])
    if found is None:
        raise SqlError(15151, f"Cannot find the object '{f['parts'][-1]}', because it does not exist or you do not have "
                              "permission.")
    table = found[1]
    if f["columns"] is None:
        return [f"object:{table.object_id}"]
    columns = [table.column(name) for name in f["columns"]]
    return [f"object:{table.object_id}:{c.id}" for c in columns if c is not None]
