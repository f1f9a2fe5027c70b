"""Expressions and queries of T-SQL, by recursive descent. What it does not know is error 102 or 156."""

from __future__ import annotations

from decimal import Decimal
from typing import NoReturn

from . import syntax as s
from .lexer import Token, tokens_of
from .seam import SqlError

# Words that end an expression or a source, so that they are no alias.
RESERVED = frozenset(
    """ADD ALL ALTER AND ANY AS ASC BEGIN BETWEEN BY CASE CAST CHECK COLLATE COLUMN COMMIT CONSTRAINT CONVERT CREATE
    CROSS DECLARE DEFAULT DELETE DENY DESC DISTINCT DROP ELSE END ESCAPE EXCEPT EXEC EXECUTE EXISTS FOR FOREIGN FROM
    FULL GO GRANT GROUP HAVING IF IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY LEFT LIKE MERGE NOT NULL OF OFF ON
    OPTION OR ORDER OUTER OVER PRIMARY PRINT REFERENCES REVOKE RIGHT ROLLBACK SAVE SELECT SET SOME TABLE THEN TO TOP
    TRAN TRANSACTION TRUNCATE UNION UNIQUE UPDATE USE VALUES VIEW WHEN WHERE WHILE WITH WAITFOR""".split()
)
_COMPARISONS = {"=", "<>", "!=", "<", "<=", ">", ">=", "!<", "!>"}
_SPELT_ALIKE = {"!=": "<>", "!<": ">=", "!>": "<="}
_LITERALS = ("string", "nstring", "integer", "decimal", "float", "binary")
_WITHOUT_PARENTHESES = {"CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER"}


class Parser:
    """Reads one batch. The statements of the dialect are in `statements.py`, which derives from this."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokens_of(sql)
        self.at = 0

    # ---- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def fail(self) -> NoReturn:
        token = self.token
        near = self.sql[token.start : token.end] or self.sql[:200]
        if token.upper in RESERVED:
            raise SqlError(156, f"Incorrect syntax near the keyword '{near}'.", severity=15, line=token.line)
        raise SqlError(102, f"Incorrect syntax near '{near}'.", severity=15, line=token.line)

    def is_word(self, *words: str) -> bool:
        """The next tokens are these words."""
        if self.tokens[self.at].upper != words[0]:
            return False
        return len(words) == 1 or all(self.peek(i).upper == word for i, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        if not self.is_word(*words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            self.fail()

    def expect_one(self, *words: str) -> None:
        if self.token.upper not in words:
            self.fail()
        self.take()

    def is_operator(self, text: str) -> bool:
        return self.token.kind == "operator" and self.token.value == text

    def accept_operator(self, text: str) -> bool:
        if not self.is_operator(text):
            return False
        self.at += 1
        return True

    def expect_operator(self, text: str) -> None:
        if not self.accept_operator(text):
            self.fail()

    def is_identifier(self) -> bool:
        return self.token.kind == "name" or (self.token.kind == "word" and self.token.upper not in RESERVED)

    def identifier(self) -> str:
        if not self.is_identifier():
            self.fail()
        return str(self.take().value)

    def parts(self) -> list[str]:
        """A name of one to four parts; `db..t` leaves the middle one empty."""
        names = [self.identifier()]
        while self.accept_operator("."):
            names.append("" if self.is_operator(".") else self.identifier())
        return names

    def names_in_parentheses(self) -> list[str]:
        self.expect_operator("(")
        names = [self.identifier()]
        while self.accept_operator(","):
            names.append(self.identifier())
        self.expect_operator(")")
        return names

    def type_name(self) -> str:
        """A type as it is declared, in lower case but for names: nvarchar(max), decimal(10,2), [dbo].[Code]."""
        names = self.parts()
        text = ".".join(names) if len(names) > 1 else names[0].lower()
        if text == "double" and self.accept("PRECISION"):
            text = "float"
        if text == "national":
            text = "n" + self.identifier().lower()
        if self.accept("VARYING"):
            text = text.replace("char", "varchar").replace("acter", "")
        if self.accept_operator("("):
            inside = []
            while not self.accept_operator(")"):
                inside.append(str(self.take().value).lower())
            text += "(" + "".join(inside) + ")"
        return text

    # ---- expressions, loosest first

    def expression(self) -> s.Expr:
        left = self.conjunction()
        while self.accept("OR"):
            left = s.Binary("or", left, self.conjunction())
        return left

    def conjunction(self) -> s.Expr:
        left = self.negation()
        while self.accept("AND"):
            left = s.Binary("and", left, self.negation())
        return left

    def negation(self) -> s.Expr:
        if self.accept("NOT"):
            return s.Unary("not", self.negation())
        return self.predicate()

    def predicate(self) -> s.Expr:
        left = self.sum()
        while True:
            if self.token.kind == "operator" and self.token.value in _COMPARISONS:
                operator = str(self.take().value)
                left = s.Binary(_SPELT_ALIKE.get(operator, operator), left, self.sum())
            elif self.accept("IS"):
                negated = self.accept("NOT")
                self.expect("NULL")
                left = s.IsNull(left, negated)
            elif self.is_word("NOT") and self.peek().upper in ("IN", "LIKE", "BETWEEN"):
                self.take()
                left = self.membership(left, True)
            elif self.token.upper in ("IN", "LIKE", "BETWEEN"):
                left = self.membership(left, False)
            else:
                return left

    def membership(self, left: s.Expr, negated: bool) -> s.Expr:
        if self.accept("LIKE"):
            pattern = self.sum()
            return s.Like(left, pattern, self.sum() if self.accept("ESCAPE") else None, negated)
        if self.accept("BETWEEN"):
            low = self.sum()
            self.expect("AND")
            return s.Between(left, low, self.sum(), negated)
        self.expect("IN")
        self.expect_operator("(")
        if self.is_word("SELECT") or self.is_word("WITH"):
            query = self.query()
            self.expect_operator(")")
            return s.In(left, None, query, negated)
        choices = self.expressions()
        self.expect_operator(")")
        return s.In(left, choices, None, negated)

    def expressions(self) -> list[s.Expr]:
        found = [self.expression()]
        while self.accept_operator(","):
            found.append(self.expression())
        return found

    def sum(self) -> s.Expr:
        left = self.product()
        while self.token.kind == "operator" and self.token.value in ("+", "-", "&", "|", "^"):
            operator = str(self.take().value)
            left = s.Binary(operator, left, self.product())
        return left

    def product(self) -> s.Expr:
        left = self.unary()
        while self.token.kind == "operator" and self.token.value in ("*", "/", "%"):
            operator = str(self.take().value)
            left = s.Binary(operator, left, self.unary())
        return left

    def unary(self) -> s.Expr:
        if self.accept_operator("-"):
            operand = self.unary()
            if isinstance(operand, s.Literal) and isinstance(operand.value, (int, float, Decimal)):
                return s.Literal(-operand.value, operand.kind)
            return s.Unary("-", operand)
        if self.accept_operator("+"):
            return self.unary()
        if self.accept_operator("~"):
            return s.Unary("~", self.unary())
        return self.postfix()

    def postfix(self) -> s.Expr:
        value = self.primary()
        while self.accept("COLLATE"):
            value = s.Collate(value, self.identifier())
        return value

    def primary(self) -> s.Expr:
        token = self.token
        if token.kind in _LITERALS:
            self.take()
            return s.Literal(token.value, token.kind)
        if token.kind == "variable":
            self.take()
            return s.Variable(str(token.value).lower())
        if self.accept_operator("("):
            if self.is_word("SELECT") or self.is_word("WITH"):
                inner: s.Expr = s.Subquery(self.query())
            else:
                inner = self.expression()
            self.expect_operator(")")
            return inner
        return self.word_or_name()

    def word_or_name(self) -> s.Expr:
        word = self.token.upper
        if word == "NULL":
            self.take()
            return s.Literal(None, "null")
        if word == "CASE":
            return self.case()
        if word in ("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT") and self.peek().value == "(":
            return self.cast()
        if word == "EXISTS":
            self.take()
            self.expect_operator("(")
            query = self.query()
            self.expect_operator(")")
            return s.Exists(query)
        if word in ("LEFT", "RIGHT", "CONVERT") and self.peek().value == "(":
            self.take()
            return self.call([word])
        if word in _WITHOUT_PARENTHESES:
            self.take()
            return s.Call([word], [])
        return self.name()

    def name(self) -> s.Expr:
        names = [self.identifier()]
        while self.accept_operator("."):
            if self.accept_operator("*"):
                return s.Star(names)
            names.append("" if self.is_operator(".") else self.identifier())
        if self.accept_operator("::"):
            names.append(self.identifier())
        if self.is_operator("("):
            return self.call(names)
        return s.Name(names)

    def call(self, names: list[str]) -> s.Call:
        self.expect_operator("(")
        is_distinct = self.accept("DISTINCT")
        arguments: list[s.Expr] = []
        if self.accept_operator("*"):
            arguments = [s.Star([])]
        elif not self.is_operator(")"):
            arguments = self.expressions()
        self.expect_operator(")")
        window = None
        if self.accept("OVER"):
            self.expect_operator("(")
            partition = self.expressions() if self.accept("PARTITION", "BY") else []
            order = self.order_items() if self.accept("ORDER", "BY") else []
            self.expect_operator(")")
            window = s.Window(partition, order)
        return s.Call(names, arguments, window, is_distinct)

    def case(self) -> s.Expr:
        self.expect("CASE")
        operand = None if self.is_word("WHEN") else self.expression()
        branches = []
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append((condition, self.expression()))
        otherwise = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return s.Case(operand, branches, otherwise)

    def cast(self) -> s.Expr:
        word = self.take().upper
        self.expect_operator("(")
        if word.endswith("CAST"):
            operand = self.expression()
            self.expect("AS")
            cast = s.Cast(operand, self.type_name(), None, word.startswith("TRY"))
        else:
            declared = self.type_name()
            self.expect_operator(",")
            operand = self.expression()
            style = self.expression() if self.accept_operator(",") else None
            cast = s.Cast(operand, declared, style, word.startswith("TRY"))
        self.expect_operator(")")
        return cast

    # ---- queries

    def query(self) -> s.Query:
        common = []
        if self.accept("WITH"):
            while True:
                name = self.identifier()
                columns = self.names_in_parentheses() if self.is_operator("(") else []
                self.expect("AS")
                self.expect_operator("(")
                common.append((name, columns, self.query()))
                self.expect_operator(")")
                if not self.accept_operator(","):
                    break
        query = s.Query([self.query_part()], common=common)
        while self.accept("UNION"):
            query.unions.append(self.accept("ALL"))
            query.parts.append(self.query_part())
        if self.accept("ORDER", "BY"):
            query.order = self.order_items()
            if self.accept("OFFSET"):
                query.skip = self.expression()
                self.expect_one("ROWS", "ROW")
                if self.accept("FETCH"):
                    self.expect_one("NEXT", "FIRST")
                    query.fetch = self.expression()
                    self.expect_one("ROWS", "ROW")
                    self.expect("ONLY")
        if self.accept("OPTION"):
            self.expect_operator("(")
            while not self.accept_operator(")"):
                self.take()
        return query

    def query_part(self) -> s.Select | s.Values | s.Query:
        if self.accept_operator("("):
            inner = self.query()
            self.expect_operator(")")
            return inner
        if self.is_word("VALUES"):
            return self.values()
        return self.select()

    def values(self) -> s.Values:
        self.expect("VALUES")
        rows = []
        while True:
            self.expect_operator("(")
            rows.append([self.value_or_default()])
            while self.accept_operator(","):
                rows[-1].append(self.value_or_default())
            self.expect_operator(")")
            if not self.accept_operator(","):
                return s.Values(rows)

    def value_or_default(self) -> s.Expr:
        token, following = self.token, self.peek()
        if token.kind in _LITERALS and following.kind == "operator" and following.value in (",", ")"):
            self.at += 1  # most values of most lists
            return s.Literal(token.value, token.kind)
        if self.accept("DEFAULT"):
            return s.Literal(None, "default")
        return self.expression()

    def select(self) -> s.Select:
        self.expect("SELECT")
        select = s.Select([])
        if self.accept("DISTINCT"):
            select.is_distinct = True
        else:
            self.accept("ALL")
        if self.accept("TOP"):
            if self.accept_operator("("):
                select.top = self.expression()
                self.expect_operator(")")
            else:
                select.top = self.primary()
        select.items = [self.select_item()]
        while self.accept_operator(","):
            select.items.append(self.select_item())
        if self.accept("FROM"):
            select.source = self.sources()
        if self.accept("WHERE"):
            select.where = self.expression()
        if self.accept("GROUP", "BY"):
            select.group = self.expressions()
        if self.accept("HAVING"):
            select.having = self.expression()
        return select

    def select_item(self) -> s.SelectItem:
        if self.accept_operator("*"):
            return s.SelectItem(s.Star([]), None)
        following = self.peek()
        if following.kind == "operator" and following.value == "=":
            if self.token.kind == "variable":
                variable = str(self.take().value).lower()
                self.take()
                return s.SelectItem(s.Assign(variable, self.expression()), None)
            if self.is_identifier():
                alias = self.identifier()
                self.take()
                return s.SelectItem(self.expression(), alias)
        value = self.expression()
        return s.SelectItem(value, self.alias())

    def alias(self) -> str | None:
        if self.accept("AS"):
            if self.token.kind in ("string", "nstring"):
                return str(self.take().value)
            return self.identifier()
        if self.is_identifier() and not self.is_clause():
            return self.identifier()
        return None

    def is_clause(self) -> bool:
        return self.token.upper in ("OFFSET", "FETCH", "PIVOT") or self.is_word("ENABLE") or self.is_word("DISABLE")

    def order_items(self) -> list[s.OrderItem]:
        items = []
        while True:
            value = self.expression()
            descending = self.accept("DESC")
            if not descending:
                self.accept("ASC")
            items.append(s.OrderItem(value, descending))
            if not self.accept_operator(","):
                return items

    # ---- FROM

    def sources(self) -> s.Source:
        left = self.joined()
        while self.accept_operator(","):
            left = s.Join("cross", left, self.joined(), None)
        return left

    def joined(self) -> s.Source:
        left = self.source()
        while True:
            kind = self.join_kind()
            if kind is None:
                return left
            right = self.source()
            on = None
            if kind not in ("cross", "cross apply", "outer apply"):
                self.expect("ON")
                on = self.expression()
            left = s.Join(kind, left, right, on)

    def join_kind(self) -> str | None:
        if self.accept("JOIN") or self.accept("INNER", "JOIN"):
            return "inner"
        for side in ("LEFT", "RIGHT", "FULL"):
            if self.accept(side, "OUTER", "JOIN") or self.accept(side, "JOIN"):
                return side.lower()
        if self.accept("CROSS", "JOIN"):
            return "cross"
        if self.accept("CROSS", "APPLY"):
            return "cross apply"
        if self.accept("OUTER", "APPLY"):
            return "outer apply"
        return None

    def source(self) -> s.Source:
        if self.accept_operator("("):
            if self.is_word("SELECT") or self.is_word("VALUES") or self.is_word("WITH"):
                query = self.query()
                self.expect_operator(")")
                alias = self.alias()
                if alias is None:
                    self.fail()
                columns = self.names_in_parentheses() if self.is_operator("(") else []
                return s.Derived(query, alias, columns)
            inner = self.sources()
            self.expect_operator(")")
            return inner
        if self.is_word("CHANGETABLE"):
            return self.change_table()
        table = s.TableName(self.parts())
        table.alias = self.alias()
        if self.accept("WITH"):
            self.expect_operator("(")
            while not self.accept_operator(")"):
                table.hints.append(str(self.take().value).upper())
        return table

    def change_table(self) -> s.ChangeTable:
        self.expect("CHANGETABLE")
        self.expect_operator("(")
        if self.accept("VERSION"):
            table = s.ChangeTable(self.parts(), None)
            self.expect_operator(",")
            table.key_columns = self.names_in_parentheses()
            self.expect_operator(",")
            self.expect_operator("(")
            table.key_values = self.expressions()
            self.expect_operator(")")
        else:
            self.expect("CHANGES")
            parts = self.parts()
            self.expect_operator(",")
            table = s.ChangeTable(parts, self.scalar())
            if self.accept_operator(","):
                self.expect("FORCESEEK")
        self.expect_operator(")")
        table.alias = self.alias()
        if table.alias is None:
            self.fail()
        if self.is_operator("("):
            table.columns = self.names_in_parentheses()
        return table

    def scalar(self) -> s.Expr:
        """CHANGETABLE takes a literal, a variable or NULL: an expression is a syntax error there (C1.1)."""
        negative = self.accept_operator("-")
        token = self.take()
        if token.kind == "integer" and isinstance(token.value, int):
            return s.Literal(-token.value if negative else token.value, "integer")
        if token.kind == "variable" and not negative:
            return s.Variable(str(token.value).lower())
        if token.upper == "NULL" and not negative:
            return s.Literal(None, "null")
        self.at -= 1
        self.fail()
