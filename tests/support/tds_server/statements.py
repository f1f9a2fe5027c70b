"""The statements of the dialect: what a batch holds, beside queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import syntax as s
from .lexer import Token
from .parser import RESERVED, Parser

# Words that begin the next statement; an argument may be NULL.
_AFTER_ARGUMENTS = RESERVED - {"NULL", "LEFT", "RIGHT"}


@dataclass
class Statement:
    """`kind` names the function that runs it (session.py, dml.py, ddl.py, orders.py); `f` is what it was told."""

    kind: str
    line: int
    f: dict[str, Any] = field(default_factory=dict)


@dataclass
class ColumnDefinition:
    name: str
    type: str | None
    nullable: bool | None = None
    default: str | None = None
    default_name: str | None = None
    identity: tuple[int, int] | None = None
    computed: str | None = None
    persisted: bool = False
    collation: str | None = None
    mask: str | None = None
    primary: bool = False
    unique: bool = False
    hidden: bool = False
    generated_always: int = 0
    sparse: bool = False
    column_set: bool = False
    with_values: bool = False
    encryption_type: int | None = None


@dataclass
class IndexDefinition:
    name: str | None
    columns: list[tuple[str, bool]]  # name, descending
    primary: bool = False
    unique: bool = True


class StatementParser(Parser):
    def batch(self) -> list[Statement]:
        statements = []
        while self.token.kind != "end":
            if not self.accept_operator(";"):
                statements.append(self.statement())
        return statements

    def statement(self) -> Statement:
        line, word = self.token.line, self.token.upper
        method = getattr(self, "s_" + word.lower(), None) if word else None
        if self.is_operator("(") or word in ("SELECT", "VALUES"):
            return Statement("select", line, {"query": self.query()})
        if word == "WITH":
            return self.with_(line)
        if method is None:
            if self.at == 0 and self.is_identifier():
                return self.execute(line)  # a procedure at the beginning of a batch
            self.fail()
        self.take()
        statement: Statement = method(line)
        return statement

    def with_(self, line: int) -> Statement:
        if self.is_word("WITH") and self.peek().upper == "CHANGE_TRACKING_CONTEXT":
            self.take()
            self.take()
            self.expect_operator("(")
            context = self.expression()
            self.expect_operator(")")
            statement = self.statement()
            statement.f["context"] = context
            return statement
        return Statement("select", line, {"query": self.query()})

    # ---- text of a piece, for what is kept as it was written

    def text_from(self, start: Token) -> str:
        return self.sql[start.start : self.tokens[self.at - 1].end]

    def expression_text(self) -> str:
        start = self.token
        self.sum() if not self.is_operator("(") else self.postfix()
        return self.text_from(start)

    # ---- session

    def s_set(self, line: int) -> Statement:
        if self.token.kind == "variable":
            name = str(self.take().value).lower()
            self.expect_operator("=")
            return Statement("set_variable", line, {"name": name, "value": self.expression()})
        if self.accept("TRANSACTION"):
            self.expect("ISOLATION")
            self.expect("LEVEL")
            words = [str(self.take().value).upper()]
            if words[0] in ("READ", "REPEATABLE"):
                words.append(str(self.take().value).upper())
            return Statement("set_isolation", line, {"level": " ".join(words)})
        names = [str(self.take().value).upper()]
        while self.accept_operator(","):
            names.append(str(self.take().value).upper())
        if names == ["IDENTITY_INSERT"]:
            names.append(".".join(self.parts()))
        negative = self.accept_operator("-")
        value = self.take().value
        if negative and isinstance(value, int):
            value = -value
        return Statement("set_option", line, {"names": names, "value": value})

    def s_use(self, line: int) -> Statement:
        return Statement("use", line, {"name": self.identifier()})

    def s_print(self, line: int) -> Statement:
        return Statement("print", line, {"value": self.expression()})

    def s_raiserror(self, line: int) -> Statement:
        self.expect_operator("(")
        arguments = self.expressions()
        self.expect_operator(")")
        return Statement("raise_error", line, {"arguments": arguments})

    def s_throw(self, line: int) -> Statement:
        return Statement("raise_error", line, {"arguments": self.expressions(), "is_throw": True})

    def s_waitfor(self, line: int) -> Statement:
        self.expect("DELAY")
        return Statement("wait_for", line, {"value": self.expression()})

    def s_declare(self, line: int) -> Statement:
        variables = []
        while True:
            name = str(self.take().value).lower()
            self.accept("AS")
            declared = self.type_name()
            value = self.expression() if self.accept_operator("=") else None
            variables.append((name, declared, value))
            if not self.accept_operator(","):
                return Statement("declare", line, {"variables": variables})

    def s_if(self, line: int) -> Statement:
        condition = self.expression()
        then = self.statement()
        self.accept_operator(";") if self.peek().upper == "ELSE" else None
        otherwise = self.statement() if self.accept("ELSE") else None
        return Statement("if", line, {"condition": condition, "then": then, "otherwise": otherwise})

    def s_while(self, line: int) -> Statement:
        condition = self.expression()
        return Statement("while", line, {"condition": condition, "body": self.statement()})

    def s_begin(self, line: int) -> Statement:
        if self.accept("TRANSACTION") or self.accept("TRAN"):
            if self.token.kind in ("name", "variable") or (self.is_identifier() and self.token.line == line
                                                           and not self.is_statement()):
                self.take()
            return Statement("begin", line)
        body = []
        while not self.accept("END"):
            if self.token.kind == "end":
                self.fail()
            if not self.accept_operator(";"):
                body.append(self.statement())
        return Statement("block", line, {"body": body})

    def is_statement(self) -> bool:
        return hasattr(self, "s_" + self.token.upper.lower())

    def s_commit(self, line: int) -> Statement:
        self._transaction_words()
        return Statement("commit", line)

    def s_rollback(self, line: int) -> Statement:
        name = self._transaction_words()
        return Statement("rollback", line, {"name": name})

    def s_save(self, line: int) -> Statement:
        return Statement("save", line, {"name": self._transaction_words()})

    def _transaction_words(self) -> str | None:
        if self.accept("TRANSACTION") or self.accept("TRAN"):
            if self.is_identifier() and not self.is_statement():
                return self.identifier()
        else:
            self.accept("WORK")
        return None

    # ---- data

    def s_insert(self, line: int) -> Statement:
        self.accept("INTO")
        table = self.parts()
        columns = self.names_in_parentheses() if self.is_operator("(") and not self._is_query_in_parentheses() else None
        if self.accept("DEFAULT", "VALUES"):
            return Statement("insert", line, {"table": table, "columns": [], "query": None})
        return Statement("insert", line, {"table": table, "columns": columns, "query": self.query()})

    def _is_query_in_parentheses(self) -> bool:
        return self.peek().upper in ("SELECT", "VALUES", "WITH")

    def s_update(self, line: int) -> Statement:
        top = self._top()
        table = self.parts()
        self.expect("SET")
        sets = []
        while True:
            name = self.parts()[-1]
            operator = str(self.take().value)
            if operator not in ("=", "+=", "-=", "*="):
                self.at -= 1
                self.fail()
            value = self.value_or_default()
            if operator != "=":
                value = s.Binary(operator[0], s.Name([name]), value)
            sets.append((name, value))
            if not self.accept_operator(","):
                break
        where = self.expression() if self.accept("WHERE") else None
        return Statement("update", line, {"table": table, "sets": sets, "where": where, "top": top})

    def s_delete(self, line: int) -> Statement:
        top = self._top()
        self.accept("FROM")
        table = self.parts()
        where = self.expression() if self.accept("WHERE") else None
        return Statement("delete", line, {"table": table, "where": where, "top": top})

    def _top(self) -> s.Expr | None:
        if not self.accept("TOP"):
            return None
        self.expect_operator("(")
        top = self.expression()
        self.expect_operator(")")
        return top

    def s_truncate(self, line: int) -> Statement:
        self.expect("TABLE")
        return Statement("truncate", line, {"table": self.parts()})

    # ---- definitions

    def s_create(self, line: int) -> Statement:
        if self.accept("TABLE"):
            return self._create_table(line)
        if self.is_word("UNIQUE") or self.token.upper in ("INDEX", "CLUSTERED", "NONCLUSTERED"):
            unique = self.accept("UNIQUE")
            self.accept("CLUSTERED") or self.accept("NONCLUSTERED")
            self.expect("INDEX")
            name = self.identifier()
            self.expect("ON")
            table = self.parts()
            return Statement("create_index", line, {"name": name, "table": table, "columns": self._index_columns(),
                                                    "unique": unique})
        word = self.take().upper
        if word == "SCHEMA":
            return Statement("create_schema", line, {"name": self.identifier()})
        if word == "DATABASE":
            name = self.identifier()
            collation = self.identifier() if self.accept("COLLATE") else None
            return Statement("create_database", line, {"name": name, "collation": collation})
        if word == "LOGIN":
            name = self.identifier()
            self.expect("WITH")
            self.expect("PASSWORD")
            self.expect_operator("=")
            return Statement("create_login", line, {"name": name, "password": self.take().value})
        if word == "USER":
            name = self.identifier()
            login = name
            if self.accept("FOR", "LOGIN") or self.accept("FROM", "LOGIN"):
                login = self.identifier()
            elif self.accept("WITHOUT"):
                self.take()
            return Statement("create_user", line, {"name": name, "login": login})
        if word == "TYPE":
            parts = self.parts()
            self.expect("FROM")
            declared = self.type_name()
            nullable = not self.accept("NOT", "NULL")
            return Statement("create_type", line, {"name": parts[-1], "type": declared, "nullable": nullable})
        if word == "SYNONYM":
            parts = self.parts()
            self.expect("FOR")
            return Statement("create_synonym", line, {"name": parts, "target": self.parts()})
        self.at -= 1
        self.fail()

    def _create_table(self, line: int) -> Statement:
        name = self.parts()
        self.expect_operator("(")
        columns: list[ColumnDefinition] = []
        indexes: list[IndexDefinition] = []
        period: list[str] = []
        while True:
            if self.is_word("CONSTRAINT") or self.token.upper in ("PRIMARY", "UNIQUE", "INDEX"):
                indexes.append(self._constraint())
            elif self.is_word("PERIOD", "FOR"):
                self.at += 3
                period = self.names_in_parentheses()
            else:
                columns.append(self.column_definition())
            if not self.accept_operator(","):
                break
        self.expect_operator(")")
        flags = self._table_options()
        for column in columns:
            if column.primary or column.unique:
                indexes.append(IndexDefinition(None, [(column.name, False)], column.primary))
        return Statement("create_table", line, {"table": name, "columns": columns, "indexes": indexes, "flags": flags,
                                                "period": period})

    def _table_options(self) -> dict[str, Any]:
        flags: dict[str, Any] = {}
        if self.accept("AS"):
            flags["is_node" if self.take().upper == "NODE" else "is_edge"] = True
        if self.accept("WITH"):
            self.expect_operator("(")
            depth = 1
            while depth:
                token = self.take()
                depth += {"(": 1, ")": -1}.get(str(token.value), 0) if token.kind == "operator" else 0
                if token.upper == "MEMORY_OPTIMIZED":
                    flags["is_memory_optimized"] = True
                if token.upper == "SYSTEM_VERSIONING":
                    flags["temporal_type"] = 2
                if token.upper == "EXTERNAL":
                    flags["is_external"] = True
                if token.kind == "end":
                    self.fail()
        return flags

    def _constraint(self) -> IndexDefinition:
        name = self.identifier() if self.accept("CONSTRAINT") else None
        primary = self.accept("PRIMARY", "KEY")
        if not primary and not self.accept("UNIQUE"):
            self.fail()
        self.accept("CLUSTERED") or self.accept("NONCLUSTERED")
        return IndexDefinition(name, self._index_columns(), primary)

    def _index_columns(self) -> list[tuple[str, bool]]:
        self.expect_operator("(")
        columns = []
        while True:
            name = self.identifier()
            descending = self.accept("DESC")
            if not descending:
                self.accept("ASC")
            columns.append((name, descending))
            if not self.accept_operator(","):
                break
        self.expect_operator(")")
        return columns

    def column_definition(self) -> ColumnDefinition:
        column = ColumnDefinition(self.identifier(), None)
        if self.accept("AS"):
            column.computed = self.expression_text()
            column.persisted = self.accept("PERSISTED")
            if self.accept("NOT", "NULL"):
                column.nullable = False
            return column
        column.type = self.type_name()
        while self._column_option(column):
            pass
        return column

    def _column_option(self, column: ColumnDefinition) -> bool:
        if self.accept("NOT", "NULL"):
            column.nullable = False
        elif self.accept("NULL"):
            column.nullable = True
        elif self.accept("CONSTRAINT"):
            column.default_name = self.identifier()
        elif self.accept("DEFAULT"):
            column.default = self.expression_text()
        elif self.accept("PRIMARY", "KEY"):
            self.accept("CLUSTERED") or self.accept("NONCLUSTERED")
            column.primary, column.nullable = True, False
        elif self.accept("UNIQUE"):
            column.unique = True
        elif self.accept("COLLATE"):
            column.collation = self.identifier()
        elif self.accept("IDENTITY"):
            column.identity = (1, 1)
            if self.accept_operator("("):
                seed = int(str(self.take().value))
                self.expect_operator(",")
                column.identity = (seed, int(str(self.take().value)))
                self.expect_operator(")")
        elif self.accept("WITH", "VALUES"):
            column.with_values = True
        elif self.accept("SPARSE"):
            column.sparse = True
        elif self.accept("ROWGUIDCOL"):
            pass
        elif self.accept("HIDDEN"):
            column.hidden = True
        elif self.accept("COLUMN_SET"):
            self.at += 2  # FOR ALL_SPARSE_COLUMNS
            column.column_set = True
        elif self.accept("MASKED"):
            self.expect("WITH")
            column.mask = self._mask()
        elif self.accept("ENCRYPTED"):
            self.expect("WITH")
            self.expect_operator("(")
            while not self.accept_operator(")"):
                self.take()
            column.encryption_type = 1
        elif self.accept("GENERATED", "ALWAYS"):
            self.expect("AS")
            self.expect("ROW")
            column.generated_always = 1 if self.take().upper == "START" else 2
        else:
            return False
        return True

    def _mask(self) -> str:
        self.expect_operator("(")
        self.expect("FUNCTION")
        self.expect_operator("=")
        mask = str(self.take().value)
        self.expect_operator(")")
        return mask

    def s_alter(self, line: int) -> Statement:
        if self.accept("TABLE"):
            return self._alter_table(line)
        if self.accept("DATABASE"):
            return self._alter_database(line)
        if self.accept("ROLE"):
            role = self.identifier()
            added = self.take().upper == "ADD"
            self.expect("MEMBER")
            return Statement("alter_role", line, {"role": role, "added": added, "user": self.identifier()})
        if self.accept("LOGIN"):
            name = self.identifier()
            return Statement("alter_login", line, {"name": name, "disabled": self.take().upper == "DISABLE"})
        self.fail()

    def _alter_table(self, line: int) -> Statement:
        f: dict[str, Any] = {"table": self.parts()}
        if self.accept("ENABLE", "CHANGE_TRACKING"):
            f["columns"] = False
            if self.accept("WITH"):
                self.expect_operator("(")
                self.expect("TRACK_COLUMNS_UPDATED")
                self.expect_operator("=")
                f["columns"] = self.take().upper == "ON"
                self.expect_operator(")")
            return Statement("enable_tracking", line, f)
        if self.accept("DISABLE", "CHANGE_TRACKING"):
            return Statement("disable_tracking", line, f)
        if self.accept("ADD"):
            if self.is_word("CONSTRAINT") or self.token.upper in ("PRIMARY", "UNIQUE"):
                return self._add_constraint(line, f)
            f["columns"] = [self.column_definition()]
            while self.accept_operator(","):
                f["columns"].append(self.column_definition())
            return Statement("add_columns", line, f)
        if self.accept("DROP"):
            return self._drop_from_table(line, f)
        if self.accept("ALTER", "COLUMN"):
            if self.peek().upper in ("ADD", "DROP") and self.peek(2).upper == "MASKED":
                f["column"], added = self.identifier(), self.take().upper == "ADD"
                self.take()
                f["mask"] = None
                if added:
                    self.expect("WITH")
                    f["mask"] = self._mask()
                return Statement("mask_column", line, f)
            f["column"] = self.column_definition()
            return Statement("alter_column", line, f)
        if self.accept("SWITCH"):
            self.accept("PARTITION") and self.take()
            self.expect("TO")
            f["target"] = self.parts()
            return Statement("switch", line, f)
        self.fail()

    def _add_constraint(self, line: int, f: dict[str, Any]) -> Statement:
        if self.is_word("CONSTRAINT") and self.peek(2).upper == "DEFAULT":
            self.take()
            f["name"] = self.identifier()
            self.take()
            f["default"] = self.expression_text()
            self.expect("FOR")
            f["column"] = self.identifier()
            return Statement("add_default", line, f)
        f["index"] = self._constraint()
        return Statement("add_key", line, f)

    def _drop_from_table(self, line: int, f: dict[str, Any]) -> Statement:
        if self.accept("COLUMN"):
            f["columns"] = [self.identifier()]
            while self.accept_operator(","):
                self.accept("COLUMN")
                f["columns"].append(self.identifier())
            return Statement("drop_columns", line, f)
        self.expect("CONSTRAINT")
        f["name"] = self.identifier()
        return Statement("drop_constraint", line, f)

    def _alter_database(self, line: int) -> Statement:
        name = None if self.accept("CURRENT") else self.identifier()
        if self.accept("COLLATE"):
            return Statement("alter_database", line, {"name": name, "option": "COLLATE", "value": self.identifier()})
        self.expect("SET")
        option = self.take().upper
        f: dict[str, Any] = {"name": name, "option": option, "value": None, "retention": None, "cleanup": None}
        if option == "CHANGE_TRACKING":
            if self.accept_operator("="):
                f["value"] = self.take().upper
            if self.accept_operator("("):
                while not self.accept_operator(")"):
                    word = self.take().upper
                    self.expect_operator("=")
                    if word == "CHANGE_RETENTION":
                        f["retention"] = (self.take().value, str(self.take().value))
                    elif word == "AUTO_CLEANUP":
                        f["cleanup"] = self.take().upper == "ON"
                    else:
                        self.fail()
                    self.accept_operator(",")
        else:
            self.accept_operator("=")
            f["value"] = self.take().value
            if self.accept("WITH"):
                self.take()
                self.accept("IMMEDIATE")
        return Statement("alter_database", line, f)

    def s_drop(self, line: int) -> Statement:
        what = self.take().upper
        if what not in ("TABLE", "DATABASE", "SCHEMA", "LOGIN", "USER", "INDEX", "SYNONYM", "TYPE"):
            self.at -= 1
            self.fail()
        if_exists = self.accept("IF", "EXISTS")
        names = [self.parts()]
        while self.accept_operator(","):
            names.append(self.parts())
        f: dict[str, Any] = {"names": names, "if_exists": if_exists}
        if what == "INDEX":
            self.expect("ON")
            f["table"] = self.parts()
        return Statement("drop_" + what.lower(), line, f)

    # ---- permissions

    def s_grant(self, line: int) -> Statement:
        return self._permission(line, True, "TO")

    def s_deny(self, line: int) -> Statement:
        return self._permission(line, False, "TO")

    def s_revoke(self, line: int) -> Statement:
        return self._permission(line, None, "FROM")

    def _permission(self, line: int, granted: bool | None, before_user: str) -> Statement:
        permissions, columns = [], None
        while True:
            words = []
            while not self.is_word("ON") and not self.is_word(before_user) and not self.is_word("TO") \
                    and self.token.kind == "word":
                words.append(self.take().upper)
            permissions.append(" ".join(words))
            if self.is_operator("("):
                columns = self.names_in_parentheses()
            if not self.accept_operator(","):
                break
        securable, parts = "DATABASE", None
        if self.accept("ON"):
            securable = "OBJECT"
            parts = self.parts()
            if self.accept_operator("::"):
                securable = parts[0].upper()
                parts = self.parts()
            if self.is_operator("("):
                columns = self.names_in_parentheses()
        if not self.accept(before_user):
            self.expect("TO")
        users = [self.identifier() if self.token.upper != "PUBLIC" else str(self.take().value)]
        while self.accept_operator(","):
            users.append(self.identifier())
        return Statement("permission", line, {"granted": granted, "permissions": permissions, "columns": columns,
                                              "securable": securable, "parts": parts, "users": users})

    # ---- procedures, backups

    def s_exec(self, line: int) -> Statement:
        return self.execute(line)

    s_execute = s_exec

    def execute(self, line: int) -> Statement:
        name = self.parts()
        arguments: list[tuple[str | None, s.Expr]] = []
        while not (self.token.kind == "end" or self.is_operator(";") or self.token.upper in _AFTER_ARGUMENTS):
            key = None
            if self.token.kind == "variable" and self.peek().value == "=":
                key = str(self.take().value).lower()
                self.take()
            if self.token.kind == "word" and self.token.upper != "NULL" and self.peek().value != "(":
                arguments.append((key, s.Literal(str(self.take().value), "nstring")))  # a bare word is a text here
            else:
                arguments.append((key, self.unary()))
            if not self.accept_operator(","):
                break
        return Statement("execute", line, {"name": [part.lower() for part in name], "arguments": arguments})

    def s_backup(self, line: int) -> Statement:
        self.expect("DATABASE")
        name = self.identifier()
        self.expect("TO")
        return Statement("backup", line, {"name": name, "file": self._disk()})

    def s_restore(self, line: int) -> Statement:
        self.expect("DATABASE")
        name = self.identifier()
        self.expect("FROM")
        statement = Statement("restore", line, {"name": name, "file": self._disk()})
        if self.accept("WITH"):
            self.take()
        return statement

    def _disk(self) -> str:
        self.expect("DISK")
        self.expect_operator("=")
        return str(self.take().value)
