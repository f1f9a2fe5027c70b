"""Functions, @@variables and the methods of CLR types. An unknown function is error 195."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import kinds, spatial, syntax as s, times
from .convert import convert
from .scope import Fn, Row, Typed
from .seam import SqlError
from .types import SqlType

if TYPE_CHECKING:
    from .expressions import Compiler
    from .run import Run

AGGREGATES = frozenset(("COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG", "STRING_AGG", "CHECKSUM_AGG"))
Builder = Callable[["Compiler", list[Typed]], Typed]
_BUILDERS: dict[str, tuple[int, int, Builder]] = {}


def call(compiler: Compiler, e: s.Call) -> Typed:
    if len(e.name) == 2 and e.name[0].lower() in kinds.CLR:
        return _spatial(compiler, e)
    name = e.name[-1].upper()
    if len(e.name) > 1 or name not in _BUILDERS:
        raise SqlError(195, f"'{'.'.join(e.name)}' is not a recognized built-in function name.", severity=15)
    least, most, builder = _BUILDERS[name]
    if not least <= len(e.arguments) <= most:
        raise SqlError(174, f"The {name.lower()} function requires {least} argument(s).", severity=15)
    if name in ("DATEADD", "DATEDIFF", "DATEPART", "DATENAME"):
        # Their first word is no column.
        first = e.arguments[0]
        word = first.parts[0].lower() if isinstance(first, s.Name) else ""
        rest = [compiler.value(a) for a in e.arguments[1:]]
        return builder(compiler, [_constant(word, kinds.TEXT), *rest])
    return builder(compiler, [compiler.value(a) for a in e.arguments])


def builds(name: str, least: int, most: int | None = None) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        for word in name.split():
            _BUILDERS[word] = (least, least if most is None else most, builder)
        return builder

    return register


def _constant(value: Any, type_: SqlType | None) -> Typed:
    return Typed(lambda row: value, type_, value is None, is_constant=True)


def _simple(names: str, count: int, type_: SqlType | None, function: Callable[..., Any], most: int | None = None,
            argument: SqlType | None = None) -> None:
    """A function that is NULL when an argument is. `type_` None: that of its first argument. `argument`: the type
    that all arguments are converted to."""

    def build(compiler: Compiler, arguments: list[Typed]) -> Typed:
        fns = [compiler.converted(a, argument) if argument else a.fn for a in arguments]

        def called(row: Row) -> Any:
            values = [fn(row) for fn in fns]
            return None if None in values else function(*values)

        return Typed(called, type_ or arguments[0].type, any(a.nullable for a in arguments))

    builds(names, count, most)(build)


def _quote(text: str, mark: str = "[") -> str | None:
    if len(text) > 128:
        return None
    pair = {"[": "[]", "]": "[]", "'": "''", '"': '""', "(": "()", "<": "<>"}.get(mark[:1])
    return None if pair is None else pair[0] + text.replace(pair[1], pair[1] * 2) + pair[1]


def _substring(text: Any, start: int, length: int) -> Any:
    if length < 0:
        raise SqlError(537, "Invalid length parameter passed to the LEFT or SUBSTRING function.")
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, Decimal):
        step = value.as_tuple().exponent
        return round(value, digits).quantize(Decimal(1).scaleb(int(step)))
    if isinstance(value, int):
        return value if digits >= 0 else int(round(Decimal(value), digits))
    return math.copysign(math.floor(abs(value) * 10**digits + 0.5) / 10**digits, value)


_simple("QUOTENAME", 1, kinds.of("nvarchar(258)"), _quote, 2, kinds.ANY_TEXT)
_simple("UPPER", 1, None, lambda v: v.upper())
_simple("LOWER", 1, None, lambda v: v.lower())
_simple("LTRIM", 1, None, lambda v: v.lstrip(" "))
_simple("RTRIM", 1, None, lambda v: v.rstrip(" "))
_simple("TRIM", 1, None, lambda v: v.strip(" "))
_simple("LEFT", 2, None, lambda v, n: v[:n])
_simple("RIGHT", 2, None, lambda v, n: v[max(len(v) - n, 0) :])
_simple("SUBSTRING", 3, None, _substring)
_simple("REPLACE", 3, None, lambda v, a, b: v.replace(a, b) if a else v)
_simple("REPLICATE", 2, kinds.ANY_TEXT, lambda v, n: v * n)
_simple("SPACE", 1, kinds.TEXT, lambda n: " " * n)
_simple("REVERSE", 1, None, lambda v: v[::-1])
_simple("CHARINDEX", 2, kinds.INT, lambda a, v: v.lower().find(a.lower()) + 1)
_simple("ASCII", 1, kinds.INT, lambda v: ord(v[0]) if v else None)
_simple("UNICODE", 1, kinds.INT, lambda v: ord(v[0]) if v else None)
_simple("NCHAR", 1, kinds.of("nvarchar(2)"), chr)
_simple("CHAR", 1, kinds.of("varchar(1)"), lambda n: bytes([n]).decode("cp1252", "replace"))
_simple("ABS", 1, None, abs)
_simple("SIGN", 1, None, lambda v: type(v)((v > 0) - (v < 0)))
_simple("FLOOR", 1, None, lambda v: type(v)(math.floor(v)))
_simple("CEILING", 1, None, lambda v: type(v)(math.ceil(v)))
_simple("SQRT", 1, kinds.FLOAT, lambda v: math.sqrt(v))
_simple("POWER", 2, None, lambda v, n: type(v)(v**n))
_simple("ROUND", 2, None, _rounded)
_simple("ISNUMERIC", 1, kinds.INT, lambda v: int(_is_numeric(str(v))))


def _is_numeric(text: str) -> bool:
    try:
        float(text)
        return True
    except ValueError:
        return False


def _length_of(is_bytes: bool) -> Builder:
    def build(compiler: Compiler, arguments: list[Typed]) -> Typed:
        (argument,) = arguments
        type_ = argument.type or kinds.TEXT
        target = type_ if kinds.is_text(type_) or kinds.is_binary(type_) else kinds.ANY_TEXT
        fn = compiler.converted(argument, target) if target is not type_ and not is_bytes else argument.fn

        def length(value: Any) -> int:
            if not is_bytes:
                return len(value.rstrip(" ")) if isinstance(value, str) else len(value)
            if isinstance(value, str):
                return len(value.encode("utf-16-le", "surrogatepass") if type_.is_unicode
                           else type_.text_collation.encode(value))
            if isinstance(value, (bytes, spatial.Shape, spatial.Hierarchy)):
                return len(bytes(value))
            return len(type_.encode(value)) - 1

        return Typed(lambda row: None if (v := fn(row)) is None else length(v), kinds.INT)

    return build


_BUILDERS["LEN"] = (1, 1, _length_of(False))
_BUILDERS["DATALENGTH"] = (1, 1, _length_of(True))


@builds("ISNULL", 2)
def _isnull(compiler: Compiler, arguments: list[Typed]) -> Typed:
    first, second = arguments
    type_ = first.type or second.type
    a, b = first.fn, compiler.converted(second, type_)
    return Typed(lambda row: b(row) if (v := a(row)) is None else v, type_, second.nullable)


@builds("COALESCE", 1, 250)
def _coalesce(compiler: Compiler, arguments: list[Typed]) -> Typed:
    type_: SqlType | None = None
    for argument in arguments:
        type_ = kinds.common(type_, argument.type)
    fns = [compiler.converted(a, type_) for a in arguments]
    return Typed(lambda row: next((v for fn in fns if (v := fn(row)) is not None), None), type_,
                 all(a.nullable for a in arguments))


@builds("NULLIF", 2)
def _nullif(compiler: Compiler, arguments: list[Typed]) -> Typed:
    equal, fn = compiler.comparison("=", *arguments), arguments[0].fn
    return Typed(lambda row: None if equal(row) else fn(row), arguments[0].type)


@builds("IIF", 3)
def _iif(compiler: Compiler, arguments: list[Typed]) -> Typed:
    test, yes, no = arguments
    type_ = kinds.common(yes.type, no.type)
    a, b = compiler.converted(yes, type_), compiler.converted(no, type_)
    return Typed(lambda row: a(row) if test.fn(row) else b(row), type_)


@builds("CONCAT", 2, 250)
def _concat(compiler: Compiler, arguments: list[Typed]) -> Typed:
    fns = [compiler.converted(a, kinds.ANY_TEXT) for a in arguments]
    return Typed(lambda row: "".join(fn(row) or "" for fn in fns), kinds.ANY_TEXT, False)


# ---- time


@builds("GETDATE GETUTCDATE CURRENT_TIMESTAMP", 0)
def _getdate(compiler: Compiler, arguments: list[Typed]) -> Typed:
    value = convert(times.of_datetime(compiler.run.now), kinds.of("datetime2"), kinds.DATETIME)
    return _constant(value, kinds.DATETIME)


@builds("SYSDATETIME SYSUTCDATETIME", 0)
def _sysdatetime(compiler: Compiler, arguments: list[Typed]) -> Typed:
    return _constant(times.of_datetime(compiler.run.now), kinds.of("datetime2"))


_STEPS = {"day": times.TICKS_A_DAY, "dd": times.TICKS_A_DAY, "hour": 3600 * times.TICKS_A_SECOND,
          "hh": 3600 * times.TICKS_A_SECOND, "minute": 60 * times.TICKS_A_SECOND, "mi": 60 * times.TICKS_A_SECOND,
          "second": times.TICKS_A_SECOND, "ss": times.TICKS_A_SECOND, "millisecond": times.TICKS_A_SECOND // 1000}


@builds("DATEADD", 3)
def _dateadd(compiler: Compiler, arguments: list[Typed]) -> Typed:
    step = _STEPS.get(arguments[0].fn(()))
    if step is None:
        raise SqlError(155, f"'{arguments[0].fn(())}' is not a recognized dateadd option.", severity=15)
    type_ = arguments[2].type or kinds.DATETIME
    if kinds.is_text(type_):
        type_ = kinds.DATETIME
    wide = kinds.of("datetime2")
    count, fn = arguments[1].fn, compiler.converted(arguments[2], wide)

    def added(row: Row) -> Any:
        n, value = count(row), fn(row)
        return None if n is None or value is None else convert(times.shifted(value[0], value[1] + n * step), wide, type_)

    return Typed(added, type_)


# ---- names and properties


@builds("NEWID", 0)
def _newid(compiler: Compiler, arguments: list[Typed]) -> Typed:
    return Typed(lambda row: uuid.uuid4(), kinds.GUID, False)


@builds("DB_NAME", 0, 1)
def _db_name(compiler: Compiler, arguments: list[Typed]) -> Typed:
    run = compiler.run
    if not arguments:
        return _constant(run.database.name, kinds.SYSNAME)
    fn = arguments[0].fn
    return Typed(lambda row: next((d.name for d in run.engine.databases.values() if d.id == fn(row)), None), kinds.SYSNAME)


@builds("DB_ID", 0, 1)
def _db_id(compiler: Compiler, arguments: list[Typed]) -> Typed:
    run = compiler.run
    if not arguments:
        return _constant(run.database.id, kinds.of("smallint"))
    fn = arguments[0].fn
    databases = run.engine.databases
    return Typed(lambda row: databases[n].id if (n := str(fn(row)).lower()) in databases else None, kinds.of("smallint"))


def _parts_of(text: str) -> list[str]:
    from .parser import Parser

    return Parser(text).parts()


@builds("OBJECT_ID", 1, 2)
def _object_id(compiler: Compiler, arguments: list[Typed]) -> Typed:
    fn, run = arguments[0].fn, compiler.run

    def found(row: Row) -> int | None:
        name = fn(row)
        pair = run.find(_parts_of(name)) if name else None
        return pair[1].object_id if pair and run.sees(*pair) else None

    return Typed(found, kinds.INT)


def _name_of_object(is_schema: bool) -> Builder:
    def build(compiler: Compiler, arguments: list[Typed]) -> Typed:
        fn, run = arguments[0].fn, compiler.run

        def found(row: Row) -> str | None:
            table = run.database.table_by_id(fn(row))
            return None if table is None else table.schema if is_schema else table.name

        return Typed(found, kinds.SYSNAME)

    return build


_BUILDERS["OBJECT_NAME"] = (1, 2, _name_of_object(False))
_BUILDERS["OBJECT_SCHEMA_NAME"] = (1, 2, _name_of_object(True))


@builds("SCHEMA_NAME", 0, 1)
def _schema_name(compiler: Compiler, arguments: list[Typed]) -> Typed:
    schemas = compiler.run.database.schemas
    if not arguments:
        return _constant("dbo", kinds.SYSNAME)
    fn = arguments[0].fn
    return Typed(lambda row: next((n for n, i in schemas.items() if i == fn(row)), None), kinds.SYSNAME)


@builds("SCHEMA_ID", 0, 1)
def _schema_id(compiler: Compiler, arguments: list[Typed]) -> Typed:
    database = compiler.run.database
    if not arguments:
        return _constant(1, kinds.INT)
    fn = arguments[0].fn
    return Typed(lambda row: database.schemas.get(database.schema(fn(row) or "") or ""), kinds.INT)


@builds("COLUMNPROPERTY", 3)
def _column_property(compiler: Compiler, arguments: list[Typed]) -> Typed:
    fns, run = [a.fn for a in arguments], compiler.run

    def found(row: Row) -> int | None:
        object_id, name, asked = (fn(row) for fn in fns)
        table = run.database.table_by_id(object_id)
        column = table.column(name) if table is not None and name else None
        if column is None:
            return None
        values = {"columnid": column.id, "allowsnull": int(column.nullable), "iscomputed": int(column.computed is not None),
                  "isidentity": int(column.identity is not None), "ishidden": int(column.hidden)}
        return values.get(str(asked).lower())

    return Typed(found, kinds.INT)


@builds("SERVERPROPERTY", 1)
def _server_property(compiler: Compiler, arguments: list[Typed]) -> Typed:
    engine, fn = compiler.run.engine, arguments[0].fn
    major = engine.version.split(".")[0]
    values: dict[str, Any] = {
        "engineedition": engine.edition, "productversion": engine.version, "servername": engine.server_name,
        "edition": "SQL Azure" if engine.edition == 5 else "Developer Edition (64-bit)", "productlevel": "RTM",
        "productmajorversion": major, "collation": "SQL_Latin1_General_CP1_CI_AS", "machinename": engine.server_name,
        "instancename": None, "isclustered": 0, "ishadrenabled": 0, "isxtpsupported": 1,
        "issingleuser": 0, "isfulltextinstalled": 0, "isintegratedsecurityonly": 0, "productupdatelevel": None,
    }
    return Typed(lambda row: _variant(values.get(str(fn(row)).lower())), kinds.VARIANT)


@builds("DATABASEPROPERTYEX", 2)
def _database_property(compiler: Compiler, arguments: list[Typed]) -> Typed:
    engine, (name_fn, asked_fn) = compiler.run.engine, [a.fn for a in arguments]

    def found(row: Row) -> Any:
        database = engine.databases.get(str(name_fn(row)).lower())
        if database is None:
            return None
        values: dict[str, Any] = {
            "updateability": "READ_ONLY" if database.read_only else "READ_WRITE", "status": "ONLINE",
            "collation": database.collation.name, "useraccess": "MULTI_USER", "recovery": "FULL",
            "edition": "Standard" if engine.edition == 5 else None,
            "serviceobjective": "S0" if engine.edition == 5 else None}
        return _variant(values.get(str(asked_fn(row)).lower()))

    return Typed(found, kinds.VARIANT)


def _variant(value: Any) -> Any:
    from .types import Variant

    if value is None:
        return None
    return Variant(kinds.INT if isinstance(value, int) else kinds.SYSNAME, value)


@builds("SUSER_SNAME SUSER_NAME ORIGINAL_LOGIN SYSTEM_USER HOST_NAME APP_NAME", 0, 1)
def _login_name(compiler: Compiler, arguments: list[Typed]) -> Typed:
    return _constant(compiler.run.session.login.user, kinds.SYSNAME)


@builds("USER_NAME CURRENT_USER SESSION_USER USER", 0, 1)
def _user_name(compiler: Compiler, arguments: list[Typed]) -> Typed:
    run = compiler.run
    return _constant(run.user_in(run.database), kinds.SYSNAME)


@builds("IS_SRVROLEMEMBER IS_MEMBER IS_ROLEMEMBER", 1, 2)
def _is_member(compiler: Compiler, arguments: list[Typed]) -> Typed:
    run = compiler.run
    user = run.user_in(run.database)
    roles = run.database.permissions.members.get(user.lower(), set())
    fn = arguments[0].fn
    return Typed(lambda row: int(run.database.permissions.is_owner(user) or str(fn(row)).lower() in roles), kinds.INT)


@builds("HAS_PERMS_BY_NAME", 3, 5)
def _has_perms(compiler: Compiler, arguments: list[Typed]) -> Typed:
    run, fns = compiler.run, [a.fn for a in arguments]

    def answer(row: Row) -> int | None:
        name, kind, permission = (fn(row) for fn in fns[:3])
        if permission is None:
            return None
        permission = str(permission).upper()
        if kind is None or str(kind).upper() == "SERVER":
            return int(run.session.is_admin or permission in run.session.account.permissions)
        if str(kind).upper() == "DATABASE":
            user = run.user_in(run.database)
            return int(run.database.permissions.has(user, permission))
        if name is None:
            return None
        if str(kind).upper() == "SCHEMA":
            schema = run.database.schema(_parts_of(name)[-1])
            securable = f"schema:{run.database.schemas[schema]}" if schema else ""
            return int(run.database.permissions.has(run.user_in(run.database), permission, securable)) if schema else None
        pair = run.find(_parts_of(name))
        if pair is None or not run.sees(*pair):
            return None
        if permission == "SELECT" and not run.may("SELECT", *pair):
            # Granted on each column is granted: HAS_PERMS_BY_NAME says 1 for any column only when asked for it.
            return int(all(run.may("SELECT", *pair, c.id) for c in pair[1].columns))
        return int(run.may(permission, *pair))

    return Typed(answer, kinds.INT)


# ---- change tracking


@builds("CHANGE_TRACKING_CURRENT_VERSION", 0)
def _current_version(compiler: Compiler, arguments: list[Typed]) -> Typed:
    """The version of the last committed transaction, NULL when tracking is off (C2.1). In a SNAPSHOT transaction that
    of its view, unless a test orders otherwise."""
    run = compiler.run

    def version(row: Row) -> int | None:
        tracking = run.database.tracking
        if tracking is None:
            return None
        if run.session.running.is_snapshot and not run.engine.quirks.version_is_latest:
            return tracking.version_at(run.view_of(run.database, None))
        return tracking.version

    return Typed(version, kinds.BIGINT)


@builds("CHANGE_TRACKING_MIN_VALID_VERSION", 1)
def _min_valid_version(compiler: Compiler, arguments: list[Typed]) -> Typed:
    """NULL when tracking is off, the object unknown or a permission missing (C2.2)."""
    run, fn = compiler.run, compiler.converted(arguments[0], kinds.INT)

    def version(row: Row) -> int | None:
        table = run.database.table_by_id(fn(row))
        if table is None or table.tracking is None:
            return None
        return table.tracking.min_valid_version if run.may("VIEW CHANGE TRACKING", run.database, table) else None

    return Typed(version, kinds.BIGINT)


def _in_mask(column: int, mask: bytes) -> int:
    ids = [int.from_bytes(mask[i : i + 4], "little") for i in range(4, len(mask), 4)]
    return int(column in ids)


_simple("CHANGE_TRACKING_IS_COLUMN_IN_MASK", 2, kinds.BIT, _in_mask)


@builds("SQL_VARIANT_PROPERTY", 2)
def _variant_property(compiler: Compiler, arguments: list[Typed]) -> Typed:
    value_fn, asked_fn = (a.fn for a in arguments)
    from .types import Variant

    def found(row: Row) -> Any:
        value = value_fn(row)
        if value is None:
            return None
        type_ = value.type if isinstance(value, Variant) else arguments[0].type or kinds.INT
        values = {"basetype": type_.name, "precision": type_.precision, "scale": type_.scale, "maxlength": type_.length,
                  "collation": type_.collation.name if type_.collation else None}
        return _variant(values.get(str(asked_fn(row)).lower()))

    return Typed(found, kinds.VARIANT)


def system_variable(run: Run, name: str) -> Typed:
    session, engine = run.session, run.engine
    values: dict[str, tuple[SqlType, Callable[[], Any]]] = {
        "@@trancount": (kinds.INT, lambda: session.depth), "@@servername": (kinds.SYSNAME, lambda: engine.server_name),
        "@@spid": (kinds.of("smallint"), lambda: session.spid), "@@rowcount": (kinds.INT, lambda: session.row_count),
        "@@error": (kinds.INT, lambda: session.last_error), "@@max_precision": (kinds.of("tinyint"), lambda: 38),
        "@@lock_timeout": (kinds.INT, lambda: session.lock_timeout_ms), "@@textsize": (kinds.INT, lambda: session.text_size),
        "@@language": (kinds.SYSNAME, lambda: "us_english"), "@@datefirst": (kinds.of("tinyint"), lambda: 7),
        "@@options": (kinds.INT, lambda: 5496), "@@identity": (kinds.decimal(38, 0), lambda: session.last_identity),
        "@@dbts": (kinds.of("varbinary(8)"), lambda: (run.database.next_rowversion - 1).to_bytes(8, "big")),
        "@@microsoftversion": (kinds.INT, lambda: int(engine.version.split(".")[0]) << 24),
        "@@version": (kinds.of("nvarchar(300)"), lambda: f"Microsoft SQL Server (tidemark's test server) - {engine.version}"),
    }
    if name not in values:
        raise SqlError(137, f'Must declare the scalar variable "{name}".', severity=15)
    type_, get = values[name]
    return Typed(lambda row: get(), type_, False)


@builds("SCOPE_IDENTITY", 0)
def _scope_identity(compiler: Compiler, arguments: list[Typed]) -> Typed:
    session = compiler.run.session
    return Typed(lambda row: session.last_identity, kinds.decimal(38, 0))


# ---- CLR types


def _checked_clr(owner: Typed, name: str) -> SqlType:
    if owner.type is None or owner.type.name not in kinds.CLR:
        spelt = owner.column.name if owner.column else ""
        raise SqlError(258, f"Cannot call methods on {owner.type.name if owner.type else 'NULL'} ('{spelt}.{name}').",
                       severity=15)
    return owner.type


def property_of(owner: Typed, name: str) -> Typed:
    type_ = _checked_clr(owner, name)
    fn = owner.fn
    if name == "STSrid" and type_.name != "hierarchyid":
        return Typed(lambda row: None if (v := fn(row)) is None else v.srid, kinds.INT)
    raise SqlError(6592, f"Could not find property or field '{name}' for type 'Microsoft.SqlServer.Types."
                         f"{type_.name}'.")


def method_of(owner: Typed, name: str, arguments: list[Typed]) -> Typed:
    type_ = _checked_clr(owner, name)
    methods: dict[str, tuple[SqlType, Callable[[Any], Any]]] = {"ToString": (kinds.TEXT, str)}
    if type_.name != "hierarchyid":
        binary = kinds.of("varbinary(max)")
        methods = {"ToString": (kinds.ANY_TEXT, lambda v: v.text), "STAsText": (kinds.ANY_TEXT, lambda v: v.text),
                   "AsTextZM": (kinds.ANY_TEXT, lambda v: v.text), "AsBinaryZM": (binary, lambda v: v.wkb),
                   "STAsBinary": (binary, spatial.without_z_and_m)}
    if name not in methods or arguments:
        raise SqlError(6506, f"Could not find method '{name}' for type 'Microsoft.SqlServer.Types.{type_.name}'.")
    fn: Fn = owner.fn
    result, method = methods[name]
    return Typed(lambda row: None if (v := fn(row)) is None else method(v), result)


def _spatial(compiler: Compiler, e: s.Call) -> Typed:
    """geometry::STGeomFromText('…', 4326), hierarchyid::Parse('/1/')."""
    owner, method = e.name[0].lower(), e.name[1]
    arguments = [compiler.value(a).fn(()) for a in e.arguments]
    if owner == "hierarchyid" and method == "Parse":
        return _constant(spatial.of_text(owner, arguments[0]), kinds.of(owner))
    if owner == "hierarchyid" and method == "GetRoot":
        return _constant(spatial.Hierarchy("/"), kinds.of(owner))
    if method == "STGeomFromText":
        return _constant(spatial.parse(arguments[0], arguments[1], owner == "geography"), kinds.of(owner))
    if method in ("Parse", "Point") and owner != "hierarchyid":
        text = arguments[0] if method == "Parse" else "POINT ({1} {0})".format(*arguments)
        return _constant(spatial.of_text(owner, text), kinds.of(owner))
    raise SqlError(6506, f"Could not find method '{method}' for type 'Microsoft.SqlServer.Types.{owner}'.")
