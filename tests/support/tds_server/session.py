"""One connection: its settings, its transaction, and the statements of a batch one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import ddl, dml, kinds, orders, times, transaction as transactions
from .convert import convert, type_of
from .expressions import Compiler
from .run import Run
from .scope import Scope, SourceColumn
from .seam import SELECT, Column, Login, Result, SqlError, SqlMessage
from .statements import Statement, StatementParser
from .store import Database

if TYPE_CHECKING:
    from .engine import Engine, LoginAccount
    from .transaction import Transaction

_LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT")
# SET options that are heard and change nothing here.
_IGNORED = frozenset(
    """NOCOUNT XACT_ABORT TEXTSIZE LOCK_TIMEOUT DATEFIRST ANSI_NULLS ANSI_PADDING ANSI_WARNINGS ANSI_NULL_DFLT_ON
    ANSI_DEFAULTS ARITHABORT CONCAT_NULL_YIELDS_NULL CURSOR_CLOSE_ON_COMMIT IMPLICIT_TRANSACTIONS LANGUAGE DATEFORMAT
    NUMERIC_ROUNDABORT QUOTED_IDENTIFIER ROWCOUNT IDENTITY_INSERT DEADLOCK_PRIORITY FMTONLY NO_BROWSETABLE
    CONTEXT_INFO""".split())
_REFUSALS = (102, 156, 195)
# Errors after which the transaction is gone.
_DOOMING = (1205, 3952, 3960, 3961)
_RUNS = {
    "insert": dml.insert, "update": dml.update, "delete": dml.delete, "truncate": dml.truncate,
    **{name: getattr(ddl, name) for name in (
        "create_table", "drop_table", "create_index", "drop_index", "add_columns", "drop_columns", "alter_column",
        "mask_column", "add_default", "add_key", "drop_constraint", "switch", "enable_tracking", "disable_tracking",
        "alter_database", "create_database", "drop_database", "create_schema", "drop_schema", "create_type",
        "create_synonym", "drop_synonym", "backup", "restore", "create_login", "alter_login", "drop_login", "create_user",
        "drop_user", "alter_role", "permission")},
}


class EngineSession:
    """What seam.Session promises."""

    def __init__(self, engine: Engine, login: Login, account: LoginAccount) -> None:
        self.engine, self.login, self.account = engine, login, account
        self.is_admin = account.is_admin
        self.spid, engine.next_spid = engine.next_spid, engine.next_spid + 1
        self.explicit: Transaction | None = None
        self._running: Transaction | None = None
        self.rolled_back = False
        self._cancelled = False
        self.row_count, self.last_error = 0, 0
        self.last_identity: int | None = None
        self._defaults()
        self.current = engine.databases["master"]
        self._enter_login_database()

    def _defaults(self) -> None:
        self.isolation, self.text_size, self.lock_timeout_ms = "READ COMMITTED", -1, -1
        self.no_count = self.xact_abort = self.implicit_transactions = False
        self.identity_insert: str | None = None

    def _enter_login_database(self) -> None:
        name = self.login.database or "master"
        database = self.engine.databases.get(name.lower())
        if database is None or not self._may_enter(database):
            raise SqlError(4060, f'Cannot open database "{name}" requested by the login. The login failed.', severity=11,
                           fatal=True)
        self.current = database

    # ---- what the wire asks

    @property
    def database(self) -> str:
        return self.current.name

    @property
    def transaction(self) -> int | None:
        return self.explicit.descriptor if self.explicit is not None else None

    @property
    def depth(self) -> int:
        return self.explicit.depth if self.explicit is not None else 0

    @property
    def running(self) -> Transaction:
        """The transaction of the statement that runs."""
        found = self._running or self.explicit
        assert found is not None
        return found

    def begin(self, isolation: int = 0) -> None:
        with self.engine.condition:
            if isolation:
                self.isolation = _LEVELS[isolation - 1]
            self._begin()

    def commit(self) -> None:
        with self.engine.condition:
            self._commit()

    def rollback(self) -> None:
        with self.engine.condition:
            self._roll_back()

    def reset(self) -> None:
        with self.engine.condition:
            self._roll_back()
            self._defaults()
            self._enter_login_database()

    def cancel(self) -> None:
        self._cancelled = True
        with self.engine.condition:
            if self._running is not None:
                self._running.is_cancelled = True
            self.engine.condition.notify_all()

    def close(self) -> None:
        with self.engine.condition:
            self._roll_back()
            self.engine.sessions.discard(self)

    def execute(self, sql: str, parameters: list[Any]) -> Iterator[Result]:
        """Statement after statement; each runs whole under the engine's lock, and its rows are kept."""
        self._cancelled = False
        self.engine.seen.append(sql)
        variables: dict[str, list[Any]] = {}
        for parameter in parameters:
            variables["@" + parameter.name.lstrip("@").lower()] = [parameter.type, parameter.value]
        try:
            with self.engine.condition:
                self._ordered_error(sql)
                statements = StatementParser(sql).batch()
            for statement in statements:
                yield from self._statement(statement, variables)
        except SqlError as error:
            self.last_error = error.number
            if error.number in _REFUSALS:
                self.engine.refused.append(f"{error.text} -- {sql}")
            raise

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """For tests in this process: all rows of the first result with columns. Parameters are @p1, @p2, …"""
        rows: list[tuple[Any, ...]] | None = None
        named = [_Plain(f"@p{i}", type_of(v), v) for i, v in enumerate(parameters, 1)]
        for result in self.execute(sql, named):
            if result.columns is not None and rows is None:
                rows = list(result.rows)
        return rows or []

    # ---- statements

    def _ordered_error(self, sql: str) -> None:
        for i, (text, times_left, error) in enumerate(self.engine.error_hooks):
            if text in sql and times_left:
                self.engine.error_hooks[i] = (text, times_left - 1, error)
                if error.number in _DOOMING:
                    self._roll_back()
                raise error

    def _statement(self, statement: Statement, variables: dict[str, list[Any]]) -> Iterator[Result]:
        if self._cancelled:
            raise SqlError(0, "cancelled", severity=11)
        kind, f = statement.kind, statement.f
        if kind == "block":
            for inner in f["body"]:
                yield from self._statement(inner, variables)
        elif kind == "if":
            chosen = f["then"] if self._condition(f["condition"], variables) else f["otherwise"]
            if chosen is not None:
                yield from self._statement(chosen, variables)
        elif kind == "while":
            while self._condition(f["condition"], variables):
                yield from self._statement(f["body"], variables)
        elif kind == "wait_for":
            yield self._wait_for(f["value"], variables)
        elif kind == "execute" and f["name"][-1] == "sp_executesql":
            yield from self._execute_text(f["arguments"], variables)
        else:
            with self.engine.condition:
                yield self._one(statement, variables)

    def _condition(self, e: Any, variables: dict[str, list[Any]]) -> bool:
        with self.engine.condition:
            return bool(self._inside(lambda run: Compiler(run, Scope()).condition(e)(()), variables))

    def _wait_for(self, e: Any, variables: dict[str, list[Any]]) -> Result:
        text = str(self._value(e, variables))
        until = time.monotonic() + times.parse(text)[1] / times.TICKS_A_SECOND
        while time.monotonic() < until and not self._cancelled:
            time.sleep(0.005)
        if self._cancelled:
            raise SqlError(0, "cancelled", severity=11)
        return Result()

    def _execute_text(self, arguments: list[tuple[str | None, Any]], variables: dict[str, list[Any]]) -> Iterator[Result]:
        values = [(name, self._value(e, variables)) for name, e in arguments]
        parameters = [_Plain(name or f"@p{i}", type_of(v), v) for i, (name, v) in enumerate(values[2:], 1)]
        declared = str(values[1][1]) if len(values) > 1 else ""
        for parameter in parameters:
            for part in declared.split(", "):
                name, _, type_name = part.strip().partition(" ")
                if name.lower() == parameter.name.lower():
                    to = kinds.of(type_name.strip())
                    parameter.value, parameter.type = convert(parameter.value, parameter.type, to), to
        inner: dict[str, list[Any]] = {p.name.lower(): [p.type, p.value] for p in parameters}
        for statement in StatementParser(str(values[0][1])).batch():
            yield from self._statement(statement, inner)

    def _one(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        simple = getattr(self, "_run_" + statement.kind, None)
        if simple is not None:
            result: Result = simple(statement, variables)
            return result
        if statement.kind == "select":
            return self._select(statement, variables)
        if statement.kind == "execute":
            result = self._inside(lambda run: orders.execute(run, statement), variables)
            return result
        runs = _RUNS[statement.kind]
        result = self._inside(lambda run: runs(run, statement), variables, is_data=True)
        if self.no_count:
            result.count = None
        return result

    def _inside(self, work: Any, variables: dict[str, list[Any]], is_data: bool = False) -> Any:
        """Runs something within the open transaction, or one of its own that ends with it."""
        if is_data and self.implicit_transactions and self.explicit is None:
            self._begin()
        if self.explicit is not None and self.isolation == "SNAPSHOT" and not self.explicit.is_snapshot and is_data:
            raise SqlError(3951, f"Transaction failed in database '{self.current.name}' because the statement was run under "
                                 "snapshot isolation but the transaction did not start in snapshot isolation.")
        own = self.explicit is None
        transaction = self.explicit or self.engine.begin(self.isolation == "SNAPSHOT", is_explicit=False)
        transaction.is_cancelled = False
        mark = transaction.mark()
        before, self._running = self._running, transaction
        try:
            result = work(Run(self, variables))
            if own:
                transactions.commit(self.engine, transaction)
            return result
        except SqlError as error:
            transaction.back_to(mark)
            if own:
                transactions.roll_back(self.engine, transaction)
            elif transaction.is_doomed or error.number in _DOOMING or self.xact_abort:
                self._roll_back()
            raise
        except Exception:
            transaction.back_to(mark)
            if own:
                transactions.roll_back(self.engine, transaction)
            raise
        finally:
            self._running = before

    def _value(self, e: Any, variables: dict[str, list[Any]]) -> Any:
        with self.engine.condition:
            return self._inside(lambda run: Compiler(run, Scope()).value(e).fn(()), variables)

    def _select(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        def work(run: Run) -> Result:
            plan = run.plan(statement.f["query"])
            for (table, database), columns in run.touched.items():
                run.demand_columns(database, table, columns)
            rows = list(plan.rows(()))
            self.row_count = len(rows)
            if plan.assigns:
                for at, name in plan.assigns.items():
                    self._assign(name, plan.columns[at].type, rows[-1][at] if rows else None, variables)
                return Result()
            columns_out = [self._column(c) for c in plan.columns]
            return Result(columns_out, rows, SELECT, None if self.no_count else len(rows))

        result: Result = self._inside(work, variables, is_data=True)
        return result

    def _column(self, c: SourceColumn) -> Column:
        type_ = c.type or kinds.INT
        if kinds.is_text(type_) and type_.collation is None and type_.name not in ("xml", "json"):
            type_ = kinds.with_collation(type_, self.current.collation)
        return Column(c.name, type_, c.nullable, c.identity, c.computed)

    def _assign(self, name: str, from_: Any, value: Any, variables: dict[str, list[Any]]) -> None:
        if name not in variables:
            raise SqlError(137, f'Must declare the scalar variable "{name}".', severity=15)
        variables[name][1] = convert(value, from_, variables[name][0])

    # ---- session statements

    def _run_set_variable(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        def work(run: Run) -> None:
            typed = Compiler(run, Scope()).value(statement.f["value"])
            self._assign(statement.f["name"], typed.type, typed.fn(()), variables)

        self._inside(work, variables)
        return Result()

    def _run_declare(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        for name, declared, value in statement.f["variables"]:
            type_ = self.current.type_named(declared)[0]
            variables[name] = [type_, None]
            if value is not None:
                self._run_set_variable(Statement("set_variable", statement.line, {"name": name, "value": value}), variables)
        return Result()

    def _run_set_isolation(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        if statement.f["level"] not in _LEVELS:
            raise SqlError(102, f"Incorrect syntax near '{statement.f['level']}'.", severity=15)
        self.isolation = statement.f["level"]
        return Result()

    def _run_set_option(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        names, value = statement.f["names"], statement.f["value"]
        unknown = [name for name in names[:1] if name not in _IGNORED]
        if unknown:
            raise SqlError(195, f"'{unknown[0]}' is not a recognized SET option.", severity=15)
        is_on = str(value).upper() == "ON"
        for name in names:
            if name == "NOCOUNT":
                self.no_count = is_on
            elif name == "XACT_ABORT":
                self.xact_abort = is_on
            elif name == "IMPLICIT_TRANSACTIONS":
                self.implicit_transactions = is_on
            elif name == "TEXTSIZE":
                self.text_size = 4096 if value == 0 else -1 if value in (-1, 2147483647) else int(value)
            elif name == "LOCK_TIMEOUT":
                self.lock_timeout_ms = int(value)
        if names[0] == "IDENTITY_INSERT":
            name = names[1] if "." in names[1] else "dbo." + names[1]
            self.identity_insert = name.lower() if is_on else None
        return Result()

    def _run_use(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        database = self.engine.database(statement.f["name"])
        self.user_in(database)
        self.current = database
        return Result(messages=[SqlMessage(5701, f"Changed database context to '{database.name}'.", state=2)])

    def _run_print(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        text = self._inside(lambda run: (c := Compiler(run, Scope())).converted(
            c.value(statement.f["value"]), kinds.ANY_TEXT)(()), variables)
        return Result(messages=[SqlMessage(0, str(text or " "))])

    def _run_raise_error(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        values = [self._value(e, variables) for e in statement.f["arguments"]]
        if statement.f.get("is_throw"):
            raise SqlError(values[0], str(values[1]), state=values[2])
        text, severity, state = values[0], values[1], values[2]
        if isinstance(text, str) and severity <= 10:
            return Result(messages=[SqlMessage(50000, text, state, severity)])
        raise SqlError(50000 if isinstance(text, str) else text, str(text), severity=severity, state=state)

    # ---- transactions

    def _run_begin(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        self._begin()
        return Result()

    def _run_commit(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        self._commit()
        return Result()

    def _run_rollback(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        if self.explicit is None:
            raise SqlError(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        name = statement.f["name"]
        if name is not None and name.lower() in self.savepoints:
            self.explicit.back_to(self.savepoints[name.lower()])
            return Result()
        self._roll_back()
        return Result()

    def _run_save(self, statement: Statement, variables: dict[str, list[Any]]) -> Result:
        if self.explicit is None:
            raise SqlError(628, "Cannot issue SAVE TRANSACTION when there is no active transaction.")
        self.savepoints[str(statement.f["name"]).lower()] = self.explicit.mark()
        return Result()

    def _begin(self) -> None:
        if self.explicit is not None:
            self.explicit.depth += 1
            return
        self.savepoints: dict[str, Any] = {}
        self.explicit = self.engine.begin(self.isolation == "SNAPSHOT", is_explicit=True)

    def _commit(self) -> None:
        if self.explicit is None:
            raise SqlError(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self.explicit.depth -= 1
        if self.explicit.depth == 0:
            transactions.commit(self.engine, self.explicit)
            self.explicit, self.rolled_back = None, False

    def _roll_back(self) -> None:
        if self.explicit is not None:
            transactions.roll_back(self.engine, self.explicit)
            self.explicit, self.rolled_back = None, True

    def doom(self) -> None:
        """The running transaction ends with the error that follows."""
        if self._running is not None:
            self._running.is_doomed = True

    # ---- who

    def _may_enter(self, database: Database) -> bool:
        return self.is_admin or database.name == "master" or self.account.name.lower() in database.permissions.users

    def user_in(self, database: Database) -> str:
        if self.is_admin:
            return "dbo"
        if not self._may_enter(database):
            raise SqlError(916, f'The server principal "{self.account.name}" is not able to access the database '
                                f'"{database.name}" under the current security context.', severity=14)
        return database.permissions.users.get(self.account.name.lower(), "guest")

    @property
    def may_view_any_database(self) -> bool:
        return self.is_admin or "VIEW ANY DATABASE" not in self.account.denied

    def has_server_permission(self, permission: str) -> bool:
        return self.is_admin or permission in self.account.permissions

    def demand_database(self, database: Database, permission: str) -> None:
        if not database.permissions.has(self.user_in(database), permission):
            raise SqlError(262, f"{permission} permission denied in database '{database.name}'.", severity=14)

    def demand_admin(self, what: str) -> None:
        if not self.is_admin:
            raise SqlError(262, f"{what} permission denied in database 'master'.", severity=14)


class _Plain:
    """A parameter of a call from this process."""

    def __init__(self, name: str, type_: Any, value: Any) -> None:
        self.name, self.type, self.value = name, type_, value
