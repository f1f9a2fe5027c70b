"""Procedures: the few system ones, and those of schema tidemark_test by which a test orders what a server would do on
its own or only in a bad hour. The wire's own orders (tidemark_test.fault) never come here."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import ddl
from .expressions import Compiler
from .parser import Parser
from .run import Run
from .scope import Scope
from .seam import Column, Result, SqlError
from .store import Database
from .tracking import clean

if TYPE_CHECKING:
    from .statements import Statement

_ORDERS: dict[str, Callable[[Run, list[Any]], Result | None]] = {}


def execute(run: Run, statement: Statement) -> Result:
    name = statement.f["name"]
    compiler = Compiler(run, Scope())
    arguments = [compiler.value(e).fn(()) for _, e in statement.f["arguments"]]
    order = _ORDERS.get(".".join(name[-2:]) if name[-2:-1] == ["tidemark_test"] else name[-1])
    if order is None:
        raise SqlError(2812, f"Could not find stored procedure '{'.'.join(name)}'.", severity=16, state=62)
    return order(run, arguments) or Result()


def _order(name: str) -> Callable[[Callable[[Run, list[Any]], Result | None]], Callable[[Run, list[Any]], Result | None]]:
    def register(function: Callable[[Run, list[Any]], Result | None]) -> Callable[[Run, list[Any]], Result | None]:
        _ORDERS[name] = function
        return function

    return register


@_order("sp_rename")
def _rename(run: Run, arguments: list[Any]) -> Result:
    kind = str(arguments[2]).upper() if len(arguments) > 2 and arguments[2] else "OBJECT"
    return ddl.rename(run, Parser(arguments[0]).parts(), str(arguments[1]), kind)


@_order("sp_flush_ct_internal_table_on_demand")
def _flush(run: Run, arguments: list[Any]) -> None:
    clean_up(run, run.database, arguments[0] if arguments else None)


@_order("sp_reset_connection")
def _reset(run: Run, arguments: list[Any]) -> None:
    pass


def clean_up(run: Run, database: Database, table_name: str | None = None, up_to: int | None = None) -> int:
    """What the background task does every half hour: removes what is older than the retention (C4)."""
    if database.tracking is None:
        return 0
    version = database.tracking.expired_version(run.engine.now()) if up_to is None else up_to
    run.engine.commit += 1
    removed = 0
    for table in database.tables.values():
        wanted = table_name is None or table_name.split(".")[-1].strip("[]").lower() == table.name.lower()
        if table.tracking is not None and wanted and version > table.tracking.cleanup_version:
            removed += clean(table.tracking, version, run.engine.commit)
    return removed


@_order("tidemark_test.cleanup")
def _cleanup(run: Run, arguments: list[Any]) -> None:
    """cleanup [table [, up to version]]: by the retention and the clock, or up to a version at once."""
    clean_up(run, run.database, arguments[0] if arguments else None, arguments[1] if len(arguments) > 1 else None)


@_order("tidemark_test.advance_clock")
def _advance(run: Run, arguments: list[Any]) -> None:
    """advance_clock seconds: and the clean-up that falls due with it."""
    run.engine.clock_shift += datetime.timedelta(seconds=float(arguments[0]))
    for database in run.engine.databases.values():
        if database.tracking is not None and database.tracking.auto_cleanup:
            clean_up(run, database)


@_order("tidemark_test.fail_over")
def _fail_over(run: Run, arguments: list[Any]) -> None:
    """fail_over 'NAME': another server answers from now on."""
    run.engine.server_name = str(arguments[0])


@_order("tidemark_test.before_read")
def _before_read(run: Run, arguments: list[Any]) -> None:
    """before_read 'schema.table', 'statements': runs them just before the next read of the table, after CHANGETABLE."""
    name = str(arguments[0]).lower()
    run.engine.before_read.setdefault(name if "." in name else "dbo." + name, []).append(str(arguments[1]))


@_order("tidemark_test.error")
def _error(run: Run, arguments: list[Any]) -> None:
    """error number, 'part of a statement', times, 'text': statements with that part fail so often."""
    number, part, *rest = arguments
    count, text = (rest[0] if rest else 1), (rest[1] if len(rest) > 1 else f"error {number}, as a test ordered")
    severity = 13 if number == 1205 else 16
    run.engine.error_hooks.append((str(part), int(count), SqlError(int(number), str(text), severity=severity)))


@_order("tidemark_test.quirk")
def _quirk(run: Run, arguments: list[Any]) -> None:
    """quirk 'name', value: see tracking.Quirks."""
    name, value = str(arguments[0]), arguments[1]
    if not hasattr(run.engine.quirks, name):
        raise SqlError(15600, f"There is no quirk '{name}'.")
    setattr(run.engine.quirks, name, value if isinstance(getattr(run.engine.quirks, name), str) else bool(value))


@_order("tidemark_test.row_filter")
def _row_filter(run: Run, arguments: list[Any]) -> None:
    """row_filter 'table', 'condition': row-level security for all but administrators; NULL takes it away."""
    database, table = run.table(Parser(arguments[0]).parts())
    ddl.change(run, database, table)
    table.row_filter = arguments[1]


@_order("tidemark_test.version")
def _version(run: Run, arguments: list[Any]) -> None:
    """version n: the next tracked commit of this database gets that version."""
    run.database.forced_version = int(arguments[0])


@_order("tidemark_test.server")
def _server(run: Run, arguments: list[Any]) -> None:
    """server 'version'|'edition', value: what SERVERPROPERTY says."""
    setattr(run.engine, str(arguments[0]), arguments[1])


@_order("tidemark_test.table_flag")
def _table_flag(run: Run, arguments: list[Any]) -> None:
    """table_flag 'table', 'name', value: a column of sys.tables, such as is_external."""
    _, table = run.table(Parser(arguments[0]).parts())
    table.flags[str(arguments[1])] = arguments[2]


@_order("tidemark_test.refused")
def _refused(run: Run, arguments: list[Any]) -> Result:
    """The statements that this server did not know."""
    from . import kinds

    return Result([Column("statement", kinds.ANY_TEXT)], [(text,) for text in run.engine.refused], 0xC1,
                  len(run.engine.refused))
