"""Expressions into Python functions over rows. NULL is None, and a condition is True, False or None."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, Protocol

from . import compare, functions, kinds, syntax as s
from .convert import convert, type_of
from .scope import Fn, Row, Scope, Typed
from .seam import SqlError
from .types import SqlType

if TYPE_CHECKING:
    from .run import Run

_EXACT = Context(prec=80)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class QueryPlan(Protocol):
    columns: list[Any]

    def rows(self, outer: Row) -> Iterator[Row]: ...


class Compiler:
    """Compiles within one scope. `replaced`: aggregates and windows, by how they are written, that were computed
    before."""

    def __init__(self, run: Run, scope: Scope, replaced: dict[str, Typed] | None = None) -> None:
        self.run, self.scope, self.replaced = run, scope, replaced or {}

    def value(self, e: s.Expr) -> Typed:
        if self.replaced:
            known = self.replaced.get(repr(e))
            if known is not None:
                return known
        method = getattr(self, "_" + type(e).__name__.lower(), None)
        if method is None:
            raise SqlError(102, f"Incorrect syntax near '{type(e).__name__}'.", severity=15)
        typed: Typed = method(e)
        return typed

    def condition(self, e: s.Expr) -> Fn:
        if not _is_condition(e):
            raise SqlError(4145, "An expression of non-boolean type specified in a context where a condition is "
                                 "expected.", severity=15)
        return self.value(e).fn

    def converted(self, typed: Typed, to: SqlType | None) -> Fn:
        """The expression's values as that type."""
        fn, from_ = typed.fn, typed.type
        if to is None or from_ is None or from_ == to:
            return fn
        if typed.is_constant:
            constant = convert(fn(()), from_, to)
            return lambda row: constant
        return lambda row: convert(fn(row), from_, to)

    # ---- leaves

    def _literal(self, e: s.Literal) -> Typed:
        value = e.value
        if e.kind in ("null", "default"):
            return Typed(lambda row: None, None, True, is_constant=True)
        type_ = type_of(value)
        if e.kind == "integer" and type_.name == "bigint":
            # What does not fit an int is a numeric there.
            value = Decimal(value)
            type_ = type_of(value)
        if e.kind == "string":
            type_ = kinds.of(f"varchar({min(len(value), 8000) or 1})") if len(value) <= 8000 else kinds.of("varchar(max)")
            value = convert(value, kinds.ANY_TEXT, kinds.with_collation(type_, self.run.database.collation))
        return Typed(lambda row: value, kinds.with_collation(type_, None), False, is_constant=True)

    def _variable(self, e: s.Variable) -> Typed:
        if e.name.startswith("@@"):
            return functions.system_variable(self.run, e.name)
        variables = self.run.variables
        if e.name not in variables:
            raise SqlError(137, f'Must declare the scalar variable "{e.name}".', severity=15)
        type_ = variables[e.name][0]
        return Typed(lambda row: variables[e.name][1], kinds.with_collation(type_, None))

    def _name(self, e: s.Name) -> Typed:
        found = self.scope.find(e.parts)
        if found is None and len(e.parts) > 1:
            owner = self.scope.find(e.parts[:-1])
            if owner is not None:
                return functions.property_of(owner, e.parts[-1])
        return found or self.scope.resolve(e.parts)

    def _star(self, e: s.Star) -> Typed:
        raise SqlError(102, "Incorrect syntax near '*'.", severity=15)

    def _collate(self, e: s.Collate) -> Typed:
        typed = self.value(e.operand)
        if typed.type is None or not kinds.is_text(typed.type):
            raise SqlError(447, "Expression type is invalid for COLLATE clause.")
        type_ = typed.type.with_collation(e.collation)
        return Typed(typed.fn, type_, typed.nullable)

    # ---- operators

    def _unary(self, e: s.Unary) -> Typed:
        if e.operator == "not":
            inner = self.condition(e.operand)

            def negated(row: Row) -> bool | None:
                value = inner(row)
                return None if value is None else not value

            return Typed(negated, kinds.BIT)
        typed = self.value(e.operand)
        fn = typed.fn
        change = operator.neg if e.operator == "-" else operator.invert
        return Typed(lambda row: None if (v := fn(row)) is None else change(v), typed.type, typed.nullable)

    def _binary(self, e: s.Binary) -> Typed:
        if e.operator in ("and", "or"):
            return self._logical(e)
        left, right = self.value(e.left), self.value(e.right)
        if e.operator in _COMPARISONS:
            return Typed(self.comparison(e.operator, left, right), kinds.BIT)
        return self._arithmetic(e.operator, left, right)

    def _logical(self, e: s.Binary) -> Typed:
        left, right = self.condition(e.left), self.condition(e.right)
        decisive = e.operator == "or"  # the value that decides alone

        def both(row: Row) -> bool | None:
            first = left(row)
            if first is decisive:
                return first
            second = right(row)
            if second is decisive:
                return second
            return None if first is None or second is None else not decisive

        return Typed(both, kinds.BIT)

    def keyed(self, left: Typed, right: Typed) -> tuple[Fn, Fn]:
        """Both sides as values that Python compares as the server does; None stays None."""
        type_ = kinds.common(left.type, right.type)
        if type_ is None:
            return left.fn, right.fn
        if type_.name in kinds.INCOMPARABLE:
            raise SqlError(402, f"The data types {(left.type or type_).name} and {(right.type or type_).name} are "
                                "incompatible in the equal to operator.")
        key = compare.key_of(type_)
        sides = []
        for side in (left, right):
            both_text = side.type is not None and kinds.is_text(side.type) and kinds.is_text(type_)
            both_exact = side.type is not None and all(t.name in kinds.INTEGERS + kinds.EXACT for t in (side.type, type_))
            fn = side.fn if both_text or both_exact else self.converted(side, type_)
            sides.append(_keyed(fn, key))
        return sides[0], sides[1]

    def comparison(self, symbol: str, left: Typed, right: Typed) -> Fn:
        compare_ = _COMPARISONS[symbol]
        left_fn, right_fn = self.keyed(left, right)

        def compared(row: Row) -> bool | None:
            a = left_fn(row)
            if a is None:
                return None
            b = right_fn(row)
            return None if b is None else compare_(a, b)

        return compared

    def _arithmetic(self, symbol: str, left: Typed, right: Typed) -> Typed:
        # Text beside a number is a number there.
        strong = kinds.common(left.type, right.type)
        l_type, r_type = left.type, right.type
        if strong is not None and not kinds.is_text(strong) and not kinds.is_binary(strong):
            l_type = strong if l_type is not None and kinds.is_text(l_type) else l_type
            r_type = strong if r_type is not None and kinds.is_text(r_type) else r_type
        l_fn, r_fn = self.converted(left, l_type), self.converted(right, r_type)
        type_ = kinds.of_arithmetic(symbol, l_type, r_type)
        compute = _computation(symbol, type_)

        def computed(row: Row) -> Any:
            a, b = l_fn(row), r_fn(row)
            return None if a is None or b is None else compute(a, b)

        return Typed(computed, type_, left.nullable or right.nullable,
                     is_constant=left.is_constant and right.is_constant)

    def _isnull(self, e: s.IsNull) -> Typed:
        fn, negated = self.value(e.operand).fn, e.negated
        return Typed(lambda row: (fn(row) is None) != negated, kinds.BIT, False)

    def _between(self, e: s.Between) -> Typed:
        both = s.Binary("and", s.Binary(">=", e.operand, e.low), s.Binary("<=", e.operand, e.high))
        return self.value(s.Unary("not", both) if e.negated else both)

    def _in(self, e: s.In) -> Typed:
        operand = self.value(e.operand)
        negated = e.negated
        if e.query is not None:
            plan = self.run.plan(e.query, self.scope)
            column = Typed(lambda row: row[0], plan.columns[0].type)
            compared = self.comparison("=", Typed(lambda row: row[0], operand.type), Typed(lambda row: row[1], column.type))

            def answers(row: Row) -> Iterator[bool | None]:
                value = operand.fn(row)
                return (compared((value, inner[0])) for inner in plan.rows(row))
        else:
            tests = [self.comparison("=", operand, self.value(choice)) for choice in e.choices or []]

            def answers(row: Row) -> Iterator[bool | None]:
                return (test(row) for test in tests)

        def member(row: Row) -> bool | None:
            unknown = False
            for answer in answers(row):
                if answer:
                    return not negated
                unknown = unknown or answer is None
            return None if unknown else negated

        return Typed(member, kinds.BIT)

    def _like(self, e: s.Like) -> Typed:
        operand, pattern = self.value(e.operand), self.value(e.pattern)
        escape = self.value(e.escape).fn if e.escape is not None else None
        collation = (operand.type.collation if operand.type else None) or self.run.database.collation
        flags = re.DOTALL | (re.IGNORECASE if collation.flags & 1 else 0)
        cached: dict[tuple[str, str | None], re.Pattern[str]] = {}
        negated = e.negated
        left, right = self.converted(operand, kinds.ANY_TEXT), self.converted(pattern, kinds.ANY_TEXT)

        def like(row: Row) -> bool | None:
            text, wanted = left(row), right(row)
            if text is None or wanted is None:
                return None
            mark = escape(row) if escape else None
            if (wanted, mark) not in cached:
                cached[wanted, mark] = re.compile(_like_pattern(wanted, mark), flags)
            return (cached[wanted, mark].fullmatch(text) is not None) != negated

        return Typed(like, kinds.BIT)

    def _case(self, e: s.Case) -> Typed:
        branches = []
        for condition, result in e.branches:
            test = s.Binary("=", e.operand, condition) if e.operand is not None else condition
            branches.append((self.condition(test), self.value(result)))
        otherwise = self.value(e.otherwise) if e.otherwise is not None else None
        results = [result for _, result in branches] + ([otherwise] if otherwise else [])
        type_: SqlType | None = None
        for one in results:
            type_ = kinds.common(type_, one.type)
        tests = [(test, self.converted(typed, type_)) for test, typed in branches]
        last = self.converted(otherwise, type_) if otherwise else None

        def chosen(row: Row) -> Any:
            for test, fn in tests:
                if test(row):
                    return fn(row)
            return last(row) if last else None

        return Typed(chosen, type_, otherwise is None or any(one.nullable for one in results))

    def _cast(self, e: s.Cast) -> Typed:
        typed = self.value(e.operand)
        type_ = self.run.database.type_named(e.type if "char" not in e.type or "(" in e.type else e.type + "(30)")[0]
        type_ = kinds.with_collation(type_, typed.type.collation if typed.type else None)
        style = self.value(e.style).fn(()) if e.style is not None else None
        fn, from_, is_try = typed.fn, typed.type, e.is_try

        def cast(row: Row) -> Any:
            try:
                return convert(fn(row), from_, type_, style)
            except SqlError:
                if is_try:
                    return None
                raise

        return Typed(cast, type_, typed.nullable or is_try, is_constant=typed.is_constant and not is_try)

    def _call(self, e: s.Call) -> Typed:
        if e.window is not None or (len(e.name) == 1 and e.name[0].upper() in functions.AGGREGATES):
            raise SqlError(4108, f"{e.name[-1]} cannot stand here: aggregates and windowed functions can only appear in "
                                 "the SELECT or ORDER BY clauses.", severity=15)
        if len(e.name) > 1:
            owner = self.scope.find(e.name[:-1])
            if owner is not None:
                return functions.method_of(owner, e.name[-1], [self.value(a) for a in e.arguments])
        return functions.call(self, e)

    def _exists(self, e: s.Exists) -> Typed:
        plan = self.run.plan(e.query, self.scope)
        return Typed(lambda row: next(iter(plan.rows(row)), None) is not None, kinds.BIT, False)

    def _subquery(self, e: s.Subquery) -> Typed:
        plan = self.run.plan(e.query, self.scope)
        if len(plan.columns) != 1:
            raise SqlError(116, "Only one expression can be specified in the select list when the subquery is not "
                                "introduced with EXISTS.")

        def only(row: Row) -> Any:
            found = list(plan.rows(row))
            if len(found) > 1:
                raise SqlError(512, "Subquery returned more than 1 value. This is not permitted when the subquery follows "
                                    "=, !=, <, <= , >, >= or when the subquery is used as an expression.")
            return found[0][0] if found else None

        return Typed(only, plan.columns[0].type)


def _keyed(fn: Fn, key: Callable[[Any], Any]) -> Fn:
    return lambda row: None if (value := fn(row)) is None else key(value)


def _is_condition(e: s.Expr) -> bool:
    if isinstance(e, s.Binary):
        return e.operator in ("and", "or") or e.operator in _COMPARISONS
    return isinstance(e, (s.IsNull, s.Like, s.In, s.Between, s.Exists)) or (isinstance(e, s.Unary) and e.operator == "not")


def _like_pattern(pattern: str, escape: str | None) -> str:
    out, i = [], 0
    while i < len(pattern):
        c = pattern[i]
        if escape and c == escape and i + 1 < len(pattern):
            i += 1
            out.append(re.escape(pattern[i]))
        elif c == "%":
            out.append(".*")
        elif c == "_":
            out.append(".")
        elif c == "[" and "]" in pattern[i + 1 :]:
            end = pattern.index("]", i + 1)
            inside = pattern[i + 1 : end].replace("\\", "\\\\")
            out.append("[" + inside + "]" if inside else "(?!)")
            i = end
        else:
            out.append(re.escape(c))
        i += 1
    return "".join(out)


def _computation(symbol: str, type_: SqlType) -> Callable[[Any, Any], Any]:
    if kinds.is_text(type_) or kinds.is_binary(type_):
        return operator.add
    if type_.name in ("datetime", "smalldatetime"):
        if symbol not in "+-":
            raise SqlError(402, f"The data types are incompatible in the operator {symbol}.")
        sign = 1 if symbol == "+" else -1
        return lambda a, b: (a[0] + sign * int(b), a[1])
    if type_.name in kinds.INTEGERS:
        return _integer_computation(symbol, type_)
    if type_.name in kinds.FLOATS:
        return _float_computation(symbol)
    return _decimal_computation(symbol, type_)


def _zero() -> SqlError:
    return SqlError(8134, "Divide by zero error encountered.")


def _integer_computation(symbol: str, type_: SqlType) -> Callable[[Any, Any], Any]:
    low, high = kinds.integer_range(type_)

    def divided(a: int, b: int) -> int:
        if b == 0:
            raise _zero()
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient

    compute: Callable[[int, int], int] = {
        "+": operator.add, "-": operator.sub, "*": operator.mul, "/": divided, "&": operator.and_, "|": operator.or_,
        "^": operator.xor, "%": lambda a, b: a - b * divided(a, b)}[symbol]

    def checked(a: int, b: int) -> int:
        result = compute(a, b)
        if not low <= result <= high:
            raise SqlError(8115, f"Arithmetic overflow error converting expression to data type {type_.name}.", state=2)
        return result

    return checked


def _float_computation(symbol: str) -> Callable[[Any, Any], Any]:
    def compute(a: Any, b: Any) -> float:
        a, b = float(a), float(b)
        if symbol in "/%" and b == 0:
            raise _zero()
        result: float = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
                         "%": math.fmod}[symbol](a, b)
        if math.isinf(result) or math.isnan(result):
            raise SqlError(8115, "Arithmetic overflow error converting expression to data type float.", state=2)
        return result

    return compute


def _decimal_computation(symbol: str, type_: SqlType) -> Callable[[Any, Any], Any]:
    step = Decimal(1).scaleb(-kinds.digits(type_)[1])
    operation = {"+": _EXACT.add, "-": _EXACT.subtract, "*": _EXACT.multiply, "/": _EXACT.divide,
                 "%": _EXACT.remainder}[symbol]

    def compute(a: Any, b: Any) -> Decimal:
        if symbol in "/%" and b == 0:
            raise _zero()
        return operation(Decimal(a), Decimal(b)).quantize(step, ROUND_HALF_UP, _EXACT)

    return compute
